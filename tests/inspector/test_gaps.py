"""How much a reader has lost, whichever gaps its connections find again."""

from __future__ import annotations

import msgspec

from inspector.gaps import Gap, LostEvents

GAP = Gap(epoch="e1", first_seq=3, last_seq=10, count=8, reason="the journal no longer holds them")


def test_a_gap_that_is_found_again_is_counted_once() -> None:
    """Where it has grown meanwhile, over another one even, by what is new; in another journal from its beginning."""
    lost = LostEvents()
    hole = msgspec.structs.replace(GAP, first_seq=13, last_seq=13, count=1)
    grown = msgspec.structs.replace(GAP, last_seq=14, count=12)
    elsewhere = msgspec.structs.replace(GAP, epoch="e2")
    counts = [(lost.add(gap), lost.count) for gap in (GAP, hole, GAP, hole, grown, grown, elsewhere, elsewhere)]
    assert counts == [(True, 8), (True, 9), (False, 9), (False, 9), (True, 12), (False, 12), (True, 20), (False, 20)]


def test_what_follows_a_gap_without_an_end_is_none_of_it() -> None:
    """Nobody knows how far it goes: what is missing behind its begin is counted."""
    lost = LostEvents()
    endless = msgspec.structs.replace(GAP, first_seq=1, last_seq=None, count=0)
    assert [(lost.add(gap), lost.count) for gap in (endless, GAP, endless)] == [(True, 0), (True, 8), (False, 8)]
