"""The chain of marks that a roll explains best, among all that end with the newest mark. Numbers only; stateless.

A chain is reported only when the expected number of chains as convincing, among marks strewn at random on the coil, is
small (an a-contrario test: Desolneux, Moisan, Morel, "From Gestalt Theory to Image Analysis", 2008; what is counted is
in `chances.py`). So three or four marks suffice on clean strip, and dirty strip takes more.

Law: what is left out for the sake of time could not have been reported.

Knows: distances and sizes. Must not know: classes, coils, which roll it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from itertools import groupby, pairwise
from operator import itemgetter

import msgspec
import numpy as np

from inspector.strip.chances import LIKENESS_CAP, LOOSE, TURNS, Floats, Places, Print, RollModel, Search, log_streak
from inspector.strip.strewn import About, Strewn

EACH_TURN: Floats = np.arange(1.0, TURNS + 1)
NONE: Floats = np.empty(0)
ROUNDING_MM = 1e-6
FEW = 2 * TURNS
STEP = 2.0
"""Ratio of the periods within which one bound does for all."""

Sizes = tuple[float, float]


class NearMarks(msgspec.Struct, frozen=True):
    """The newest mark, and the earlier ones at its place across; millimetres."""

    line_mm: float
    across_mm: float
    """Where the newest mark lies."""
    back_mm: Floats
    """(N,): how far before it each earlier one lies, ascending."""
    to_right_mm: Floats
    """(N,): how far to its right."""
    log_strewn: float
    """Log of the marks on a square millimetre there, at the least."""
    size: Sizes | None = None
    """Natural logarithms of its width and length."""
    size_of: Callable[[int], Sizes | None] = lambda place: None
    """Those of an earlier one, if known."""


class Chain(msgspec.Struct, frozen=True):
    """A chain that ends with the newest mark."""

    turn: dict[int, int]
    """Its earlier marks, by their index in the lane: turns before the newest."""
    log_expected: float
    """Natural logarithm of how many chains as convincing chance shows on this coil."""


class Chains:
    """Looks for chains."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._log_false = math.log(search.false_per_coil * LOOSE)
        self._roll = RollModel(search)
        self._known_mm = _known(search)
        self._edges_mm = _edges(self._known_mm, search)
        steps = math.ceil(math.log(search.max_period_mm / search.min_period_mm, STEP))
        ends_mm = [min(search.min_period_mm * STEP**step, search.max_period_mm) for step in range(steps + 1)]
        self._steps_mm = list(pairwise(ends_mm))

    def promising(self, back_mm: Floats, log_strewn: float, log_price: float) -> Floats:
        """Return all periods at which a chain may be reported, and few others: (P,).

        `back_mm` (N,): how far before the newest mark each earlier one of its lane lies, ascending. `log_strewn`:
        log of the marks on a square millimetre there, at the least. `log_price`: log of the chains that could be as
        convincing on the coil.
        """
        log_needed = log_price - self._log_false
        found = [
            self._close_to(back_mm, log_strewn, log_needed),
            *(_shown(back_mm, range_mm) for range_mm in self._telling(back_mm, log_strewn, log_needed)),
        ]
        return np.concatenate(found) if len(found) > 1 else found[0]

    def best(self, lane: NearMarks, periods_mm: Floats, strewn: Strewn, log_price: float) -> Chain | None:
        """Find the chain of some periods that a roll explains best; None when chance may do."""
        best_ratio, best = log_price - self._log_false, dict[int, int]()
        about = None
        fewest = partial(self._roll.fewest_of, log_strewn=lane.log_strewn, log_needed=best_ratio)
        for turn in chains(lane.back_mm, periods_mm, self._search, fewest):
            prints = [
                Print(number, float(lane.back_mm[at]), float(lane.to_right_mm[at])) for at, number in turn.items()
            ]
            if not self._roll.may_reach(len(turn), lane.log_strewn, best_ratio, prints[0]):
                continue
            along, across = self._roll.log_densities(prints)
            cap = LIKENESS_CAP if lane.size is not None else 0.0
            each = cap - lane.log_strewn
            if max(along[at] + across[at] + each * (at + 1) for at in range(len(turn))) < best_ratio:
                continue
            about = about or strewn.about(lane.line_mm, lane.across_mm)
            by_chance = self._by_chance(lane, turn, across, about, strewn.torn)
            alike = self._alike(lane, turn, strewn)
            for number in range(self._search.marks - 1, len(turn) + 1):
                at = number - 1
                log_ratio = along[at] + across[at] + alike[at] - by_chance[at]
                if log_ratio >= best_ratio:
                    best_ratio, best = log_ratio, dict(list(turn.items())[:number])
        return Chain(best, log_price - best_ratio - math.log(LOOSE)) if best else None

    def _close_to(self, back_mm: Floats, log_strewn: float, log_needed: float) -> Floats:
        """Periods that need no known roll."""
        most = min(TURNS, len(back_mm))
        if len(back_mm) < FEW:
            hits = self._roll.fewest(log_strewn, log_needed, self._search.min_period_mm)
            range_mm = self._search.min_period_mm, self._search.max_period_mm
            return _close(back_mm, hits, range_mm, self._search) if hits <= most else NONE
        wanted = [
            (hits, range_mm)
            for range_mm in self._steps_mm
            if (hits := self._roll.fewest(log_strewn, log_needed, range_mm[0])) <= most
        ]
        found = []
        for hits, group in groupby(wanted, itemgetter(0)):  # one sort for all periods that need as many
            ranges_mm = [range_mm for _, range_mm in group]
            found.append(_close(back_mm, hits, (ranges_mm[0][0], ranges_mm[-1][1]), self._search))
        return np.concatenate(found) if found else NONE

    def _telling(self, back_mm: Floats, log_strewn: float, log_needed: float) -> list[tuple[float, float]]:
        """Ranges of known rolls that have marks at enough turns."""
        if not self._known_mm:
            return []
        least = self._roll.fewest(log_strewn, log_needed, self._known_mm[0][0], is_known=True)
        edges = back_mm.searchsorted(self._edges_mm)
        turns = (edges[0] < edges[1]).sum(axis=1)
        return [self._known_mm[number] for number in np.flatnonzero(turns >= least)]

    def _by_chance(
        self, lane: NearMarks, turn: dict[int, int], across: list[float], about: About, torn: float
    ) -> list[float]:
        """Log density of a chain's first mark, its first two, and so on, by chance: strewn, or torn scratches."""
        found = []
        for number, (place, log_across) in enumerate(zip(turn, across, strict=True), start=1):
            span_mm, others = float(lane.back_mm[place]), place + 1 - number
            dense = max(about.density(span_mm, number + 1), math.exp(lane.log_strewn))
            expected = dense * 2 * self._search.reach_mm * span_mm
            streak = log_across + log_streak(number, span_mm, others, expected, torn)
            found.append(float(np.logaddexp(number * math.log(dense), streak)))
        return found

    def _alike(self, lane: NearMarks, turn: dict[int, int], strewn: Strewn) -> list[float]:
        """Log of how much likelier than by chance the first mark's size is, that of the first two, and so on."""
        known = [size for place in turn if (size := lane.size_of(place)) is not None]
        if lane.size is None or len(known) < len(turn):
            return [0.0] * len(turn)
        return self._roll.log_likeness(lane.size, known, strewn.log_usual(known))


def chains(
    back_mm: Floats, periods_mm: Floats, search: Search, fewest: Callable[[Floats], Places]
) -> list[dict[int, int]]:
    """Return the chains of some periods, each once: the marks a whole number of turns back, index to turn, ascending.

    Of several marks about one turn the closest one counts. `fewest`: turns with a mark that chains of
    some periods need.
    """
    ratio = back_mm[None, :] / periods_mm[:, None]
    turns = np.rint(ratio)
    away_mm = np.abs(ratio - turns) * periods_mm[:, None]
    slack_mm = 2 * search.along_mm + search.stretch * periods_mm
    is_hit = (away_mm <= slack_mm[:, None]) & (turns >= 1) & (turns <= TURNS)
    seen, found = set[bytes](), list[dict[int, int]]()
    hits = np.where(is_hit, turns, 0).astype(np.uint8)
    rows, places = is_hit.nonzero()
    at_turn = np.zeros((len(periods_mm), TURNS + 1), np.bool_)
    at_turn[rows, hits[rows, places]] = True
    number = at_turn.sum(axis=1)
    several = np.flatnonzero(number >= search.marks - 1)
    for row in several[number[several] >= fewest(periods_mm[several])].tolist():
        turn = hits[row]
        if (key := turn.tobytes()) in seen:
            continue
        seen.add(key)
        closest: dict[int, int] = {}
        for place in turn.nonzero()[0].tolist():
            number = int(turn[place])
            if number not in closest or away_mm[row, place] < away_mm[row, closest[number]]:
                closest[number] = place
        found.append({place: number for number, place in closest.items()})
    return found


def _close(back_mm: Floats, hits: int, range_mm: tuple[float, float], search: Search) -> Floats:
    """Return all periods of a range at which there may be `hits` marks, and few others: (P,).

    A chain with `hits` marks has most of them at turns from half that number on. Each of these, taken for the only
    one, shows a period within a fraction of the slack of the chain's own. So among the periods that marks show at these
    turns, in order, as many must lie as close together; that costs one sort.
    """
    first = max(1, hits // 2)
    number = hits - first
    own_mm, share = 2 * search.along_mm / first + ROUNDING_MM, search.stretch / first
    near_mm, far_mm = range_mm[0] * (1 - share) - own_mm, range_mm[1] * (1 + share) + own_mm
    begin, end = back_mm.searchsorted((first * near_mm, TURNS * far_mm))
    if end - begin <= number:
        return NONE
    shown_mm = (back_mm[begin:end, None] / EACH_TURN[first - 1 :]).ravel()
    shown_mm.sort()
    begin, end = shown_mm.searchsorted((near_mm, far_mm))
    if end - begin <= number:
        return NONE
    least_mm = (shown_mm[begin + number : end] - own_mm) / (1 + share)
    greatest_mm = (shown_mm[begin : end - number] + own_mm) / (1 - share)
    is_close = least_mm <= greatest_mm
    if not is_close.any():
        return NONE
    periods_mm = _shown(back_mm, range_mm)
    begun = least_mm[is_close].searchsorted(periods_mm, "right")
    found: Floats = periods_mm[begun > greatest_mm[is_close].searchsorted(periods_mm, "left")]
    return found


def _shown(back_mm: Floats, range_mm: tuple[float, float]) -> Floats:
    """Return the periods of a range that marks show, each at every turn: (P,)."""
    periods_mm = (back_mm[:, None] / EACH_TURN).ravel()
    found: Floats = periods_mm[(periods_mm >= range_mm[0]) & (periods_mm <= range_mm[1])]
    return found


def _known(search: Search) -> list[tuple[float, float]]:
    """Periods that known rolls explain: disjoint ranges, ascending, within those that are searched."""
    ranges_mm: list[tuple[float, float]] = []
    for known_mm in sorted(search.known_mm):
        begin_mm = max(known_mm - search.slack_mm(known_mm), search.min_period_mm)
        end_mm = min(known_mm + search.slack_mm(known_mm), search.max_period_mm)
        if ranges_mm and begin_mm <= ranges_mm[-1][1]:
            begin_mm = ranges_mm.pop()[0]
        if begin_mm <= end_mm:
            ranges_mm.append((begin_mm, end_mm))
    return ranges_mm


def _edges(ranges_mm: list[tuple[float, float]], search: Search) -> Floats:
    """Where the marks of some ranges of periods lie: begins and ends by range and turn, (2, R, TURNS)."""
    begins_mm = [begin_mm * EACH_TURN - search.slack_mm(begin_mm) for begin_mm, _ in ranges_mm]
    ends_mm = [end_mm * EACH_TURN + search.slack_mm(end_mm) + ROUNDING_MM for _, end_mm in ranges_mm]
    return np.array([begins_mm, ends_mm])
