"""Two real CPU engines held against each other on frames whose every pixel is known."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from deploy.compare import ComparedFrame, Differences, compare
from inspector import recipe
from inspector.engines.nvidia.manifest import Parity
from inspector.engines.openvino import OpenVino
from inspector.records.confidence import log_odds
from inspector.records.frame import Bytes2D, Bytes3D
from inspector.records.recipe import Maps, Recipe
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
    """Compare two engines on these frames, all together."""
    return by_size(engine, built, frames, batches)[0]


def by_size(
    engine: OpenVino, built: OpenVino, frames: Sequence[ComparedFrame], batches: Sequence[int]
) -> tuple[Parity, ...]:
    """Compare two engines on these frames: all together, then each batch size by itself."""
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
    assert parity.class_pixels == {"dark": 300, "bright": 60}
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


class Flat(OpenVino):
    """Says of every defect what `codes` say of its code."""

    codes: NDArray[np.uint8]

    def result(self) -> Maps:
        maps = super().result()
        return Maps(maps.labels, np.where(maps.labels, self.codes[maps.confidence], 0).astype(np.uint8), maps.presence)


@pytest.mark.parametrize("batches", [(1,), (1, 2)])
def test_what_a_defect_is_reported_by_is_compared_in_log_odds(tmp_path: Path, batches: tuple[int, ...]) -> None:
    """By class, of its pixels and of the highest in each frame: labels and presence say nothing of it."""
    card, model = recipe.load(write_recipe(tmp_path))
    flat = Flat(card, model)
    frames = [ComparedFrame(plane(dark=(20, 40), faint=(FAINT, 40))), ComparedFrame(plane(dark=(FAINT, 20)))]
    odds = log_odds("linear")
    sure, faint = 204, 140  # 255 p of the greys 20 and `FAINT`
    surely, faintly = odds[sure] - odds[129], odds[faint] - odds[129]
    flat.codes = np.full(256, 129, np.uint8)
    for parity in by_size(flat, OpenVino(card, model), frames, batches):
        assert (parity.label_agreement, parity.presence_difference) == (1.0, 0.0)
        assert parity.confidence_apart == {"dark": pytest.approx((40 * surely + 60 * faintly) / 100)}
        assert parity.highest_apart == {"dark": pytest.approx((surely + faintly) / 2)}
    flat.codes = np.arange(256, dtype=np.uint8)
    flat.codes[sure] = faint  # the rest as it is
    for parity in by_size(flat, OpenVino(card, model), frames, batches):
        assert parity.highest_apart == {"dark": pytest.approx((surely - faintly) / 2)}


class Lying(OpenVino):
    """Says something else of each batch's last frame: `lie`, as the presence of one class."""

    lie = 0.0

    def result(self) -> Maps:
        maps = super().result()
        maps.presence[-1, 1] = self.lie
        return maps


@pytest.mark.parametrize("lie", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_is_counted_and_hides_no_difference(tmp_path: Path, lie: float) -> None:
    """By frames, whichever of the two says it; the differences are of the frames that have numbers."""
    card, model = recipe.load(write_recipe(tmp_path))
    liar, honest = Lying(card, model), OpenVino(card, model)
    liar.lie = lie
    frames = [ComparedFrame(plane(dark=(20, 5)))] * 3
    for engine, built in ((liar, honest), (honest, liar)):
        parity = run(engine, built, frames)
        assert (parity.not_finite, parity.presence_difference) == (2, 0.0)


def test_a_presence_beyond_1_can_be_written(tmp_path: Path) -> None:
    """A manifest has shares up to 1: one with 40 could not be read again."""
    card, model = recipe.load(write_recipe(tmp_path))
    liar = Lying(card, model)
    liar.lie = 40.0
    parity = run(liar, OpenVino(card, model), [ComparedFrame(plane())])
    assert (parity.not_finite, parity.presence_difference) == (0, 1.0)
    assert msgspec.convert(msgspec.to_builtins(parity), Parity) == parity


@pytest.mark.parametrize(
    ("found", "expected", "difference"),
    [(0.5, 0.4, 0.1), (0.97, 1.02, 0.05 / 1.02), (40.0, 50.0, 0.2), (1.5, 0.2, 1.3)],
)
def test_distances_are_compared_in_units_of_their_limit(found: float, expected: float, difference: float) -> None:
    """Far beyond the limit by their ratio: 40 and 50 are both far beyond it."""
    sums = Differences(1, None)
    sound = np.zeros((1, 2, 2), np.uint8)
    one, other = (Maps(sound, sound, np.array([[0.5, distance]], np.float32)) for distance in (found, expected))
    sums.add(one, other, None)
    assert (sums.presence, sums.distance) == (0.0, pytest.approx(difference, rel=1e-5))


def test_batch_sizes_take_turns(tmp_path: Path) -> None:
    """What is left over comes last; then the engine alone runs all frames in each size that a line may send."""
    slow, fast = engine(tmp_path / "a"), engine(tmp_path / "b")
    whole, *sizes = by_size(slow, fast, [ComparedFrame(plane(dark=(DARK, 9)))] * 8, (1, 4))
    assert fast.sizes == [1, 4, 1, 2]
    assert slow.sizes == [*fast.sizes, *[1] * 8, *[2] * 4, *[3] * 3, *[4] * 2]
    assert (whole.frames, whole.batches) == (8, (1, 4))
    assert [(parity.frames, parity.batches) for parity in sizes] == [(8, (size,)) for size in (1, 2, 3, 4)]


def test_few_frames_fill_large_batches(tmp_path: Path) -> None:
    """Three images prove batches of eight too: they come again."""
    slow, fast = engine(tmp_path / "a"), engine(tmp_path / "b")
    _, *sizes = by_size(slow, fast, [ComparedFrame(plane(dark=(DARK, 9)))] * 3, (1, 8))
    assert slow.sizes[-3:] == [6, 7, 8] and fast.sizes == [1, 2]
    assert [parity.iou for parity in sizes] == [{"dark": 1.0}] * 8


class Deaf(OpenVino):
    """Sees sound steel alone in batches of one size."""

    size = 0

    def submit(self, frames: Bytes3D) -> None:
        super().submit(np.full_like(frames, SOUND) if len(frames) == self.size else frames)


@pytest.mark.parametrize("size", [1, 3, 4])
def test_a_size_that_is_wrong_shows_by_itself(tmp_path: Path, size: int) -> None:
    """Be it one that takes turns or one in between, as `batch.max_frames` may ask for; and on frames with defects."""
    card, model = recipe.load(write_recipe(tmp_path))
    deaf = Deaf(card, model)
    deaf.size = size
    frames = [*[ComparedFrame(plane())] * 40, ComparedFrame(plane(dark=(DARK, 70)))] * 2
    _, *sizes = by_size(deaf, OpenVino(card, model), frames, (1, 2, 4))
    assert [parity.batches for parity in sizes if parity.iou != {"dark": 1.0}] == [(size,)]
    assert {parity.frames for parity in sizes} == {16}


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


def spotted(grey: int, spots: int) -> Bytes2D:
    """Sound steel with a large dark area and small spots of this grey, none of which touches another."""
    pixels = np.full((HEIGHT, WIDTH), SOUND, np.uint8)
    pixels[:20, :200] = DARK
    for spot in range(spots):
        pixels[40:44, 20 * spot : 20 * spot + 5] = grey
    return pixels


def test_a_reported_region_that_the_other_does_not_see_is_counted(tmp_path: Path) -> None:
    """All pixels but a few are alike: of eight faint spots large enough to be reported the deaf engine shows none."""
    card, model = recipe.load(write_recipe(tmp_path))
    kinds = tuple(msgspec.structs.replace(kind, threshold=0.7) for kind in card.classes)
    deaf = OpenVino(msgspec.structs.replace(card, classes=kinds), model)
    shown = [ComparedFrame(spotted(FAINT, 8)), ComparedFrame(spotted(SOUND, 0))]

    def both(one: OpenVino, other: OpenVino, card: Recipe) -> tuple[Parity, ...]:
        return compare(one, other, shown, (1, 2), ["dark", "bright"], source="paint", date="2026-11-22", card=card)

    lost, *sizes = both(deaf, OpenVino(card, model), card)
    assert (lost.reported, lost.unseen) == ({"dark": (10, 2)}, {"dark": (8, 0)})
    assert sizes[0].unseen == {"dark": (8, 0)} and lost.label_agreement > 0.99
    invented = both(OpenVino(card, model), deaf, card)[0]
    assert (invented.reported, invented.unseen) == ({"dark": (2, 10)}, {"dark": (0, 8)})
    large = tuple(msgspec.structs.replace(kind, min_area_mm2=10.0) for kind in card.classes)  # a spot has 7.8 mm2
    assert both(deaf, OpenVino(card, model), msgspec.structs.replace(card, classes=large))[0].unseen == {"dark": (0, 0)}
    same = both(OpenVino(card, model), OpenVino(card, model), card)[0]
    assert (same.reported, same.unseen) == ({"dark": (10, 10)}, {"dark": (0, 0)})
