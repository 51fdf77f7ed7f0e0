"""Outlines from a CSV of masks without frames."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from trainer.data import rle
from trainer.data.shapes import read_shapes
from trainer.errors import DataError

SIZE_PX = (40, 60)


def write(path: Path, *rows: str) -> Path:
    """A CSV of masks, packed where its name says so."""
    text = "\n".join(("ImageId,ClassId,EncodedPixels", *rows)) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def runs(*boxes: tuple[int, int, int, int]) -> str:
    """Runs of a mask of boxes (top, bottom, left, right)."""
    mask = np.zeros(SIZE_PX, bool)
    for top, bottom, left, right in boxes:
        mask[top:bottom, left:right] = True
    return rle.encode(mask)


@pytest.mark.parametrize("name", ["masks.csv", "masks.csv.gz"])
def test_one_outline_of_the_class_is_drawn(tmp_path: Path, name: str) -> None:
    """Each of a mask's regions comes, alone and cut out; a class without masks has none."""
    path = write(tmp_path / name, f"a.jpg,2,{runs((3, 8, 4, 24), (20, 32, 30, 40))}", f"b.jpg,1,{runs((0, 40, 0, 60))}")
    shapes, chance = read_shapes(path, 3, SIZE_PX), np.random.default_rng(0)
    drawn = [shapes.draw(2, chance) for _ in range(20)]
    assert {outline.shape for outline in drawn if outline is not None} == {(5, 20), (12, 10)}
    assert all(outline is not None and outline.all() for outline in drawn)
    assert shapes.draw(3, chance) is None


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("a.jpg,4,1 5", "line 2: class is '4'; expected 1..3"),
        ("a.jpg,1,2390 20", "ends past the last pixel, 2400, of a 60 x 40 px frame"),
        ("a.jpg,1,", "has no mask"),
    ],
)
def test_what_no_such_frame_has_is_refused(tmp_path: Path, row: str, says: str) -> None:
    """Each fault has its line."""
    with pytest.raises(DataError) as caught:
        read_shapes(write(tmp_path / "masks.csv", row), 3, SIZE_PX)
    assert says in str(caught.value)


def test_a_file_that_is_not_packed_is_refused(tmp_path: Path) -> None:
    """In words, as one with other columns."""
    (tmp_path / "masks.csv.gz").write_bytes(b"ImageId,ClassId,EncodedPixels")
    with pytest.raises(DataError, match="cannot be read: Not a gzipped file"):
        read_shapes(tmp_path / "masks.csv.gz", 3, SIZE_PX)
    (tmp_path / "masks.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="columns are a, b; expected ImageId,ClassId,EncodedPixels"):
        read_shapes(tmp_path / "masks.csv", 3, SIZE_PX)
