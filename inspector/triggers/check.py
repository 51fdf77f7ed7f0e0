"""Triggers that cannot be meant: found before the line starts. Pure.

Knows: the sections, where cameras look, what a severity can be. Must not know: files, recipes' other facts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations

from inspector.config.severity import SeveritySection, never
from inspector.triggers.settings import TriggerSection

OF_ACTION = ("name", "action", "delay_ms", "lead_ms")
"""What two triggers for the same defects at the same place may differ in, and still concern the same."""


def faults(
    sections: Sequence[TriggerSection],
    stations_m: Mapping[str, float],
    width_mm: float,
    severities: Sequence[SeveritySection],
    known: Collection[str] = (),
) -> Iterator[str]:
    """Say what is wrong, a sentence each.

    `stations_m`: where each camera looks, by name; `width_mm`: strip seen across; `severities`: the rules that
    say how severe a defect is; `known`: the recipe's classes.
    """
    for section in sections:
        where = f'trigger "{section.name}"'
        near = [
            f"{camera} at {station_m:g} m"
            for camera, station_m in stations_m.items()
            if station_m >= section.position_m - section.before_m
        ]
        if near:
            yield (
                f"{where}: position_m is {section.position_m:g} and before_m is {section.before_m:g}: always late, for "
                f"the action is to take effect at {section.position_m - section.before_m:g} m, and camera "
                f"{', '.join(near)} looks no earlier. Lower before_m, or correct position_m or camera.station_m."
            )
        if why := never(section.min_severity, section.classes, severities, known):
            yield f'{where}: min_severity is "{section.min_severity}": it can never be due, for {why}'
        if section.min_width_mm > width_mm:
            yield (
                f"{where}: min_width_mm is {section.min_width_mm:g}: it can never be due, for the cameras see "
                f"{width_mm:g} mm across. Lower it."
            )
    for first, second in combinations(sections, 2):
        if _concern(first) == _concern(second):
            why = (
                f"one is to {first.action}, the other to {second.action}" if first.action != second.action else "twice"
            )
            yield (
                f'triggers "{first.name}" and "{second.name}" are for the same defects at the same place: {why}. '
                "Expected one. Remove the other."
            )


def remarks(sections: Sequence[TriggerSection], sides: Collection[str]) -> Iterator[str]:
    """Say what is no fault, but hardly meant; `sides` have cameras."""
    for section in sections:
        if section.side != "both" and section.side not in sides:
            yield (
                f'trigger "{section.name}" is for the {section.side} side, and no camera is configured there: it is '
                "due only where frame headers name that side. Correct one of them."
            )


def _concern(section: TriggerSection) -> tuple[object, ...]:
    return tuple(getattr(section, name) for name in section.__struct_fields__ if name not in OF_ACTION)
