"""Ports to test with."""

from __future__ import annotations

import os
import socket
from itertools import count


def free_base() -> int:
    """Find five ports in a row that are free now; the first of them. Processes begin to look at different places."""
    for base in count(20_000 + 5 * (os.getpid() % 2_000), 5):
        try:
            for port in range(base, base + 5):
                with socket.socket() as probe:
                    probe.bind(("127.0.0.1", port))
        except OSError:
            continue
        return base
    raise AssertionError("count has no end")
