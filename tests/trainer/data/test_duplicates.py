from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.simulator.sheet import Sheet
from trainer.data import sources
from trainer.data.duplicates import BLOCK, SIDE_PX, join, near_duplicates, near_rows
from trainer.errors import DataError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve frames of procedural steel, four of them again: as JPEG, brighter, half as large, and byte by byte."""
    (tmp_path / "train_images").mkdir()
    (tmp_path / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n")
    sheet = Sheet(3)
    frames = [sheet.frame(5 * index).pixels for index in range(12)]
    for number, pixels in enumerate(frames):
        cv2.imwrite(str(tmp_path / "train_images" / f"{number:02}.png"), pixels)
    copies: dict[str, cv2.typing.MatLike] = {
        "20.png": cv2.convertScaleAbs(frames[2], alpha=1.15, beta=4),
        "30.png": cv2.resize(frames[3], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        "40.png": frames[4],
        "41.png": frames[4],
    }
    cv2.imwrite(str(tmp_path / "train_images" / "10b.jpg"), frames[1], [cv2.IMWRITE_JPEG_QUALITY, 40])
    for name, copy in copies.items():
        cv2.imwrite(str(tmp_path / "train_images" / name), copy)
    return tmp_path


def test_altered_copies_are_found_and_nothing_else(folder: Path) -> None:
    """Recompressed, relit, halved and exact copies; frames of the same coil are no duplicates."""
    frames = sources.frames([str(folder)])
    groups = [{frames.name(index).rpartition("/")[2] for index in group} for group in near_duplicates(frames)]
    assert groups == [{"01", "10b"}, {"02", "20"}, {"03", "30"}, {"04", "40", "41"}]


def test_procedural_steel_is_not_looked_at() -> None:
    """It has no file, and its frames are never the same."""
    assert near_duplicates(sources.frames(["sheet:1:1000"])) == []


def test_an_image_that_cannot_be_read_is_named(folder: Path) -> None:
    """The split is not made of frames nobody can see."""
    (folder / "train_images" / "05.png").write_text("no image")
    with pytest.raises(DataError, match=r"05\.png: is no png"):
        near_duplicates(sources.frames([str(folder)]))


def test_pairs_are_found_across_blocks() -> None:
    """Far apart in the list, and frames of one grey alike only to the same grey."""
    thumbnails = np.random.default_rng(0).random((BLOCK + 50, SIDE_PX, SIDE_PX), np.float32)
    thumbnails[BLOCK + 7] = thumbnails[3]
    thumbnails[BLOCK + 9] = thumbnails[BLOCK + 8]
    thumbnails[[10, 20, BLOCK + 30]] = np.array([0, 90, 0])[:, None, None]
    rows = [(first, copies.tolist()) for first, copies in near_rows(thumbnails)]
    assert rows == [(3, [BLOCK + 7]), (10, [BLOCK + 30]), (BLOCK + 8, [BLOCK + 9])]


def test_what_all_frames_share_makes_no_copies() -> None:
    """With a speck on the lens, smooth steel is compared by the rest; a relit copy is found all the same."""
    thumbnails = 110 + np.random.default_rng(0).normal(0, 0.5, (40, SIDE_PX, SIDE_PX)).astype(np.float32)
    thumbnails[:, 8:14, 8:14] -= 40
    thumbnails[30] = 1.1 * thumbnails[4]
    assert [(first, copies.tolist()) for first, copies in near_rows(thumbnails)] == [(4, [30])]


@pytest.mark.parametrize("turn", [(1, -1), (-1, 1), (-1, -1)])
def test_mirrored_and_turned_copies_are_found(folder: Path, turn: tuple[int, int]) -> None:
    """As people add them to have more to learn from, as JPEGs too."""
    images = folder / "train_images"
    for name in ("05", "06"):
        pixels = cv2.imread(str(images / f"{name}.png"), cv2.IMREAD_GRAYSCALE)
        assert pixels is not None
        cv2.imwrite(str(images / f"{name}t.jpg"), np.ascontiguousarray(pixels[:: turn[0], :: turn[1]]))
    frames = sources.frames([str(folder)])
    groups = [{frames.name(index).rpartition("/")[2] for index in group} for group in near_duplicates(frames)]
    assert groups[-2:] == [{"05", "05t"}, {"06", "06t"}] and len(groups) == 6


def test_pairs_with_a_common_member_are_one_group() -> None:
    """Groups are in order, singles are none."""
    one, two, three, five = (np.array([index]) for index in (1, 2, 3, 5))
    assert join(7, [(5, one), (2, three), (1, three)]) == [(1, 2, 3, 5)]
    assert join(6, [(4, five), (0, two)]) == [(0, 2), (4, 5)]
    assert join(6, [(0, np.array([2, 4])), (1, three)]) == [(0, 2, 4), (1, 3)]
