"""A folder of `images/` and `masks/`: index PNGs, or a folder of masks for each class.

Index: `masks/<image>.png` for every image, grey values (or a palette's indices) 0 = sound, 1 and up = class; a
`classes.toml` in the folder names them. By class: `masks/<class>/<image>.png`, any value but 0 = defect; an image in
none is sound. The folders' names are the classes'; numbers are places of classes without names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer.data.classes import MOST, STATED, ClassList, Stated, list_classes, read_stated, unnamed
from trainer.data.labelled import Annotation, Entry, Listing
from trainer.data.samples import Plane, list_folders, list_images, list_unread, read_mask
from trainer.errors import DataError


@dataclass(frozen=True, slots=True)
class IndexMask:
    """A PNG whose grey values are class ids."""

    path: Path
    most: int = MOST
    """The highest class that there is."""

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def classes(self) -> frozenset[int]:
        """Read which classes it has."""
        return frozenset(np.unique(self._read()).tolist()) - {0}

    def draw(self, height_px: int, width_px: int) -> Plane:
        """Return its values (height_px, width_px) uint8."""
        labels = self._read()
        _check_size(labels, height_px, width_px)
        return labels

    def _read(self) -> Plane:
        labels = read_mask(self.path)
        if labels.max() > self.most:
            raise DataError(
                f"holds the value {labels.max()}; expected class ids 0..{self.most}. "
                "If it is the mask of one class, put it in masks/<class>/."
            )
        return labels


@dataclass(frozen=True, slots=True)
class ClassMask:
    """A PNG whose pixels other than 0 are of one class."""

    path: Path
    class_id: int

    @property
    def where(self) -> str:
        """The file."""
        return str(self.path)

    def classes(self) -> frozenset[int]:
        """Read whether it has its class."""
        return frozenset({self.class_id} if self._read().any() else ())

    def draw(self, height_px: int, width_px: int) -> Plane:
        """Return class ids (height_px, width_px) uint8."""
        mask = self._read()
        _check_size(mask, height_px, width_px)
        return np.where(mask > 0, np.uint8(self.class_id), np.uint8(0))

    def _read(self) -> Plane:
        mask = read_mask(self.path)
        values = np.unique(mask)
        if len(values[values > 0]) > 1:
            shown = ", ".join(map(str, values[:6].tolist()))
            raise DataError(
                f"holds {len(values)} values ({shown}{', ...' if len(values) > 6 else ''}); expected 0 and one other. "
                "Index masks stand in masks/ itself."
            )
        return mask


def read_mask_folder(folder: Path, *, reads_masks: bool = True) -> Listing:
    """Find the images of a folder and their masks, whichever way those are kept.

    Without `reads_masks` index masks whose classes are not stated have none.

    Faults: no images, an image without an index mask, a mask without its image or of no class, both ways mixed.
    """
    stated = read_stated(folder)
    images, faults = list_images(folder / "images")
    if not images:
        faults.append(f"{folder / 'images'}: no image in it; expected .jpg, .png or .bmp")
    by_class = list_folders(folder / "masks")
    loose, same = list_images(folder / "masks")
    faults += same
    if by_class and loose:
        faults.append(
            f"{folder / 'masks'}: holds both folders (as {by_class[0].name}) and masks (as {min(loose)}.png); "
            "expected folders of masks, one a class, or index masks. Remove what is not meant."
        )
    masks: dict[str, list[Annotation]] = defaultdict(list)
    if by_class:
        classes = list_classes([path.name for path in by_class], stated.names, folder / "masks")
        faults += _by_class(by_class, images, masks, classes)
    else:
        classes, gaps = _of_values(loose.values() if reads_masks else (), stated, folder)
        faults += gaps
        for stem, path in loose.items():
            faults += _misplaced(path, stem in images)
            masks[stem].append(IndexMask(path, len(classes.names)))
        faults += [
            f"{image}: has no mask {folder / 'masks' / stem}.png; expected one for each image, all zero if it is sound"
            for stem, image in images.items()
            if stem not in loose
        ]
    kept = images.items() if by_class else [(stem, image) for stem, image in images.items() if stem in loose]
    unread = [*list_unread(folder / "images"), *list_unread(folder / "masks", but_folders=True)]
    unread += [warning for of_class in by_class for warning in list_unread(of_class)]
    entries = [Entry(f"{folder.name}/{stem}", image, masks[stem]) for stem, image in kept]
    return Listing(entries, faults, classes, stated, warnings=unread)


def _of_values(paths: Iterable[Path], stated: Stated, folder: Path) -> tuple[ClassList, list[str]]:
    """Return the classes of index masks, by all their values unless names are stated, and a fault: values left out."""
    if stated.names:
        return list_classes((), stated.names, folder), []
    values: set[int] = set()
    for path in paths:
        with suppress(DataError):  # reported again when the frame is read
            values |= IndexMask(path, MOST + 1).classes()
    highest = max(values, default=0)
    missing = sorted(set(range(1, highest + 1)) - values)
    if not missing:
        return unnamed(highest, folder), []
    shown = ", ".join(map(str, sorted(values)[:8])) + (", ..." if len(values) > 8 else "")
    return unnamed(min(highest, MOST), folder), [
        f"{folder / 'masks'}: the masks' values are {shown}; expected classes 1, 2, ... without gaps. Put masks of "
        f"one class in masks/<class>/; if some classes have no frame, name all of them in {folder / STATED}."
    ]


def _by_class(
    folders: list[Path], images: dict[str, Path], masks: dict[str, list[Annotation]], classes: ClassList
) -> list[str]:
    """Add the masks in folders named after classes; return faults."""
    faults = []
    for folder in folders:
        class_id = classes.find(folder.name)
        if class_id is None:
            faults.append(f"{folder}: is named after no class; expected {', '.join(classes.names)}. Rename it.")
            continue
        found, same = list_images(folder)
        faults += same
        for stem, path in found.items():
            faults += _misplaced(path, stem in images)
            masks[stem].append(ClassMask(path, class_id))
    return faults


def _misplaced(path: Path, has_image: bool) -> list[str]:
    """Say what is wrong with a mask file before it is read."""
    faults = []
    if path.suffix.lower() in (".jpg", ".jpeg"):
        faults.append(f"{path}: is a JPEG, which alters values; expected a PNG. Save the mask again from its source.")
    if not has_image:
        faults.append(
            f"{path}: is a mask without an image; expected {path.stem} in images/. Copy it there, or remove it."
        )
    return faults


def _check_size(mask: Plane, height_px: int, width_px: int) -> None:
    if mask.shape != (height_px, width_px):
        raise DataError(
            f"is {mask.shape[1]} x {mask.shape[0]} px; expected the image's {width_px} x {height_px} px. "
            "Draw it on the image as it is."
        )
