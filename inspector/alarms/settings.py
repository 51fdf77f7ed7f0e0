"""The sections of alarms: an `[[alarm]]` for each rule, and `[flood]`."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.config.reader import Section, key
from inspector.config.severity import Severity
from inspector.records.coil import VERDICTS, Verdict
from inspector.records.events import NE107, Priority
from inspector.records.names import Name

Kind = Literal["defects", "area", "density", "repeat", "missed", "crowded", "grade", "health"]
Status = Literal["maintenance_required", "out_of_specification", "check_function", "failure"]

GRADES = VERDICTS
"""Ascending."""
STATUSES: tuple[str, ...] = NE107[::-1]
"""Of NAMUR NE 107, ascending by how little the device can be relied on."""

OF_DEFECTS: tuple[Kind, ...] = ("defects", "area", "density")
WITHIN: tuple[Kind, ...] = (*OF_DEFECTS, "missed", "crowded")
"""Kinds that look at the last `within_m` metres."""
KEYS: dict[str, tuple[Kind, ...]] = {
    "classes": (*OF_DEFECTS, "repeat", "crowded"),
    "min_severity": OF_DEFECTS,
    "min_area_mm2": OF_DEFECTS,
    "min_length_mm": OF_DEFECTS,
    "min_width_mm": OF_DEFECTS,
    "count": ("defects", "crowded"),
    "area_mm2": ("area",),
    "per_m": ("density",),
    "marks": ("repeat",),
    "rolls": ("repeat",),
    "missed_m": ("missed",),
    "grade": ("grade",),
    "status": ("health",),
    "within_m": WITHIN,
    "deadband": (*WITHIN, "repeat"),
}
"""Kinds of rules that a key means something to; keys that are not here mean the same to all."""
LIMITS: dict[Kind, str] = {
    "defects": "count",
    "area": "area_mm2",
    "density": "per_m",
    "repeat": "marks",
    "missed": "missed_m",
    "crowded": "count",
    "grade": "grade",
    "health": "status",
}
"""The key that holds the limit."""


class AlarmSection(Section, frozen=True, omit_defaults=True):
    """One alarm: what it measures, the limit that raises it, and how it is handled."""

    name: Annotated[Name, key("Names the topic `alarm.<name>` and what operators read.")]
    kind: Annotated[
        Kind,
        key(
            "What it measures: the number of `defects` in a window along the strip, their `area`, their `density`; "
            "marks of a `repeat`; metres `missed`; `crowded` frames; the coil's `grade`; the `health` of a camera or "
            "of the inspector."
        ),
    ] = "defects"
    classes: Annotated[
        tuple[Name, ...],
        key(
            "Only these classes, by the recipe's names; all without the key.", 'Write classes = ["NAME"].', min_length=1
        ),
    ] = ()
    min_severity: Annotated[Severity, key("Only defects at least so severe, by the [[severity]] rules.")] = "minor"
    min_area_mm2: Annotated[float, key("Only defects at least this large.", ge=0, le=1_000_000)] = 0.0
    min_length_mm: Annotated[float, key("Only defects at least this long along the strip.", ge=0, le=1_000_000)] = 0.0
    min_width_mm: Annotated[float, key("Only defects at least this wide across the strip.", ge=0, le=1_000_000)] = 0.0
    count: Annotated[int, key("How many such defects it takes, or crowded frames.", ge=1, le=100_000)] = 1
    area_mm2: Annotated[
        float, key("How much area such defects must have together.", "Write area_mm2 = 500.", gt=0, le=1e9)
    ] = 100.0
    per_m: Annotated[float, key("How many such defects a metre of strip it takes.", gt=0, le=100_000)] = 1.0
    marks: Annotated[int, key("How many marks a repeat must have.", ge=1, le=100_000)] = 3
    rolls: Annotated[
        tuple[Name, ...],
        key("Only repeats that one of these rolls explains.", 'Write rolls = ["NAME"].', min_length=1),
    ] = ()
    missed_m: Annotated[
        float, key("How many metres of strip were not inspected, all cameras together.", gt=0, le=1_000_000)
    ] = 1.0
    grade: Annotated[Verdict, key("The coil's grade, or worse.")] = "hold"
    status: Annotated[Status, key("The status after NAMUR NE 107, or worse.")] = "maintenance_required"
    within_m: Annotated[
        float,
        key("... within this many metres of strip.", "10 asks about the last ten metres.", gt=0, le=100_000),
    ] = 10.0
    deadband: Annotated[
        float,
        key(
            "It returns to normal only this far below the limit, in the limit's unit.",
            "count = 5 with deadband = 2 returns below 3.",
            ge=0,
            le=1e9,
        ),
    ] = 0.0
    on_delay_ms: Annotated[
        int, key("The condition must hold this long before the alarm is raised.", ge=0, le=3_600_000)
    ] = 0
    off_delay_ms: Annotated[
        int,
        key(
            "The condition must be gone this long before the alarm returns to normal.",
            "3000 avoids chatter.",
            ge=0,
            le=3_600_000,
        ),
    ] = 3000
    latch: Annotated[bool, key("It stays until an operator resets it, also when the condition is gone.")] = False
    suppressed_by: Annotated[
        str,
        key(
            "While this holds the alarm is suppressed by design: `line stands`, `line slower than N m/min`, "
            "`first N m of coil`, `alarm NAME`, joined by `and`, `or`, `not` and parentheses.",
            'Write suppressed_by = "line stands".',
            max_length=200,
        ),
    ] = ""
    max_shelve_min: Annotated[
        float, key("The longest that an operator may shelve it, minutes; 0 forbids it.", ge=0, le=10_080)
    ] = 480.0
    priority: Annotated[Priority, key("How urgent the operator's response is.")] = "medium"

    @property
    def limit(self) -> float:
        """The quantity that raises it; of grades and statuses the rank."""
        if self.kind == "grade":
            return GRADES.index(self.grade)
        if self.kind == "health":
            return STATUSES.index(self.status)
        return float(getattr(self, LIMITS[self.kind]))


class FloodSection(Section, frozen=True):
    """When alarms are too many to answer: then only the most urgent are announced, and all are recorded as ever."""

    more_than: Annotated[int, key("More alarms raised than this within the time are a flood.", ge=1, le=10_000)] = 10
    within_min: Annotated[float, key("The time, minutes.", gt=0, le=1440)] = 10.0
    ends_below: Annotated[int, key("Fewer than this within the time end it.", ge=1, le=10_000)] = 5
    announced: Annotated[
        tuple[Priority, ...],
        key("Priorities that are announced in a flood too.", 'Write announced = ["high"].'),
    ] = ("high",)
