"""The section of a trigger: which defects, where down the line, how far ahead, and what is to be done."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.config.reader import Section, key
from inspector.config.severity import SEVERITIES, Severity
from inspector.records.events import Defect, TriggerAction
from inspector.records.extent import Extent
from inspector.records.names import Name


class TriggerSection(Section, frozen=True, omit_defaults=True):
    """Something that is to be done when a defect comes to a place down the line, reported ahead."""

    name: Annotated[Name, key("Names the topic `trigger.<name>`.")]
    action: Annotated[TriggerAction, key("What the machine there is to do.")]
    position_m: Annotated[
        float,
        key(
            "The place: so far down the line from where `camera.station_m` is 0.",
            "85 is a shear 85 m behind the cameras.",
            gt=0,
            le=10_000,
        ),
    ]
    before_m: Annotated[
        float, key("The action takes effect so far before the defect's begin reaches the place.", ge=0, le=10_000)
    ] = 0.0
    delay_ms: Annotated[
        float, key("From the command to its effect there: the command is due so much earlier.", ge=0, le=60_000)
    ] = 0.0
    lead_ms: Annotated[
        float,
        key(
            "The `due` event leaves at least so long before its moment: what its way to the machine takes.",
            ge=0,
            le=60_000,
        ),
    ] = 100.0
    classes: Annotated[
        tuple[Name, ...],
        key(
            "Only these classes, by the recipe's names; all without the key.", 'Write classes = ["NAME"].', min_length=1
        ),
    ] = ()
    side: Annotated[Literal["both", "top", "bottom"], key("Side of the strip.")] = "both"
    min_severity: Annotated[Severity, key("Only defects at least so severe, by the [[severity]] rules.")] = "minor"
    min_area_mm2: Annotated[float, key("Only defects at least this large.", ge=0, le=1_000_000)] = 0.0
    min_length_mm: Annotated[float, key("Only defects at least this long along the strip.", ge=0, le=1_000_000)] = 0.0
    min_width_mm: Annotated[float, key("Only defects at least this wide across the strip.", ge=0, le=1_000_000)] = 0.0
    min_confidence: Annotated[float, key("Only defects at least this certain.", ge=0, le=1)] = 0.0

    def meets(self, defect: Defect) -> bool:
        """Whether a defect is of those that it concerns."""
        return self.asks_for(defect.name, defect.side, defect, severity=defect.severity, confidence=defect.confidence)

    def asks_for(self, name: str, side: str, extent: Extent, *, severity: str, confidence: float) -> bool:
        """Whether it concerns a defect of a class, on a side, of an extent."""
        rank = SEVERITIES.index(severity) if severity in SEVERITIES else 0
        return (
            (not self.classes or name in self.classes)
            and self.side in ("both", side)
            and rank >= SEVERITIES.index(self.min_severity)
            and extent.area_mm2 >= self.min_area_mm2
            and extent.length_mm >= self.min_length_mm
            and extent.width_mm >= self.min_width_mm
            and confidence >= self.min_confidence
        )
