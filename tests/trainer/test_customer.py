"""A customer's set goes the whole way, with no change of code: check, fit, export, tune, evaluate, and the daemon."""

from __future__ import annotations

import zlib
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from inspector import recipe, wire
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from tests.trainer.customer import CALLED, NAMES, Layout, write_set
from trainer.__main__ import main
from trainer.data import sources
from trainer.errors import DataError

QUICK = ["--encoder", "resnet18", "--decoder", "32,16,16,16", "--epochs", "1", "--batch", "4", "--crop", "64x64"]
HEIGHT, WIDTH = 160, 200


@pytest.mark.slow
def test_a_set_that_nobody_has_seen_goes_all_the_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Five classes by their own names, 12 bits through a window, frames padded and cut, up to the daemon's metrics."""
    data = str(write_set(tmp_path / "steel of line 3", "coco", deep=True))
    run, frame = tmp_path / "run 1", ["--window", "0-4095", "--size", f"{HEIGHT}x{WIDTH}"]
    assert main(["check", data, *frame, "--out", str(tmp_path / "check")]) == 0
    assert f"frames of {WIDTH} x {HEIGHT} px: " in capsys.readouterr().out
    assert main(["fit", data, *frame, "--out", str(run), *QUICK, "--workers", "0"]) == 0
    assert main(["export", str(run), "--calibration-frames", "8"]) == 0
    assert main(["tune", str(run), "--accept-collapsed"]) in (0, 1)  # so short a training may find nothing
    card = recipe.read_card(run / "recipe")
    assert tuple(kind.name for kind in card.classes) == NAMES and card.name == "run-1"
    assert (card.height, card.width, card.window and str(card.window)) == (HEIGHT, WIDTH, "0-4095")
    assert main(["evaluate", str(run / "recipe"), data, "--out", str(tmp_path / "report")]) == 0
    assert "are cut into tiles" in capsys.readouterr().err
    assert (tmp_path / "report" / "report.html").stat().st_size > 10_000
    inspect(run / "recipe", tmp_path / "line", frames=3)


def inspect(folder: Path, line: Path, frames: int) -> None:
    """Let a daemon with the recipe inspect frames of 12 bits in 16-bit PNGs."""
    line.mkdir()
    ports = Ports.free()
    pixels = np.full((HEIGHT, WIDTH), 120 * 16, np.uint16)
    header, _ = wire.frame_message(
        np.zeros((HEIGHT, WIDTH), np.uint8), camera="top", boot="b", number=0, captured_ns=0, encoding="png"
    )
    payload = cv2.imencode(".png", pixels)[1].tobytes()
    header = msgspec.structs.replace(header, crc32=zlib.crc32(payload))
    config = configuration.write(line / "line.toml", ports, folder, line="customer", mm_per_px=0.5)
    with DaemonProcess(config, ports) as daemon, daemon.feed(mm_per_row=0.5) as feed:
        for _ in range(frames):
            feed.send(header, payload, "C1")
        daemon.wait_until(lambda: daemon.counts().inspected >= frames, "inspect the frames")


@pytest.mark.parametrize("layout", ["index", "folders", "coco"])
def test_every_layout_brings_its_own_classes(tmp_path: Path, layout: Layout) -> None:
    """Names come from folders or categories, and from classes.toml where masks hold numbers alone."""
    data = write_set(tmp_path / "set", layout, count=15, most_px=140)
    names = tuple(f"class-{number}" for number in range(1, 6)) if layout == "index" else NAMES
    frames = sources.frames([str(data)])
    assert sorted(frames.class_names) == sorted(names)
    assert {frames.class_names[i - 1] for n in range(15) for i in frames.classes(n) or ()} == set(names)
    (tmp_path / "set" / "classes.toml").write_text(f"names = {list(CALLED)}", encoding="utf-8")
    stated = sources.frames([str(data)])
    assert stated.class_names == NAMES
    assert [stated.classes(3 * n) for n in range(5)] == [{1}, {2}, {3}, {4}, {5}]


def test_sources_of_different_classes_are_united_by_name(tmp_path: Path) -> None:
    """Procedural steel and a customer's make one network of nine; a network of five refuses what it lacks."""
    data = str(write_set(tmp_path / "set", "coco", count=6, most_px=140))
    both = sources.frames(["sheet:1:2:defects=9", data])
    assert both.class_names == ("pitted", "crack", "scratch", "patch", *NAMES)
    assert both.classes(2) == {5} and both[2].labels.max() == 5
    own = sources.frames([data], classes=NAMES[::-1])
    assert own[0].labels.max() == 5 and own[3].labels.max() == 4
    lacking = sources.frames([data], classes=NAMES[1:])
    with pytest.raises(DataError, match=r"000: has class dent; expected those of the network|has class dent; expected"):
        lacking[0]
    assert lacking[3].labels.max() == 1
