from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.frames import HEIGHT, WIDTH, tiny_settings
from trainer.data import sources
from trainer.data.samples import Sample
from trainer.learn.checkpoint import Card
from trainer.learn.crops import Crops, CropSettings, crop
from trainer.learn.train import make_look

LOOK = CropSettings(height_px=32, width_px=48)


def coordinates() -> Sample:
    """A frame whose pixels and labels both tell where they are, so that a crop shows what was done to it."""
    plane = (np.arange(HEIGHT)[:, None] * 3 + np.arange(WIDTH)).astype(np.uint8)
    return Sample("a/b", plane, plane % 5)


@given(st.integers(0, 2**32))
def test_pixels_and_labels_are_cut_and_flipped_alike(seed: int) -> None:
    """Whatever chance decides, the labels still fit the pixels."""
    pixels, labels = crop(coordinates(), LOOK, np.random.default_rng(seed))
    assert pixels.shape == labels.shape == (32, 48)
    assert (labels == pixels % 5).all()


@given(st.integers(0, 2**32), st.integers(1, 100), st.integers(1, 100))
def test_a_frame_smaller_than_the_crop_is_padded_with_black_sound_steel(seed: int, height: int, width: int) -> None:
    """Crops of any frame have the size asked for, and nothing is invented in the padding."""
    sample = Sample("a/b", np.full((height, width), 7, np.uint8), np.full((height, width), 2, np.uint8))
    pixels, labels = crop(sample, LOOK, np.random.default_rng(seed))
    assert pixels.shape == labels.shape == (32, 48)
    assert ((pixels == 7) == (labels == 2)).all() and set(np.unique(pixels)) <= {0, 7}
    assert (pixels == 7).sum() == min(height, 32) * min(width, 48)


def test_crops_on_a_defect_show_it_and_the_rarest_most() -> None:
    """With defect_share 1 every crop has a defect; of two classes in a frame the rare one is sought more often."""
    labels = np.zeros((HEIGHT, 400), np.uint8)
    labels[10:20, 10:20], labels[10:20, 380:390] = 1, 2
    sample = Sample("a/b", labels, labels)
    look = CropSettings(32, 48, defect_share=1.0, class_shares=(0.9, 0.1, 1, 1))
    chance = np.random.default_rng(0)
    seen = [np.unique(crop(sample, look, chance)[1]).max() for _ in range(200)]
    assert min(seen) >= 1
    assert 0.8 < seen.count(2) / 200 < 0.99


def test_crop_number_k_is_the_same_in_any_process(mask_folder: Path) -> None:
    """Asked alone or after others, a crop is the same: a resumed run goes on with the crops it would have seen."""
    frames = sources.frames([str(mask_folder)])
    first, second = Crops(frames, 100, 3, LOOK), Crops(frames, 100, 3, LOOK)
    in_order = [first[k] for k in range(12)]
    for k in (7, 0, 11):
        assert all((a == b).all() for a, b in zip(in_order[k], second[k], strict=True))
    assert not all((a == b).all() for a, b in zip(in_order[0], Crops(frames, 100, 4, LOOK)[0], strict=True))


@given(st.integers(0, 2**32), st.integers(1, 90), st.integers(1, 300), st.floats(0.05, 3))
def test_stretched_crops_keep_their_size_and_their_labels(seed: int, height: int, width: int, jitter: float) -> None:
    """A crop that shows more or less of its frame has its size, and each label lies on its own pixels."""
    pixels = np.zeros((height, width), np.uint8)
    pixels[:, width // 2 :] = 200
    sample = Sample("a/b", pixels, (pixels // 50).astype(np.uint8))
    look = replace(LOOK, scale_jitter=jitter)
    seen, labels = crop(sample, look, np.random.default_rng(seed))
    assert seen.shape == labels.shape == (32, 48)
    assert seen.dtype == labels.dtype == np.uint8
    assert set(np.unique(labels)) <= {0, 4}
    assert (np.abs(seen.astype(int) - 50 * labels.astype(int)) > 100).mean() < 0.1  # but for the edges' own pixels


def test_jitter_shows_defects_larger_and_smaller() -> None:
    """A square of 24 px is seen between 24 / 1.5 and 24 * 1.5 px wide and high, each for itself."""
    labels = np.zeros((300, 400), np.uint8)
    labels[100:124, 200:224] = 1
    look = CropSettings(96, 96, defect_share=1.0, scale_jitter=0.5)
    chance = np.random.default_rng(0)
    sides = []
    for _ in range(100):
        _, seen = crop(Sample("a/b", labels, labels), look, chance)
        sides.append((np.ptp(np.flatnonzero(seen.any(1))) + 1, np.ptp(np.flatnonzero(seen.any(0))) + 1))
    high, wide = np.array(sides).T
    assert 15 <= wide.min() < 18 and 15 <= high.min() < 18 and 33 < wide.max() <= 37 and 33 < high.max() <= 37
    assert abs(np.corrcoef(high, wide)[0, 1]) < 0.4


def test_a_crop_as_high_as_its_frame_is_enlarged_along_it() -> None:
    """There is no more to show; across it is shown smaller too."""
    labels = np.zeros((96, 600), np.uint8)
    labels[36:60, 300:324] = 1
    look, chance = CropSettings(96, 200, defect_share=1.0, scale_jitter=0.5), np.random.default_rng(0)
    sides = []
    for _ in range(60):
        _, seen = crop(Sample("a/b", labels, labels), look, chance)
        sides.append((np.ptp(np.flatnonzero(seen.any(1))) + 1, np.ptp(np.flatnonzero(seen.any(0))) + 1))
    assert min(high for high, _ in sides) == 24 < max(high for high, _ in sides)
    assert min(wide for _, wide in sides) < 19


def test_whole_frames_are_not_stretched(mask_folder: Path) -> None:
    """The last part of a run that learns from whole frames sees them as they are."""
    card = Card(tiny_settings(mask_folder, scale_jitter=0.5), 100.0, 30.0, (0.2,) * 4)
    assert make_look(card, False, 9).scale_jitter == 0.5
    assert make_look(card, True, 9).scale_jitter == 0.0
