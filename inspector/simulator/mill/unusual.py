"""Sound strip that looks like nothing around it: floor plate with ribs or with studs, and the strip's own end.

Drawn after real frames without a defect on which a network that had seen few of them found the most (LOG.md,
2026-11-28). Kinds take turns with the seed. Rows are as in `steel.py`, so that any window has the same bytes.
"""

import numpy as np
from numpy.typing import NDArray

from inspector.simulator.mill.steel import MillSteel
from inspector.simulator.noise import Floats, smooth_line

KINDS = ("ribs", "studs", "ends")


class UnusualSteel(MillSteel):
    """One coil of one of KINDS, the seed's remainder by their number."""

    def __init__(self, seed: int, width_px: int, rows: int) -> None:
        super().__init__(seed, width_px, rows)
        rng = np.random.default_rng([seed, 20])
        self.kind = KINDS[seed % len(KINDS)]
        self._strength_grey = np.float32(self.level_grey * rng.uniform(0.35, 1.1))
        self.cell_rows, self._cell_px = int(rng.integers(64, 190)), int(rng.integers(84, 220))
        self._slender = float(rng.uniform(0.16, 0.34))
        self._rib_px = float(rng.uniform(3.5, 8.0))
        self._lit_from = float(rng.choice((-1, 1)))
        self._period_rows = int(rng.integers(300, 900))
        self._strip_rows = round(self._period_rows * rng.uniform(0.35, 0.75))
        across = np.linspace(-0.5, 0.5, width_px, dtype=np.float32)
        lean = np.float32(rng.normal(0, 0.015) * width_px)
        self._end_row = lean * across + smooth_line(rng, width_px, width_px / 4) * np.float32(rng.uniform(0, 3))
        self._rim_rows, self._rim_grey = float(rng.uniform(8, 45)), float(rng.normal(0, 0.35) * self.level_grey)

    def surface(self, first_row: int, rows: int) -> Floats:
        """Return the (rows, width_px) deviation from `level_grey`, in grey levels, before lighting."""
        surface = super().surface(first_row, rows)
        at = np.arange(first_row, first_row + rows)
        if self.kind == "ribs":
            surface += self._strength_grey * self._ribs(at)
        elif self.kind == "studs":
            surface += self._strength_grey * self._studs(at)
        else:
            inside_rows = self._inside_rows(at)
            rim = np.clip(1 - inside_rows / np.float32(self._rim_rows), 0, 1)
            surface += np.float32(self._rim_grey) * np.ceil(rim)
            surface += self._strength_grey * np.exp(-(((inside_rows - 2) / 2) ** 2))
        return surface

    def edges_px(self, first_row: int, rows: int) -> tuple[Floats, Floats]:
        """Return the strip's left and right edge at each row, both (rows,), perhaps outside the picture.

        Where there is no strip the right one lies left of the left one.
        """
        left_px, right_px = self._sides_px(first_row, rows)
        if self.kind == "ends":
            inside_rows = self._inside_rows(np.arange(first_row, first_row + rows)).min(axis=1)
            right_px = np.where(inside_rows < 0, left_px - 1, right_px)
        return left_px, right_px

    def expose(self, surface: Floats, first_row: int) -> NDArray[np.uint8]:
        """Return the (rows, width_px) picture of a surface under this coil's light; `surface` is used up."""
        picture = super().expose(surface, first_row)
        if self.kind == "ends":
            at = np.arange(first_row, first_row + len(picture))
            beyond = self._inside_rows(at) < 0
            picture[beyond] = self._dark[at % len(self._dark)][beyond]
        return picture

    def _inside_rows(self, at: NDArray[np.int64]) -> Floats:
        """Return (rows, width_px) how many rows inside the strip a pixel lies; below 0 beyond its ends."""
        since = (at % self._period_rows).astype(np.float32)[:, None] - self._end_row
        since = np.mod(since, np.float32(self._period_rows))
        return np.asarray(np.minimum(since, np.float32(self._strip_rows) - since), np.float32)

    def _ribs(self, at: NDArray[np.int64]) -> Floats:
        """Return ridges that cross in diamonds: lit on one flank, a shadow along the other."""
        rows, px = self.cell_rows, self._cell_px
        down = (at % rows).astype(np.float32)[:, None] / np.float32(rows)
        across = np.arange(self.width_px, dtype=np.float32) / np.float32(px)
        apart_px = np.float32(1 / np.hypot(1 / rows, 1 / px))
        ribs = np.zeros((len(at), self.width_px), np.float32)
        for phase in (across + down, across - down):
            off_px = (phase - np.rint(phase)) * apart_px
            np.maximum(ribs, np.exp(-((off_px / np.float32(self._rib_px)) ** 4)), out=ribs)
            shadow_px = off_px * np.float32(self._lit_from) - np.float32(1.5 * self._rib_px)
            ribs -= np.float32(0.6) * np.exp(-((shadow_px / np.float32(0.5 * self._rib_px)) ** 2))
        return ribs

    def _studs(self, at: NDArray[np.int64]) -> Floats:
        """Return lens-shaped studs in rows, leaning one way and the other in turn: lit, with one dark flank."""
        rows, px = self.cell_rows, self._cell_px
        down = (at % (2 * rows)).astype(np.float32)[:, None] / np.float32(rows)
        row = np.rint(down)
        lean = np.where(row % 2 == 0, np.float32(1), np.float32(-1))
        across = np.arange(self.width_px, dtype=np.float32) / np.float32(px) + np.float32(0.25) * lean
        y, x = (down - row) * np.float32(rows), (across - np.rint(across)) * np.float32(px)
        half_px = np.float32(0.48 * min(rows, px))
        along = (x + lean * y) / np.float32(np.sqrt(2)) / half_px
        off = (lean * y - x) / np.float32(np.sqrt(2)) / (half_px * np.float32(self._slender))
        room = 1 - along * along
        stud = np.clip((room - np.abs(off)) * 6, 0, 1)
        flank = np.clip(1 - np.abs(np.abs(off) - room) * 4, 0, 1) * (off * np.float32(self._lit_from) > 0) * (room > 0)
        lit = 0.45 - 0.5 * off * np.float32(self._lit_from)
        return np.asarray(stud * lit - 0.9 * flank, np.float32)
