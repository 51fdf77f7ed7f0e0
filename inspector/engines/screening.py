"""How a screen is doing: what it lets pass, what it holds back, and how much of that has a defect all the same.

A share of the frames that the screen holds back is inferred anyway. Each find among them stands for as many defective
frames as one audit stands for; that sum against all defective frames is the missed ratio. A screen that misses far
more than it was tuned to is blind: from then on every frame passes, over reloads and restarts too, until the recipe
permits its screen otherwise.

Knows counts. Must not know engines, frames, events.
"""

from __future__ import annotations

import math
import threading
from typing import Any

import msgspec

HALF_LIFE_FRAMES = 20_000
"""Older frames count less and less: about an hour of a line at five frames a second."""
BLIND_RATIO = 0.05
"""Of the defective frames; tuning allows a 50th of it."""
BLIND_AUDITS = 3
"""Finds among the audited frames, in effect, before the ratio means anything."""
MOST_PAIRS = 16
"""Of a recipe and its screen; the oldest are forgotten beyond that."""


class Screening(msgspec.Struct, frozen=True, kw_only=True):
    """One moment's account of a screen."""

    held_back: int
    """Frames that the screen alone has assessed, as sound."""
    audited: int
    """Frames that it would have held back, inferred by the full recipe all the same."""
    passed: int
    """Frames that it passed on."""
    missed: int
    """Audited frames in which the full recipe found something."""
    missed_ratio: float
    """Share of the defective frames that the screen holds back, estimated over the last frames; 0 without any find."""
    is_blind: bool
    """Whether it has missed so much that it is no longer asked."""

    def __str__(self) -> str:
        return (
            f"the screen holds back about {self.missed_ratio:.1%} of the frames with defects: the recipe found "
            f"something in {self.missed} of {self.audited} audited frames. Every frame passes now, which takes more "
            "time. Run `trainer tune-screen` on frames of this line, or leave recipe.screen out"
        )


class KeptBlind(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a screen that was found to be blind."""

    audited: int = 0
    missed: int = 0
    """Audited frames in which the full recipe found something."""
    found_lately: float = 0.0
    """Defective frames that passed, older ones for less."""
    lost_lately: float = 0.0
    """Defective frames that were held back, estimated, older ones for less."""


class ScreenAccount:
    """Counts frames on the engine's thread; any thread may look."""

    def __init__(
        self, audit_share: float, half_life_frames: float = HALF_LIFE_FRAMES, *, blind: KeptBlind | None = None
    ) -> None:
        """`audit_share` (0..1) of the frames that are held back is audited; `blind`: what it was found to be before."""
        self._share, self._half_life_frames = audit_share, half_life_frames
        self._lock = threading.Lock()
        self._held_back = self._audited = self._passed = self._missed = 0
        self._asked = 0
        self._found_lately = self._missed_lately = 0.0
        self._is_blind = blind is not None
        if blind is not None:
            self._audited, self._missed = blind.audited, blind.missed
            self._found_lately, self._missed_lately = blind.found_lately, blind.lost_lately * audit_share

    @property
    def is_blind(self) -> bool:
        """Whether the screen is no longer to be asked."""
        return self._is_blind

    def audits_next(self) -> bool:
        """Whether the next frame that is held back is to be audited: evenly spread, by no frame's content."""
        self._asked += 1
        return math.floor(self._asked * self._share) > math.floor((self._asked - 1) * self._share)

    def count(self, *, held_back: int, passed: int, audited: int, found: int, missed: int) -> None:
        """Add a batch: `found` of the passed frames and `missed` of the audited ones have a defect."""
        with self._lock:
            self._held_back += held_back
            self._passed += passed
            self._audited += audited
            self._missed += missed
            kept = 0.5 ** ((held_back + passed + audited) / self._half_life_frames)
            self._found_lately = self._found_lately * kept + found
            self._missed_lately = self._missed_lately * kept + missed
            self._is_blind |= self._missed_lately >= BLIND_AUDITS - 0.5 and self._ratio() > BLIND_RATIO

    def now(self) -> Screening:
        """Return the account of this moment."""
        with self._lock:
            return Screening(
                held_back=self._held_back,
                audited=self._audited,
                passed=self._passed,
                missed=self._missed,
                missed_ratio=self._ratio(),
                is_blind=self._is_blind,
            )

    def kept(self) -> KeptBlind:
        """Return what is to be kept of it where it is blind."""
        with self._lock:
            return KeptBlind(
                audited=self._audited,
                missed=self._missed,
                found_lately=round(self._found_lately, 3),
                lost_lately=round(self._missed_lately / self._share, 3),
            )

    def _ratio(self) -> float:
        if not self._missed_lately:
            return 0.0
        lost = self._missed_lately / self._share  # each audit stands for the frames held back since the one before
        return lost / (lost + self._found_lately)


class ScreenAccounts:
    """The accounts of all pairs of a recipe and its screen that this line has run; any thread may use it."""

    name = "screens"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accounts: dict[tuple[str, float], ScreenAccount] = {}
        self._blind: dict[str, KeptBlind] = {}
        """By pair; the newest last."""

    def of(self, pair: str, audit_share: float) -> ScreenAccount:
        """Return the account of a pair: the one before goes on, and what was blind stays so."""
        with self._lock:
            self._gather()
            blind, account = self._blind.get(pair), self._accounts.get((pair, audit_share))
            if account is None or (blind is not None and not account.is_blind):
                account = ScreenAccount(audit_share, blind=blind)
            self._accounts[pair, audit_share] = account
            _forget(self._accounts)
            return account

    def state(self) -> bytes:
        """The pairs whose screen is blind."""
        with self._lock:
            self._gather()
            return msgspec.json.encode(self._blind)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the blind pairs of a state.

        Raises: ValueError when it cannot be read.
        """
        blind = msgspec.json.decode(state, type=dict[str, KeptBlind])
        with self._lock:
            self._blind = blind

    def _gather(self) -> None:
        for (pair, _), account in self._accounts.items():
            if account.is_blind and pair not in self._blind:
                self._blind[pair] = account.kept()
        _forget(self._blind)


def _forget(oldest_first: dict[Any, Any]) -> None:
    while len(oldest_first) > MOST_PAIRS:
        del oldest_first[next(iter(oldest_first))]
