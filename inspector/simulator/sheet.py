"""An endless coil of procedural steel with its ground truth, to train on, to test and load the system with.

Knows pictures and millimetres, nothing of cameras, clocks or the inspector. Everything follows from the seed
and the row, so that any window of the coil can be had in any order and any process, with the same bytes.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.records.extent import Extent
from inspector.simulator.defects import Patch
from inspector.simulator.looks import LOOKS, PLAIN
from inspector.simulator.noise import Floats
from inspector.simulator.placement import BLOCK_ROWS, REACH_BLOCKS, Placement, Spot
from inspector.simulator.rolls import CLASS_ID, PRINT_PX, RollMark, paint_print

CLASSES = ("pitted", "crack", "scratch", "patch")  # class ids 1..4, in Severstal's order

WIDTH_PX, ROWS, MM_PER_PX = 1600, 256, 0.625
"""A frame's size, as Severstal's, and a pixel's, along and across: a strip of one metre."""

MOST_PER_M = 100
"""Defects or look-alikes, a metre of travel, that a coil may have."""

_NUMBERS_PER_BLOCK = 10_000
_FIRST_PRINT = 5000
"""Numbers of prints within a block begin here, behind those of its defects."""


class Planted(Extent, frozen=True):
    """One defect of the coil, measured on its exact mask.

    `number` increases along the coil, with gaps.
    """

    number: int
    class_id: int


class Rendered(msgspec.Struct, frozen=True):
    """A window of the coil: `pixels` and `labels`, both (rows, width_px) uint8; 0 is sound, else 1..4."""

    pixels: NDArray[np.uint8]
    labels: NDArray[np.uint8]


class Sheet:
    """One coil, drawn from its seed; other seeds are other steel under other light. For one thread at a time.

    It pickles as its arguments, and is built again on the other side. `defects_per_m` and `lookalikes_per_m`
    are what is drawn per metre of travel; a few per cent of the defects find no room and are left out, and a quarter
    of the mill's, which come in groups. Of `marks` every print is there that lies wholly on the strip; all else makes
    room. `look` is one of `looks.LOOKS`.

    Raises:
        ValueError: a size is not positive, a density is negative, or the seed is; no such look.
    """

    def __init__(
        self,
        seed: int,
        *,
        width_px: int = WIDTH_PX,
        rows: int = ROWS,
        mm_per_px: float = MM_PER_PX,
        mm_per_row: float = MM_PER_PX,
        defects_per_m: float = 1.5,
        lookalikes_per_m: float = 2.0,
        marks: Sequence[RollMark] = (),
        look: str = PLAIN,
    ) -> None:
        sizes = {"width_px": width_px, "rows": rows, "mm_per_px": mm_per_px, "mm_per_row": mm_per_row}
        _check(seed, sizes, {"defects_per_m": defects_per_m, "lookalikes_per_m": lookalikes_per_m})
        if look not in LOOKS:
            raise ValueError(f"look is {look}; expected {' or '.join(LOOKS)}. Leave it out for {PLAIN}")
        self.seed = seed
        self.width_px = width_px
        self.rows = rows
        self.mm_per_px = mm_per_px
        self.mm_per_row = mm_per_row
        self.defects_per_m = defects_per_m
        self.lookalikes_per_m = lookalikes_per_m
        self.marks = tuple(marks)
        self.look = look
        self._kinds = LOOKS[look]
        self._steel = self._kinds.steel(seed, width_px, rows)
        block_m = BLOCK_ROWS * mm_per_row / 1000
        free = {"is_taken": self._is_printed} if marks else {}
        self._defects = Placement(
            (seed, 6), self._kinds.defects, defects_per_m * block_m, self._steel, apart=True, **free
        )
        self._lookalikes = Placement(
            (seed, 7), self._kinds.lookalikes, lookalikes_per_m * block_m, self._steel, apart=False, **free
        )
        self._print = paint_print(self._steel.contrast_grey)
        self._defect_patch = lru_cache(maxsize=48)(self._paint_defect)
        self._lookalike_patch = lru_cache(maxsize=48)(self._paint_lookalike)

    def frame(self, index: int) -> Rendered:
        """Return frame `index` of the coil, its rows [index * rows, (index + 1) * rows)."""
        return self.strip(index * self.rows, self.rows)

    def strip(self, first_row: int, rows: int) -> Rendered:
        """Return any window of whole rows of the coil, the same bytes as the frames show.

        Raises:
            ValueError: the window starts before the coil or is empty.
        """
        if first_row < 0 or rows < 1:
            raise ValueError(
                f"window starts at row {first_row} and has {rows} rows; expected a start >= 0 and rows >= 1. "
                "Count frames and rows from the head of the coil, which is 0"
            )
        surface = self._steel.surface(first_row, rows)
        labels = np.zeros(surface.shape, np.uint8)
        for spot in self._lookalikes.reaching(first_row, rows):
            _apply(self._lookalike_patch(spot), spot, surface, first_row)
        prints = [(self._print, spot) for spot in self._prints(first_row - PRINT_PX, first_row + rows)]
        drawn = [(self._defect_patch(spot), spot) for spot in self._defects.reaching(first_row, rows)]
        for patch, spot in drawn + prints:
            _apply(patch, spot, surface, first_row)
            _label(patch, spot, labels, first_row)
        return Rendered(pixels=self._steel.expose(surface, first_row), labels=labels)

    def planted(self, start_mm: float, end_mm: float) -> tuple[Planted, ...]:
        """Return the defects whose extent along the travel meets [start_mm, end_mm), by increasing number."""
        if end_mm <= max(start_mm, 0.0):
            return ()
        first_block = max(0, int(start_mm / self.mm_per_row) // BLOCK_ROWS - REACH_BLOCKS)
        last_block = int(end_mm / self.mm_per_row) // BLOCK_ROWS
        defects = [
            self._measure(block * _NUMBERS_PER_BLOCK + order, spot, self._defect_patch(spot))
            for block in range(first_block, last_block + 1)
            for order, spot in enumerate(self._defects.block(block))
        ]
        if self.marks:
            reach = first_block * BLOCK_ROWS, (last_block + 1) * BLOCK_ROWS
            defects += [self._measure(self._number(spot), spot, self._print) for spot in self._prints(*reach)]
            defects.sort(key=lambda defect: defect.number)
        return tuple(defect for defect in defects if defect.start_mm < end_mm and defect.end_mm > start_mm)

    def is_print(self, defect: Planted) -> bool:
        """Whether a planted defect is the print of a roll."""
        return defect.number % _NUMBERS_PER_BLOCK >= _FIRST_PRINT

    def __reduce__(self) -> tuple[Callable[..., "Sheet"], tuple[object, ...]]:
        arguments = partial(
            Sheet,
            width_px=self.width_px,
            rows=self.rows,
            mm_per_px=self.mm_per_px,
            mm_per_row=self.mm_per_row,
            defects_per_m=self.defects_per_m,
            lookalikes_per_m=self.lookalikes_per_m,
            marks=self.marks,
            look=self.look,
        )
        return arguments, (self.seed,)

    def _prints(self, first_row: int, last_row: int) -> list[Spot]:
        """Spots of the prints that begin in [first_row, last_row) and lie wholly on the strip."""
        rows, px = self._print.delta.shape
        found = []
        for order, mark in enumerate(self.marks):
            left_px = round(mark.across_mm / self.mm_per_px - px / 2)
            for start_mm in mark.starts_mm((first_row - 1) * self.mm_per_row, (last_row + 1) * self.mm_per_row):
                top_row = round(start_mm / self.mm_per_row)
                spot = Spot((self.seed, 8, order, top_row), CLASS_ID - 1, top_row, left_px, rows, px)
                if first_row <= top_row < last_row and top_row >= 0 and self._is_on_strip(spot):
                    found.append(spot)
        return sorted(found, key=lambda spot: (spot.top_row, spot.left_px))

    def _is_on_strip(self, spot: Spot) -> bool:
        left_px, right_px = self._steel.edges_px(spot.top_row, spot.rows)
        left, right = float(left_px.max()), min(float(right_px.min()), self.width_px)
        return left < spot.left_px and spot.left_px + spot.px < right

    def _is_printed(self, spot: Spot) -> bool:
        return any(map(spot.touches, self._prints(spot.top_row - 2 * PRINT_PX, spot.top_row + spot.rows + PRINT_PX)))

    def _number(self, printed: Spot) -> int:
        return (
            printed.top_row // BLOCK_ROWS * _NUMBERS_PER_BLOCK
            + _FIRST_PRINT
            + printed.top_row % BLOCK_ROWS
            + printed.key[2] * BLOCK_ROWS
        )

    def _measure(self, number: int, spot: Spot, patch: Patch) -> Planted:
        mask = patch.mask
        assert mask is not None
        return Planted(
            number=number,
            class_id=spot.kind + 1,
            start_mm=spot.top_row * self.mm_per_row,
            end_mm=(spot.top_row + mask.shape[0]) * self.mm_per_row,
            left_mm=spot.left_px * self.mm_per_px,
            right_mm=(spot.left_px + mask.shape[1]) * self.mm_per_px,
            area_mm2=int(mask.sum()) * self.mm_per_px * self.mm_per_row,
        )

    def _paint_defect(self, spot: Spot) -> Patch:
        paint = self._kinds.defects[spot.kind].paint
        return paint(np.random.default_rng([*spot.key, 1]), spot.rows, spot.px, self._steel.contrast_grey)

    def _paint_lookalike(self, spot: Spot) -> Patch:
        paint = self._kinds.lookalikes[spot.kind].paint
        return paint(np.random.default_rng([*spot.key, 1]), spot.rows, spot.px, self._steel.contrast_grey)


def _apply(patch: Patch, spot: Spot, surface: Floats, first_row: int) -> None:
    """Change the part of a surface, whose first row is the coil's `first_row`, that a patch lies on."""
    inside, shown = _overlap(patch, spot, first_row, len(surface))
    surface[inside] *= patch.keep[shown]
    surface[inside] += patch.delta[shown]


def _label(patch: Patch, spot: Spot, labels: NDArray[np.uint8], first_row: int) -> None:
    assert patch.mask is not None
    inside, shown = _overlap(patch, spot, first_row, len(labels))
    labels[inside][patch.mask[shown]] = spot.kind + 1


def _overlap(patch: Patch, spot: Spot, first_row: int, rows: int) -> tuple[tuple[slice, slice], slice]:
    """Return where a patch lies in a window of `rows` rows, and which of the patch's own rows show there."""
    patch_rows, patch_px = patch.delta.shape
    top_row = spot.top_row - first_row
    start_row, stop_row = max(0, top_row), min(rows, top_row + patch_rows)
    stop_row = max(start_row, stop_row)
    inside = (slice(start_row, stop_row), slice(spot.left_px, spot.left_px + patch_px))
    return inside, slice(start_row - top_row, stop_row - top_row)


def _check(seed: int, sizes: dict[str, float], densities: dict[str, float]) -> None:
    if seed < 0:
        raise ValueError(f"seed is {seed}; expected an integer >= 0. Any one makes a coil")
    for name, size in sizes.items():
        if not size > 0:
            raise ValueError(f"{name} is {size}; expected more than 0. Leave it out for the usual value")
    for name, density in densities.items():
        if not 0 <= density <= MOST_PER_M:
            raise ValueError(f"{name} is {density}; expected 0..{MOST_PER_M} per metre of travel. Try 1.5")
