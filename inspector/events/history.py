"""A journal read by its coils, while the daemon writes it or after: which coils passed, and what was seen on each.

Laws: it only reads, and takes no lock that the daemon waits for. The newest coil of a name is meant, unless another is
asked for: names come again. A defect is counted once, as last reported. What the journal no longer holds is reported,
never passed over: `Passage.is_whole`. A damaged segment is named in an error.

Knows: segments, the index. Must not know: what is made of the events. Belongs to one thread.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import apsw
import msgspec

from inspector.errors import JournalError
from inspector.events import index
from inspector.events.reader import DAMAGE, is_whole
from inspector.events.segments import APPLICATION_ID, BUSY_MS, OURS, read_only, worded
from inspector.events.sums import ROW_CHANGED, Sums
from inspector.records.envelope import Event, read_event
from inspector.records.events import CoilRecord, CoilReport, Defect

WHICH = """kind = 'defect' AND coil = :coil AND seq BETWEEN :first AND :last AND length_mm >= :min_length_mm
AND width_mm >= :min_width_mm AND area_mm2 >= :min_area_mm2 AND confidence >= :min_confidence
AND start_mm >= :from_mm AND start_mm < :to_mm"""
BY_SIZE = f"SELECT seq FROM entry WHERE name = :name AND size >= :size AND {WHICH} AND state = 0"
BY_START = f"SELECT seq FROM entry INDEXED BY entry_start WHERE {WHICH} AND +name = :name AND state = 0"
PARTIAL = f"""SELECT name, size, key, seq FROM entry WHERE {WHICH} AND (:name IS NULL OR name = :name)
AND state > 0 AND state = 1 ORDER BY seq"""
FINISHED = """SELECT key FROM entry
WHERE kind = 'defect' AND coil = ? AND name = ? AND size >= ? AND seq BETWEEN ? AND ? AND state = 0"""
"""A defect that is finished is no shorter than while it grew."""
PARTS = "SELECT key FROM entry WHERE kind = 'defect' AND coil = ? AND state > 0 AND state = 2"
"""Defects that turned out to be parts of others: those count."""
FOUND = "FROM entry AS found CROSS JOIN event ON event.seq = found.seq"
"""From the index to the events, never the other way round."""
COILS = f"SELECT event.seq, payload {FOUND} WHERE kind = 'coil' ORDER BY event.seq"
OTHERS = f"SELECT payload {FOUND} WHERE kind = ? AND coil = ? AND found.seq BETWEEN ? AND ? ORDER BY event.seq"
OF_KIND = f"SELECT payload {FOUND} WHERE kind = ? AND found.seq > ? ORDER BY event.seq"
RECORDED = """SELECT seq, topic, payload FROM event
WHERE seq BETWEEN ?1 AND ?2 AND substr(topic, 1, length(?3)) = ?3 ORDER BY seq"""
BEGUN = f"SELECT payload {FOUND} WHERE kind = 'coil' AND coil = ? AND name = 'started' ORDER BY event.seq"
COUNTS = """SELECT name, count(DISTINCT key) FROM entry
WHERE kind = 'defect' AND coil = ? AND seq BETWEEN ? AND ? AND state = 0 GROUP BY name"""
SEEN = "SELECT max(seq) FROM entry WHERE kind = 'defect' AND coil = ? AND key = ?"
EPOCH = "SELECT epoch FROM journal"
HAS_STAGES = "SELECT 1 FROM sqlite_master WHERE name = 'stage'"
NAMES = """WITH RECURSIVE c(coil) AS (SELECT min(coil) FROM entry WHERE kind = 'defect' UNION ALL
SELECT (SELECT min(coil) FROM entry WHERE kind = 'defect' AND coil > c.coil) FROM c WHERE c.coil IS NOT NULL)
SELECT coil FROM c WHERE coil IS NOT NULL"""
"""Coils with defects: one look at the index for each."""
CLASSES = """WITH RECURSIVE c(name) AS (SELECT min(name) FROM entry WHERE kind = 'defect' AND coil = ?1 UNION ALL
SELECT (SELECT min(name) FROM entry WHERE kind = 'defect' AND coil = ?1 AND name > c.name)
FROM c WHERE c.name IS NOT NULL) SELECT name FROM c WHERE name IS NOT NULL"""
"""Classes of a coil's defects."""
LONG_MM = 50_000.0
"""A stretch of strip up to here is looked up by position, a longer one by class and size."""
NEWEST_SEQ = 2**62
FARTHEST_MM = 1e15

T = TypeVar("T")


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """One coil's way under the cameras: all the journal's events of its name from one beginning to the next."""

    coil: str
    first_seq: int
    """Of its first event that is held."""
    last_seq: int
    """No later event is this coil's."""
    started: str
    """When its start was recorded, RFC 3339 in UTC; of the oldest event held, where that is gone."""
    ended: str
    """When its end was; empty while it runs."""
    is_whole: bool
    """False where the journal no longer holds its begin."""
    report: CoilReport
    """The newest report of its totals; those of the start while it runs."""

    @property
    def is_over(self) -> bool:
        """Whether it has left the cameras."""
        return bool(self.ended)

    @property
    def is_newest(self) -> bool:
        """Whether no other coil of its name has begun since."""
        return self.last_seq == NEWEST_SEQ


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Which defects are asked for; the defaults are all."""

    name: str | None = None
    """Class."""
    min_length_mm: float = 0.0
    min_width_mm: float = 0.0
    min_area_mm2: float = 0.0
    min_confidence: float = 0.0
    from_mm: float = -FARTHEST_MM
    """They begin at or behind this position."""
    to_mm: float = FARTHEST_MM
    """They begin before this one."""


ALL = Filter()


class _Carrier(msgspec.Struct, frozen=True):
    """What an event carries, where that is a defect."""

    data: Defect


_contents = msgspec.json.Decoder(_Carrier).decode


class History:
    """A journal's folder, open to read from construction to `close`.

    Raises: JournalError, from every method, when it is none or cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._segments: dict[int, apsw.Connection] = {}
        """By first number."""
        self.damaged: list[str] = []
        """What `recorded` has left out, so far, in words."""
        if not self._starts():
            raise JournalError(
                f"{path}: holds no journal; expected the folder that journal.path names, with files like "
                "events-000000000001.sqlite. Give that folder, or the line's TOML file."
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close all files."""
        for segment in self._segments.values():
            with contextlib.suppress(apsw.Error):
                segment.close()
        self._segments.clear()

    def coils(self) -> list[Passage]:
        """Every coil that is held, oldest first."""
        found: list[Passage] = []
        last: dict[str, int] = {}  # where the newest of each name stands in `found`
        for seq, payload in self._rows(COILS):
            event = self._event(payload)
            report = event.data
            if not isinstance(report, CoilReport):
                continue
            begins = report.begins
            if begins or report.coil not in last:
                if begins and report.coil in last:
                    place = last[report.coil]
                    found[place] = msgspec.structs.replace(found[place], last_seq=seq - 1)
                last[report.coil] = len(found)
                found.append(_passage(event, report, begins))
            else:
                place = last[report.coil]
                ended = event.time if report.state == "ended" else ""
                found[place] = msgspec.structs.replace(found[place], ended=ended, report=report)
        headless = sorted({name for (name,) in self._rows(NAMES)} - last.keys())
        return [*(_headless(name) for name in headless), *found]

    def coil(self, name: str, first_seq: int | None = None) -> Passage:
        """The newest coil of a name, or the one that began with the event of a number.

        Raises: JournalError when there is none.
        """
        coils = self.coils()
        for passage in reversed(coils):
            if passage.coil == name and first_seq in (None, passage.first_seq):
                return passage
        names = list(dict.fromkeys(passage.coil for passage in reversed(coils)))
        known = ", ".join(names[:8]) + (" ..." if len(names) > 8 else "") or "none"
        began = "" if first_seq is None else f" that began with event {first_seq}"
        raise JournalError(f"{self._path}: holds no coil {name}{began}; the newest are: {known}. Give one of them.")

    def coil_with(self, name: str, defect: str) -> Passage:
        """The coil of a name on which a defect was seen; the newest where the defect is not held.

        Raises: JournalError when there is none of the name.
        """
        seen = max((seq for (seq,) in self._rows(SEEN, (name, index.key(defect))) if seq is not None), default=0)
        of_name = (passage for passage in self.coils() if passage.coil == name)
        held = (passage for passage in of_name if passage.first_seq <= seen <= passage.last_seq)
        return next(held, None) or self.coil(name)

    def classes(self, coil: str | None = None) -> list[str]:
        """Names of the classes of a coil's defects; None: of all coils."""
        coils = [name for (name,) in self._rows(NAMES)] if coil is None else [coil]
        return sorted({name for coil in coils for (name,) in self._rows(CLASSES, (coil,))})

    def defects(self, passage: Passage, which: Filter = ALL, limit: int | None = None) -> Iterator[Event]:
        """Yield a coil's defects, each as last reported, in the order in which they were: events with a Defect."""
        yield from map(self._event, itertools.islice(self.payloads(passage, which), limit))

    def seen(self, passage: Passage) -> Iterator[Defect]:
        """Yield a coil's defects as `defects` does, without the events around them: in half of the time."""
        for payload in self.payloads(passage):
            try:
                yield _contents(payload).data
            except ValueError:  # of a later version, in another shape
                continue

    def payloads(self, passage: Passage, which: Filter = ALL) -> Iterator[bytes]:
        """Yield a coil's defects as they were recorded: events as JSON, the unfinished ones last."""
        asked = {name: getattr(which, name) for name in Filter.__struct_fields__}
        asked |= {"coil": passage.coil, "first": passage.first_seq, "last": passage.last_seq}
        asked["size"] = index.size(which.min_length_mm - index.NEAR_MM)
        by = BY_START if which.to_mm - which.from_mm <= LONG_MM else BY_SIZE
        names = [which.name] if which.name else self.classes(passage.coil)
        wanted = " UNION ALL ".join(by.replace(":name", f":name{place}") for place in range(len(names)))
        if names:
            asked |= {f"name{place}": name for place, name in enumerate(names)}
            query = f"SELECT payload FROM event WHERE seq IN ({wanted}) ORDER BY seq"
            yield from (payload for (payload,) in self._rows(query, asked))
        open_seqs, least = dict[int, int](), dict[str, int]()
        for name, size, key, seq in self._rows(PARTIAL, asked):
            open_seqs[key] = seq
            least[name] = min(size, least.get(name, size))
        for name, size in least.items():
            finished = (passage.coil, name, size, passage.first_seq, passage.last_seq)
            for (key,) in itertools.chain(self._rows(FINISHED, finished), self._rows(PARTS, (passage.coil,))):
                open_seqs.pop(key, None)
        for seq in sorted(open_seqs.values()):
            for (payload,) in self._rows("SELECT payload FROM event WHERE seq = ?", (seq,)):
                yield payload

    def before(self, coil: str, seq: int) -> Passage:
        """The newest coil of a name, up to an event: of no length where it began behind that."""
        starts = (self._event(payload) for (payload,) in self._rows(BEGUN, (coil,)))
        begun = max((start.seq for start in starts if getattr(start.data, "begins", False)), default=0)
        return msgspec.structs.replace(_headless(coil), first_seq=begun, last_seq=seq - 1)

    def counts(self, passage: Passage) -> Counter[str]:
        """How many of a coil's defects were finished, by class: none of them is read."""
        found = Counter[str]()
        for name, count in self._rows(COUNTS, (passage.coil, passage.first_seq, passage.last_seq)):
            found[name] += count
        return found

    def events(self, passage: Passage, kind: type[T]) -> Iterator[tuple[Event, T]]:
        """Yield a coil's events of a kind, in order, each with its data."""
        return self._of_kind(kind, OTHERS, passage.coil, passage.first_seq, passage.last_seq)

    def records(self, passage: Passage) -> list[CoilRecord]:
        """Return what was recorded of a coil, in order: its record may come when another of its name has begun."""
        if not passage.is_whole:
            return [made for _, made in self.events(passage, CoilRecord)]
        since = msgspec.structs.replace(passage, last_seq=NEWEST_SEQ)
        return [made for _, made in self.events(since, CoilRecord) if made.first_seq == passage.first_seq]

    def of_kind(self, kind: type[T], after_seq: int = 0) -> Iterator[tuple[Event, T]]:
        """Yield all events of a kind behind one of them, in order, each with its data."""
        return self._of_kind(kind, OF_KIND, after_seq)

    def _of_kind(self, kind: type[T], query: str, *asked: str | int) -> Iterator[tuple[Event, T]]:
        tag: str = kind.__struct_config__.tag  # type: ignore[attr-defined]
        assert kind is not Defect, "defects are asked for by `defects`"
        for (payload,) in self._rows(query, (tag, *asked)):
            event = self._event(payload)
            if isinstance(event.data, kind):
                yield event, event.data

    def everything(self) -> Iterator[Event]:
        """Yield all events that are held, in order."""
        yield from map(self._event, self.recorded())

    def place(self) -> tuple[str, int]:
        """Epoch and number of the newest event: numbers begin again with another epoch."""
        epochs = [str(epoch) for (epoch,) in self._rows(EPOCH)]
        return (epochs[-1] if epochs else "", self.last_seq())

    def goes_on_from(self, place: tuple[str, int]) -> tuple[bool, tuple[str, int]]:
        """Whether this is the journal read up to a place, and not another in the same folder; and the place now."""
        epoch, last_seq = now = self.place()
        return epoch == place[0] and last_seq >= place[1], now

    def last_seq(self) -> int:
        """The number of the newest event; 0 where there is none yet."""
        return max((seq for (seq,) in self._rows("SELECT max(seq) FROM event") if seq is not None), default=0)

    def recorded(self, first_seq: int = 0, last_seq: int = NEWEST_SEQ, prefix: str = "") -> Iterator[bytes]:
        """Yield the events of a stretch whose topics begin with `prefix`, as they were recorded, in order.

        What is damaged is left out, and named in `damaged`.
        """
        starts = self._starts()
        for start, end in zip(starts, [*starts[1:], NEWEST_SEQ], strict=True):
            if first_seq < end and start <= last_seq:
                yield from self._recorded_in(start, first_seq, last_seq, prefix)

    def _recorded_in(self, start: int, first_seq: int, last_seq: int, prefix: str) -> Iterator[bytes]:
        file, seq = self._path / f"events-{start:012d}.sqlite", 0
        with worded(file):
            try:
                segment = self._segment(start)
                if segment is None:
                    if file.exists():
                        self.damaged.append(f"{file}: is marked as no journal's, and all of it left out")
                    return
                sums = Sums(segment, first_seq)
                for seq, topic, payload in segment.execute(RECORDED, (first_seq, last_seq, prefix)):
                    if is_whole((seq, topic, payload)) and sums.is_whole(seq, topic, payload):
                        yield payload
                    else:
                        self.damaged.append(f"{file}: event {seq} is not as it was recorded, and left out")
                self.damaged += [f"{file}: {ROW_CHANGED.format(first)}" for first in sums.changed_to_the_end()]
            except DAMAGE as error:
                left_out = f"what follows event {seq} in it" if seq else "all of it"
                self.damaged.append(f"{file}: is damaged ({error}), and {left_out} left out")

    def state(self, stage: str) -> bytes | None:
        """What a stage of the daemon would have to know to go on, as last recorded; None in a journal of before 0.3."""
        with worded(self._path):
            newest = self._segment(self._starts()[-1])
            if newest is None or not any(newest.execute(HAS_STAGES)):
                return None
            found = newest.execute("SELECT state FROM stage WHERE name = ?", (stage,))
            return next((state for (state,) in found), None)

    def _event(self, payload: bytes) -> Event:
        try:
            return read_event(payload)
        except (ValueError, RecursionError) as error:
            words = f"an event in it is damaged: {error}. `inspector journal verify FOLDER` names it."
            raise JournalError(f"{self._path}: {words}") from error

    # --- files ------------------------------------------------------------------------------------------------

    def _rows(self, query: str, asked: Sequence[Any] | dict[str, Any] = ()) -> Iterator[tuple[Any, ...]]:
        """Yield a query's rows from one segment after the other."""
        for start in self._starts():
            with worded(self._path):
                segment = self._segment(start)
                if segment is not None:
                    yield from segment.execute(query, asked)

    def _starts(self) -> list[int]:
        with worded(self._path):
            names = (OURS.fullmatch(file.name) for file in self._path.iterdir()) if self._path.is_dir() else ()
            return sorted(int(name[1]) for name in names if name)

    def _segment(self, start: int) -> apsw.Connection | None:
        """Open a segment; None where retention has taken it away, or it was only being made."""
        segment = self._segments.get(start)
        if segment is not None:
            return segment
        file = self._path / f"events-{start:012d}.sqlite"
        if not file.exists():
            return None
        segment = read_only(file)
        try:
            segment.set_busy_timeout(BUSY_MS)
            ((marked,),) = segment.execute("PRAGMA application_id")
            if marked != APPLICATION_ID:
                segment.close()
                return None
            index.prepare(segment, writable=False)
        except BaseException:
            segment.close()
            raise
        self._segments[start] = segment
        return segment


def _passage(event: Event, report: CoilReport, begins: bool) -> Passage:
    return Passage(
        coil=report.coil,
        first_seq=event.seq if begins else 0,
        last_seq=NEWEST_SEQ,
        started=event.time,
        ended=event.time if report.state == "ended" else "",
        is_whole=begins,
        report=report,
    )


def _headless(name: str) -> Passage:
    """A coil that runs, of whose start the journal holds nothing any more."""
    report = CoilReport(state="started", coil=name, inspected_m=0.0, missed_m=0.0, frames=0, defects={})
    return Passage(coil=name, first_seq=0, last_seq=NEWEST_SEQ, started="", ended="", is_whole=False, report=report)
