"""Two real CPU engines held against each other on frames whose every pixel is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest

from deploy.compare import ComparedFrame, compare
from inspector import recipe
from inspector.engines.nvidia.manifest import Parity
from inspector.engines.openvino import OpenVino
from inspector.records.frame import Bytes2D, Bytes3D
from tests.recipes import BRIGHT, DARK, HEIGHT, SOUND, WIDTH, write_recipe

FAINT = 45
"""Grey whose probability of `dark` is 0.55."""


class Counting(OpenVino):
    """Remembers the sizes of its batches."""

    sizes: list[int]

    def submit(self, frames: Bytes3D) -> None:
        self.sizes = [*getattr(self, "sizes", []), len(frames)]
        super().submit(frames)


def engine(folder: Path, threshold: float = 0.5) -> Counting:
    """Load the threshold recipe with this threshold."""
    card, model = recipe.load(write_recipe(folder, threshold=threshold))
    return Counting(card, model)


def plane(**greys: tuple[int, int]) -> Bytes2D:
    """Sound steel with `name=(grey, pixels)` in a row of its own each."""
    pixels = np.full((HEIGHT, WIDTH), SOUND, np.uint8)
    for row, (grey, count) in enumerate(greys.values()):
        pixels[row, :count] = grey
    return pixels


def run(engine: OpenVino, built: OpenVino, frames: Sequence[ComparedFrame], batches: Sequence[int] = (1, 2)) -> Parity:
    """Compare two engines on these frames."""
    return compare(engine, built, frames, batches, ["dark", "bright"], source="paint", date="2026-11-22")


def test_an_engine_equals_itself(tmp_path: Path) -> None:
    """All labels alike, and classes that nobody found have no IoU."""
    parity = run(engine(tmp_path / "a"), engine(tmp_path / "b"), [ComparedFrame(plane(dark=(DARK, 40)))])
    assert (parity.label_agreement, parity.iou) == (1.0, {"dark": 1.0})
    assert (parity.confidence_difference, parity.presence_difference) == (0.0, 0.0)
    assert (parity.frames, parity.dice, parity.reference_dice) == (1, None, None)


def test_differences_are_counted_to_the_pixel(tmp_path: Path) -> None:
    """30 faint pixels that one engine alone sees: in the agreement, in that class's IoU, and in no other's."""
    frames = [ComparedFrame(plane(dark=(DARK, 70), faint=(FAINT, 30), bright=(BRIGHT, 20)))] * 3
    parity = run(engine(tmp_path / "a", 0.5), engine(tmp_path / "b", 0.6), frames)
    assert parity.label_agreement == pytest.approx(1 - 30 / (HEIGHT * WIDTH))
    assert parity.iou == {"dark": pytest.approx(0.7), "bright": 1.0}
    assert parity.confidence_difference == 0.0  # where both see the same class; a threshold crossed is not a difference


def test_dice_of_each_is_taken_against_truth(tmp_path: Path) -> None:
    """Truth is the faint and the dark: one engine finds both, the other misses the faint."""
    pixels = plane(dark=(DARK, 70), faint=(FAINT, 30))
    truth = np.where(pixels == SOUND, 0, 1).astype(np.uint8)
    parity = run(engine(tmp_path / "a", 0.5), engine(tmp_path / "b", 0.6), [ComparedFrame(pixels, truth)])
    assert (parity.dice, parity.reference_dice) == (1.0, pytest.approx(2 * 70 / (70 + 100)))


@pytest.mark.parametrize("second", [None, np.zeros((HEIGHT, WIDTH), np.uint8)])
def test_dice_needs_truth_of_every_frame_and_a_defect(tmp_path: Path, second: Bytes2D | None) -> None:
    """One frame of unknown truth, or truth without a defect, and no Dice is given."""
    sound = plane()
    frames = [ComparedFrame(sound, np.zeros_like(sound)), ComparedFrame(sound, second)]
    parity = run(engine(tmp_path / "a"), engine(tmp_path / "b"), frames)
    assert (parity.dice, parity.reference_dice) == (None, None)


def test_confidence_and_presence_differences_are_the_largest(tmp_path: Path) -> None:
    """An engine whose graph has 110 for 100 is a little surer of dark pixels, and of bright ones less sure by more."""
    folder = write_recipe(tmp_path / "a")
    card, model = recipe.load(folder)
    timid = model.replace(np.float32(100).tobytes(), np.float32(110).tobytes())
    assert timid != model
    frames = [ComparedFrame(plane(dark=(20, 5))), ComparedFrame(plane(bright=(BRIGHT, 5)))]
    parity = run(OpenVino(card, timid), OpenVino(card, model), frames)
    # dark: (110 - 20) / 110 against (100 - 20) / 100; bright: (255 - 155) / 110 against 1
    assert parity.presence_difference == pytest.approx(1 - 100 / 110, abs=1e-5)
    assert parity.confidence_difference == pytest.approx(1 - 100 / 110, abs=1 / 255)


def test_batch_sizes_take_turns(tmp_path: Path) -> None:
    """Every size that the line may send has been tried; what is left over comes last."""
    slow, fast = engine(tmp_path / "a"), engine(tmp_path / "b")
    parity = run(slow, fast, [ComparedFrame(plane(dark=(DARK, 9)))] * 8, batches=(1, 4))
    assert slow.sizes == fast.sizes == [1, 4, 1, 2]
    assert (parity.frames, parity.batches) == (8, (1, 4))


def test_no_frames_prove_nothing(tmp_path: Path) -> None:
    """Not a division by zero, and not a perfect score."""
    with pytest.raises(ValueError, match="no frames"):
        run(engine(tmp_path / "a"), engine(tmp_path / "b"), [])


def test_both_engines_are_named(tmp_path: Path) -> None:
    """The figures say of whom they are."""
    card, model = recipe.load(write_recipe(tmp_path))
    half = OpenVino(msgspec.structs.replace(card, precision="fp16"), model)
    parity = run(half, OpenVino(card, model), [ComparedFrame(plane())])
    assert parity.engine.endswith("-fp16") and parity.reference.endswith("-fp32")
