"""What a subscriber of the journal will not get, and how much that is in all.

Knows: numbers of events. Must not know: how a hole in them was found.
"""

from __future__ import annotations

from collections import deque

import msgspec

MOST_GAPS = 1000
"""Gaps that are remembered: more than a reader passes between two places that it keeps."""


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """Events that were recorded and that this subscriber will not get."""

    epoch: str
    first_seq: int
    last_seq: int | None
    """They lie between these numbers, both included; None where the end cannot be known."""
    count: int
    """How many; at most, where several topics are followed, or one whose last number is not known; 0 where
    nobody can know.
    """
    reason: str
    is_final: bool = True
    """False where the journal may still have them: who begins again after the last event dealt with asks once more."""

    def holds(self, other: Gap) -> bool:
        """Whether `other` is this one found again, or a part of it; of one without an end nothing is known to be."""
        if self.epoch != other.epoch or self.first_seq > other.first_seq:
            return False
        if self.last_seq is None or other.last_seq is None:
            return (self.first_seq, self.last_seq) == (other.first_seq, other.last_seq)
        return other.last_seq <= self.last_seq


class LostEvents:
    """What a reader has lost for good, over all its connections.

    Each begins at the last place that was kept, and finds missing once more what lies behind it: that is counted once.
    """

    def __init__(self) -> None:
        self.count = 0
        """Events that were recorded and never came."""
        self._gaps: deque[Gap] = deque(maxlen=MOST_GAPS)

    def add(self, gap: Gap) -> bool:
        """Count what is new in a gap; False where nothing is: it was found before, and as large."""
        if any(known.holds(gap) for known in self._gaps):
            return False
        within = [known for known in self._gaps if gap.holds(known)]
        for known in within:
            self._gaps.remove(known)
        self._gaps.append(gap)
        self.count += max(0, gap.count - sum(known.count for known in within))
        return True
