import json
import re
import shutil
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from trainer.data import coco_runs, polygon, sources
from trainer.errors import DataError

H, W = 4, 6
TWO_PARTS = np.zeros((H, W), bool)
TWO_PARTS[1:3, 1:3] = TWO_PARTS[:, 5] = True
COUNTS = [5, 2, 2, 2, 9, 4]


def count(mask: npt.NDArray[np.bool_]) -> list[int]:
    """Count a mask's runs pixel by pixel, as slowly as the format is described."""
    result, last = [0], False
    for pixel in mask.ravel(order="F").tolist():
        if pixel != last:
            result.append(0)
            last = pixel
        result[-1] += 1
    return result


@given(arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)))
def test_counts_are_read_as_they_are_defined(mask: npt.NDArray[np.bool_]) -> None:
    """Any mask survives being counted and read."""
    assert (coco_runs.decode(count(mask), *mask.shape) == mask).all()


def test_compressed_counts_are_those_that_the_reference_writes() -> None:
    """Text made by pycocotools 2.0: differences of both signs, and counts of several characters."""
    assert coco_runs.expand("522072") == COUNTS
    large = np.zeros((256, 1600), bool)
    large[40:90, 200:203] = large[10:12, 900:902] = True
    assert coco_runs.expand("XQb1b1^6000RW^5`N^jaJ0f_^5") == count(large)


@pytest.mark.parametrize(
    ("given_counts", "says"),
    [
        ([5, 2], "the counts are of 7 px; expected 24, those of a 6 x 4 px frame"),
        ([30, -6], "the counts hold -6; expected 0 or more"),
        ("52 072", "character 3 of the compressed counts, ' ', belongs to no mask"),
        ("5220X", "the compressed counts end inside count 5. Cut off?"),
        ("o" * 20, "belongs to no mask"),
    ],
)
def test_broken_counts_are_refused(given_counts: list[int] | str, says: str) -> None:
    """Nothing is guessed."""
    with pytest.raises(ValueError, match=re.escape(says)):
        coco_runs.decode(given_counts, H, W)


@given(st.integers(0, 11), st.integers(0, 11), st.integers(1, 12), st.integers(1, 12), st.booleans())
def test_a_rectangle_covers_the_pixels_between_its_sides(left: int, top: int, wide: int, high: int, turn: bool) -> None:
    """The mask has the polygon's area, to the pixel, whichever way round its vertices stand."""
    right, bottom = min(12, left + wide), min(12, top + high)
    vertices = [(left, top), (right, top), (right, bottom), (left, bottom)]
    wanted = np.zeros((12, 12), bool)
    wanted[top:bottom, left:right] = True
    mask = polygon.fill([number for vertex in vertices[:: -1 if turn else 1] for number in vertex], 12, 12)
    assert (mask == wanted).all()


@given(st.lists(st.tuples(st.floats(0, 40), st.floats(0, 30)), min_size=3, max_size=8))
def test_a_pixel_is_inside_where_its_centre_is(vertices: list[tuple[float, float]]) -> None:
    """OpenCV's exact test of a point agrees wherever the polygon does not cross itself."""
    hull = cv2.convexHull(np.array(vertices, np.float32))
    mask = polygon.fill(hull.ravel().astype(float).tolist(), 30, 40) if len(hull) > 2 else np.zeros((30, 40), bool)
    for y, x in np.ndindex(30, 40):
        distance = cv2.pointPolygonTest(hull, (x + 0.5, y + 0.5), True)
        if abs(distance) > 1e-3:  # no opinion on centres that lie on an edge
            assert mask[y, x] == (distance > 0)


@pytest.fixture
def coco(tmp_path: Path) -> dict[str, Any]:
    """A set of three images: two polygons and run lengths in both forms, compressed on `b`; `c` is sound."""
    (tmp_path / "images").mkdir()
    (tmp_path / "classes.toml").write_text('names = ["pitted", "crack", "scratch", "patch"]')
    for name in "abc":
        cv2.imwrite(str(tmp_path / "images" / f"{name}.png"), np.full((H, W), 100, np.uint8))
    square, column = [1, 1, 3, 1, 3, 3, 1, 3], [5, 0, 6, 0, 6, 4, 5, 4]
    return {
        "images": [{"id": i, "file_name": f"{n}.png", "height": H, "width": W} for i, n in enumerate("abc")],
        "categories": [{"id": 1, "name": "Pitted"}, {"id": 7, "name": "3"}],
        "annotations": [
            {"id": 1, "image_id": 0, "category_id": 1, "segmentation": [square, column]},
            {"id": 2, "image_id": 1, "category_id": 7, "segmentation": {"size": [H, W], "counts": "522072"}},
            {"id": 3, "image_id": 1, "category_id": 7, "segmentation": {"size": [H, W], "counts": COUNTS}},
        ],
    }


def write(folder: Path, content: dict[str, Any]) -> str:
    """Write the JSON and return its path."""
    (folder / "steel.json").write_text(json.dumps(content))
    return str(folder / "steel.json")


def test_polygons_and_both_run_lengths_make_the_same_masks(coco: dict[str, Any], tmp_path: Path) -> None:
    """Frames come by name, classes by name or number, an image without annotations is sound."""
    source = sources.frames([write(tmp_path, coco)])
    a, b, c = (source[index] for index in range(3))
    assert (a.labels == TWO_PARTS).all() and (b.labels == 3 * TWO_PARTS).all() and not c.labels.any()
    assert [source.name(i) for i in range(3)] == ["steel/a", "steel/b", "steel/c"]
    assert [source.classes(i) for i in range(3)] == [{1}, {3}, set()]


@pytest.mark.parametrize(
    ("vertices", "rows"),
    [([1, 1.6, 5, 1.6, 5, 2.4, 1, 2.4], (1, 2)), ([1, 2.6, 5, 2.6, 5, 3.4, 1, 3.4], (2, 3))],
)
def test_a_hairline_between_the_centres_is_drawn(
    coco: dict[str, Any], tmp_path: Path, vertices: list[float], rows: tuple[int, int]
) -> None:
    """A scratch of 0.8 px covers no centre; the pixels that its outline runs through are the defect."""
    coco["annotations"] = [{"id": 1, "image_id": 0, "category_id": 1, "segmentation": [vertices]}]
    labels = sources.frames([write(tmp_path, coco)])[0].labels
    assert set(np.flatnonzero(labels.any(axis=1)).tolist()) == set(rows) and labels[rows[0], 1:5].all()


@pytest.mark.parametrize("counts", [[24], [24, 0], "h0", []])
def test_run_lengths_of_nothing_are_faults(coco: dict[str, Any], tmp_path: Path, counts: list[int] | str) -> None:
    """An annotation without a pixel says of a frame that it has a defect, and shows none."""
    coco["annotations"][0]["segmentation"] = {"size": [H, W], "counts": counts}
    with pytest.raises(DataError, match=r"annotations\[0\] \(id 1\): its run lengths cover no pixel"):
        sources.frames([write(tmp_path, coco)])


def test_a_file_in_the_current_folder_finds_its_images(
    coco: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name alone says where it lies; images lie next to it, or in the folder above, as exports have them."""
    write(tmp_path, coco)
    (inner := tmp_path / "annotations").mkdir()
    shutil.copy(tmp_path / "classes.toml", inner)
    write(inner, coco)
    for folder in (tmp_path, inner):
        monkeypatch.chdir(folder)
        assert len(sources.frames(["steel.json"])) == 3


def test_all_faults_of_the_records_are_reported_at_once(coco: dict[str, Any], tmp_path: Path) -> None:
    """Each by its place in the file and its id."""
    one = coco["annotations"][0]
    coco["annotations"] += [
        {**one, "id": 1},
        {**one, "id": 4, "image_id": 9},
        {**one, "id": 5, "category_id": 8},
        {**one, "id": 6, "segmentation": []},
    ]
    coco["images"] += [{**coco["images"][0], "id": 0}, {**coco["images"][0], "id": 5, "file_name": "d.png"}]
    coco["images"] += [{**coco["images"][0], "id": 6}]
    with pytest.raises(DataError) as caught:
        sources.frames([write(tmp_path, coco)])
    words = [
        "annotations[3] (id 1): has the id of annotations[0]",
        "annotations[3] (id 1): is annotations[0] again",
        "annotations[4] (id 4): image_id is 9, which no image has",
        "annotations[5] (id 5): category 8 (not in categories) is no class; expected pitted, crack, scratch, patch",
        "annotations[6] (id 6): has no segmentation; expected polygons or run lengths",
        "images[3] (id 0): has the id of images[0]",
        "images[4] (id 5): d.png is not there; looked for",
        "images[5] (id 6): has the name of another image, a.png",
    ]
    assert all(word in fault for word, fault in zip(words, caught.value.faults, strict=True))


def test_masks_that_do_not_fit_are_reported_when_the_frame_is_read(coco: dict[str, Any], tmp_path: Path) -> None:
    """All of a frame's at once: a size, a vertex and a count."""
    shape = {"image_id": 0, "category_id": 7}
    coco["annotations"] += [
        {**shape, "id": 4, "segmentation": {"size": [W, H], "counts": [20, 4]}},
        {**shape, "id": 5, "segmentation": [[0, 0, 60, 0, 0, 4]]},
        {**shape, "id": 6, "segmentation": [[0, 0, 6]]},
    ]
    source = sources.frames([write(tmp_path, coco)])
    with pytest.raises(DataError) as caught:
        source[0]
    words = [
        "annotations[3] (id 4): size is 6 x 4; expected height x width 4 x 6",
        "annotations[4] (id 5): vertex 2 of the polygon, 60 0, lies outside the 6 x 4 px frame",
        "annotations[5] (id 6): the polygon has 3 numbers; expected x y for three vertices or more",
    ]
    assert all(word in fault for word, fault in zip(words, caught.value.faults, strict=True))
    coco["images"][2]["width"] = 8
    with pytest.raises(DataError, match=r"c\.png: is 6 x 4 px; its labels are for 8 x 4 px"):
        sources.frames([write(tmp_path, coco)])[2]


def test_another_json_is_refused(tmp_path: Path) -> None:
    """The message says where it departs from COCO."""
    with pytest.raises(
        DataError, match=r"steel\.json: .*`images`.*; expected COCO's images, annotations and categories"
    ):
        sources.frames([write(tmp_path, {"frames": []})])


def test_categories_that_share_an_id_or_a_name_are_faults(coco: dict[str, Any], tmp_path: Path) -> None:
    """After merging two files nobody knows which of them an annotation means."""
    first = coco["categories"][0]
    coco["categories"] += [{**first, "name": "patch"}, {**first, "id": 99, "name": first["name"].upper()}]
    with pytest.raises(DataError) as caught:
        sources.frames([write(tmp_path, coco)])
    words = ["has the id of", "has the name of category"]
    assert all(word in fault for word, fault in zip(words, caught.value.faults, strict=True))


def test_json_of_another_encoding_is_named(coco: dict[str, Any], tmp_path: Path) -> None:
    """As Windows' editors save it."""
    path = tmp_path / "steel.json"
    path.write_text(json.dumps(coco), encoding="utf-16")
    with pytest.raises(DataError, match=r"steel\.json: line 1: is not UTF-8"):
        sources.frames([str(path)])
