"""How far apart pieces of one defect may lie: for those that put it together, and those that look for its pieces.

Knows: millimetres. Must not know: frames, recipes, what is seen.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from inspector.config.geometry import ROUNDING_MM, TOUCH_MM


class JoinGap(msgspec.Struct, frozen=True):
    """How far apart pieces of one class may lie and still be one defect, millimetres."""

    along_mm: float = 25.0
    across_mm: float = 5.0

    @property
    def reach_mm(self) -> tuple[float, float]:
        """How far apart shapes of the class may lie, along and across."""
        return self.along_mm + ROUNDING_MM, max(self.across_mm, TOUCH_MM)


USUAL = JoinGap()
Gaps = Mapping[str, JoinGap]
"""By class; one that is not in it has the usual gap."""
ALL_USUAL: Gaps = {}
