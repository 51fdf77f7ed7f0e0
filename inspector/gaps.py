"""What a subscriber of the journal will not get.

Knows: numbers of events. Must not know: how a hole in them was found.
"""

from __future__ import annotations

import msgspec


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
