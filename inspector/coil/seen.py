"""Everything that was seen of one coil, put together from the journal: what a record, a grade and a report are made of.

Laws: a stretch that a camera missed counts once, however often it was reported. What the journal no longer holds is
known (`is_whole`). An alarm or a repeat is that of the coil on which it was found, whichever has begun by then.

Knows: the journal's history, the strip's state. Must not know: rules, files, pictures.
"""

from __future__ import annotations

import bisect
import itertools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, TypeVar

import msgspec
import numpy as np

from inspector.coil.columns import Columns
from inspector.coil.marks import marks
from inspector.config.geometry import SIDES, Span, as_named
from inspector.events.history import NEWEST_SEQ, History, Passage
from inspector.records.coil import Decided, DoubtSums
from inspector.records.coil_file import CoilFile
from inspector.records.events import (
    Alarm,
    CoilRecord,
    CoilReport,
    Crowded,
    Decision,
    Defect,
    Doubtful,
    Missed,
    Repeat,
    Weld,
)
from inspector.strip import account, strip

AT_ONCE = 200
"""Defects read without a pause: less than a millisecond."""
SAME_MM = 1.0
"""A coil's length is known to a millimetre: what is so near its end is at its end."""
Late = TypeVar("Late", Alarm, Repeat)
"""May be reported when another coil of the name has begun already."""


class CoilHistory(msgspec.Struct, kw_only=True):
    """One coil."""

    passage: Passage
    totals: CoilReport
    """Its sums; of a coil that runs those of the daemon's last batch."""
    columns: Columns
    missed: list[Missed]
    repeats: list[Repeat]
    """Each as last reported, with all marks that lie on this coil."""
    crowded: list[Crowded]
    alarms: dict[str, int]
    """How many times each was raised."""
    spans: tuple[Span, ...]
    decisions: tuple[Decided, ...] = ()
    """What people decided of it."""
    welds_mm: tuple[float, ...] = ()
    """Welds within the coil and at its ends."""
    before: str = ""
    """The coil that is welded to its head; empty where none is."""
    after: str = ""
    """The one at its tail."""
    ids: list[str] = []
    """Ids of the defects, in the columns' order, where they were asked for."""
    defects: list[Defect] = []
    """The defects themselves, in the columns' order, where they were asked for."""
    raised: list[Alarm] = []
    """The alarms, each time one was raised."""
    doubtful: list[Doubtful] = []
    """What was inspected and not surely seen."""

    @property
    def length_mm(self) -> float:
        """How long the coil is, by all that is known."""
        ends_mm = [gap.end_mm for gap in self.missed] + [box.end_mm for box in self.crowded]
        defects_mm = float(self.columns.end_mm.max()) if len(self.columns) else 0.0
        return max(1000 * self.totals.length_m, defects_mm, *ends_mm, 0.0)

    def edges_mm(self, side: str) -> tuple[float, float]:
        """Left and right edge of what is inspected of a side."""
        spans = [span for span in self.spans if span.side == side]
        return (min((span.left_mm for span in spans), default=0.0), max((span.right_mm for span in spans), default=0.0))


def gather(
    history: History,
    passage: Passage,
    spans: Sequence[Span] = (),
    *,
    keep: Literal["numbers", "ids", "defects"] = "numbers",
    pause: Callable[[], None] = lambda: None,
) -> CoilHistory:
    """Read all of a coil; `spans` of the configured cameras, else what their defects show.

    `keep`: their numbers alone, their ids too, or the defects themselves. `pause` is called after each `AT_ONCE`.

    Raises: JournalError.
    """
    repeats = {repeat.id: repeat for repeat in _found(history, passage, Repeat)}
    known = {mark for repeat in repeats.values() for mark in (repeat.id, repeat.newest)}
    columns, ids, defects, places = Columns(), list[str](), list[Defect](), dict[str, int]()
    for chunk in _parts(history.seen(passage), pause):
        places |= {defect.id: len(columns) + place for place, defect in enumerate(chunk) if defect.id in known}
        columns.extend(chunk)
        ids += [defect.id for defect in chunk] if keep != "numbers" else ()
        defects += chunk if keep == "defects" else ()
    columns.freeze()
    missed = [gap for _, gap in history.events(passage, Missed)]
    doubtful = [stretch for _, stretch in history.events(passage, Doubtful)]
    crowded = [crowd for _, crowd in history.events(passage, Crowded)]
    raised = [alarm for alarm in _found(history, passage, Alarm) if _is_raised(alarm)]
    welds = [weld for _, weld in history.events(passage, Weld)]
    return CoilHistory(
        passage=passage,
        totals=totals(history, passage),
        columns=columns,
        missed=missed,
        repeats=list(_on_coil(columns, [*repeats.values()], places, passage.is_whole)),
        crowded=crowded,
        alarms=dict(sorted(Counter(alarm.name for alarm in raised).items())),
        spans=tuple(_spans(spans, columns, [*missed, *doubtful], crowded)),
        welds_mm=tuple(weld.at_mm for weld in welds),
        before=next((weld.other for weld in welds if weld.is_head), ""),
        after=next((weld.other for weld in welds if not weld.is_head), ""),
        decisions=tuple(
            Decided(grade=decision.grade, operator=decision.operator, reason=decision.reason, time=event.time)
            for event, decision in history.events(passage, Decision)
        ),
        ids=ids,
        defects=defects,
        raised=raised,
        doubtful=doubtful,
    )


def _found(history: History, passage: Passage, kind: type[Late]) -> Iterator[Late]:
    """Yield what was found on a coil, where another of its name had begun by then too."""
    yield from (data for _, data in history.events(passage, kind) if not data.coils_since)
    if passage.is_newest:
        return
    behind = msgspec.structs.replace(passage, first_seq=passage.last_seq + 1, last_seq=NEWEST_SEQ)
    late = [(event.seq, data) for event, data in history.events(behind, kind) if data.coils_since]
    begun = [event.seq for event, report in history.events(behind, CoilReport) if report.begins] if late else []
    yield from (data for seq, data in late if bisect.bisect(begun, seq) == data.coils_since)


def _is_raised(alarm: Alarm) -> bool:
    return alarm.state == "unacknowledged" and alarm.cause in ("", "met")


def _parts(defects: Iterator[Defect], pause: Callable[[], None]) -> Iterator[list[Defect]]:
    while some := list(itertools.islice(defects, AT_ONCE)):
        yield some
        pause()


def _on_coil(
    columns: Columns, repeats: Sequence[Repeat], places: Mapping[str, int], is_whole: bool
) -> Iterator[Repeat]:
    """Yield repeats with the marks that lie on their coil, those too that came after their last report.

    None lies there of one that ran on from the coil before, and whose end was reported on this one. Of a coil that the
    journal no longer holds whole, what was reported has to do.
    """
    for repeat, found in zip(repeats, marks(columns, repeats, places), strict=True):
        number = len(found) or (0 if is_whole else repeat.marks)
        if number:
            yield msgspec.structs.replace(repeat, marks=number)


def totals(history: History, passage: Passage) -> CoilReport:
    """A coil's sums; of one that runs those of the daemon's last batch.

    Raises: JournalError.
    """
    if not passage.is_over and (state := history.state(strip.Strip.name)):
        return account.totals(state).get(passage.coil, passage.report)
    return passage.report


def opened(file: CoilFile) -> CoilHistory:
    """What a coil's file holds."""
    record = file.record
    columns = Columns(file.defects)
    columns.freeze()
    report = CoilReport(
        state="started" if record.is_partial else "ended",
        coil=record.coil,
        inspected_m=record.inspected_m,
        missed_m=record.missed_m,
        frames=0,
        defects={},
        crowded=record.crowded,
        length_m=file.length_mm / 1000 or record.length_m,
        is_estimated=record.is_estimated,
        recipes=record.recipes,
    )
    passage = Passage(
        coil=record.coil,
        first_seq=record.first_seq,
        last_seq=NEWEST_SEQ,
        started=record.started,
        ended=record.ended,
        is_whole=record.is_whole,
        report=report,
    )
    return CoilHistory(
        passage=passage,
        totals=report,
        columns=columns,
        missed=list(file.missed),
        repeats=list(file.repeats),
        crowded=list(file.crowded),
        alarms=record.alarms,
        spans=tuple(_spans(covered(record), columns, [*file.missed, *file.doubtful], file.crowded)),
        decisions=record.decisions,
        welds_mm=file.welds_mm,
        before=file.before,
        after=file.after,
        ids=[defect.id for defect in file.defects],
        defects=list(file.defects),
        raised=list(file.raised),
        doubtful=list(file.doubtful),
    )


def covered(record: CoilRecord) -> tuple[Span, ...]:
    """What each camera saw across, by a coil's record."""
    names = Span.__struct_fields__
    return tuple(Span(**{name: getattr(camera, name) for name in names}) for camera in record.coverage)


def closed(seen: CoilHistory, record: CoilRecord) -> CoilFile:
    """A coil's file, of what was seen with its defects."""
    return CoilFile(
        record=record,
        welds_mm=seen.welds_mm,
        before=seen.before,
        after=seen.after,
        defects=tuple(seen.defects),
        missed=tuple(seen.missed),
        doubtful=tuple(seen.doubtful),
        repeats=tuple(seen.repeats),
        crowded=tuple(seen.crowded),
        raised=tuple(seen.raised),
        length_mm=seen.length_mm,
    )


def stretches(
    reported: Iterable[Missed | Doubtful], from_mm: float, to_mm: float
) -> dict[str, list[tuple[float, float]]]:
    """By camera, what was reported of it as missed, or as not surely seen, between two positions: apart, in order."""
    found: dict[str, list[tuple[float, float]]] = {}
    for stretch in sorted(reported, key=lambda stretch: stretch.start_mm):
        start_mm, end_mm = max(stretch.start_mm, from_mm), min(stretch.end_mm, to_mm)
        if end_mm <= start_mm:
            continue
        apart = found.setdefault(stretch.camera, [])
        if apart and start_mm <= apart[-1][1]:
            start_mm, before_mm = apart.pop()
            end_mm = max(end_mm, before_mm)
        apart.append((start_mm, end_mm))
    return found


def doubt_sums(doubtful: Sequence[Doubtful]) -> tuple[DoubtSums, ...]:
    """Sum up by camera what was not surely seen; a stretch that was reported twice counts once."""
    faults: dict[str, set[str]] = {}
    for stretch in doubtful:
        faults.setdefault(stretch.camera, set()).update(stretch.faults)
    return tuple(
        DoubtSums(
            camera=camera,
            faults=tuple(sorted(faults[camera])),
            start_m=round(apart[0][0] / 1000, 3),
            end_m=round(apart[-1][1] / 1000, 3),
            doubtful_m=round(length_m(apart), 3),
        )
        for camera, apart in sorted(stretches(doubtful, -np.inf, np.inf).items())
    )


def length_m(apart: Iterable[tuple[float, float]]) -> float:
    """Length of stretches together."""
    return sum(end_mm - start_mm for start_mm, end_mm in apart) / 1000


def _spans(
    spans: Sequence[Span], columns: Columns, reported: Iterable[Missed | Doubtful], crowded: Iterable[Crowded]
) -> Iterator[Span]:
    """Yield what each camera saw, on the sides that its frames named: of them the configuration may not know."""
    sides = {stretch.camera: set[str]() for stretch in reported}
    for number, side in np.unique(np.stack([columns.camera, columns.side], 1), axis=0):
        sides.setdefault(columns.cameras[number], set()).add(SIDES[side])
    for crowd in crowded:
        sides.setdefault(crowd.camera, set()).add(crowd.side)
    yield from as_named(spans, sides)
    known = {span.camera for span in spans}
    for camera, named in sides.items():
        if camera in known:
            continue
        is_its = columns.camera == (columns.cameras.index(camera) if camera in columns.cameras else -1)
        left_mm = min(0.0, float(columns.left_mm[is_its].min(initial=0.0)))
        right_mm = float(columns.right_mm[is_its].max(initial=0.0))
        yield from (Span(camera, side, left_mm, right_mm) for side in SIDES if side in (named or {SIDES[0]}))
