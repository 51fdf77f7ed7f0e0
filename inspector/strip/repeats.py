"""Repeats: which defects are prints of one damaged roll, reported while the coil runs. Pure, stateful.

Laws: only finished defects are marks, each once, and each counts on its own coil, whatever coil has begun by then. A
repeat is reported when it is found, when its marks have doubled in number, when it goes on upon the next coil, and when
it ends. It goes on over a weld and over a restart of the inspector, which also keeps the newest marks that had not yet
repeated often enough. The search, which takes most of a batch's time on dirty strip, comes behind the batch: what it
finds is reported right behind the batch's own events, and before those of the next. Where a coil ends, rolls are
changed or the stream ends, it belongs to the batch. What has not been searched yet goes on over a restart.

Knows: defects, coils, the roll table. Must not know: frames, alarms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import msgspec

from inspector.records.coil import MOST_PIECES
from inspector.records.commands import Answer, RollsChanged
from inspector.records.events import CoilReport, Data, Defect, Repeat, RepeatState
from inspector.records.stages import Findings
from inspector.strip.chances import Search
from inspector.strip.marks import KeptMark, Mark
from inspector.strip.rolls import suspects, table
from inspector.strip.settings import RepeatSection, RollSection
from inspector.strip.track import RepeatingMark, Track
from inspector.strip.tracks import Kept, Tracks
from inspector.words import counted


class _Unsearched(msgspec.Struct):
    """Marks of one coil that were not searched yet."""

    coil: str
    begins: bool = False
    """Whether they are the first of it."""
    is_another: bool = False
    """Whether another coil of this name begins, not one that goes on."""
    marks: list[KeptMark] = []
    is_estimated: bool = False
    """Of the newest of them."""


class _State(msgspec.Struct):
    """What goes on after a restart."""

    head_mm: dict[str, float] = {}
    """Where on the line each coil begins: positions of the line go on over a weld.

    Of the newest and those before it that another camera may still be on, or have to come to, or frames name again.
    """
    reached_mm: float = 0.0
    """How far the line has come."""
    settled_mm: dict[str, float] = {}
    """How far all marks of each side that is looked at have come: behind `reached_mm` by as much as its cameras stand
    farther down the line, or wait for one another."""
    coil: str = ""
    tracks: list[Track] = []
    """Repeats under way, as 0.2 kept them; `search` holds them now."""
    search: Kept | None = None
    is_estimated: bool = False
    """Of the newest defect."""
    unsearched: list[_Unsearched] = []
    """In the order of the strip; the coil and all else of the search are those of before them."""
    announced: dict[str, int] = {}
    """Marks of each repeat when it was last reported, by its id."""


class Repeats:
    """The stage that adds `repeat` events."""

    name = "repeats"

    def __init__(self, section: RepeatSection, rolls: Iterable[RollSection]) -> None:
        self._rolls = table(rolls)
        self._tolerance = section.stretch_percent / 100
        search = Search(
            min_period_mm=section.min_period_mm,
            max_period_mm=section.max_period_mm,
            known_mm=tuple(roll.period_mm for roll in self._rolls),
            across_mm=section.across_mm,
            along_mm=section.along_mm,
            stretch=self._tolerance,
        )
        self._longest_mm = section.min_period_mm
        self._tracks = Tracks(search)
        self._state = _State()

    def __call__(self, findings: Findings) -> Findings:
        """Change rolls, then note the defects of a batch; look for repeats where the batch completes something."""
        events, answers = list[Data](), dict(findings.answers)
        for asked in findings.asked:
            if isinstance(asked.command, RollsChanged):
                events += self._search()  # what was printed before
                answers[asked.number] = self._change(asked.command, events)
        self._note(findings)
        if findings.is_last or any(_ends(data) for data in findings.events):
            events += self._search()
        if not events and answers == findings.answers:
            return findings
        return msgspec.structs.replace(findings, events=(*findings.events, *events), answers=answers)

    def behind(self, findings: Findings) -> Findings | None:
        """Look for repeats among what was noted, with a batch that was handed on; return what is to follow it."""
        events = self._search()
        if not events:
            return None
        return Findings(
            closed_ns=findings.closed_ns,
            reached_mm=findings.reached_mm,
            settled_mm=findings.settled_mm,
            events=tuple(events),
        )

    @property
    def under_way(self) -> frozenset[str]:
        """Ids of the repeats that were reported and have not ended."""
        return frozenset(track.first.id for track in self._tracks.kept().tracks)

    def state(self) -> bytes:
        """Repeats under way, marks that may become one, and where the coils lie on the line."""
        self._state.search = self._tracks.kept()
        return msgspec.json.encode(self._state)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the repeats of a state.

        Raises: ValueError when it cannot be read.
        """
        self._state = msgspec.json.decode(state, type=_State)
        kept = self._state.search or Kept(self._state.tracks)
        for track in kept.tracks:
            if track.marks and not track.last.coil:  # as older versions kept it
                track.last = msgspec.structs.replace(track.last, coil=self._state.coil)
        self._tracks.resume(kept)
        self._state.tracks = []

    # --- what the cameras saw -------------------------------------------------------------------------------------

    def _note(self, findings: Findings) -> None:
        """Put the marks of a batch where they lie on the line."""
        self._reach(findings.left_mm)  # the coils before a weld: the next begins there
        for data in findings.events:
            if isinstance(data, CoilReport) and data.state == "started":
                self._begin(data)
            elif isinstance(data, Defect) and data.is_whole and data.length_mm < self._longest_mm:
                self._mark(data)
        self._reach(findings.reached_mm)
        self._settle(findings.settled_mm)

    def _settle(self, settled_mm: dict[tuple[str, str], float]) -> None:
        """Follow how far the marks of each side have come; of a side on two coils, those on the one before."""
        state, by_side = self._state, dict[str, float]()
        for (coil, side), at_mm in settled_mm.items():
            if coil in state.head_mm:
                line_mm = state.head_mm[coil] + at_mm
                by_side[side] = min(line_mm, by_side.get(side, line_mm))
        state.settled_mm = {side: max(line_mm, state.settled_mm.get(side, 0.0)) for side, line_mm in by_side.items()}

    def _reach(self, ends_mm: dict[tuple[str, str], float]) -> None:
        """Follow how far the line has come, by the coils whose heads are known."""
        state = self._state
        for (coil, _), reached_mm in ends_mm.items():
            if coil in state.head_mm:
                state.reached_mm = max(state.reached_mm, state.head_mm[coil] + reached_mm)

    def _begin(self, report: CoilReport) -> None:
        """Put a coil's head where the line has come to, unless it goes on, as after a stop or a wrong name."""
        state, coil = self._state, report.coil
        goes_on = coil in state.head_mm and not report.begins
        if not goes_on:
            others = {name: head_mm for name, head_mm in state.head_mm.items() if name != coil}
            state.head_mm = {**dict(list(others.items())[-MOST_PIECES:]), coil: state.reached_mm}
        if not goes_on or coil != self._newest.coil:
            state.unsearched.append(_Unsearched(coil, begins=True, is_another=report.begins))

    def _mark(self, defect: Defect) -> None:
        """Note a defect as a mark of the line, where it is known where its coil lies."""
        head_mm = self._state.head_mm.get(defect.coil)
        if head_mm is None:
            return
        if not self._state.unsearched:
            self._state.unsearched.append(_Unsearched(self._state.coil))
        across_mm, width_mm = (defect.left_mm + defect.right_mm) / 2, defect.right_mm - defect.left_mm
        line_mm, newest = head_mm + defect.start_mm, self._state.unsearched[-1]
        newest.is_estimated = defect.is_estimated
        own = (defect.id, defect.name, defect.side, across_mm, line_mm, width_mm, defect.length_mm, defect.coil)
        newest.marks.append(KeptMark(*own))

    @property
    def _newest(self) -> _Unsearched | _State:
        """What knows the newest coil."""
        return self._state.unsearched[-1] if self._state.unsearched else self._state

    # --- what repeats ---------------------------------------------------------------------------------------------

    def _search(self) -> list[Data]:
        """Look for repeats among all that was noted, and end those whose mark stays away.

        One that is found here ends with the next search at the earliest: between the two an alarm sees it.
        """
        state, events = self._state, list[Data]()
        begun = Counter(stretch.coil for stretch in state.unsearched if stretch.is_another)
        for stretch in state.unsearched:
            begun[stretch.coil] -= stretch.is_another
            if stretch.begins:
                state.coil = stretch.coil
                self._tracks.coil(stretch.coil)
            if stretch.marks:
                state.is_estimated = stretch.is_estimated
                events += self._add([Mark(*msgspec.structs.astuple(kept)) for kept in stretch.marks], begun)
        state.unsearched = []
        found = {event.id for event in events if isinstance(event, Repeat)}
        events += map(self._over, self._tracks.end(state.reached_mm, state.settled_mm, but=found))
        return events

    def _change(self, command: RollsChanged, events: list[Data]) -> Answer:
        """End what the rolls printed that were changed; other rolls print other marks."""
        names = [roll.name for roll in self._rolls]
        if command.roll is not None and command.roll not in names:
            expected = f"one of {', '.join(names)}" if names else "none: the configuration has no [[roll]]"
            return Answer(is_done=False, message=f"{command.roll}: no such roll; expected {expected}.")
        ended = self._tracks.rolls_changed(lambda period_mm: command.roll in (None, *self._suspected(period_mm)))
        events += map(self._over, ended)
        what = command.roll or "all rolls"
        return Answer(is_done=True, message=f"{what} changed; {counted(len(ended), 'repeat')} ended")

    def _suspected(self, period_mm: float) -> tuple[str, ...]:
        """Rolls that explain a period, the likeliest first."""
        return tuple(suspect.roll.name for suspect in suspects(period_mm, self._rolls, 2 * self._tolerance))

    def _add(self, marks: list[Mark], begun: Mapping[str, int]) -> Iterator[Data]:
        """Look for repeats among marks; `begun`: how many coils of each name have begun since."""
        for found in self._tracks.add_all(marks):
            before = self._state.announced.get(found.id) if found and not found.is_new else None
            if found and (before is None or found.marks >= 2 * before):
                self._state.announced[found.id] = found.marks
                yield self._event(found, "new" if before is None else "update", begun.get(found.coil, 0))

    def _over(self, found: RepeatingMark) -> Repeat:
        """End a repeat on the newest coil, on which it may have no mark."""
        self._state.announced.pop(found.id, None)
        is_there = found.coil == self._state.coil
        over = msgspec.structs.replace(found, coil=self._state.coil, marks=found.marks if is_there else 0)
        return self._event(over, "ended")

    def _event(self, found: RepeatingMark, state: RepeatState, coils_since: int = 0) -> Repeat:
        return Repeat(
            id=found.id,
            state=state,
            name=found.name,
            coil=found.coil,
            side=found.side,
            across_mm=round(found.across_mm, 1),
            period_mm=round(found.period_mm, 1),
            marks=found.marks,
            newest=found.newest,
            confidence=found.confidence,
            rolls=self._suspected(found.period_mm),
            is_estimated=self._state.is_estimated,
            coils_since=coils_since,
        )


def _ends(data: Data) -> bool:
    return isinstance(data, CoilReport) and data.state == "ended"
