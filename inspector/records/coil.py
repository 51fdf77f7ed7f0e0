"""The parts of a coil's record: what was counted, where it was seen, and what the coil is good for.

Knows: sums, reasons. Must not know: how they came about.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

Verdict = Literal["release", "hold", "block"]
VERDICTS: tuple[Verdict, ...] = ("release", "hold", "block")
"""From the best to the worst."""
MOST_PIECES = 20
"""Coils, or pieces cut from them, that lie between two cameras of a line at most, and are kept apart by all rooms."""


def inspected_length_m(length_m: float, inspected_m: float, missed_m: float) -> float:
    """Length of a coil that counts as inspected: its cameras' share of metres that was, or all where none is known."""
    both_m = inspected_m + missed_m
    return length_m * inspected_m / both_m if both_m > 0 else length_m


def per_100_m(count: float, over_m: float) -> float | None:
    """How many on 100 metres; None where nothing was inspected, and nobody knows."""
    return round(100 * count / over_m, 3) if over_m > 0 else None


class ClassSums(msgspec.Struct, frozen=True, kw_only=True):
    """The defects of one class on a coil."""

    name: str
    """The class, by the recipe's name."""
    count: int
    """How many."""
    severities: dict[str, int]
    """How many of each severity: `minor`, `major`, `critical`."""
    area_mm2: float
    """Their area, square millimetres."""
    longest_mm: float
    """Length of the longest along the strip."""
    per_100_m: float
    """How many on 100 metres that were inspected; up to contract 1.3 on 100 metres of the coil's length."""


class WorstMetre(msgspec.Struct, frozen=True, kw_only=True):
    """The metre of strip that most defects touch; of several the one with the largest area in defects."""

    start_m: float
    """Where it begins, metres from the head."""
    count: int
    """Defects that touch it, on all sides."""
    area_mm2: float
    """Area of those defects, square millimetres."""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """What one camera saw of the coil."""

    camera: str
    """The camera, as named in the configuration."""
    side: str
    """Side of the strip: `top` or `bottom`."""
    left_mm: float
    """Left edge of what it sees, millimetres across."""
    right_mm: float
    """Right edge of what it sees."""
    missed_m: float
    """Strip that it missed, metres; a stretch that was reported twice counts once."""


class DoubtSums(msgspec.Struct, frozen=True, kw_only=True):
    """What of the coil was inspected under one camera and not surely seen, as its camera or the recipe had a fault."""

    camera: str
    """The camera, as named in the configuration."""
    faults: tuple[str, ...]
    """All that stood, in the words of the `doubtful` events."""
    start_m: float
    """Where the first of it begins, metres from the head."""
    end_m: float
    """Where the last of it ends."""
    doubtful_m: float
    """How much it is, metres."""


class RepeatSums(msgspec.Struct, frozen=True, kw_only=True):
    """Prints of one mark on the coil, as last reported."""

    id: str
    """As in the `repeat` events."""
    name: str
    """Class of the defects."""
    side: str
    """Side of the strip."""
    across_mm: float
    """Where across the strip, millimetres."""
    period_mm: float
    """Distance from mark to mark, millimetres."""
    marks: int
    """Marks on this coil."""
    rolls: tuple[str, ...]
    """Rolls that explain the distance, the likeliest first."""


class Grade(msgspec.Struct, frozen=True, kw_only=True):
    """What the coil is by one set of rules."""

    rules: str
    """Name of the rules."""
    version: str
    """Their version."""
    grade: Annotated[str, Meta(examples=list(VERDICTS))]
    """The grade."""
    reasons: tuple[str, ...]
    """Why it is not released; empty where it is. For people."""
    graded: int
    """Defects within the graded strip."""
    left_out: int
    """Defects that lie in a dead zone altogether: recorded, not graded."""
    missed_m: float
    """Graded strip that was missed, metres, summed over the cameras."""
    doubtful_m: float = 0.0
    """Graded strip that was inspected and not surely seen, metres, summed over the cameras (since 1.5)."""


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """A person's decision, as it stands in a coil's record next to the machine's grades."""

    grade: str
    """What was decided: `release`, `hold`, `block`."""
    operator: str
    """Who decided."""
    reason: str
    """Why."""
    time: str
    """When it was recorded, RFC 3339 in UTC."""
