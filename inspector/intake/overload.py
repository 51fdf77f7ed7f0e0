"""Who gives way when the batch being filled is full and the engine takes no other: the policy, without sockets.

Laws: while there is room nobody gives way. Then a camera with many frames waiting gives way to one with few, so that
one camera's flood costs no other camera a frame; between equals the one that came first stays.
"""

from __future__ import annotations

from collections.abc import Collection

from inspector.demand import Demand


def gives_way(cameras: Collection[str], to: str, demand: Demand) -> str | None:
    """Return which of the cameras in a full batch loses a place to a frame of `to`; None: none of them does."""
    most = max(cameras, key=demand.waiting, default=None)
    if most is None or demand.waiting(most) <= demand.waiting(to) + 1:
        return None
    return most
