"""COCO's JSON of annotated images (T.-Y. Lin et al., "Microsoft COCO", 2014): polygons and both forms of run lengths.

Images are looked for by `file_name` next to the JSON, in `images/` there, and in `images/` one folder up. Categories
are the classes, in the order of their ids, but for one without annotations that is only others' `supercategory`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from trainer.data import coco_runs, polygon
from trainer.data.classes import ClassList, list_classes, read_stated
from trainer.data.labelled import Entry, Listing
from trainer.data.rows import read_text
from trainer.data.samples import Plane
from trainer.errors import DataError

Size = Annotated[int, msgspec.Meta(ge=1, le=2**15)]


class Image(msgspec.Struct, frozen=True):
    """One of `images`."""

    id: int
    file_name: str
    height: Size
    width: Size


class RunLengths(msgspec.Struct, frozen=True):
    """A segmentation by counts."""

    counts: list[int] | str
    size: tuple[Size, Size]
    """Height, width."""


class Instance(msgspec.Struct, frozen=True):
    """One of `annotations`."""

    id: int
    image_id: int
    category_id: int
    segmentation: list[list[float]] | RunLengths = []


class Category(msgspec.Struct, frozen=True):
    """One of `categories`."""

    id: int
    name: str
    supercategory: str | None = None


class Coco(msgspec.Struct, frozen=True):
    """The file, as far as training needs it."""

    images: list[Image]
    annotations: list[Instance]
    categories: list[Category]


@dataclass(frozen=True, slots=True)
class Shape:
    """An annotation that is of a class."""

    where: str
    class_id: int
    segmentation: list[list[float]] | RunLengths

    def classes(self) -> frozenset[int]:
        """Return its class."""
        return frozenset({self.class_id})

    def draw(self, height_px: int, width_px: int) -> Plane:
        """Return class ids (height_px, width_px) uint8."""
        try:
            if isinstance(self.segmentation, RunLengths):
                if self.segmentation.size != (height_px, width_px):
                    height, width = self.segmentation.size
                    raise ValueError(f"size is {height} x {width}; expected height x width {height_px} x {width_px}")
                mask = coco_runs.decode(self.segmentation.counts, height_px, width_px)
            else:
                mask = np.zeros((height_px, width_px), bool)
                for vertices in self.segmentation:
                    inside = polygon.fill(vertices, height_px, width_px)
                    # A hairline may pass between all centres, and is a defect all the same.
                    mask |= inside if inside.any() else polygon.outline(vertices, height_px, width_px)
        except ValueError as error:
            raise DataError(str(error)) from error
        return mask.view(np.uint8) * np.uint8(self.class_id)


def read_coco(path: Path) -> Listing:
    """Read the JSON and find its images.

    Faults: an id or a file twice, an image that is not there, an annotation of no image, no class or no pixels, or the
    same annotation twice.

    Raises:
        DataError: no JSON, or none of this form.
    """
    try:
        coco = msgspec.json.decode(read_text(path), type=Coco)
    except msgspec.DecodeError as error:
        raise DataError(f"{path}: {error}; expected COCO's images, annotations and categories") from error
    doubled = _doubled(path, coco.categories)
    stated = read_stated(path.parent)
    classes = list_classes(_labels(coco), stated.names, path)
    shapes, faults = _shapes(path, coco, classes)
    faults = doubled + faults
    entries, missing = _entries(path, coco.images, shapes)
    if not entries:
        missing.append(f"{path}: none of its {len(coco.images)} images exists; expected them next to it or in images/")
    return Listing(entries, faults + missing, classes, stated)


def _labels(coco: Coco) -> list[str]:
    """Return the names of the categories that are classes, in the order of their ids."""
    used = {mask.category_id for mask in coco.annotations}
    groups = {category.supercategory for category in coco.categories}
    by_id = {category.id: category for category in reversed(coco.categories)}  # the first, where one is doubled
    labels = [
        category.name
        for category in sorted(by_id.values(), key=lambda category: category.id)
        if category.id in used or category.name not in groups
    ]
    return list({label.casefold(): label for label in reversed(labels)}.values())[::-1]


def _doubled(path: Path, categories: Sequence[Category]) -> list[str]:
    """Say which categories share an id or a name, as after merging two files: their annotations mean either."""
    faults = []
    by_id: dict[int, Category] = {}
    by_name: dict[str, Category] = {}
    for number, category in enumerate(categories):
        where = f"{path}: categories[{number}] (id {category.id}, {category.name})"
        if (first := by_id.setdefault(category.id, category)) is not category:
            faults.append(
                f"{where}: has the id of {first.name}; expected each id once. Number the categories of one file again, "
                "and its annotations with them."
            )
        elif (first := by_name.setdefault(category.name.casefold(), category)) is not category:
            faults.append(f"{where}: has the name of category {first.id}; expected each name once. Join them.")
    return faults


def _shapes(path: Path, coco: Coco, classes: ClassList) -> tuple[dict[int, list[Shape]], list[str]]:
    """Return the annotations that can be used by image id, and what is wrong with the others."""
    faults: list[str] = []
    names = {category.id: category.name for category in reversed(coco.categories)}
    image_ids = {image.id for image in coco.images}
    shapes: dict[int, list[Shape]] = defaultdict(list)
    earlier: dict[tuple[int, int, bytes], int] = {}
    ids: dict[int, int] = {}
    for number, mask in enumerate(coco.annotations):
        where = f"{path}: annotations[{number}] (id {mask.id})"
        class_id = classes.find(names.get(mask.category_id, ""))
        if ids.setdefault(mask.id, number) != number:
            faults.append(
                f"{where}: has the id of annotations[{ids[mask.id]}]; expected each once. Remove one of them."
            )
        if mask.image_id not in image_ids:
            faults.append(
                f"{where}: image_id is {mask.image_id}, which no image has. Add the image, or remove the mask."
            )
        elif class_id is None:
            found = f"category {mask.category_id} ({names.get(mask.category_id, 'not in categories')})"
            faults.append(f"{where}: {found} is no class; expected {', '.join(classes.names)}. Rename the category.")
        elif not mask.segmentation:
            faults.append(f"{where}: has no segmentation; expected polygons or run lengths. A box alone cannot teach.")
        elif isinstance(mask.segmentation, RunLengths) and coco_runs.is_empty(mask.segmentation.counts):
            faults.append(f"{where}: its run lengths cover no pixel; expected some. Remove it, or draw it again.")
        else:
            same = earlier.setdefault((mask.image_id, class_id, msgspec.json.encode(mask.segmentation)), number)
            if same != number:
                faults.append(f"{where}: is annotations[{same}] again. Remove one of them.")
            shapes[mask.image_id].append(Shape(where, class_id, mask.segmentation))
    return shapes, faults


def _entries(path: Path, images: Sequence[Image], shapes: dict[int, list[Shape]]) -> tuple[list[Entry], list[str]]:
    """Return the frames whose image files are there, in the order of their names, and what is wrong with the others."""
    entries: dict[str, Entry] = {}
    ids: dict[int, int] = {}
    faults = []
    for number, image in enumerate(images):
        where = f"{path}: images[{number}] (id {image.id})"
        places = [
            folder / image.file_name
            for folder in (path.parent, path.parent / "images", path.resolve().parent.parent / "images")
        ]
        file = next((place for place in places if place.is_file()), None)
        name = f"{path.stem}/{Path(image.file_name).with_suffix('').as_posix()}"
        if ids.setdefault(image.id, number) != number:
            faults.append(f"{where}: has the id of images[{ids[image.id]}]; expected each once. Remove one of them.")
        elif name in entries:
            faults.append(f"{where}: has the name of another image, {image.file_name}; expected each once. Remove one.")
        elif file is None:
            faults.append(f"{where}: {image.file_name} is not there; looked for {', '.join(map(str, places))}")
        else:
            entries[name] = Entry(name, file, tuple(shapes.get(image.id, ())), (image.height, image.width))
    return [entries[name] for name in sorted(entries)], faults
