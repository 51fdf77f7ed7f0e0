"""Marks that come again at a constant distance: a damaged roll prints one each turn. Pure, stateful.

Laws: a repeat is reported only when chance does not explain it (`chains.py`). A mark belongs to one repeat at most;
memory is bounded by the window.

Knows: marks, by class, side, place across and position along the line. Must not know: frames, cameras, alarms.

Positions are those of the line, which go on over a weld; `Tracks.coil` begins the next coil.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec
import numpy as np

from inspector.strip.chains import NOTHING, Chains, ChanceLimits, Newest, ShownChains
from inspector.strip.chances import TURNS, Floats, Search
from inspector.strip.marks import NOTHING_BEFORE, Before, KeptMark, Lanes, Mark, Place, Trio
from inspector.strip.strewn import Dirt, Strewn
from inspector.strip.track import RepeatingMark, Track, track_of

LOST_AFTER = 6
"""Turns in a row without the mark that end a repeat; at 30 % missed marks that is chance in 1 of 1 400 turns."""
USUAL_MM = 5e6
"""Length of a coil: on the whole of a longer one no more than twice as many false repeats are expected."""
KEPT_MARKS = 256
"""Free marks that a restart keeps, the newest: on strip so dirty that there are more, few tell anything."""
AT_ONCE = 96
"""Marks that are looked at together at most."""
LEAST_PLACE_MM = 4.0
"""Places across are no narrower, however exactly a mark's is known."""
GAIN = 0.6
"""How much a mark moves the place from which the next one is expected: of a Kalman filter at rest whose period walks by
as much from turn to turn as a position is uncertain. One mark that is cut off at its head so ends no repeat."""


class Kept(msgspec.Struct, frozen=True):
    """What the search has to know after a restart: what repeats, and what may turn out to."""

    tracks: list[Track] = []
    free: list[KeptMark] = []
    """The newest marks that belong to no repeat, oldest first."""
    dirt: list[Dirt] = []
    begins_mm: float | None = None
    """Where the first mark of this coil lies."""


class _Outlook(NamedTuple):
    """What is known of some marks before they are added."""

    marks: Sequence[Mark]
    places: list[Trio]
    facts: Floats
    before: Before
    shown: ShownChains
    """Chains that may be reported."""
    may_repeat: list[bool]
    is_close: list[bool]
    """Whether another mark lies closer in the lane than any roll prints."""
    taken: set[int]
    """Those that belong to a repeat, as far as that is known: what was foreseen of the next ones may be wrong."""

    def is_foreseen(self, number: int) -> bool:
        """Whether this holds for one of them."""
        return not self.taken or not self.before.mates[number, list(self.taken)].any()


NO_OUTLOOK = _Outlook((), [], np.zeros((4, 0)), NOTHING_BEFORE, NOTHING, [], [], set())
"""Of no mark."""


class Tracks:
    """Finds repeats among marks that come in the order of their positions (nearly: by less than a period)."""

    def __init__(self, search: Search | None = None) -> None:
        self._search = search or Search()
        self._window_mm = self._search.window_mm
        self._lanes = Lanes(max(self._search.reach_mm, LEAST_PLACE_MM), self._search.reach_mm, self._window_mm)
        self._newest: deque[Mark] = deque(maxlen=KEPT_MARKS)
        """Marks that belong to no repeat, the newest of all lanes."""
        self._tracks: dict[Place, list[Track]] = {}
        """By where the newest mark lies."""
        self._strewn: dict[tuple[str, str], Strewn] = {}
        """By side and class."""
        self._chains = Chains(self._search)
        self._begins_mm: float | None = None

    def coil(self, name: str = "") -> None:
        """Begin the next coil: what repeats goes on, and is reported again with its first mark there."""
        self._begins_mm = None
        for track in self._all():
            if track.last.coil == name:  # another one of that name
                track.marks, track.is_reported = 0, False

    def rolls_changed(self, concerns: Callable[[float], bool] = lambda period_mm: True) -> list[RepeatingMark]:
        """End the repeats whose period concerns the rolls that were changed, and return them.

        Marks that belong to no repeat are forgotten too: which roll printed them is not known.
        """
        self._lanes.clear()
        self._newest.clear()
        return self._end(lambda track: concerns(track.period_mm))

    def add(self, mark: Mark) -> RepeatingMark | None:
        """Take in one mark; return the repeat it belongs to, if it belongs to one."""
        return next(self.add_all([mark]))

    def add_all(self, marks: Sequence[Mark]) -> Iterator[RepeatingMark | None]:
        """Take in marks, and yield the repeat that each belongs to: as one after the other, but faster."""
        step = math.ceil(len(marks) / math.ceil(len(marks) / AT_ONCE)) if marks else 1
        for begin in range(0, len(marks), step):
            yield from self._add_some(marks[begin : begin + step])

    def _add_some(self, marks: Sequence[Mark]) -> Iterator[RepeatingMark | None]:
        """Take in marks; those that repeats under way await are not looked at as the newest of a chain."""
        is_awaited = self._awaited(marks)
        outlook, number = self._look_ahead(marks, is_awaited), 0
        for place, mark in enumerate(marks):
            strewn = self._strew(mark)
            found = self._go_on(mark)
            if found is None and is_awaited[place]:
                is_awaited[place] = False
                outlook, number = self._look_ahead(marks[place:], is_awaited[place:]), 0
            if not is_awaited[place]:
                if found is None:
                    found = self._search_for(outlook, number, strewn)
                if found is not None:
                    outlook.taken.add(number)
                number += 1
            yield found

    def _awaited(self, marks: Sequence[Mark]) -> list[bool]:
        """Foresee which marks go on with repeats that are under way."""
        at_mm = dict[int, float]()
        is_awaited = [False] * len(marks)
        for number, mark in enumerate(marks if self._tracks else ()):
            for track in self._about_place(mark):
                if self._turns_to(track, mark, at_mm.get(id(track), track.at_mm)):
                    at_mm[id(track)], is_awaited[number] = mark.line_mm, True
                    break
        return is_awaited

    def end(
        self, line_mm: float, of_side: Mapping[str, float] | None = None, *, but: Collection[str] = ()
    ) -> list[RepeatingMark]:
        """End the repeats whose mark has not come for `LOST_AFTER` turns, and return them.

        All marks up to `line_mm` have come; those of some sides, up to where it says in `of_side`. `but` are ids of
        repeats that go on.
        """
        settled_mm = of_side or {}

        def is_over(track: Track) -> bool:
            behind_mm = settled_mm.get(track.last.side, line_mm) - track.last.line_mm
            return behind_mm > LOST_AFTER * track.period_mm and track.first.id not in but

        return self._end(is_over)

    def _end(self, is_over: Callable[[Track], bool]) -> list[RepeatingMark]:
        ended = []
        for place, tracks in list(self._tracks.items()):
            gone = [track for track in tracks if is_over(track)]
            if len(gone) == len(tracks):
                del self._tracks[place]
            elif gone:
                self._tracks[place] = [track for track in tracks if track not in gone]
            ended += [track.report() for track in gone]
        return ended

    def kept(self) -> Kept:
        """Return what `resume` goes on with; bounded, and made without a look at every mark."""
        free = [KeptMark(*msgspec.structs.astuple(mark)) for mark in self._newest]
        dirt = [about.kept(*key) for key, about in self._strewn.items()]
        return Kept(list(self._all()), free, dirt, self._begins_mm)

    def resume(self, kept: Kept) -> None:
        """Go on where another search was; marks of the window of whom only the number is kept lie evenly."""
        for track in kept.tracks:
            self._tracks.setdefault(self._lanes.places(track.last)[0], []).append(track)
        for free in kept.free:
            mark = Mark(*msgspec.structs.astuple(free))
            self._keep(mark, self._lanes.places(mark)[0], np.array(mark.facts))
        for dirt in kept.dirt:
            self._about(dirt.side, dirt.name).resume(dirt)
        self._begins_mm = kept.begins_mm

    # --- repeats under way ----------------------------------------------------------------------------------

    def _all(self) -> Iterator[Track]:
        for tracks in self._tracks.values():
            yield from tracks

    def _slack_mm(self, period_mm: float, turns: int) -> float:
        """How far a mark may lie from where it is expected `turns` turns after another."""
        return 2 * self._search.along_mm + self._search.stretch * period_mm * math.sqrt(turns)

    def _turns_to(self, track: Track, mark: Mark, at_mm: float) -> int:
        """Turns from a repeat's newest mark, which lies at `at_mm`, to this one; 0 when it is none of its marks."""
        if abs(mark.across_mm - track.last.across_mm) > self._search.reach_mm:
            return 0
        turns = round((mark.line_mm - at_mm) / track.period_mm)
        if not 1 <= turns <= LOST_AFTER:
            return 0
        away_mm = abs(mark.line_mm - at_mm - turns * track.period_mm)
        return turns if away_mm <= self._slack_mm(track.period_mm, turns) else 0

    def _extend(self, track: Track, mark: Mark, turns: int) -> RepeatingMark:
        believed_mm = self._slack_mm(track.period_mm, turns) / 2  # what lies farther off is no better known for it
        foretold_mm = track.at_mm + turns * track.period_mm
        away_mm = min(max(mark.line_mm - foretold_mm, -believed_mm), believed_mm)
        track.off_mm = foretold_mm + GAIN * away_mm - mark.line_mm
        track.period_mm += away_mm / (turns + min(track.turns, TURNS))
        track.reach(mark, 1)
        track.turns += turns
        track.steps = [*track.steps, turns][-TURNS:]
        track.settle()
        return track.report()

    def _joined(self, new: Track) -> Track:
        """Add a repeat to those under way; one that lies between the marks of another makes its period shorter."""
        for old in list(self._about_place(new.last)):
            if abs(old.last.across_mm - new.last.across_mm) > self._search.reach_mm:
                continue
            slack_mm = self._slack_mm(old.period_mm, 1)
            if abs(old.period_mm - new.period_mm) > slack_mm:
                continue
            for parts in (2, 3):
                away = (new.last.line_mm - old.last.line_mm) / (old.period_mm / parts)
                if abs(away - round(away)) * old.period_mm / parts <= slack_mm:
                    old.period_mm /= parts
                    old.turns = round((new.last.line_mm - old.first.line_mm) / old.period_mm)
                    old.reach(new.last, new.marks)
                    old.off_mm = new.off_mm
                    old.steps.clear()
                    self._move(old, new.last)
                    return old
        self._tracks.setdefault(self._lanes.places(new.last)[0], []).append(new)
        return new

    def _move(self, track: Track, mark: Mark) -> None:
        """Note that a repeat's newest mark is this one; the one before lay at its place or next to it."""
        places = self._lanes.places(mark)
        if track in self._tracks.get(places[0], ()):
            return
        for place in places:
            if track in (tracks := self._tracks.get(place, [])):
                tracks.remove(track)
        self._tracks.setdefault(places[0], []).append(track)

    def _about_place(self, mark: Mark) -> Iterator[Track]:
        """Yield the repeats whose newest mark lies where this one lies, then those next to it."""
        for place in self._lanes.places(mark):
            yield from self._tracks.get(place, ())

    # --- the next mark --------------------------------------------------------------------------------------

    def _go_on(self, mark: Mark) -> RepeatingMark | None:
        """Add a mark to the repeat under way that it belongs to, if there is one."""
        for track in self._about_place(mark):
            if turns := self._turns_to(track, mark, track.at_mm):
                self._move(track, mark)
                return self._extend(track, mark, turns)
        return None

    def _search_for(self, outlook: _Outlook, number: int, strewn: Strewn) -> RepeatingMark | None:
        """Find the repeat that one of some marks shows, or keep the mark."""
        mark = outlook.marks[number]
        if not outlook.is_foreseen(number):
            outlook, number = self._look_ahead([mark], [False]), 0
        reach_mm2 = 2 * self._search.reach_mm * self._search.min_period_mm
        strewn.look(outlook.is_close[number], strewn.least(mark.across_mm, 1) * reach_mm2)
        if outlook.may_repeat[number] and (found := self._found(outlook, number, strewn)) is not None:
            return self._joined(found).report()
        self._keep(mark, outlook.places[number][0], outlook.facts[:, number])
        return None

    # --- free marks -----------------------------------------------------------------------------------------

    def _strew(self, mark: Mark) -> Strewn:
        """Count a mark for how dirty the strip is."""
        if self._begins_mm is None:
            self._begins_mm = mark.line_mm
        about = self._about(mark.side, mark.name)
        about.add(mark.line_mm, mark.across_mm, mark.log_sizes)
        return about

    def _about(self, side: str, name: str) -> Strewn:
        about = self._strewn.get((side, name))
        if about is None:
            about = self._strewn[side, name] = Strewn(self._window_mm, self._search.width_mm)
        return about

    def _log_price(self, line_mm: float, marks: int) -> float:
        """Log of the marks on the coil, each of which may be the newest of a chain, of `marks` within the window.

        Each millimetre of the coil has its share of the false repeats, and the sum of all shares is 1: they are even
        at first, and fall off on a coil that is longer than usual.
        """
        behind_mm = max(0.0, line_mm - (self._begins_mm or 0.0))
        return math.log(max(1, marks) * USUAL_MM / self._window_mm) + 2 * math.log1p(behind_mm / USUAL_MM)

    def _keep(self, mark: Mark, place: Place, facts: Floats) -> None:
        self._lanes.add(mark, place, facts)
        self._newest.append(mark)

    def _look_ahead(self, among: Sequence[Mark], is_awaited: Sequence[bool]) -> _Outlook:
        """See which of the next marks may be the newest of a chain, if none belongs to a repeat but those awaited."""
        marks = [mark for mark, awaited in zip(among, is_awaited, strict=True) if not awaited]
        if not marks:
            return NO_OUTLOOK
        places, facts = [self._lanes.places(mark) for mark in marks], np.array([mark.facts for mark in marks]).T
        before = self._lanes.before(places, facts)
        shown, may_repeat = NOTHING, [False] * len(marks)
        if len(before.pairs.of) >= self._search.marks - 1:
            shown = self._chains.passing(before.pairs, self._limits(places, facts, among))
            for number in shown.of.tolist():
                may_repeat[number] = True
        is_close = (before.nearest_mm < self._search.min_period_mm).tolist()
        return _Outlook(marks, places, facts, before, shown, may_repeat, is_close, set())

    def _limits(self, places: Sequence[Trio], facts: Floats, among: Sequence[Mark]) -> ChanceLimits:
        """What chance shows about each of the next marks at the least, while they and others are added."""
        kinds: dict[tuple[str, str], list[int]] = {}
        for number, ((side, name, _), *_) in enumerate(places):
            kinds.setdefault((side, name), []).append(number)
        every: dict[tuple[str, str], list[tuple[float, float]]] = {}
        for mark in among:
            every.setdefault((mark.side, mark.name), []).append((mark.line_mm, mark.across_mm))
        least, rarest = np.empty(len(places)), np.empty(len(places))
        total = sum(about.total for key, about in self._strewn.items() if key not in every)
        for (side, name), added in every.items():
            about, of = self._about(side, name), np.array(kinds.get((side, name), []), np.intp)
            least[of], left = about.least_while(np.array(added), facts[1, of], TURNS + 1)
            rarest[of] = about.log_rarest(len(added))
            total += left
        price = self._log_price(min(mark.line_mm for mark in among), total)
        return ChanceLimits(np.log(least), np.full(len(places), price), rarest)

    def _found(self, outlook: _Outlook, number: int, strewn: Strewn) -> Track | None:
        """Look for a chain through this mark that is no chance, and take its marks out of the lanes."""
        mark, slots = outlook.marks[number], outlook.before.slots
        log_strewn = math.log(strewn.least(mark.across_mm, TURNS + 1))
        log_price = self._log_price(mark.line_mm, sum(about.total for about in self._strewn.values()))
        newest = Newest(number, mark.line_mm, mark.across_mm, log_strewn, log_price, mark.log_sizes)
        shown = outlook.shown.only((outlook.shown.of == number).nonzero()[0])
        chain = self._chains.best(newest, outlook.before.pairs, shown, strewn)
        if chain is None:
            return None
        marks = {}
        for turn, slot in zip(chain.turn.values(), slots[list(chain.turn)].tolist(), strict=True):
            marks[turn] = self._lanes.kept(slot) if slot >= 0 else outlook.marks[-1 - slot]
            self._take(marks[turn])
        return track_of(mark, marks, chain.log_expected)

    def _take(self, mark: Mark) -> None:
        """A mark belongs to a repeat now."""
        if mark in self._newest:
            self._newest.remove(mark)
        self._lanes.remove(mark)
