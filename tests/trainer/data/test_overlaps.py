"""Pixels that several classes claim: real masks have some, and training goes on."""

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from tests.trainer.frames import tiny_settings
from trainer.__main__ import main
from trainer.data import rle, sources
from trainer.data.samples import CLASS_NAMES, Plane
from trainer.learn.train import fit

H, W = 64, 128
LARGE, SMALL = np.zeros((H, W), bool), np.zeros((H, W), bool)
LARGE[8:40, 10:60] = True
SMALL[20:30, 40:80] = True
BOTH = np.where(SMALL, 1, np.where(LARGE, 3, 0)).astype(np.uint8)
SHARED_PX = 10 * 20


def write_images(folder: Path) -> Path:
    """Make six images in a folder; return it."""
    folder.mkdir(parents=True)
    for number in range(6):
        pixels = np.random.default_rng(number).integers(90, 110, (H, W), np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), pixels)
    return folder


def as_severstal(folder: Path) -> Path:
    """Two rows of the CSV on image 0."""
    write_images(folder / "train_images")
    rows = [f"0.jpg,1,{rle.encode(SMALL)}", f"0.jpg,3,{rle.encode(LARGE)}"]
    (folder / "train.csv").write_text("\n".join(["ImageId,ClassId,EncodedPixels", *rows]))
    return folder


def as_masks(folder: Path) -> Path:
    """A mask of image 0 in each of two classes' folders."""
    write_images(folder / "images")
    (folder / "classes.toml").write_text(f"names = {list(CLASS_NAMES)}")
    for name, mask in (("scratch", LARGE), ("pitted", SMALL)):
        (folder / "masks" / name).mkdir(parents=True)
        cv2.imwrite(str(folder / "masks" / name / "0.png"), mask.astype(np.uint8))
    return folder


def as_coco(folder: Path) -> Path:
    """Two polygons on image 0, the small one first: the order says nothing."""
    write_images(folder / "images")
    (folder / "classes.toml").write_text(f"names = {list(CLASS_NAMES)}")
    polygons = [(1, [40, 20, 80, 20, 80, 30, 40, 30]), (3, [10, 8, 60, 8, 60, 40, 10, 40])]
    content = {
        "images": [{"id": i, "file_name": f"{i}.png", "height": H, "width": W} for i in range(6)],
        "categories": [{"id": 1, "name": "pitted"}, {"id": 3, "name": "scratch"}],
        "annotations": [
            {"id": i, "image_id": 0, "category_id": i, "segmentation": [vertices]} for i, vertices in polygons
        ],
    }
    (folder / "steel.json").write_text(json.dumps(content))
    return folder / "steel.json"


LAYOUTS = pytest.mark.parametrize(
    ("write", "place"),
    [(as_severstal, "train.csv: line 3"), (as_masks, "masks/scratch/0.png"), (as_coco, "annotations[1] (id 3)")],
)
Write = Callable[[Path], Path]


@LAYOUTS
def test_the_class_with_fewer_pixels_keeps_what_both_claim(write: Write, place: str, tmp_path: Path) -> None:
    """In every layout alike, and it is reported with the place and how many pixels."""
    sample = sources.frames([str(write(tmp_path / "set"))])[0]
    assert (sample.labels == BOTH).all()
    (warning,) = sample.warnings
    assert place in warning and "/0: " in warning
    assert f"{SHARED_PX} px of class 3 (scratch) are class 1 (pitted) already" in warning


def test_of_equals_the_higher_class_wins_whatever_the_order(tmp_path: Path) -> None:
    """A rule that two machines could read differently would be none."""
    folder = as_masks(tmp_path / "set")
    for name, mask in (("scratch", SMALL), ("pitted", np.roll(SMALL, 5, 0))):
        cv2.imwrite(str(folder / "masks" / name / "0.png"), mask.astype(np.uint8))
    labels: Plane = sources.frames([str(folder)])[0].labels
    assert ((labels == 3) == SMALL).all()


@LAYOUTS
def test_check_counts_overlaps_and_names_classes_without_frames(
    write: Write, place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Warnings, each with its place, and exit code 0: nothing of it stops training."""
    assert main(["check", str(write(tmp_path / "set")), "--out", str(tmp_path / "out")]) == 0
    out, err = capsys.readouterr()
    assert "overlaps        1 frames have pixels of several classes" in out
    assert "no faults; 3 warnings" in out
    overlap, *empty = err.splitlines()
    assert overlap.startswith("warning: ") and place in overlap
    assert [line[:47] for line in empty] == [
        "warning: no frame has class 2 (crack); a networ",
        "warning: no frame has class 4 (patch); a networ",
    ]


def test_fit_trains_on_and_says_once_what_it_did(tmp_path: Path) -> None:
    """One line for the whole run, with the count and where to read on."""
    console = Console(width=400, file=StringIO(), record=True)
    settings = tiny_settings(as_severstal(tmp_path / "set"), epoch_crops=8, epochs=2)
    assert fit(settings, tmp_path / "run", console).step == 4
    printed = [line for line in console.export_text().splitlines() if "several classes" in line]
    assert (
        len(printed) == 1
        and "1 mask with" in printed[0]
        and "trainer check" in printed[0]
        and "train.csv: line 3" in printed[0]
    )
