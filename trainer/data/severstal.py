"""Kaggle's "Severstal: Steel Defect Detection" (2019) as it is published: `train_images/` next to `train.csv`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspector.words import counted
from trainer.data import rle
from trainer.data.classes import STATED, list_classes, read_stated
from trainer.data.labelled import Entry, Listing
from trainer.data.rows import read_rows
from trainer.data.samples import CLASS_NAMES, Plane, list_images, list_unread
from trainer.errors import DataError


@dataclass(frozen=True, slots=True)
class CsvRow:
    """A row of the CSV: one class of one image."""

    where: str
    class_id: int
    text: str

    def classes(self) -> frozenset[int]:
        """Return its class."""
        return frozenset({self.class_id})

    def draw(self, height_px: int, width_px: int) -> Plane:
        """Return class ids (height_px, width_px) uint8."""
        try:
            mask = rle.decode(self.text, height_px, width_px)
        except ValueError as error:
            raise DataError(f"class {self.class_id}: {error}") from error
        return mask.view(np.uint8) * np.uint8(self.class_id)


def is_severstal(folder: Path) -> bool:
    """Say whether a folder is in this layout."""
    return (folder / "train.csv").is_file() and (folder / "train_images").is_dir()


def read_severstal(folder: Path, only: str | None = None) -> Listing:
    """Read `train.csv`, in either of the forms it was published in, and find the frames in `train_images/`.

    An image that the CSV does not name is sound, and so is one it names with no pixels. `only`, as
    `manifest.csv:kind=full_masks`, keeps the frames whose row in that CSV (columns ImageId, file) says so:
    a frame labelled for some classes only would teach that its other defects are sound steel.

    Classes are the four that Kaggle's numbers mean, or those that a `classes.toml` in the folder names.

    Faults: another class, a class of an image twice, a mask or a frame of `only` without its image, two images of one
    name.

    Raises:
        DataError: a missing column, or a wrong `only`.
    """
    stated = read_stated(folder)
    classes = list_classes(CLASS_NAMES, stated.names, folder)
    rows, faults = read_masks(folder / "train.csv", len(classes.names))
    keep = _manifest(folder, only) if only else None
    images, same = list_images(folder / "train_images")
    for stem, of_image in rows.items():
        if stem not in images and (keep is None or stem in keep):
            faults += [
                f"{row.where}: {stem} has no image in {folder / 'train_images'}. Copy it there, or leave out the row."
                for row in of_image
            ]
    lost = sorted(keep - images.keys() - rows.keys()) if keep else []
    if lost:
        faults.append(
            f"{folder}: {counted(len(lost), 'frame')} with {only}, as {lost[0]}, not in {folder / 'train_images'}. "
            "Copy them there, or leave out their rows."
        )
    entries = [
        Entry(f"{folder.name}/{stem}", image, sorted(rows.get(stem, ()), key=lambda row: row.class_id))
        for stem, image in images.items()
        if keep is None or stem in keep
    ]
    if not entries:
        wanted = f" with {only}" if only else ""
        faults.append(f"{folder}: no frame in train_images/ to use{wanted}; expected .jpg or .png")
    unread = list_unread(folder / "train_images")
    return Listing(entries, same + faults, classes, stated, is_sized=False, warnings=unread)


def read_masks(path: Path, class_count: int) -> tuple[dict[str, list[CsvRow]], list[str]]:
    """Return image stem -> rows with pixels, from either form, and what is wrong with the other rows.

    Raises:
        DataError: a missing column, or a file that cannot be read.
    """
    rows: dict[str, dict[int, CsvRow]] = defaultdict(dict)
    faults: list[str] = []
    class_ids = {str(number): number for number in range(1, class_count + 1)}
    columns, lines = read_rows(path)
    joined = "ImageId_ClassId" in columns
    if "EncodedPixels" not in columns or not (joined or {"ImageId", "ClassId"} <= set(columns)):
        raise DataError(
            f"{path}: line 1: columns are {', '.join(columns) or 'none'}; expected ImageId,ClassId,EncodedPixels "
            "or ImageId_ClassId,EncodedPixels"
        )
    for position, row in lines:
        image, _, class_text = (
            row["ImageId_ClassId"].rpartition("_") if joined else (row["ImageId"], "", row["ClassId"])
        )
        if class_text not in class_ids or not image:
            faults.append(f"{position}: class is {class_text!r}; expected 1..{class_count}; {STATED} names others")
            continue
        text, class_id = row["EncodedPixels"].strip(), class_ids[class_text]
        earlier = rows[Path(image).stem].get(class_id)
        if earlier and text:
            runs = "again" if earlier.text == text else "with other runs"
            first = earlier.where.rpartition(": ")[2]
            faults.append(f"{position}: {image} has class {class_text} twice, {runs}; first in {first}. Keep one row.")
        elif text:
            rows[Path(image).stem][class_id] = CsvRow(position, class_id, text)
    return {stem: list(of_image.values()) for stem, of_image in rows.items()}, faults


def _manifest(folder: Path, only: str) -> frozenset[str]:
    """Return the stems that a CSV in the folder marks, for `FILE:COLUMN=VALUE`; its column `file` may rename."""
    name, _, condition = only.partition(":")
    column, equals, value = condition.partition("=")
    if not equals or not (folder / name).is_file():
        raise DataError(
            f"--only {only}: expected FILE:COLUMN=VALUE with FILE in {folder}, as manifest.csv:kind=full_masks"
        )
    columns, lines = read_rows(folder / name)
    if not {column, "ImageId"} <= set(columns):
        raise DataError(f"{folder / name}: has no column {column} or no ImageId")
    return frozenset(Path(row.get("file") or row["ImageId"]).stem for _, row in lines if row[column] == value)
