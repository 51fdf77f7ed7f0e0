"""How densely the marks of one class are strewn, and how large they are: what chance is measured by. Stateful.

Laws: memory is bounded: counts by cells of the strip within the window, and the sizes of the newest marks. A cluster, a
dirty stretch or a dirty edge is as dense as it is there, not as on the mean of the strip.

Knows: positions and sizes of one class on one side. Must not know: periods, rolls.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import Floats

ROWS, BANDS = 64, 80
"""Cells along and across."""
BAND_MM = 32.0
"""Width of a cell: hardly a strip is wider than 80 of them, and what lies beyond counts as the last."""
ABOUT = 2
"""Cells to either side of a mark that tell how dirty its place is."""
SAMPLE = 256
"""Marks whose sizes are kept."""
WIDTH = 0.2
"""Of the kernel by which sizes are counted as usual: no finer than prints of one mark vary (`chances.ALIKE`)."""
LEAST, UNSEEN = 0.004, 30.0
"""Marks, one of which may well have been a piece of a torn scratch, before the first was seen."""
MEMORY = 20_000.0
LOG_PEAK = -math.log(2 * math.pi * WIDTH**2)


class Dirt(msgspec.Struct, frozen=True):
    """What is known of a class after a restart."""

    side: str
    name: str
    first_mm: float
    last_mm: float
    bands: dict[int, int]
    lanes: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Marks looked at for close ones in their lane, those that had one, and how many of them chance expects."""
    """Number of marks within the window, by cell across."""


class About(msgspec.Struct, frozen=True, gc=False):
    """What lies about the place of a chain: on the whole strip, and within two cells across."""

    newest: int
    cell_mm: float
    line_mm: float
    last_mm: float
    strip: list[int]
    near: list[int]
    """Marks as far back as each row."""
    wide_mm: tuple[float, float]

    def density(self, span_mm: float, others: int) -> float:
        """Marks on a square millimetre as far back as a chain reaches, less `others`: of the dirtier of both."""
        row = math.floor((self.line_mm - span_mm) / self.cell_mm)
        at = min(max(self.newest - row, 0), ROWS - 1)
        strip, near = (self.strip[at] - others) / self.wide_mm[0], (self.near[at] - others) / self.wide_mm[1]
        return max(strip, near) / (self.last_mm - row * self.cell_mm)


class Strewn:
    """Marks of one class on one side."""

    def __init__(self, window_mm: float, width_mm: float) -> None:
        self._cell_mm = window_mm / ROWS
        self._window_mm, self._width_mm = window_mm, width_mm
        self._cells: NDArray[np.int32] = np.zeros((ROWS, BANDS), np.int32)
        self._bands = [0] * BANDS
        """Marks within the window, by cell across."""
        self._newest = -(2**62)
        """Number of the newest row."""
        self._oldest = 2**62
        """Number of the first row ever."""
        self._lowest, self._highest = BANDS, -1
        """Cells across where marks have lain."""
        self._sizes: Floats = np.zeros((SAMPLE, 2))
        self._looked = self._close = self._expected = 0.0
        self.total = self._sized = 0
        """Marks within the window; marks whose sizes are known."""

    def add(self, line_mm: float, across_mm: float, sizes: tuple[float, float] | None) -> None:
        """Count a mark."""
        row, band = math.floor(line_mm / self._cell_mm), _band(across_mm)
        if sizes is not None:
            self._sizes[self._sized % SAMPLE] = sizes
            self._sized += 1
        self._oldest = min(self._oldest, row)
        if row > self._newest:
            self._reach(row)
        elif row <= self._newest - ROWS:
            return
        if band < self._lowest or band > self._highest:
            self._lowest, self._highest = min(band, self._lowest), max(band, self._highest)
        self._cells[row % ROWS, band] += 1
        self._bands[band] += 1
        self.total += 1

    def look(self, is_close: bool, expected: float) -> None:
        """Note whether another mark lies closer in the lane than any roll prints, and how many chance has there."""
        self._looked += 1
        self._close += is_close
        self._expected += expected
        if self._looked > MEMORY:
            self._looked, self._close, self._expected = self._looked / 2, self._close / 2, self._expected / 2

    @property
    def torn(self) -> float:
        """Share of marks that are pieces of torn scratches: half of such pieces lie close to the next one."""
        more = self._close - self._expected - math.sqrt(self._expected)
        return min(1.0, (LEAST + 2 * max(0.0, more)) / (UNSEEN + self._looked))

    def least(self, across_mm: float, others: int) -> float:
        """Marks on a square millimetre of all that was seen of the window, less `others`; one of the window at least.

        Of the whole strip, or of the cells about a place across where these are dirtier.
        """
        first, end = self._about(across_mm, ABOUT // 2)
        near = (sum(self._bands[first:end]) - others) / ((end - first) * BAND_MM)
        seen_mm = min(self._newest + 1 - self._oldest, ROWS) * self._cell_mm
        wide_mm = self._wide_mm
        return max(1 / (wide_mm * self._window_mm), (self.total - others) / (wide_mm * seen_mm), near / seen_mm)

    def least_while(self, added_mm: Floats, across_mm: Floats, others: int) -> tuple[Floats, int]:
        """Return what `least` is at the least at some places, while marks are added one after the other: (M,).

        And what `total` is at the least. `added_mm` (A, 2): where these lie along and across.
        """
        bands = np.clip(np.floor(across_mm / BAND_MM), 0, BANDS - 1).astype(np.intp)
        (first_mm, left_mm), (last_mm, right_mm) = added_mm.min(axis=0).tolist(), added_mm.max(axis=0).tolist()
        low, high = min(self._lowest, _band(left_mm)), max(self._highest, _band(right_mm))
        oldest, newest = (math.floor(end_mm / self._cell_mm) for end_mm in (first_mm, last_mm))
        oldest, newest = min(self._oldest, oldest), max(self._newest, newest)
        counts = np.array(self._bands)
        if newest > self._newest:
            over = min(newest - self._newest, ROWS)
            gone = (self._newest + 1 + np.arange(over)) % ROWS
            counts = counts - self._cells[gone].sum(axis=0)
        sums = np.concatenate(([0], counts.cumsum()))
        first, end = np.maximum(bands - ABOUT // 2, low), np.minimum(bands + ABOUT // 2, high) + 1
        seen_mm = min(newest + 1 - oldest, ROWS) * self._cell_mm
        wide_mm = max(self._width_mm, (high + 1 - low) * BAND_MM)
        near = (sums[end] - sums[first] - others) / ((end - first) * BAND_MM * seen_mm)
        least = max(1 / (wide_mm * self._window_mm), (float(sums[-1]) - others) / (wide_mm * seen_mm))
        return np.maximum(near, least), int(sums[-1])

    def about(self, line_mm: float, across_mm: float) -> About:
        """Count the marks about a chain whose newest mark lies there."""
        first, end = self._about(across_mm, ABOUT)
        cells = self._cells[np.arange(self._newest, self._newest - ROWS, -1) % ROWS]
        strip, near = np.cumsum(cells.sum(axis=1)), np.cumsum(cells[:, first:end].sum(axis=1))
        wide_mm = self._wide_mm, (end - first) * BAND_MM
        last_mm = max(line_mm, self._newest * self._cell_mm)
        return About(self._newest, self._cell_mm, line_mm, last_mm, strip.tolist(), near.tolist(), wide_mm)

    def log_rarest(self, more: int = 0) -> float:
        """Log density of the least usual sizes, as `log_usual` has it after some more marks."""
        return LOG_PEAK - math.log1p(min(self._sized + more, SAMPLE))

    def log_usual(self, sizes: Floats) -> Floats:
        """Log density of each of some sizes among those of the class, these included; (..., 2) to (...)."""
        known = self._sizes[: min(self._sized, SAMPLE)]
        away = (sizes[..., None, :] - known) / WIDTH
        kernels = np.exp(-0.5 * (away**2).sum(axis=-1)).sum(axis=-1)
        usual: Floats = np.log((1.0 + kernels) / (1.0 + len(known))) + LOG_PEAK
        return usual

    def kept(self, side: str, name: str) -> Dirt:
        """Return what `resume` goes on with."""
        counts = self._cells.sum(axis=0)
        bands = {int(band): int(counts[band]) for band in np.flatnonzero(counts)}
        last_mm = (self._newest + 1) * self._cell_mm
        rows = [age for age in range(ROWS) if self._cells[(self._newest - age) % ROWS].any()]
        return Dirt(
            side,
            name,
            last_mm - (max(rows, default=0) + 1) * self._cell_mm,
            last_mm,
            bands,
            (self._looked, self._close, self._expected),
        )

    def resume(self, kept: Dirt) -> None:
        """Go on with what another one knew; its marks lie evenly along."""
        last = round(kept.last_mm / self._cell_mm) - 1
        rows = min(max(1, round((kept.last_mm - kept.first_mm) / self._cell_mm)), ROWS)
        self._oldest = last + 1 - rows
        self._reach(last)
        for band, count in kept.bands.items():
            each, rest = divmod(count, rows)
            for age in range(rows):
                self._cells[(last - age) % ROWS, band] += each + (age < rest)
            self._bands[band] += count
            self.total += count
        self._looked, self._close, self._expected = kept.lanes
        if kept.bands:
            self._lowest, self._highest = min(kept.bands), max(kept.bands)

    def _about(self, across_mm: float, cells: int) -> tuple[int, int]:
        """Cells about a place across where marks have lain: the first, and the one behind the last."""
        band = _band(across_mm)
        return max(band - cells, self._lowest), min(band + cells, self._highest) + 1

    @property
    def _wide_mm(self) -> float:
        return max(self._width_mm, (self._highest + 1 - self._lowest) * BAND_MM)

    def _reach(self, row: int) -> None:
        """Go on to a row; those before the window are forgotten."""
        if row - self._newest >= ROWS:
            self._cells[:] = 0
            self._bands = [0] * BANDS
            self.total = 0
        else:
            for number in range(self._newest + 1, row + 1):
                gone = self._cells[number % ROWS]
                for band in np.flatnonzero(gone).tolist():
                    self._bands[band] -= int(gone[band])
                self.total -= int(gone.sum())
                gone[:] = 0
        self._newest = row


def _band(across_mm: float) -> int:
    return min(max(math.floor(across_mm / BAND_MM), 0), BANDS - 1)
