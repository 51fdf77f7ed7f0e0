"""Kaggle's `submission.csv`: for every image and class the run lengths of what the recipe reports there.

`ImageId_ClassId,EncodedPixels`, a row for each of the classes, empty where there is none (Kaggle, "Severstal: Steel
Defect Detection", 2019, page Evaluation). Images need no labels.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import numpy as np

from inspector.records import Bytes2D
from trainer.data import rle
from trainer.data.samples import IMAGE_SUFFIXES, Sample, list_images, read_grey
from trainer.files import replace_file

NO_LABELS = np.zeros((0, 0), np.uint8)


class Unlabelled:
    """The images of a plain folder, whose labels nobody knows."""

    def __init__(self, folder: Path) -> None:
        """Raise ValueError where two files share a name."""
        images, faults = list_images(folder)
        if faults:
            raise ValueError("\n".join(faults))
        self._folder, self._images = folder, list(images.values())

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.name(index), read_grey(self._images[index]), NO_LABELS)

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return f"{self._folder.name}/{self._images[index].stem}"

    def classes(self, index: int) -> frozenset[int] | None:
        """Return None: nobody knows."""
        return None

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels."""
        return self._images[index]


def is_plain(path: Path) -> bool:
    """Say whether a path is a folder with images in it and neither Severstal's layout nor one with masks."""
    if not path.is_dir() or (path / "train.csv").exists() or (path / "masks").exists():
        return False
    return any(file.suffix.lower() in IMAGE_SUFFIXES for file in path.iterdir())


class Submission:
    """Writes rows as frames come."""

    def __init__(self, file: TextIO, classes: int) -> None:
        self._writer, self._classes = csv.writer(file), classes
        self._writer.writerow(("ImageId_ClassId", "EncodedPixels"))

    def add(self, image_id: str, reported: Bytes2D) -> None:
        """Write one image's rows; `reported` (H, W) uint8 class ids."""
        present = set(np.unique(reported).tolist())
        for class_id in range(1, self._classes + 1):
            runs = rle.encode(reported == class_id) if class_id in present else ""
            self._writer.writerow((f"{image_id}_{class_id}", runs))


@contextmanager
def write_submission(path: Path, classes: int) -> Iterator[Submission]:
    """Lend a submission that takes its place when all of it is written."""
    with replace_file(path) as temporary, temporary.open("w", newline="") as file:
        yield Submission(file, classes)
