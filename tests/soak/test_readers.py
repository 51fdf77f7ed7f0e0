"""Readers of events in short; `python -m tests.soak.readers` has 50 000 of them."""

from tests.soak import readers


def test_readers() -> None:
    """One that was away, one whose tail was lost and one next to a stopped one have all, in order, once."""
    assert readers.main(events=1000, tails=3, paces=40)
