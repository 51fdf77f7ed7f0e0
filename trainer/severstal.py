"""Kaggle's "Severstal: Steel Defect Detection" (2019) as it is published: `train_images/` beside `train.csv`."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np

from trainer import rle
from trainer.samples import CLASS_NAMES, Sample, read_grey

CLASS_IDS = {str(number): number for number in range(1, len(CLASS_NAMES) + 1)}


class SeverstalFrames:
    """Kaggle's folder: `train_images/` and `train.csv`, in either of the forms it was published in.

    An image that the CSV does not name is sound, and so is one it names with no pixels. `only`, as
    `manifest.csv:kind=full_masks`, keeps the frames whose row in that CSV (columns ImageId, file) says so:
    a frame labelled for some classes only would teach that its other defects are sound steel.

    Raises:
        ValueError: a missing file or column, an id twice, a class other than 1..4, nothing left to read.
    """

    def __init__(self, folder: Path, only: str | None = None) -> None:
        self._runs = _kaggle_runs(folder / "train.csv")
        keep = _manifest(folder, only) if only else None
        files = {p.stem: p for p in sorted((folder / "train_images").iterdir()) if p.suffix in (".jpg", ".png")}
        self._files = [files[stem] for stem in sorted(files) if keep is None or stem in keep]
        self._folder = folder
        if not self._files:
            raise ValueError(
                f"{folder}: no .jpg or .png frame in train_images/ to use" + (f" with {only}" if only else "")
            )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        path = self._files[index]
        pixels = read_grey(path)
        labels = np.zeros_like(pixels)
        for class_id, runs in sorted(self._runs.get(path.stem, {}).items()):
            try:
                labels[rle.decode(runs, *pixels.shape)] = class_id  # a later class wins a shared pixel
            except ValueError as error:
                raise ValueError(f"{self._folder / 'train.csv'}: {path.stem} class {class_id}: {error}") from error
        return Sample(self.name(index), pixels, labels)

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return f"{self._folder.name}/{self._files[index].stem}"

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, None where only reading it would tell."""
        return frozenset(self._runs.get(self._files[index].stem, {}))


def _kaggle_runs(path: Path) -> dict[str, dict[int, str]]:
    """Return image stem -> class -> runs, from `ImageId,ClassId,EncodedPixels` or `ImageId_ClassId,EncodedPixels`."""
    runs: dict[str, dict[int, str]] = defaultdict(dict)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        joined = "ImageId_ClassId" in columns
        if "EncodedPixels" not in columns or not (joined or {"ImageId", "ClassId"} <= set(columns)):
            raise ValueError(f"{path}: columns are {', '.join(columns)}; expected ImageId,ClassId,EncodedPixels")
        for row in reader:
            image, _, class_text = (
                row["ImageId_ClassId"].rpartition("_") if joined else (row["ImageId"], "", row["ClassId"])
            )
            where = f"{path}: line {reader.line_num}"
            if class_text not in CLASS_IDS or not image:
                raise ValueError(f"{where}: class is {class_text!r}; expected 1..{len(CLASS_IDS)}")
            of_image = runs[Path(image).stem]
            if not (row["EncodedPixels"] or "").strip():
                continue
            if int(class_text) in of_image:
                raise ValueError(f"{where}: {image} has class {class_text} twice; join its runs in one row")
            of_image[int(class_text)] = row["EncodedPixels"]
    return dict(runs)


def _manifest(folder: Path, only: str) -> frozenset[str]:
    """Return the stems that a CSV in the folder marks, for `FILE:COLUMN=VALUE`; its column `file` may rename."""
    name, _, condition = only.partition(":")
    column, equals, value = condition.partition("=")
    if not equals or not (folder / name).is_file():
        raise ValueError(
            f"--only {only}: expected FILE:COLUMN=VALUE with FILE in {folder}, as manifest.csv:kind=full_masks"
        )
    with (folder / name).open(newline="") as file:
        reader = csv.DictReader(file)
        if not {column, "ImageId"} <= set(reader.fieldnames or []):
            raise ValueError(f"{folder / name}: has no column {column} or no ImageId")
        return frozenset(Path(row.get("file") or row["ImageId"]).stem for row in reader if row[column] == value)
