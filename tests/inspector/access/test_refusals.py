"""Refusals: all counted, few reported."""

from inspector.access.refusals import PEERS, QUIET_NS, Refusals


class Clock:
    """A clock that one can set."""

    now_ns = 0

    def __call__(self) -> int:
        return self.now_ns


def test_once_a_minute_for_each_peer() -> None:
    """The first is reported at once, the rest together a minute later, and then no more."""
    clock = Clock()
    refusals = Refusals(clock)
    for _ in range(1000):
        refusals.add("intake", "unknown", "10.0.0.7")
    (first,) = refusals.reports()
    assert (first.peer, first.count, first.topic) == ("10.0.0.7", 1000, "access.intake")
    for _ in range(50):
        refusals.add("commands", "role", "10.0.0.7", "office")
        assert refusals.reports() == []
    clock.now_ns += QUIET_NS
    (second,) = refusals.reports()
    assert (second.count, second.key, second.reason) == (50, "office", "role")
    assert second.message == (
        "commands: refused key office from 10.0.0.7: the key is good for other sockets (50 times)"
    )
    clock.now_ns += QUIET_NS
    assert refusals.reports() == []
    assert refusals.counts() == {("intake", "unknown"): 1000, ("commands", "role"): 50}


def test_ten_thousand_peers_are_few_reports() -> None:
    """Whoever comes from ever new addresses fills neither memory nor journal."""
    clock = Clock()
    refusals = Refusals(clock)
    reported = 0
    for number in range(10_000):
        refusals.add("intake", "unknown", f"fd00::{number:x}")
        reported += len(refusals.reports())
    assert reported <= PEERS + 1
    clock.now_ns += QUIET_NS
    rest = refusals.reports()
    assert len(rest) <= PEERS + 1
    assert sum(report.count for report in rest) + reported == 10_000
