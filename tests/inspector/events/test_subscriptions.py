"""What subscribers may ask for, without sockets."""

from __future__ import annotations

from inspector.events.subscriptions import ALL_BYTES, PEER_BYTES, Subscriptions

LONG = b"x" * 99


def test_a_topic_counts_once_while_it_is_subscribed_to() -> None:
    """Subscribing again adds nothing, cancelling gives back, and what was never subscribed to gives nothing back."""
    known = Subscriptions()
    for _ in range(PEER_BYTES):
        known.take(5, b"\x01defect.")
        known.take(5, b"\x01alarm.")
        known.take(5, b"\x00alarm.")
        known.take(5, b"\x00coil.")
    assert known.too_many() == []


def test_one_who_has_too_much_ends_once() -> None:
    """It is named at one look, and no more until its connection has ended and another has its number."""
    known = Subscriptions()
    for number in range(PEER_BYTES // 100 + 1):
        known.take(5, b"\x01%03d" % number + LONG)
    known.take(6, b"\x01")
    assert known.too_many() == [5]
    known.take(5, b"\x01" + LONG)
    assert known.too_many() == []
    known.forget([5])
    known.take(5, b"\x01" + LONG)
    assert known.too_many() == []


def test_all_together_have_a_limit() -> None:
    """Where each has little and all have too much the largest end, no more of them than it takes."""
    known = Subscriptions()
    for number in range(ALL_BYTES // 1000 + 4):
        for topic in range(20 if number == 3 else 10):
            known.take(number, b"\x01%d" % topic + b"x" * 98)
    assert known.too_many()[0] == 3
    assert known.too_many() == []
