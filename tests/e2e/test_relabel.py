"""The way round: inspect, relabel, export, train on, and the network has learnt what people labelled."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inspector import recipe, wire
from inspector.__main__ import main as inspector
from inspector.archive.masks import from_counts
from inspector.archive.review import ArchivedCrop, read
from inspector.engines.openvino import OpenVino
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from inspector.records.frame import Bytes2D
from tests.patience import patience_s
from trainer.__main__ import main as trainer

HEIGHT, WIDTH = 64, 256
BOX = 20
STAINS, PITS = 8, 6
"""Frames that the line sees with a stain, which the network takes for a defect, and with a defect."""
QUICK = ["--crop", "64x64", "--batch", "8", "--workers", "0", "--precision", "fp32", "--epochs", "1"]


def draw(seed: int, grey: float, texture: float = 0.0) -> tuple[Bytes2D, Bytes2D]:
    """A frame with one patch, darker or brighter than steel; a stain has a texture of bright dots. Pixels, labels."""
    random = np.random.default_rng(seed)
    pixels, labels = random.normal(120, 6, (HEIGHT, WIDTH)), np.zeros((HEIGHT, WIDTH), np.uint8)
    top, left = int(random.integers(4, HEIGHT - BOX - 4)), int(random.integers(4, WIDTH - BOX - 4))
    patch = np.s_[top : top + BOX, left : left + BOX]
    pixels[patch] += grey
    rows, columns = np.mgrid[:BOX, :BOX]
    pixels[patch] += texture * ((rows % 4 < 2) & (columns % 4 < 2))
    labels[patch] = 1 if grey < 0 else 2
    return np.clip(pixels, 0, 255).astype(np.uint8), labels


def pit(seed: int) -> tuple[Bytes2D, Bytes2D]:
    """A frame with a defect."""
    return draw(seed, -90.0)


def stain(seed: int) -> tuple[Bytes2D, Bytes2D]:
    """A frame with a stain: dark as a pit, but for its dots."""
    return draw(seed, -90.0, 60.0)


def write_set(folder: Path, first: int = 0) -> Path:
    """Frames with pits and bright scale, none with a stain: what the first network learns from, or other ones."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(40):
        pixels, labels = draw(first + number, (-90.0, 90.0)[number % 2])
        cv2.imwrite(str(folder / "images" / f"{number:03}.png"), pixels)
        cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), labels)
    (folder / "classes.toml").write_text('names = ["pit", "scale"]\n')
    return folder


def inspect(folder: Path, made: Path) -> Path:
    """Let a real inspector with this recipe see pits and stains, relabel the stains as sound; return its archive."""
    ports = Ports.free()
    sections: dict[str, dict[str, object]] = {"archive": {"path": "kept", "sound_per_km": 0}, "engine": {"threads": 1}}
    config = configuration.write(
        folder / "line.toml",
        ports,
        made,
        line="round",
        mm_per_px=0.5,
        sections={"intake": {"overload": "wait"}, **sections},
    )
    with DaemonProcess(config, ports) as daemon, daemon.feed(mm_per_row=0.5) as feed:
        for number in range(2 * (STAINS + PITS)):  # every other frame is sound: no patch touches the next
            pixels = np.random.default_rng(number).normal(120, 6, (HEIGHT, WIDTH)).clip(0, 255).astype(np.uint8)
            if number % 2 == 0:
                pixels, _ = (stain if number < 2 * STAINS else pit)(500 + number)
            header, payload = wire.frame_message(
                pixels, camera="top", boot="b", number=0, captured_ns=0, encoding="raw8"
            )
            feed.send(header, payload, "C1")
        daemon.wait_until(
            lambda: len(crops(folder / "kept")) >= STAINS + PITS, "keep a crop of each patch", patience_s()
        )
        for kept in crops(folder / "kept"):
            if kept.facts.number < 2 * STAINS:
                words = ["relabel", "C1", kept.facts.defect, "--class", "sound", "--operator", "Kim"]
                assert inspector([*words, "--connect", ports.address("commands"), "--timeout", "40"]) == 0
    return folder / "kept"


def crops(archive: Path) -> list[ArchivedCrop]:
    """What is in an archive, as soon as there is one."""
    return read(archive)[0] if (archive / "seen").is_dir() else []


def wrong(made: Path, archive: Path) -> tuple[int, int]:
    """Of how many crops of stains a recipe takes most of the stain for a defect, and of how many pits it does not."""
    card, model = recipe.load(made)
    engine = OpenVino(card, model, threads=1)
    stains = pits = 0
    for kept in crops(archive):
        picture = cv2.imread(str(kept.path), cv2.IMREAD_UNCHANGED)
        assert picture is not None
        frame = np.random.default_rng(1).normal(120, 6, (1, card.height, card.width)).clip(0, 255).astype(np.uint8)
        height, width = picture.shape
        left = (card.width - width) // 2
        frame[0, :height, left : left + width] = picture
        engine.submit(frame)
        labels = engine.result().labels[0, :height, left : left + width]
        (own,) = [region for region in kept.facts.regions if region.is_subject]
        is_found = (labels[from_counts(own.counts, height, width)] > 0).mean() > 0.5
        if kept.facts.labelled == "sound":
            stains += int(is_found)
        else:
            pits += int(not is_found)
    engine.close()
    return stains, pits


@pytest.mark.long
@pytest.mark.timeout(300)
def test_a_network_learns_what_people_relabelled(tmp_path: Path) -> None:
    """It took stains for pits; relabelled, exported and learnt from they are sound, and pits are pits still."""
    data = str(write_set(tmp_path / "set"))
    first, second, exported = tmp_path / "first", tmp_path / "second", str(tmp_path / "learnt")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # two that wait for each other on a busy machine take ten times as long
    try:
        fit(first, data, "--encoder", "resnet18", "--decoder", "16,16,16,16", "--epoch-crops", "160", "--lr", "3e-3")
        archive = inspect(tmp_path, first / "recipe")
        assert wrong(first / "recipe", archive) == (STAINS, 0)
        assert inspector(["review", str(archive), "--out", exported]) == 0
        start = ["--start", str(first / "best.pt"), "--epoch-crops", "640", "--lr", "3e-3", "--defect-share", "0"]
        fit(second, exported, "--validate", str(write_set(tmp_path / "held", first=1000)), *start)
    finally:
        torch.set_num_threads(threads)
    assert wrong(second / "recipe", archive) == (0, 0)


def fit(run: Path, *words: str) -> None:
    """Train, and export the recipe."""
    assert trainer(["fit", *words, *QUICK, "--out", str(run)]) == 0
    assert trainer(["export", str(run)]) == 0
