"""What must hold: accounts that are kept apart from the inspector's own, from what went in and what came out.

Knows: what a subscriber and a camera can know, and the truth of the simulated strip. Must not know: how anything works.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence, Set

import msgspec

from inspector.alarms.states import Cause, becomes, is_aside, left
from inspector.records import events
from inspector.records.events import CoilReport, Data, IsaState, Missed
from inspector.records.frame import Header
from inspector.records.stages import Batch, Findings, Frame, Inspected, Loss
from tests.simulation.cameras import LENGTH_MM, SHOTS, Post, Shot

NEAR_MM = 0.2
"""Positions in events are rounded to a tenth of a millimetre."""


BAD: Mapping[str, str] = {"bad crc": "crc", "bad header": "json"}
"""Why a damaged frame is refused, by what is damaged."""
ASSUMED = {"silent", *BAD.values()}
"""Reasons of strip that may come all the same: of a camera taken for dead, and of a bad frame that is sent again, which
is taken for having followed the last good one."""


class Violation(AssertionError):
    """Something that must hold does not."""


def require(holds: bool, words: str) -> None:
    """Raises: Violation where something does not hold."""
    if not holds:
        raise Violation(words)


def shot_of(header: Header) -> int:
    """Which shot a header is of."""
    return header.captured_ns % SHOTS


class _Numbers:
    """The numbers of one camera's boot, as they came to one process."""

    def __init__(self, index: int) -> None:
        self.last = index
        self.bad: set[int] = set()


class FrameAccount:
    """Messages of one process: each ends once, and what never came is missing."""

    def __init__(self, known: Iterable[int], *, is_credit: bool) -> None:
        """`known` are the shots that are on disk."""
        self._known, self._is_credit = set(known), is_credit
        self._numbers: dict[str, dict[str, _Numbers]] = {}
        self.taken: Counter[str] = Counter()
        self.expected: Counter[tuple[str, str]] = Counter()
        """By camera and reason: missing frames, late ones, known ones, damaged ones."""
        self._out: Counter[str] = Counter()
        self._losses: Counter[tuple[str, str]] = Counter()

    def take(self, post: Post) -> None:
        """A message was taken, and not turned away."""
        shot = post.shot
        assert shot is not None
        if shot.kind == "bad header" and not self._is_credit:
            self.taken[""] += 1
            self.expected["", "json"] += 1
            return
        self.taken[shot.camera] += 1
        boots = self._numbers.setdefault(shot.camera, {})
        numbers = boots.get(shot.boot)
        if shot.kind in BAD:
            self.expected[shot.camera, BAD[shot.kind]] += 1
            if numbers is not None and shot.index > numbers.last:
                numbers.bad.add(shot.index)
            return
        if self._is_credit and shot.id in self._known:
            self.expected[shot.camera, "duplicate"] += 1
            return
        self._believe(shot, boots)

    def turn_away(self, camera: str) -> None:
        """A message was turned away in credit mode."""
        self.taken[camera] += 1
        self.expected[camera, "credit"] += 1

    def leave(self, batch: Batch, max_frames: int, *, is_pending: bool) -> None:
        """A batch left; nothing waits outside of it unless `is_pending`."""
        if len(batch.pixels) > max_frames:
            raise Violation(f"a batch of {len(batch.pixels)} planes; at most {max_frames}")
        for arrival in batch.arrivals:
            if isinstance(arrival, Frame):
                self._out[arrival.header.camera] += 1
                continue
            self._out[arrival.camera] += 0 if arrival.end == "missing" else arrival.count
            self._losses[arrival.camera, arrival.reason] += arrival.count
            if arrival.reason == "overload":
                require(len(batch.pixels) == max_frames, "a frame was given up though the batch had room")
        if is_pending:
            return
        if self._out != self.taken:  # where a key is absent a Counter has 0
            raise Violation(f"received {dict(self.taken)}; ended or in a batch {dict(self._out)}")
        if self._losses != self.expected:
            found = Counter({key: count for key, count in self._losses.items() if key[1] in self.REASONS})
            require(found == self.expected, f"expected {_shown(self.expected)}; reported {_shown(found)}")

    REASONS = ("lost", "order", "duplicate", "crc", "json", "credit")

    def _believe(self, shot: Shot, boots: dict[str, _Numbers]) -> None:
        numbers = boots.get(shot.boot)
        if numbers is None:
            boots[shot.boot] = _Numbers(shot.index)
        elif shot.index > numbers.last:
            between = sum(numbers.last < index < shot.index for index in numbers.bad)
            self.expected[shot.camera, "lost"] += shot.index - numbers.last - 1 - between
            numbers.last = shot.index
            numbers.bad = {index for index in numbers.bad if index > shot.index}
        else:
            self.expected[shot.camera, "order"] += 1
            return
        self._known.add(shot.id)


def _shown(counts: Mapping[tuple[str, str], int]) -> str:
    return ", ".join(f"{camera or 'unknown'} {reason} {count}" for (camera, reason), count in sorted(counts.items()))


class StripAccount:
    """Every metre of every coil under each camera: inspected, or in one missed stretch."""

    def __init__(self) -> None:
        self._covered: dict[tuple[str, str], list[tuple[float, float, str]]] = {}
        """By coil and camera, in order: start, end and how."""
        self._inspected_mm: defaultdict[str, float] = defaultdict(float)
        self._missed_mm: defaultdict[str, float] = defaultdict(float)
        self._doubtful: set[str] = set()
        """Coils of which nobody knows how much has passed."""
        self._open: set[str] = set()
        """Coils that have started, and not ended."""

    def follow(self, events: Sequence[Data], seen: Sequence[tuple[str, str, float, float]], confused: set[str]) -> None:
        """Take in what was reported, and what was inspected: coil, camera, start, end.

        `confused` are coils of which frames are taken for another's.
        """
        coils = [event for event in events if isinstance(event, CoilReport)]
        for number, coil in enumerate(coils):
            if coil.state == "started":
                if any(before.coil == coil.coil for before in coils[:number]):
                    self._doubtful.add(coil.coil)  # nobody can know which of the two was seen or missed in between
                else:
                    self._begin(coil)
        self._doubtful |= confused
        for coil_name, camera, start_mm, end_mm in seen:
            self._inspected_mm[coil_name] += self._cover(coil_name, camera, start_mm, end_mm, "inspected")
        for event in events:
            if isinstance(event, Missed):
                if event.end_mm <= event.start_mm and not event.reasons:
                    raise Violation(f"an event about nothing: {event}")
                if "unconfirmed" in event.reasons or ("silent" in event.reasons and event.is_estimated):
                    self._doubtful.add(event.coil)  # without an encoder nobody knows where a camera is that comes back
                how = "missed as assumed" if ASSUMED & event.reasons.keys() else "missed"
                self._missed_mm[event.coil] += self._cover(event.coil, event.camera, event.start_mm, event.end_mm, how)
        for coil in coils:
            if coil.state == "ended":
                self._end(coil)

    def _begin(self, coil: CoilReport) -> None:
        """A coil starts, or goes on after it had ended; one of its name that begins again is another."""
        name = coil.coil
        if coil.inspected_m + coil.missed_m:
            self._open.add(name)
            return
        require(name not in self._open, f"{name} started again with nothing, and had not ended")
        self._open.add(name)
        for key in [key for key in self._covered if key[0] == name]:
            del self._covered[key]
        self._inspected_mm[name] = self._missed_mm[name] = 0

    def _cover(self, coil: str, camera: str, start_mm: float, end_mm: float, how: str) -> float:
        """Note a stretch; return how much of it is new: what was assumed to be missed may come."""
        covered = self._covered.setdefault((coil, camera), [])
        for begin, end, before in reversed(covered):
            if start_mm < end - NEAR_MM and begin < end_mm - NEAR_MM:
                if (how, before) == ("missed as assumed", "inspected"):  # in one batch, where it was assumed first
                    self._doubtful.add(coil)
                is_late = (how, before) == ("inspected", "missed as assumed") or coil in self._doubtful
                if not is_late:
                    where = f"from {start_mm:g} to {end_mm:g} mm is {how}; from {begin:g} to {end:g} {before}"
                    raise Violation(f"{camera}: {coil} {where}")
                start_mm = end
            if end < start_mm:
                break
        if end_mm > start_mm:
            insort(covered, (start_mm, end_mm, how))
        return max(0.0, end_mm - start_mm)

    def _end(self, coil: CoilReport) -> None:
        self._open.discard(coil.coil)
        if coil.coil in self._doubtful:
            return
        edges_mm = [0.0]
        for (name, camera), covered in self._covered.items():
            if name != coil.coil:
                continue
            edge_mm = 0.0
            for start_mm, end_mm, _ in covered:
                if abs(start_mm - edge_mm) > NEAR_MM:
                    where = f"from {edge_mm:g} to {start_mm:g} mm"
                    raise Violation(f"{camera}: {name} {where} is neither inspected nor missed")
                edge_mm = end_mm
            edges_mm.append(edge_mm)
        sums = (self._inspected_mm[coil.coil] / 1000, self._missed_mm[coil.coil] / 1000, max(edges_mm) / 1000)
        reported = coil.inspected_m, coil.missed_m, coil.length_m
        is_same = all(abs(found_m - stated_m) <= 0.005 for found_m, stated_m in zip(sums, reported, strict=True))
        if not is_same:
            found = f"{coil.coil} ended with (inspected, missed, length) {reported} m"
            raise Violation(f"{found}; events and frames say {sums}")


class AlarmAccount:
    """Alarms as a subscriber knows them: by their events alone."""

    def __init__(self, latching: Set[str]) -> None:
        """`latching` are the names of those whose rule latches."""
        self.states: dict[str, IsaState] = {}
        self._as_left: dict[str, IsaState] = {}
        self._latching = latching

    def follow(self, reported: Iterable[Data]) -> None:
        """Take in what was reported: what happens is in the table of states."""
        for event in reported:
            if isinstance(event, events.Alarm):
                before, cause = self.states.get(event.name, "normal"), msgspec.convert(event.cause, Cause)
                state = becomes(before, cause, self._as_left.get(event.name, "normal"))
                if state is None or state != event.isa_state:
                    found = f"alarm {event.name}: {before} became {event.isa_state} by {event.cause}"
                    raise Violation(f"{found}; the table says {state}")
                self.states[event.name] = state
                if not is_aside(state):
                    self._as_left[event.name] = left(state, is_latching=event.name in self._latching)

    def compare(self, states: Mapping[str, IsaState]) -> None:
        """See that the alarms stand where their events have brought them."""
        for name, state in states.items():
            known = self.states.get(name, "normal")
            if state != known:
                raise Violation(f"alarm {name} is {state}; its events say {known}")


class FaultAccount:
    """Faults of the journal as a subscriber knows them: by their events alone."""

    def __init__(self) -> None:
        self._standing: set[str] = set()

    def follow(self, reported: Iterable[Data]) -> None:
        """Take in what was reported: a fault stands until its end is reported."""
        for event in reported:
            if isinstance(event, events.JournalStatus):
                self._standing.discard(event.fault)
                self._standing |= {event.fault} if event.state == "raised" else set()

    def compare(self, standing: Iterable[str]) -> None:
        """See that alarms read what the events say."""
        known = set(standing)
        require(known == self._standing, f"faults {known} stand for the alarms; their events say {self._standing}")

    def settle(self, why: str) -> None:
        """See that the journal is reported as written again once it is; `why` it is not."""
        stands = "not_written" in self._standing
        require(stands == bool(why), f"faults {self._standing} stand at the end; the journal is not written: {why}")


class Ends:
    """How shots ended: each is inspected once."""

    def __init__(self) -> None:
        self.inspected: set[int] = set()
        self.given_up: set[int] = set()
        """Dropped, or rejected for what they are."""
        self.confused: set[str] = set()
        """Coils of which frames were taken for another's, after frames that were lost around a weld."""
        self._before: dict[str, Shot] = {}
        """By camera, the last of which a header came."""
        self._doubtful: Counter[str] = Counter()
        """By camera, the next frames that may be taken for the coil before: frames were lost around a weld."""

    def follow(self, findings: Findings, shots: Sequence[Shot]) -> list[tuple[str, str, float, float]]:
        """Take in what became of frames; return what was inspected: coil, camera, start, end."""
        seen = []
        placed = iter(findings.placed)
        for arrival in findings.arrivals:
            if isinstance(arrival, Inspected):
                shot, at = shots[shot_of(arrival.frame.header)], next(placed)
                require(shot.id not in self.inspected, f"shot {shot.id} of {shot.camera} was inspected twice")
                self.inspected.add(shot.id)
                self._weld(shot)
                is_there = at.coil == shot.coil or self._doubtful[shot.camera] > 0
                require(is_there, f"shot {shot.id} lies on {shot.coil}; placed on {at.coil}")
                if at.coil != shot.coil:
                    self.confused |= {at.coil, shot.coil}
                if arrival.frame.header.start_mm is not None:
                    off_mm = abs(at.start_mm - shot.start_mm)
                    require(off_mm <= NEAR_MM, f"shot {shot.id} lies at {shot.start_mm}; placed at {at.start_mm} mm")
                seen.append((at.coil, shot.camera, at.start_mm, at.start_mm + LENGTH_MM))
            elif isinstance(arrival, Loss) and arrival.header is not None:
                self.given_up.add(shot_of(arrival.header))
                self._weld(shots[shot_of(arrival.header)])
        return seen

    def _weld(self, shot: Shot) -> None:
        before = self._before.get(shot.camera, shot)
        self._before[shot.camera] = shot
        self._doubtful[shot.camera] -= 1
        if before.coil != shot.coil and (before.boot, before.index + 1) != (shot.boot, shot.index):
            self._doubtful[shot.camera] = 3


class Kept(msgspec.Struct, frozen=True):
    """What stages know that a disk may hold: after how many findings, and how many events."""

    findings: int
    events: int
    states: Mapping[str, bytes]


class Record:
    """What was given to be recorded, what was published, and what a disk may hold after the end of a process."""

    def __init__(self) -> None:
        self.findings: list[Findings] = []
        """Given to the recorder, in order; of those on disk or on their way."""
        self.events: list[Data] = []
        self._of_findings: list[bool] = []
        """Of each event, whether it is of findings; else it was reported besides."""
        self._commits = {0}
        """Numbers of events that a commit ended with."""
        self._kept = [Kept(0, 0, {})]
        self.published: dict[int, bytes] = {}
        """By `seq`."""

    def give(self, group: Sequence[Findings], reports: Sequence[Data]) -> None:
        """Findings, and then reports, are about to be recorded."""
        self.findings += group
        for findings in group:
            self.events += findings.events
        self._of_findings += [True] * (len(self.events) - len(self._of_findings))
        if group:
            self._kept.append(Kept(len(self.findings), len(self.events), group[-1].states))
        self.events += reports
        self._of_findings += [False] * len(reports)
        self._commits.add(len(self.events))

    def settle(self, events: int, states: Mapping[str, bytes]) -> None:
        """Go back to what a disk holds, at the start of another process."""
        require(events in self._commits, f"the disk holds {events} events: no commit ended with them")
        for kept in reversed(self._kept):
            fits = kept.events <= events and not any(self._of_findings[kept.events : events])
            if fits and all(states.get(name) == state for name, state in kept.states.items()):
                break
        else:
            raise Violation(f"the disk holds {events} events, and states that no commit put there with them")
        del self.findings[kept.findings :], self.events[events:], self._of_findings[events:]
        self._kept = [kept]
        self._commits = {number for number in self._commits if number <= events}
