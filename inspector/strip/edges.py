"""How far a defect lies from the strip's own edges, as cameras follow them. Pure.

Knows: positions across. Must not know: how an edge is found, positions along.
"""

from __future__ import annotations

import msgspec


class EdgeDistance(msgspec.Struct, frozen=True):
    """How far from one edge of the strip a defect lies; None where that edge is not known."""

    near_mm: float | None = None
    """Its nearer side, at its nearest."""
    reach_mm: float | None = None
    """Its farther side, at its farthest; None too where the edge is not known all along it."""

    def joined(self, other: EdgeDistance) -> EdgeDistance:
        """That of both together."""
        near = [near_mm for near_mm in (self.near_mm, other.near_mm) if near_mm is not None]
        is_known = self.reach_mm is not None and other.reach_mm is not None
        return EdgeDistance(min(near, default=None), max(self.reach_mm or 0, other.reach_mm or 0) if is_known else None)


UNKNOWN = EdgeDistance()


def from_left(edge_mm: float | None, left_mm: float, right_mm: float) -> EdgeDistance:
    """From the edge on the operator's side, of a piece that lies from `left_mm` to `right_mm`."""
    return UNKNOWN if edge_mm is None else EdgeDistance(round(left_mm - edge_mm, 1), round(right_mm - edge_mm, 1))


def from_right(edge_mm: float | None, left_mm: float, right_mm: float) -> EdgeDistance:
    """From the other edge."""
    return UNKNOWN if edge_mm is None else EdgeDistance(round(edge_mm - right_mm, 1), round(edge_mm - left_mm, 1))
