"""A taught screen as a recipe folder: its graph in INT8, and what it is.

Knows the recipe's layout. Must not know how the screen was taught.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from inspector.records.recipe import DefectClass, Recipe
from trainer.data.samples import Plane
from trainer.recipe.export import write_recipe
from trainer.recipe.quantize import quantise
from trainer.screen.graph import write_screen
from trainer.screen.network import ScreenNet

CLASS = DefectClass(1, "defect", 0.5, min_area_mm2=0.0)
"""The one class of a screen; its maps, as coarse as its cells, are for people to look at."""


@dataclass(frozen=True, slots=True)
class ScreenOptions:
    """What the person who makes a screen decides."""

    name: str
    version: str
    created: str
    """Date, ISO 8601."""
    trained_on: str
    height_px: int
    width_px: int
    mm_per_px: float = 0.0


def export_screen(screen: ScreenNet, usual: Iterable[Plane], folder: Path, asked: ScreenOptions) -> Recipe:
    """Write a screen as a recipe whose ranges for INT8 are those of the `usual` frames (H, W) uint8.

    Raises:
        UserError: no frames, or something that is not allowed in a recipe.
    """
    with tempfile.TemporaryDirectory() as temporary:
        path = Path(temporary) / "model.onnx"
        write_screen(screen, asked.height_px, asked.width_px, path)
        quantise(path, usual, 1, path)
        model = path.read_bytes()
    fields = {
        "name": asked.name,
        "version": asked.version,
        "created": asked.created,
        "encoder": "screen",
        "precision": "int8",
        "sha256": hashlib.sha256(model).hexdigest(),
        "height": asked.height_px,
        "width": asked.width_px,
        "mm_per_px": asked.mm_per_px,
        "trained_on": asked.trained_on,
        "confidence": "log_odds",
        "class": [{"id": CLASS.id, "name": CLASS.name, "threshold": CLASS.threshold, "min_area_mm2": 0.0}],
    }
    return write_recipe(folder, model, fields)
