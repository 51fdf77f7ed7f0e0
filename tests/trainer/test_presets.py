import argparse
from dataclasses import asdict
from pathlib import Path

import cv2
import msgspec
import pytest
import torch

from tests.trainer.frames import MadeFrames, draw_frame
from trainer.commands.fit import add_arguments, asked
from trainer.data.samples import CLASS_NAMES, Sample
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.curves import draw_curves
from trainer.learn.schedule import Schedule
from trainer.learn.start import find_gaps
from trainer.presets import PRESETS
from trainer.settings import Settings


def given(*arguments: str) -> dict[str, object]:
    """Read a command line as `trainer fit` does."""
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return asked(parser.parse_args(["data", "--out", "run", *arguments]))


def test_an_option_overrides_its_preset() -> None:
    """What is given counts, a value that is the other preset's too; all else is the preset's."""
    paper = given("--preset", "paper", "--loss", "dice", "--crop", "64x96")
    assert paper["loss"] == "dice" and (paper["crop_height_px"], paper["crop_width_px"]) == (64, 96)
    assert all(paper[name] == value for name, value in PRESETS["paper"].items() if name != "loss")
    assert given().keys() == {"data"}
    assert given("--no-relight")["relight"] is False


def test_few_frames_have_a_preset() -> None:
    """It is valid, each option overrides it, and a network to start from replaces its own."""
    few = msgspec.convert(given("--preset", "few"), Settings)
    assert (few.encoder, few.weights, few.encoder_lr) == ("efficientnet-lite0", "imagenet", 5e-4)
    assert (
        given("--preset", "few", "--epochs", "2", "--crop", "64x96").items()
        >= {"epochs": 2, "crop_width_px": 96}.items()
    )
    assert given("--decoder", "64,32,16,16")["decoder"] == (64, 32, 16, 16)
    started = given("--preset", "few", "--start", "steel-r34")
    assert not {"encoder", "weights"} & started.keys() and started["lr"] == few.lr / 2
    assert given("--preset", "few", "--start", "steel-r34", "--lr", "0.01")["lr"] == 0.01


def test_the_presets_differ_step_by_step() -> None:
    """Both are valid settings, and every step between them changes something."""
    paper, best = (msgspec.convert({"data": ["x"], **PRESETS[name]}, Settings) for name in ("paper", "best"))
    assert best == Settings(data=["x"])
    assert all(asdict(paper)[name] != asdict(best)[name] for name in PRESETS["paper"])


def test_the_papers_learning_rate_stays_and_its_frames_are_whole() -> None:
    """Constant rate, whole frames from the first step; ours sees crops, or whole frames at last if asked."""
    paper = Schedule(Settings(data=(), epochs=10, schedule="constant", full_frame_share=1.0), 10)
    assert paper.lr(0, 0.0) == paper.lr(99, 1e9) == 1e-3 and paper.full_frames(0, 0.0)
    late = Schedule(Settings(data=(), epochs=10, full_frame_share=0.2), 10)
    assert [late.full_frames(step, 0.0) for step in (0, 79, 80, 99)] == [False, False, True, True]
    assert not Schedule(Settings(data=(), epochs=10), 10).full_frames(99, 0.0)
    assert Schedule(Settings(data=(), patience=3), 10).progress(1000, 0.0) == 1


def test_a_card_from_before_these_settings_loads(tmp_path: Path) -> None:
    """Fields that an older checkpoint lacks take the values that it was trained with."""
    old = asdict(Card(Settings(data=("x",)), 88.0, 45.0, (0.5,) * 4, step=7))
    for name in (*PRESETS["paper"].keys() - {"defect_share", "precision"}, "compile"):
        del old["settings"][name]
    for name in ("frame_height_px", "frame_width_px", "measured_step", "loss_sum", "lr", "lowest_loss", "stale_epochs"):
        del old[name]
    torch.save({"card": old, "weights": {}}, tmp_path / "old.pt")
    card, _, _ = checkpoint.load(tmp_path / "old.pt")
    assert card.step == 7 and (card.settings.loss, card.settings.ema, card.settings.full_frame_share) == (
        "dice",
        0.99,
        0,
    )


class Drawn(MadeFrames):
    """Frames with the classes that their numbers say."""

    class_names = CLASS_NAMES

    def __init__(self, *classes: set[int]) -> None:
        self._classes = classes

    def __len__(self) -> int:
        return len(self._classes)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.name(index), *draw_frame(index))

    def name(self, index: int) -> str:
        return f"drawn/{index}"

    def classes(self, index: int) -> frozenset[int]:
        return frozenset(self._classes[index])


def test_classes_that_nothing_teaches_are_named() -> None:
    """A class without a training frame, and one without a validation frame."""
    gaps = find_gaps(Drawn({1}, {1, 3}, {4}), Drawn({1, 2}, {3}, set()))
    assert (gaps.untaught, gaps.unmeasured) == ((2,), (4,))


def test_curves_are_drawn_from_the_first_epoch_on(tmp_path: Path) -> None:
    """One epoch, and a class that was not measured, make a picture with something on it."""
    names = ("kaggle", "meter", "micro", "micro_mean", "present", *(f"micro_{i}" for i in (1, 3, 4)))
    line: dict[str, float | None] = {"epoch": 1, "loss": 1.5, "validation_loss": 1.2, "dice_micro_2": None}
    draw_curves([line | {f"dice_{name}": 0.5 for name in names}], CLASS_NAMES, tmp_path / "curves.png")
    picture = cv2.imread(str(tmp_path / "curves.png"))
    assert picture is not None and picture.shape[0] > 400 and picture.std() > 10


def test_tensorboard_reads_what_a_run_wrote(run: tuple[Path, Card]) -> None:
    """Where it is installed, its event file holds each epoch's figures at the epoch's step."""
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(run[0]))
    events.Reload()
    assert [event.step for event in events.Scalars("dice/dice_micro")][:2] == [10, 20]
    assert "run/validation_loss" in events.Tags()["scalars"]
