import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from trainer import data, rle
from trainer.samples import Sample

H, W = 4, 6
CLASS_1, CLASS_3 = np.zeros((H, W), bool), np.zeros((H, W), bool)
CLASS_1[1:3, 1:3], CLASS_3[:, 5] = True, True
LABELS = np.where(CLASS_1, 1, np.where(CLASS_3, 3, 0))
SPLIT_FORM = f"ImageId,ClassId,EncodedPixels\na.jpg,1,{rle.encode(CLASS_1)}\na.jpg,3,{rle.encode(CLASS_3)}\n"
JOINED_FORM = (
    "ImageId_ClassId,EncodedPixels\n"
    f"a.jpg_1,{rle.encode(CLASS_1)}\na.jpg_2,\na.jpg_3,{rle.encode(CLASS_3)}\na.jpg_4,\nb.jpg_1,\n"
)


@pytest.fixture
def kaggle(tmp_path: Path) -> Path:
    """A Kaggle folder: `a` (a PNG in place of its .jpg) has two classes, `b` is sound, `c` is in no CSV."""
    (tmp_path / "train_images").mkdir()
    for name in ("a.png", "b.jpg", "c.jpg"):
        cv2.imwrite(str(tmp_path / "train_images" / name), np.full((H, W), 100, np.uint8))
    (tmp_path / "train.csv").write_text(SPLIT_FORM)
    manifest = "ImageId,file,kind\na.jpg,train_images/a.png,full_masks\nb.jpg,train_images/b.jpg,boxes_only\n"
    (tmp_path / "manifest.csv").write_text(manifest)
    return tmp_path


def read_all(source: data.Frames) -> list[Sample]:
    """Read a whole set."""
    return [source[index] for index in range(len(source))]


@pytest.mark.parametrize("csv", [SPLIT_FORM, JOINED_FORM])
def test_both_published_forms_of_the_csv_say_the_same(kaggle: Path, csv: str) -> None:
    """Either form gives the same labels; frames it leaves out or empty are sound."""
    (kaggle / "train.csv").write_text(csv)
    a, b, c = read_all(data.frames([str(kaggle)]))
    assert (a.labels == LABELS).all() and a.pixels.dtype == a.labels.dtype == np.uint8
    assert not b.labels.any() and not c.labels.any()


def test_only_leaves_out_what_is_not_fully_labelled(kaggle: Path) -> None:
    """A manifest's condition keeps its frames, whatever suffix their files have."""
    source = data.frames([str(kaggle)], only="manifest.csv:kind=full_masks")
    assert [source.name(i) for i in range(len(source))] == [f"{kaggle.name}/a"]


def test_classes_are_known_without_reading(kaggle: Path) -> None:
    """The split can be stratified from the CSV alone."""
    source = data.frames([str(kaggle)])
    assert [source.classes(i) for i in range(3)] == [{1, 3}, set(), set()]


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        ("Image,Pixels\n", "columns are Image, Pixels; expected ImageId,ClassId,EncodedPixels"),
        ("ImageId,ClassId,EncodedPixels\na.jpg,5,1 1\n", "line 2: class is '5'; expected 1..4"),
        ("ImageId_ClassId,EncodedPixels\na.jpg,1 1\n", "line 2: class is 'a.jpg'"),
        ("ImageId,ClassId,EncodedPixels\na.jpg,1,1 1\na.jpg,1,3 1\n", "line 3: a.jpg has class 1 twice"),
        ("ImageId,ClassId,EncodedPixels\na.jpg,1,24 2\n", "train.csv: a class 1: run-length mask: run 1 of 1 (24 2)"),
    ],
)
def test_a_broken_csv_is_refused_with_its_line(kaggle: Path, csv: str, says: str) -> None:
    """The message leads to the row."""
    (kaggle / "train.csv").write_text(csv)
    with pytest.raises(ValueError, match=re.escape(says)):
        read_all(data.frames([str(kaggle)]))


def test_a_mask_folder_is_read_as_it_is(mask_folder: Path) -> None:
    """Index PNGs become labels, frame by frame."""
    source = data.frames([str(mask_folder)])
    for index, sample in enumerate(read_all(source)):
        assert source.classes(index) == set(np.unique(sample.labels).tolist()) - {0}
        assert sample.name == source.name(index)


def test_a_mask_of_another_size_or_with_odd_values_is_refused(tmp_path: Path) -> None:
    """0/255 masks and rescaled ones are named, not trained on."""
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    cv2.imwrite(str(tmp_path / "images" / "a.png"), np.zeros((H, W), np.uint8))
    with pytest.raises(ValueError, match="has no mask"):
        data.frames([str(tmp_path)])
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), np.full((H, W), 255, np.uint8))
    with pytest.raises(ValueError, match="holds the value 255"):
        read_all(data.frames([str(tmp_path)]))
    cv2.imwrite(str(tmp_path / "masks" / "a.png"), np.zeros((H, W + 1), np.uint8))
    with pytest.raises(ValueError, match=r"is \(7, 4\) px; expected the image's \(6, 4\) px"):
        read_all(data.frames([str(tmp_path)]))


def test_procedural_steel_is_the_same_each_time() -> None:
    """A spec names frames for good: coils interleaved, sources joined in order."""
    specs = ["sheet:3-4:2:defects=8,lookalikes=1", "sheet:9:1"]
    first, again = data.frames(specs), data.frames(specs)
    assert [first.name(i) for i in range(5)] == ["sheet-3/0", "sheet-4/0", "sheet-3/1", "sheet-4/1", "sheet-9/0"]
    assert (first[3].pixels == again[3].pixels).all() and (first[3].labels == again[3].labels).all()


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("sheet:", "expected sheet:SEED:FRAMES"),
        ("sheet:1:0", "is empty"),
        ("sheet:5-1:9", "is empty"),
        ("sheet:1:9:rust=3", "unknown rust; expected defects, lookalikes"),
        ("sheet:1:9:defects=a.b", "expected numbers a metre"),
        ("/nowhere", "there is no such folder"),
    ],
)
def test_a_spec_that_names_nothing_is_refused(spec: str, says: str) -> None:
    """The message says what a spec looks like."""
    with pytest.raises(ValueError, match=re.escape(says)):
        data.frames([spec])
