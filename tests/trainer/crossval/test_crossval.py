import csv
import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from tests.trainer.frames import draw_frame, tiny_settings
from trainer.__main__ import main
from trainer.crossval.assess import Assessed, near_areas
from trainer.crossval.folds import crossval, without_patience
from trainer.crossval.pooled import near_dice, pool
from trainer.errors import DataError, UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.origin import ASKED, doubts, refuse_taught
from trainer.learn.series import is_finished, keep_alike
from trainer.metrics import Scores
from trainer.settings import Settings

QUIET = Console(quiet=True)


@pytest.mark.slow
def test_every_frame_is_assessed_once_by_a_network_that_never_saw_it(mask_folder: Path, tmp_path: Path) -> None:
    """Three folds, two at a time, hold every frame once; the report's figures are those of all frames together."""
    settings = tiny_settings(mask_folder, epochs=1, epoch_crops=16)
    crossval(settings, 3, tmp_path, QUIET, flips=True, edges_px=3, at_once=2)
    assert "epoch 1" in (tmp_path / "fold-3.log").read_text()
    names = []
    for number in (1, 2, 3):
        run = tmp_path / f"fold-{number}"
        found = [json.loads(line)["name"] for line in (run / "assessed.jsonl").read_text().splitlines()]
        taught = [line.split(",")[0] for line in (run / "split.csv").read_text().splitlines() if ",train," in line]
        assert found and not set(found) & set(taught)
        names += found
    assert len(names) == len(set(names)) == 40
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["frames"] == 40 and report["plain"].keys() == report["flips"].keys()
    figure = report["flips"]["pooled"]["dice_micro"]
    assert 0 <= figure["low"] <= figure["value"] <= figure["high"] <= 1
    assert report["edges"]["dice_micro"]["value"] >= report["plain"]["pooled"]["dice_micro"]["value"]
    assert "| present |" in (tmp_path / "report.md").read_text()


def test_what_is_held_out_never_ends_a_network(tmp_path: Path) -> None:
    """The paper's patience is left out, and that is reported; who asks for it past the commands is refused."""
    asked = Settings(data=("sheet:1:9",), patience=3)
    with (console := Console(width=400)).capture() as printed:
        assert without_patience(asked, console) == replace(asked, patience=0)
        assert without_patience(replace(asked, patience=0), console).patience == 0
    assert printed.get().count("--patience 3 is left out: the fold that is held out") == 1
    with pytest.raises(UserError, match="--patience 3: the fold that is held out would say"):
        crossval(asked, 3, tmp_path, QUIET, flips=False, edges_px=5)


@pytest.mark.long
def test_a_killed_crossval_goes_on_where_it_was(
    mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """After kill -9 in the second fold the first is left alone and the second goes on from its checkpoint."""
    words = [
        *("crossval", str(mask_folder), "--out", str(tmp_path / "out"), "--folds", "2", "--encoder", "resnet18"),
        *("--epochs", "3", "--epoch-crops", "8", "--crop", "64x64", "--workers", "0", "--precision", "fp32"),
    ]
    first, second = tmp_path / "out" / "fold-1", tmp_path / "out" / "fold-2"
    process = subprocess.Popen([sys.executable, "-m", "trainer", *words], stdout=subprocess.DEVNULL)
    try:
        give_up_s = time.monotonic() + 500
        while not (second / "last.pt").is_file():
            assert process.poll() is None and time.monotonic() < give_up_s
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    asked = checkpoint.load(first / "last.pt")[0].settings
    assert is_finished(first, asked) and not is_finished(second, asked)
    done_ns = (first / "last.pt").stat().st_mtime_ns
    assert main(words) == 0
    printed = capsys.readouterr().out.replace("\n", " ")
    assert "fold-1: done already" in printed and "fold-2: goes on in" in printed
    assert (first / "last.pt").stat().st_mtime_ns == done_ns
    assert checkpoint.load(second / "last.pt")[0].step == 6 and (tmp_path / "out" / "report.md").is_file()


@pytest.mark.long
def test_folds_at_the_same_time_stop_together(mask_folder: Path, tmp_path: Path) -> None:
    """SIGTERM to the command has both folds save and end, 143."""
    out = tmp_path / "out"
    words = [
        *("crossval", str(mask_folder), "--folds", "2", "--encoder", "resnet18", "--crop", "64x64", "--workers", "0"),
        *("--precision", "fp32", "--epoch-crops", "8", "--jobs", "2", "--out"),
    ]
    begun = [sys.executable, "-m", "trainer", *words, str(out), "--epochs", "50"]
    process = subprocess.Popen(begun, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        give_up_s = time.monotonic() + 500
        while not all((out / f"fold-{number}" / "last.pt").is_file() for number in (1, 2)):
            assert process.poll() is None and time.monotonic() < give_up_s
            time.sleep(0.05)
        process.send_signal(signal.SIGTERM)
        assert process.wait(300) == 143
    finally:
        process.kill()
        error = process.communicate()[1]
    assert "goes on from the last checkpoint" in error
    steps = [checkpoint.load(out / f"fold-{number}" / "last.pt")[0].step for number in (1, 2)]
    assert all(0 < step < 50 * 4 for step in steps)


def sums_of(found: np.ndarray, truth: np.ndarray) -> list[float]:
    """Return one frame's sums over four classes."""
    scores = Scores(4)
    scores.add(found, truth)
    return scores.sums().tolist()


def test_pooled_figures_are_those_of_all_frames_at_once() -> None:
    """Frames assessed one by one and pooled over folds give what `Scores` gives of all; intervals hold the figures.

    What one frame alone measures has none: each of its resamplings is that frame again.
    """
    frames, whole = [], Scores(4)
    for number in range(24):
        _, truth = draw_frame(number)
        found = np.roll(truth, number, axis=1)
        whole.add(found, truth)
        edges = near_areas(found, truth, 4, 5).tolist()
        frames.append(Assessed(str(number), sums_of(found, truth), edges, 5))
    report = pool([frames[:10], frames[10:]], draws=200)
    pooled = report.plain.pooled
    for name, value in {**whole.report(), **whole.report_classes()}.items():
        assert pooled[name].value == pytest.approx(value)
        low, high = pooled[name].low, pooled[name].high
        if name.endswith(("micro_4", "present_4")):
            assert report.frames_by_class[3] == 1 and low is high is None
            continue
        assert low is not None and high is not None and low - 0.02 <= value <= high + 0.02
    assert report.frames_by_fold == [10, 14] and sum(report.frames_by_class) == 18


def test_what_nothing_measures_has_no_figure() -> None:
    """A class that no frame has is absent, not zero."""
    sound = np.zeros((8, 8), np.uint8)
    report = pool([[Assessed("sound", sums_of(sound, sound), near_areas(sound, sound, 4, 5).tolist(), 5)]], draws=5)
    assert report.plain.pooled["dice_present_2"].value is None and report.edges["dice_micro_2"].value is None
    assert report.plain.pooled["dice_kaggle"].value == 1


@pytest.mark.parametrize(("shift_px", "edges_px", "expected"), [(3, 3, 1.0), (3, 0, 1 - 3 / 20), (40, 3, 0.0)])
def test_an_outline_may_lie_a_little_off(shift_px: int, edges_px: int, expected: float) -> None:
    """A 20 px square found 3 px off is right within 3 px, loses its overhang without, and is wrong far away."""
    truth = np.zeros((64, 128), np.uint8)
    cv2.rectangle(truth, (30, 20), (49, 39), 2, -1)
    areas = near_areas(np.roll(truth, shift_px, axis=1), truth, 4, edges_px)
    assert near_dice(areas.astype(float))["dice_micro"] == pytest.approx(expected)
    assert areas[1, 1] == areas[3, 1] == 400


def write_checkpoint(path: Path, **changes: object) -> str:
    """A checkpoint of a network that has learnt from `steel`; return its name."""
    checkpoint.save(path, checkpoint.Card(Settings(**{"data": ("steel",), **changes}), 1.0, 1.0, (1.0,)), {})  # type: ignore[arg-type]
    return str(path)


def test_what_nobody_wrote_down_is_doubted(tmp_path: Path) -> None:
    """A recipe may have learnt from what is held out, and so may what a run began with; other folds are looked into.

    So are checkpoints next to the split.csv of their run, and what those began with; away from it one is doubted.
    """
    (tmp_path / "folds").mkdir()
    (tmp_path / "folds" / ASKED).touch()
    (tmp_path / "split.csv").write_text("name,part\n")
    last = write_checkpoint(tmp_path / "last.pt")
    asked = Settings(data=("other",), start="steel-fast", teacher=last)
    assert [doubt.split(":")[0] for doubt in doubts(asked)] == ["--start steel-fast"]
    assert doubts(Settings(data=("other",), teacher=str(tmp_path / "folds"))) == []
    later = write_checkpoint(tmp_path / "later.pt", start="steel-fast")
    (doubt,) = doubts(Settings(data=("other",), start=later))
    assert doubt.startswith(f"--start {later}: its own run began with steel-fast.")
    latest = write_checkpoint(tmp_path / "latest.pt", start=later)
    assert doubts(Settings(data=("other",), start=latest)) == [doubt.replace(later, latest)]
    (tmp_path / "folds" / "fold-1").mkdir()
    write_checkpoint(tmp_path / "folds" / "fold-1" / "last.pt", start="steel-fast")
    (tmp_path / "folds" / "fold-1" / "split.csv").write_text("name,part\n")
    assert doubts(Settings(data=("other",), start=str(tmp_path / "folds"))) == [
        doubt.replace(later, str(tmp_path / "folds"))
    ]
    (tmp_path / "later.pt").write_text("damaged")
    (damaged,) = doubts(Settings(data=("other",), start=latest))
    assert damaged.startswith(f"--start {latest}: its own run began with {later}.")
    (tmp_path / "split.csv").unlink()
    (alone,) = doubts(Settings(data=("other",), start=last))
    assert alone.startswith(f"--start {last}: no split.csv stands next to {last}")
    assert doubts(Settings(data=("other",), start="steel-r43")) == [], "it is no recipe, and is refused"


@pytest.mark.parametrize("spelling", ["steel", "steel/", "./steel", "{}/steel", "more/../steel"])
@pytest.mark.parametrize("option", ["data", "extra"])
def test_a_network_of_the_same_data_is_refused_however_that_is_spelt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str, option: str
) -> None:
    """A slash that the shell completes makes no other data of it; what was learnt from besides counts too."""
    monkeypatch.chdir(tmp_path)
    for name in ("steel", "more", "other"):
        (tmp_path / name).mkdir()
    last = write_checkpoint(tmp_path / "last.pt", **{"data": ("other",), option: ("steel",)})
    asked = Settings(data=(spelling.format(tmp_path),))
    with pytest.raises(DataError, match=r"has learnt from DATA.* or the folder of a cross-validation"):
        refuse_taught("--start", last, asked)
    with pytest.raises(DataError, match=r"expected a network of other data$"):  # that fit --folds does not take
        refuse_taught("--start", last, replace(asked, folds=3))
    refuse_taught("--start", last, Settings(data=("more",)))
    later = write_checkpoint(tmp_path / "later.pt", data=("more",), start=last)
    with pytest.raises(DataError, match=r"later.pt: has learnt from DATA"):
        refuse_taught("--start", later, asked)


def test_a_network_that_some_fold_would_refuse_is_refused_before_the_first(
    run: tuple[Path, Card], mask_folder: Path, tmp_path: Path
) -> None:
    """One copy of a frame that it was taught is measured in one of five folds, hours later; so is a fold that lacks."""
    with (run[0] / "split.csv").open(newline="") as file:
        name = next(row["name"] for row in csv.DictReader(file) if row["part"] == "train").rpartition("/")[2]
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
        for number in range(10):
            pixels, labels = draw_frame(900 + number)
            drawn = pixels if part == "images" else labels
            cv2.imwrite(str(tmp_path / "data" / part / f"{number}.png"), drawn)
        shutil.copy(mask_folder / part / f"{name}.png", tmp_path / "data" / part / "copy.png")
    shutil.copy(mask_folder / "classes.toml", tmp_path / "data")
    settings = tiny_settings(tmp_path / "data", teacher=str(run[0] / "best.pt"))
    with pytest.raises(DataError, match="has learnt from 1 frame to be measured on, as data/copy"):
        crossval(settings, 5, tmp_path / "folds", QUIET, flips=False, edges_px=3)
    assert [path.name for path in (tmp_path / "folds").iterdir()] == [ASKED]
    begun = tmp_path / "begun"
    keep_alike(replace(settings, teacher=None, fold="*/5"), begun / ASKED)
    with pytest.raises(DataError, match=r"--start .*begun: its fold-1 has no last\.pt; expected one in each fold"):
        crossval(
            replace(settings, teacher=None, start=str(begun)), 5, tmp_path / "later", QUIET, flips=False, edges_px=3
        )
    assert [path.name for path in (tmp_path / "later").iterdir()] == [ASKED]
