"""An alarm's section."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.config.reader import Section, key
from inspector.records.names import Name


class AlarmSection(Section, frozen=True):
    """One alarm: enough large enough defects of these classes within a length of strip."""

    name: Annotated[Name, key("Names the topic `alarm.<name>` and what operators read.")]
    classes: Annotated[
        tuple[Name, ...],
        key("Classes it watches, by the recipe's names.", 'Write classes = ["NAME"].', min_length=1),
    ]
    min_area_mm2: Annotated[float, key("Only defects at least this large.", ge=0, le=1_000_000)] = 0.0
    min_length_mm: Annotated[float, key("Only defects at least this long along the strip.", ge=0, le=1_000_000)] = 0.0
    count: Annotated[int, key("How many such defects it takes.", ge=1, le=100_000)] = 1
    within_m: Annotated[
        float,
        key("... within this many metres of strip.", "10 asks about the last ten metres.", gt=0, le=100_000),
    ] = 10.0
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
    priority: Annotated[Literal["low", "medium", "high"], key("How urgent the operator's response is.")] = "medium"
