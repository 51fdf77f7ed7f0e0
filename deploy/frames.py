"""The frames that an engine is proven on: procedural steel, or a folder of images with or without masks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from deploy.compare import ComparedFrame
from inspector.errors import ImageError, InspectorError
from inspector.images.reader import decode_labels, read
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe
from inspector.simulator.folder import ImageFolder
from inspector.simulator.sheet import CLASSES, Sheet

SEED, DEFECTS_PER_M = 990, 4.0
"""A coil that no training and no tuning has seen, rich in defects."""


def steel(recipe: Recipe, count: int) -> Iterator[ComparedFrame]:
    """Yield frames of procedural steel of the recipe's size; with truth if its classes are those of that steel."""
    sheet = Sheet(SEED, width_px=recipe.width, rows=recipe.height, defects_per_m=DEFECTS_PER_M)
    known = tuple(kind.name for kind in recipe.classes) == CLASSES
    for index in range(count):
        drawn = sheet.frame(index)
        yield ComparedFrame(drawn.pixels, drawn.labels if known else None)


def images(recipe: Recipe, folder: Path, masks: Path | None, count: int | None) -> Iterator[ComparedFrame]:
    """Yield the images of a folder, all or the first `count`, each with its mask where `masks` is given.

    A mask is a PNG of its image's name whose grey values are class ids, 0 = sound.

    Raises: InspectorError for a folder without images; on reading, for an image or mask that does not fit.
    """
    pictures = ImageFolder(folder, recipe.width, recipe.height, recipe.window)
    return (
        ComparedFrame(pictures(index), _mask(masks / f"{pictures.path(index).stem}.png", recipe) if masks else None)
        for index in range(min(len(pictures), count or len(pictures)))
    )


def _mask(path: Path, recipe: Recipe) -> Bytes2D:
    try:
        labels = decode_labels(read(path)).pixels
    except ImageError as error:
        raise InspectorError(
            f"{path}: {error}; expected a mask for each image, the grey values class ids, all 0 if sound"
        ) from None
    if labels.shape != (recipe.height, recipe.width) or labels.max() > len(recipe.classes):
        raise InspectorError(
            f"{path}: is {labels.shape[1]} x {labels.shape[0]} px with values up to {labels.max()}; expected "
            f"{recipe.width} x {recipe.height} and class ids 0..{len(recipe.classes)}. Draw it for recipe {recipe}."
        )
    return labels
