"""Triggers that cannot be meant are refused, in words that say what to do."""

from __future__ import annotations

import msgspec

from inspector.triggers.check import faults
from inspector.triggers.settings import TriggerSection

RULE = TriggerSection(name="shear", action="stop", position_m=20.0, before_m=5.0)


def found(*rules: TriggerSection, station_m: float = 0.0) -> list[str]:
    """What is wrong with rules, on a line of 1 m with no severities."""
    return list(faults(rules, {"top": station_m}, 1000.0, ()))


def test_good_rules_are_taken() -> None:
    """One place may have several rules, for different defects."""
    assert found(RULE, msgspec.structs.replace(RULE, name="other", classes=("crack",))) == []


def test_a_place_that_no_camera_looks_ahead_of() -> None:
    """The action would always be late: the fault names place and camera."""
    (fault,) = found(msgspec.structs.replace(RULE, before_m=20.0))
    assert fault == (
        'trigger "shear": position_m is 20 and before_m is 20: always late, for the action is to take effect at 0 m, '
        "and camera top at 0 m looks no earlier. Lower before_m, or correct position_m or camera.station_m."
    )
    assert found(RULE, station_m=14.0) == []
    assert len(found(RULE, station_m=15.0)) == 1


def test_rules_that_no_defect_can_meet() -> None:
    """A severity that nothing has, a width that nobody sees."""
    (severity, width) = found(msgspec.structs.replace(RULE, min_severity="major", min_width_mm=1001.0))
    assert severity.startswith('trigger "shear": min_severity is "major": it can never be due')
    assert width.startswith('trigger "shear": min_width_mm is 1001: it can never be due, for the cameras see 1000 mm')


def test_rules_that_contradict_each_other() -> None:
    """Stop and slow for the same defect at the same place: one of them is meant."""
    (fault,) = found(RULE, msgspec.structs.replace(RULE, name="slow", action="slow"))
    assert fault == (
        'triggers "shear" and "slow" are for the same defects at the same place: one is to stop, the other to slow. '
        "Expected one. Remove the other."
    )
