"""The demo's events, a line each: short ones for defects, once each; the usual ones for all else. Pure.

Knows: what a newcomer wants to read. Must not know: where events come from.
"""

from __future__ import annotations

from inspector.demo.ribbon import sign
from inspector.events import text
from inspector.records.envelope import Event
from inspector.records.events import Alarm, CoilRecord, Defect, Missed, Repeat
from inspector.simulator.sheet import CLASSES


def line(event: Event, colour: bool) -> str:
    """Write an event; empty for what would only repeat another: a defect that goes on, a repeat that does."""
    data = event.data
    if isinstance(data, Defect):
        return _defect(event, data, colour) if data.is_whole else ""
    if isinstance(data, Repeat) and data.state != "new":
        return ""
    if isinstance(data, Alarm) and data.cause != "met":
        return ""
    if isinstance(data, Missed):
        words = f"!! {data.coil} is not inspected from {data.start_mm / 1000:.3f} to {data.end_mm / 1000:.3f} m"
        return _row(event, _inked(f"{words}: {_reasons(data)}", text.MAGENTA, colour))
    if isinstance(data, CoilRecord):
        ink = text.GREEN if data.grade == "release" else text.YELLOW
        return _row(event, _inked(f"== {data.coil} is graded {data.grade}", ink, colour))
    return text.line(event, colour)


def _defect(event: Event, defect: Defect, colour: bool) -> str:
    mark = sign(CLASSES.index(defect.name) + 1, colour)
    return _row(
        event,
        f"{mark}  {defect.name:<9} {defect.coil:<7} {defect.start_mm / 1000:8.3f} m"
        f"  {defect.length_mm:6.0f} x {defect.width_mm:4.0f} mm  at {defect.left_mm:5.0f} mm  {defect.severity}",
    )


def _reasons(missed: Missed) -> str:
    return ", ".join(f"{number} frames {name}" for name, number in missed.reasons.items()) or "the position jumped"


def _row(event: Event, words: str) -> str:
    return f"{event.time[11:]:13}  {words}"


def _inked(words: str, ink: str, colour: bool) -> str:
    return f"\x1b[{ink}m{words}\x1b[0m" if colour else words
