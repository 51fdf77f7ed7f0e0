"""Frames, losses and recipes for tests of the pure stages: as short to write as what they prove."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from inspector.config.camera import CameraSection
from inspector.demand import Demand
from inspector.records.frame import Header
from inspector.records.recipe import DefectClass, Recipe
from inspector.records.stages import Batch, Detection, Findings, Frame, Inspected, Loss, Rejection, whole

HEIGHT, WIDTH = 10, 20
"""Rows and columns of every frame made here; its rows are 1 mm, so it covers 10 mm of strip."""


def recipe(*names: str, min_area_mm2: float = 0.0, min_confidence: float = 0.0, version: str = "1") -> Recipe:
    """Make a recipe of these classes."""
    return Recipe(
        name="test",
        version=version,
        created="2026-11-22",
        encoder="none",
        precision="fp32",
        sha256="0" * 64,
        height=HEIGHT,
        width=WIDTH,
        trained_on="nothing",
        classes=tuple(DefectClass(i, name, 0.5, min_area_mm2, min_confidence) for i, name in enumerate(names, 1)),
    )


RECIPE = recipe("dark", "bright")


def header(number: int = 0, camera: str = "top", boot: str = "b", **facts: Any) -> Header:
    """Make the header of a frame; `coil`, `start_mm` and the rest only where given."""
    size = {"v": 1, "captured_ns": number, "width": WIDTH, "height": HEIGHT, "encoding": "raw8", "crc32": 0}
    return Header(**{**size, "camera": camera, "boot": boot, "number": number, **facts})


def inspected(of: Header, *detections: Detection, by: Recipe = RECIPE) -> Inspected:
    """Make an inspected frame."""
    return Inspected(Frame(of, 0), detections, by)


def dropped(of: Header) -> Loss:
    """Make the loss of a good frame."""
    return Loss("dropped", "overload", of.camera, 1, of)


def rejected(reason: Rejection, camera: str = "top") -> Loss:
    """Make the loss of a bad frame, of which nothing is believed."""
    return Loss("rejected", reason, camera, 1)


def missing(count: int, camera: str = "top") -> Loss:
    """Make the loss of frames that never arrived."""
    return Loss("missing", "lost", camera, count)


def findings(*arrivals: Inspected | Loss, now_ns: int = 0, is_last: bool = False) -> Findings:
    """Make what analysis hands on."""
    return Findings(arrivals=arrivals, closed_ns=now_ns, is_last=is_last)


LAST = findings(is_last=True)
"""What the flow ends with."""


def batch(*arrivals: Frame | Loss, closed_ns: int = 0) -> Batch:
    """Make a batch, its pixels all zero."""
    frames = sum(isinstance(arrival, Frame) for arrival in arrivals)
    pixels = np.zeros((frames, HEIGHT, WIDTH), np.uint8)
    return Batch(arrivals, pixels, whole(pixels), closed_ns)


def camera(name: str = "top", **facts: Any) -> CameraSection:
    """Make a camera's section: a pixel is a square millimetre."""
    return CameraSection(**{"name": name, "mm_per_px": 1.0, "mm_per_row": 1.0, **facts})


def consumed(batches: Iterable[Batch], demand: Demand) -> Iterator[Batch]:
    """Yield batches as a line yields them whose engine has done with each at once."""
    for batch in batches:
        demand.take(batch.planes())
        demand.finish()
        yield batch
