"""How much longer than usual a test may wait on a machine that has more to do than it has cores for."""

from __future__ import annotations

import os

USUAL = 2.0
"""Programs that want each core, for which the tests' deadlines are meant: they run two at a time themselves."""
MOST = 8.0


def times() -> float:
    """By how much deadlines are longer now: 1 on a machine that is as busy as the tests make it."""
    return min(MOST, max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1) / USUAL))


def patience_s() -> float:
    """How long a test waits for anything: far longer than it takes, and less than a hanging test is given."""
    return 45.0 * times()


def patience_ms() -> int:
    """As ZeroMQ asks for it."""
    return round(1000 * patience_s())
