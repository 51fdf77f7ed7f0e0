import numpy as np
import pytest

from tests.trainer.frames import draw_frame
from trainer.learn.paste import MARGIN_PX, Piece, cut_piece, paste, reshape


def test_a_defect_comes_with_its_contrast() -> None:
    """Put onto brighter steel, the defect is as much darker than that as it was than its own; labels follow."""
    chance = np.random.default_rng(0)
    pixels, labels = np.full((80, 80), 100, np.uint8), np.zeros((80, 80), np.uint8)
    pixels[30:40, 30:50], labels[30:40, 30:50] = 60, 2
    piece = cut_piece(pixels, labels, 2, (64, 64), chance)
    assert piece.mask.shape == (10 + 2 * MARGIN_PX, 20 + 2 * MARGIN_PX) and piece.mask.sum() == 200
    target, found = np.full((64, 64), 180, np.uint8), np.zeros((64, 64), np.uint8)
    assert paste(target, found, piece, chance)
    assert (found == 2).sum() == 200 and set(np.unique(target[found == 2])) == {140}
    assert (target[found == 0] == 180).all()  # the margin was plain steel


def test_nothing_is_put_beyond_the_strip_or_over_a_defect() -> None:
    """Black has no room, nor has a crop that is one defect; both stay as they were."""
    chance = np.random.default_rng(1)
    pixels, labels = draw_frame(1)
    (class_id,) = set(np.unique(labels)) - {0}
    piece = cut_piece(pixels, labels, int(class_id), (48, 48), chance)
    for target, found in (
        (np.zeros((48, 48), np.uint8), np.zeros((48, 48), np.uint8)),
        (np.full((48, 48), 120, np.uint8), np.full((48, 48), 1, np.uint8)),
    ):
        before = target.copy(), found.copy()
        assert not paste(target, found, piece, chance)
        assert np.array_equal(target, before[0]) and np.array_equal(found, before[1])


@pytest.mark.parametrize("seed", range(5))
def test_a_piece_fits_and_holds_one_region(seed: int) -> None:
    """A region larger than the crop is cut to it; of two regions one is taken."""
    chance = np.random.default_rng(seed)
    labels = np.zeros((100, 200), np.uint8)
    labels[10:90, 5:95] = 1
    labels[40:44, 150:154] = 1
    piece = cut_piece(np.full_like(labels, 90), labels, 1, (32, 64), chance)
    assert piece.mask.shape[0] <= 32 and piece.mask.shape[1] <= 64
    assert piece.mask.sum() in {16, *range(17, 32 * 64 + 1)}


def test_a_piece_fills_another_outline() -> None:
    """Its mask is that outline, to the pixel; what it shows is stretched with it, darker in the middle as before."""
    pixels, mask = np.full((46, 56), 100, np.uint8), np.zeros((46, 56), np.uint8)
    mask[8:38, 8:48], pixels[18:28, 8:48] = 1, 40
    outline = np.ones((60, 20), np.uint8)
    outline[:20, :10] = 0
    shaped = reshape(Piece(pixels, mask, 3), outline, (200, 200))
    assert shaped is not None and shaped.class_id == 3 and shaped.mask.shape == shaped.pixels.shape
    rows, columns = np.flatnonzero(shaped.mask.any(1)), np.flatnonzero(shaped.mask.any(0))
    assert np.array_equal(shaped.mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], outline)
    dark = np.flatnonzero(shaped.pixels[:, shaped.pixels.shape[1] // 2] < 70)
    assert len(dark) in range(18, 23) and abs(dark.mean() - rows.mean()) < 2


def test_an_outline_that_does_not_fit_is_none() -> None:
    """Neither a piece stretched out of all likeness, nor one larger than its crop."""
    piece = Piece(np.full((30, 30), 90, np.uint8), np.pad(np.ones((14, 14), np.uint8), 8), 1)
    assert reshape(piece, np.ones((14, 36), np.uint8), (64, 64)) is None
    assert reshape(piece, np.ones((5, 14), np.uint8), (64, 64)) is None
    assert reshape(piece, np.ones((30, 30), np.uint8), (60, 64)) is None
    assert reshape(Piece(piece.pixels, np.ones((30, 30), np.uint8), 1), np.ones((20, 20), np.uint8), (64, 64)) is None
    assert reshape(piece, np.ones((28, 28), np.uint8), (64, 64)) is not None


def test_a_piece_that_was_shrunk_leaves_no_box() -> None:
    """Its margin is shrunk too, and fades out within what is left: nothing changes at the piece's border."""
    slope = np.tile(np.linspace(60, 180, 56).astype(np.uint8), (56, 1))
    mask = np.zeros((56, 56), np.uint8)
    mask[8:48, 8:48] = 1
    shaped = reshape(Piece(slope, mask, 2), np.ones((16, 16), np.uint8), (64, 64))
    assert shaped is not None and shaped.fade_px == pytest.approx(0.4 * MARGIN_PX)
    target, found = np.full((64, 64), 120, np.uint8), np.zeros((64, 64), np.uint8)
    assert paste(target, found, shaped, np.random.default_rng(0))
    rows, columns = np.flatnonzero(found.any(1)), np.flatnonzero(found.any(0))
    around = np.ones((64, 64), bool)
    around[rows[0] - 2 : rows[-1] + 3, columns[0] - 2 : columns[-1] + 3] = False
    assert np.abs(target[around].astype(int) - 120).max() <= 6
