"""Frames, losses and recipes for tests of the pure stages: as short to write as what is said about them."""

from __future__ import annotations

from typing import Any

import numpy as np

from inspector.records.frame import Header
from inspector.records.recipe import DefectClass, Recipe
from inspector.records.stages import Batch, Detection, Findings, Frame, Inspected, Loss

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


def dropped(of: Header, reason: str = "overload") -> Loss:
    """Make the loss of a frame that was taken off the socket."""
    return Loss("dropped" if reason == "overload" else "rejected", reason, of.camera, 1, of)


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
    return Batch(arrivals, np.zeros((frames, HEIGHT, WIDTH), np.uint8), closed_ns)
