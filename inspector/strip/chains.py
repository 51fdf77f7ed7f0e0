"""The chain of marks that a roll explains best, among all that end with the newest mark. Numbers only; stateless.

A chain is reported only when the expected number of chains as convincing, among marks strewn at random on the coil, is
small (an a-contrario test: Desolneux, Moisan, Morel, "From Gestalt Theory to Image Analysis", 2008; what is counted is
in `chances.py`). So three or four marks suffice on clean strip, and dirty strip takes more.

Law: what is left out for the sake of time could not have been reported.

Knows: distances and sizes. Must not know: classes, coils, which roll it is.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.strip.chances import LOOSE, TURNS, Floats, Places, RollModel, Search, log_streak
from inspector.strip.strewn import Strewn
from inspector.strip.votes import ROUNDING, Pairs, Votes

Bools = NDArray[np.bool_]

FAR_MM = 1e15
"""Where no mark is."""


class ChanceLimits(msgspec.Struct, frozen=True, eq=False):
    """What chance shows about each of M newest marks, at the least."""

    log_strewn: Floats
    """(M,): log of the marks on a square millimetre."""
    log_price: Floats
    """(M,): log of the chains that could be as convincing on the coil."""
    log_rarest: Floats
    """(M,): log of how dense the least usual size of its class is."""


class Newest(msgspec.Struct, frozen=True):
    """The newest mark; millimetres."""

    number: int
    """Which one of the pairs."""
    line_mm: float
    across_mm: float
    log_strewn: float
    """Log of the marks on a square millimetre there, at the least."""
    log_price: float
    """Log of the chains that could be as convincing on the coil."""
    log_sizes: tuple[float, float] | None = None
    """Natural logarithms of its width and length, if known."""


class Chain(msgspec.Struct, frozen=True):
    """A chain that ends with the newest mark."""

    turn: dict[int, int]
    """Its earlier marks, by their place among the pairs: turns before the newest."""
    log_expected: float
    """Natural logarithm of how many chains as convincing chance shows on this coil."""


class ShownChains(msgspec.Struct, frozen=True, eq=False):
    """S chains of D earlier marks at most."""

    of: Places
    """(S,): which newest mark each ends with."""
    pair: Places
    """(S, D): its earlier marks as places among the pairs, by turn."""
    turn: Places
    """(S, D): turns before the newest, 0 behind the last."""
    along: Floats
    """(S, D): log density of where along the first mark lies, the first two, and so on, for a roll."""
    across: Floats
    """(S, D): the same across."""

    def only(self, kept: Places) -> ShownChains:
        """Return some of the chains."""
        return ShownChains(self.of[kept], self.pair[kept], self.turn[kept], self.along[kept], self.across[kept])


NOTHING = ShownChains(*np.zeros((1, 0), np.intp), *np.zeros((2, 0, 1), np.intp), *np.zeros((2, 0, 1)))
"""No chain."""


class Chains:
    """Looks for chains."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._log_false = math.log(search.false_per_coil * LOOSE)
        self._roll = RollModel(search)
        self._votes = Votes(search, self._roll)

    def passing(self, pairs: Pairs, limits: ChanceLimits) -> ShownChains:
        """Return all chains that may be reported, and few others."""
        needed = limits.log_price - self._log_false
        of, period_mm = self._votes.periods(pairs, limits.log_strewn, needed)
        if not len(of):
            return NOTHING
        shown = self.shown(pairs, of, period_mm, len(needed))
        sizes = pairs.sizes[shown.pair]
        usual = np.broadcast_to(limits.log_rarest[shown.of, None], shown.turn.shape)
        strewn = np.arange(1, shown.turn.shape[1] + 1) * limits.log_strewn[shown.of, None]
        ratio = shown.along + shown.across + self._likeness(shown, sizes, usual) - strewn
        best = np.where(self._counts(shown), ratio, -np.inf).max(axis=1)
        return shown.only((best >= needed[shown.of] - ROUNDING).nonzero()[0])

    def best(self, newest: Newest, pairs: Pairs, shown: ShownChains, strewn: Strewn) -> Chain | None:
        """Find the one of some chains of the newest mark that a roll explains best; None when chance may do."""
        sizes = pairs.sizes[shown.pair]
        usual = np.zeros(shown.turn.shape)
        if newest.log_sizes is not None:
            usual = strewn.log_usual(np.nan_to_num(sizes + newest.log_sizes))
        ratio = shown.along + shown.across + self._likeness(shown, sizes, usual)
        needed = newest.log_price - self._log_false
        strewn_alone = np.arange(1, ratio.shape[1] + 1) * newest.log_strewn
        may_tell = self._counts(shown) & (ratio - strewn_alone >= needed)
        if not may_tell.any():
            return None
        ratio -= self._by_chance(newest, pairs, shown, may_tell, strewn)
        number, last = divmod(int(ratio.argmax()), ratio.shape[1])
        if ratio[number, last] < needed:
            return None
        turn = dict(zip(shown.pair[number, : last + 1].tolist(), shown.turn[number, : last + 1].tolist(), strict=True))
        return Chain(turn, newest.log_price - float(ratio[number, last]) - math.log(LOOSE))

    def shown(self, pairs: Pairs, of: Places, period_mm: Floats, marks: int) -> ShownChains:
        """Return the chains of some periods, each once: the marks a whole number of turns back.

        Of several marks about one turn the closest one counts.
        """
        numbers = np.bincount(pairs.of, minlength=marks)
        place_of = np.arange(len(pairs.of)) - (numbers.cumsum() - numbers)[pairs.of]
        lanes = np.zeros((marks, int(numbers.max(initial=0))), np.intp)
        lanes_mm = np.full(lanes.shape, FAR_MM)
        lanes[pairs.of, place_of], lanes_mm[pairs.of, place_of] = np.arange(len(pairs.of)), pairs.back_mm
        ratio = lanes_mm[of] / period_mm[:, None]
        turns = np.rint(ratio)
        away_mm = np.abs(ratio - turns) * period_mm[:, None]
        is_hit = (away_mm <= self._search.slack_mm(period_mm)[:, None]) & (turns >= 1) & (turns <= TURNS)
        row, place = is_hit.nonzero()
        order = np.argsort(-away_mm[row, place], kind="stable")
        row, place = row[order], place[order]
        at_turn = np.full((len(of), TURNS), -1, np.intp)
        at_turn[row, turns[row, place].astype(np.intp) - 1] = lanes[of[row], place]
        return self._apart(pairs, of, at_turn)

    def _apart(self, pairs: Pairs, of: Places, at_turn: Places) -> ShownChains:
        """Leave out chains that have come before, or have too few marks; `at_turn` (S, TURNS): pairs, -1 for none."""
        _, first = np.unique(at_turn, axis=0, return_index=True)  # a pair is of one newest mark
        is_there = at_turn >= 0
        number = is_there.sum(axis=1)
        kept = first[number[first] >= self._search.marks - 1]
        row, turn = is_there[kept].nonzero()
        place = (is_there[kept].cumsum(axis=1) - 1)[row, turn]
        pair = np.zeros((len(kept), int(number[kept].max(initial=1))), np.intp)
        turns = np.zeros_like(pair)
        pair[row, place], turns[row, place] = at_turn[kept][row, turn], turn + 1
        along, across = self._roll.log_densities(turns, pairs.back_mm[pair], pairs.right_mm[pair])
        return ShownChains(of[kept], pair, turns, along, across)

    def _likeness(self, shown: ShownChains, sizes: Floats, usual: Floats) -> Floats:
        """Log of how much likelier the sizes are than by chance; they say nothing where one of them is not known."""
        is_unknown = np.isnan(sizes[..., 0]) & (shown.turn > 0)
        return np.where(
            is_unknown.any(axis=1, keepdims=True), 0.0, self._roll.log_likeness(np.nan_to_num(sizes), usual)
        )

    def _counts(self, shown: ShownChains) -> Bools:
        """Which numbers of marks make a repeat."""
        found: Bools = (shown.turn > 0) & (np.arange(1, shown.turn.shape[1] + 1) >= self._search.marks - 1)
        return found

    def _by_chance(
        self, newest: Newest, pairs: Pairs, shown: ShownChains, may_tell: NDArray[np.bool_], strewn: Strewn
    ) -> Floats:
        """Log density of a chain's first mark, its first two, and so on, by chance: strewn, or torn scratches."""
        found = np.full(shown.turn.shape, np.inf)
        about, torn = strewn.about(newest.line_mm, newest.across_mm), strewn.torn
        begin, end = pairs.of.searchsorted((newest.number, newest.number + 1))
        back_mm = np.sort(pairs.back_mm[begin:end])
        for row, place in np.argwhere(may_tell).tolist():
            number, span_mm = place + 1, float(pairs.back_mm[shown.pair[row, place]])
            others = int(back_mm.searchsorted(span_mm, "right")) - number
            dense = max(about.density(span_mm, number + 1), math.exp(newest.log_strewn))
            expected = dense * 2 * self._search.reach_mm * span_mm
            streak = shown.across[row, place] + log_streak(number, span_mm, others, expected, torn)
            found[row, place] = np.logaddexp(number * math.log(dense), streak)
        return found
