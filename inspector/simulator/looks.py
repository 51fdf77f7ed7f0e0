"""How procedural steel may look, by name: what `Sheet` is made of.

`plain` is what the shipped recipes were taught on; `mill` was fitted to real frames of hot-rolled strip, pixels and
masks (`python -m tests.bench.realism`); `unusual` is the mill's on floor plate, and with the strip's own ends. All are
bit-exact for each seed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.simulator.mill.defects import paint_cracks, paint_pits, paint_scale, paint_scratches
from inspector.simulator.mill.lookalikes import paint_film, paint_run, paint_specks, paint_spill, paint_splash
from inspector.simulator.mill.steel import MillSteel
from inspector.simulator.mill.unusual import UnusualSteel
from inspector.simulator.noise import Floats
from inspector.simulator.placement import DEFECTS, LOOKALIKES, ObjectKind
from inspector.simulator.texture import Steel


class Surface(Protocol):
    """One coil's sound strip; any window of its rows has the same bytes."""

    width_px: int
    contrast_grey: float

    def surface(self, first_row: int, rows: int) -> Floats:
        """Return the (rows, width_px) deviation from the mean, in grey levels, before lighting."""

    def edges_px(self, first_row: int, rows: int) -> tuple[Floats, Floats]:
        """Return the strip's left and right edge at each row, both (rows,), perhaps outside the picture."""

    def expose(self, surface: Floats, first_row: int) -> NDArray[np.uint8]:
        """Return the (rows, width_px) picture of a surface; `surface` is used up."""


class Look(msgspec.Struct, frozen=True):
    """One look."""

    steel: Callable[[int, int, int], Surface]
    """Draws the strip from a seed, a width (px) and the rows of an exposure."""
    defects: Sequence[ObjectKind]
    """In the order of the class ids 1..4."""
    lookalikes: Sequence[ObjectKind]


MILL_DEFECTS = (
    ObjectKind(paint_pits, 0.13, (40, 180), (26, 64), is_slender=True, mates=3.5),
    ObjectKind(paint_cracks, 0.07, (90, 480), (14, 42), is_slender=True, mates=0.6, at_edges=0.6),
    ObjectKind(paint_scratches, 0.67, (46, 1000), (20, 260), is_slender=True, mates=2.0),
    ObjectKind(paint_scale, 0.13, (52, 340), (60, 440), is_slender=True, mates=1.8),
)
MILL_LOOKALIKES = (
    ObjectKind(paint_splash, 0.10, (60, 280), (50, 300)),
    ObjectKind(paint_spill, 0.20, (60, 400), (60, 400)),
    ObjectKind(paint_run, 0.18, (200, 2000), (24, 60)),
    ObjectKind(paint_film, 0.27, (80, 900), (24, 160), is_slender=True, mates=1.0),
    ObjectKind(paint_specks, 0.25, (40, 200), (40, 200)),
)
PLAIN, MILL, UNUSUAL = "plain", "mill", "unusual"
LOOKS = {
    PLAIN: Look(lambda seed, width_px, rows: Steel(seed, width_px), DEFECTS, LOOKALIKES),
    MILL: Look(MillSteel, MILL_DEFECTS, MILL_LOOKALIKES),
    UNUSUAL: Look(UnusualSteel, MILL_DEFECTS, MILL_LOOKALIKES),
}
