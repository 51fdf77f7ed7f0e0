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

from inspector.records.frame import Bytes2D
from trainer.data import rle
from trainer.files import replace_file


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
    with (
        replace_file(path, b"ImageId_ClassId,EncodedPixels") as temporary,
        temporary.open("w", encoding="utf-8", newline="") as file,
    ):
        yield Submission(file, classes)
