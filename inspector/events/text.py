"""Events for people: one line each, in columns, in colour on a terminal. Pure.

Knows: what is worth reading first. Must not know: where events come from, the environment (handed in).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TextIO

import msgspec

from inspector.records.envelope import Event, Unknown
from inspector.records.events import (
    Alarm,
    ArchiveStatus,
    CameraStatus,
    CoilRecord,
    CoilReport,
    Commanded,
    Crowded,
    Decision,
    Defect,
    Doubtful,
    Flood,
    Health,
    Heartbeat,
    JournalStatus,
    Labelled,
    Missed,
    RecipeStatus,
    Refused,
    Repeat,
    Trigger,
    Weld,
)
from inspector.words import counted

RED, GREEN, YELLOW, MAGENTA, CYAN, DIM = "1;31", "32", "33", "35", "36", "2"
PLAIN_BYTES = 400
"""Of an event without a layout, so much is shown."""


def line(event: Event, colour: bool) -> str:
    """One line without its end: UTC, what, its name, the metre on the coil, size and place across."""
    layout = LAYOUTS.get(type(event.data))
    row = layout(event.data) if layout else _plain(event)
    what, name, rest = _printable(row.what), _printable(row.name), _printable(row.rest)
    text = f"{event.time[11:]:13}  {what:6}  {name:20} {rest}".rstrip()
    return f"\x1b[{row.colour}m{text}\x1b[0m" if colour else text


def wants_colour(out: TextIO, environ: Mapping[str, str]) -> bool:
    """Colour is for terminals, and never where NO_COLOR is set (https://no-color.org)."""
    return out.isatty() and not environ.get("NO_COLOR")


class _Row(NamedTuple):
    """One event in columns."""

    what: str
    name: str
    rest: str
    colour: str = DIM


def _defect(data: Defect) -> _Row:
    more = ", goes on" if data.is_partial else f", part of {data.part_of}" if data.part_of else ""
    more += ", estimated" if data.is_estimated else ""
    rest = (
        f"{_metre(data.start_mm)}  {data.length_mm:8.1f} x {data.width_mm:6.1f} mm  "
        f"across {data.left_mm:7.1f} to {data.right_mm:7.1f} mm  {data.confidence:4.0%}  "
        f"{data.coil} {data.camera} {data.side}{more}"
    )
    return _Row("defect", data.name, rest, YELLOW)


def _repeat(data: Repeat) -> _Row:
    by = f", printed by {' or '.join(data.rolls)}" if data.rolls else ""
    rest = (
        f"{data.state}: {counted(data.marks, 'mark')}, one each {data.period_mm:.1f} mm, "
        f"across {data.across_mm:.1f} mm{by}  {data.confidence:4.0%}  {data.coil} {data.side}"
    )
    return _Row("REPEAT", data.name, rest, MAGENTA)


def _weld(data: Weld) -> _Row:
    where = "head" if data.is_head else "tail"
    return _Row("weld", data.coil, f"{_metre(data.at_mm)}  welded to {data.other} with its {where}", CYAN)


def _crowded(data: Crowded) -> _Row:
    rest = (
        f"{_metre(data.start_mm)}  {data.length_mm:8.1f} x {data.width_mm:6.1f} mm  "
        f"dirty or blind: {counted(sum(data.regions.values()), 'region')} ({_counts(data.regions)})  {data.coil}"
    )
    return _Row("CROWD", data.camera, rest, MAGENTA)


def _missed(data: Missed) -> _Row:
    why = _counts(data.reasons) or "the position jumped"
    why += f", up to {data.at_most_mm:.1f} mm more" if data.at_most_mm else ""
    return _Row("missed", data.camera, f"{_metre(data.start_mm)}  {_span(data)}  {data.coil}: {why}", MAGENTA)


def _doubtful(data: Doubtful) -> _Row:
    why = ", ".join(data.faults)
    return _Row("doubt", data.camera, f"{_metre(data.start_mm)}  {_span(data)}  {data.coil}: {why}", MAGENTA)


def _coil(data: CoilReport) -> _Row:
    totals = (
        f": {data.inspected_m:.1f} m inspected, {data.missed_m:.1f} m missed, {counted(data.frames, 'frame')}, "
        f"{counted(sum(data.defects.values()), 'defect')} ({_counts(data.defects) or 'none'})"
        + (", positions estimated" if data.is_estimated else "")
    )
    return _Row("coil", data.coil, data.state + ("" if data.state == "started" else totals), CYAN)


def _record(data: CoilRecord) -> _Row:
    so_far = ", so far" if data.is_partial else ""
    reasons = [f"{grade.rules}@{grade.version} {grade.grade}" for grade in data.grades]
    reasons += [reason for grade in data.grades for reason in grade.reasons]
    rest = f"{data.grade}{so_far}: {data.length_m:.1f} m, {counted(data.defects, 'defect')}  {'; '.join(reasons)}"
    return _Row("RECORD", data.coil, rest, GREEN if data.grade == "release" else CYAN)


def _decision(data: Decision) -> _Row:
    machine = f", the machine's grade is {data.machine}" if data.machine else ""
    return _Row("DECIDE", data.coil, f"{data.grade} by {data.operator}: {data.reason}{machine}", CYAN)


def _alarm(data: Alarm) -> _Row:
    where = " ".join(filter(None, (data.coil, data.camera)))
    withheld = "" if data.annunciate or data.cause != "met" or data.state != "unacknowledged" else ", withheld"
    state = (data.isa_state or data.state).replace("_", " ")
    rest = f"{data.priority}, {state}{withheld}: {data.message}  {where}"
    return _Row("ALARM", data.name, rest, RED if data.state == "unacknowledged" else GREEN)


def _camera(data: CameraStatus) -> _Row:
    rest = f"{data.fault} {data.state}: {data.message}  NE 107 {data.status.replace('_', ' ')}  {data.coil}"
    return _Row("CAMERA", data.camera, rest, RED if data.state == "raised" else GREEN)


def _recipe(data: RecipeStatus) -> _Row:
    rest = f"{data.state}: {data.message}  NE 107 {data.status.replace('_', ' ')}  {data.recipe}"
    return _Row("RECIPE", data.fault, rest, RED if data.state == "raised" else GREEN)


def _archive(data: ArchiveStatus) -> _Row:
    rest = f"{data.state}: {data.message}  NE 107 {data.status.replace('_', ' ')}"
    return _Row("ARCHIVE", data.fault, rest, RED if data.state == "raised" else GREEN)


def _journal(data: JournalStatus) -> _Row:
    rest = f"{data.state}: {data.message}  NE 107 {data.status.replace('_', ' ')}"
    return _Row("JOURNAL", data.fault, rest, RED if data.state == "raised" else GREEN)


def _labelled(data: Labelled) -> _Row:
    rest = f"{data.operator}: {data.name} {data.id} is {data.label}, {counted(data.crops, 'crop')}  {data.coil}"
    return _Row("label", data.label, rest, CYAN)


def _trigger(data: Trigger) -> _Row:
    what = f"{data.severity} {data.defect} {data.coil} {data.camera}"
    rest = f"{_metre(data.start_mm)}  {data.state}: {data.message}  {what}"
    colours = {"armed": YELLOW, "due": RED, "late": MAGENTA}
    return _Row("TRIGGER", data.name, rest, colours.get(data.state, DIM))


def _refused(data: Refused) -> _Row:
    return _Row("REFUSE", data.key or data.peer or "-", data.message, MAGENTA)


def _flood(data: Flood) -> _Row:
    rest = f"{counted(data.raised, 'alarm')} within {data.within_s:g} s, {data.withheld} not announced"
    standing = f"; still waiting: {', '.join(data.standing)}" if data.standing else ""
    return _Row("FLOOD", data.state, rest + standing, RED if data.state == "started" else GREEN)


def _commanded(data: Commanded) -> _Row:
    done = "" if data.is_done else "refused: "
    rest = f"{data.operator}: {done}{data.message}"
    return _Row("asked", data.command.replace("_", " "), rest, CYAN if data.is_done else YELLOW)


def _health(data: Health) -> _Row:
    return _Row("health", data.state, f"{data.message}  {data.recipe} {data.version}")


def _heartbeat(data: Heartbeat) -> _Row:
    return _Row("beat", "", f"last seq {data.last_seq}")


LAYOUTS: dict[type, Callable[[Any], _Row]] = {
    Defect: _defect,
    Repeat: _repeat,
    Crowded: _crowded,
    Missed: _missed,
    Doubtful: _doubtful,
    CoilReport: _coil,
    CoilRecord: _record,
    Decision: _decision,
    Alarm: _alarm,
    CameraStatus: _camera,
    RecipeStatus: _recipe,
    ArchiveStatus: _archive,
    JournalStatus: _journal,
    Labelled: _labelled,
    Trigger: _trigger,
    Refused: _refused,
    Weld: _weld,
    Flood: _flood,
    Commanded: _commanded,
    Health: _health,
    Heartbeat: _heartbeat,
}
"""What is worth reading first, by kind; any other kind is shown as it came."""


def _plain(event: Event) -> _Row:
    """A kind without a layout of its own, or one of a later version."""
    kind, _, name = event.type.partition(".")
    raw = event.data.raw if isinstance(event.data, Unknown) else msgspec.json.encode(event.data)
    rest = raw[:PLAIN_BYTES].decode(errors="replace") + (" ..." if len(raw) > PLAIN_BYTES else "")
    return _Row(kind, name, rest)


def _metre(position_mm: float) -> str:
    return f"at {position_mm / 1000:10.3f} m"


def _span(stretch: Missed | Doubtful) -> str:
    return f"{stretch.end_mm - stretch.start_mm:8.1f} mm"


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {number}" for name, number in sorted(counts.items()))


def _printable(text: str) -> str:
    """Names come over the network: none may move the cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)
