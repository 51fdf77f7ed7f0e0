import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from trainer.data import rle

MASKS = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))


@given(MASKS)
def test_decode_is_the_inverse_of_encode(mask: npt.NDArray[np.bool_]) -> None:
    """Any mask survives being written and read."""
    assert (rle.decode(rle.encode(mask), *mask.shape) == mask).all()


@given(MASKS, st.randoms())
def test_runs_may_stand_in_any_order(mask: npt.NDArray[np.bool_], chance: object) -> None:
    """Shuffled runs read as the same mask, and encode writes them sorted and joined."""
    numbers = rle.encode(mask).split()
    pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
    chance.shuffle(pairs)  # type: ignore[attr-defined]
    shuffled = " ".join(f"{start} {length}" for start, length in pairs)
    assert rle.encode(rle.decode(shuffled, *mask.shape)) == " ".join(numbers)


def test_pixels_are_counted_down_the_columns_from_one() -> None:
    """The order is Kaggle's: column by column, the first pixel is 1."""
    mask = np.zeros((3, 2), bool)
    mask[2, 0] = mask[0, 1] = True
    assert rle.encode(mask) == "3 2"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("1 2 3", "found 3 numbers; expected pairs"),
        ("1 x", "expected whole numbers"),
        ("1.5 2", "expected whole numbers"),
        ("99999999999999999999 1", "expected whole numbers"),
        ("1 2 5 0", "run 2 of 2 (5 0) is of no pixels"),
        ("0 2", "run 1 of 1 (0 2) starts before the first pixel"),
        ("5 3", "run 1 of 1 (5 3) ends past the last pixel, 6, of a 3 x 2 px frame"),
        ("7 1", "ends past the last pixel"),
        ("1 9223372036854775807", "ends past the last pixel"),
        ("4 2 1 4", "run 1 of 2 (1 4) overlaps the next one"),
    ],
)
def test_a_broken_mask_is_refused_in_plain_words(text: str, says: str) -> None:
    """Each fault names the run and what was expected."""
    with pytest.raises(ValueError) as caught:
        rle.decode(text, 2, 3)
    assert says in str(caught.value)


def test_touching_runs_are_one_region() -> None:
    """Runs that touch are no overlap."""
    assert rle.encode(rle.decode("1 2 3 1", 2, 3)) == "1 3"
