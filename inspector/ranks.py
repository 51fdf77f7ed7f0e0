"""What a share of measured values does not exceed: the one rule of all percentiles that are stated of a run. Pure.

Knows: values. Must not know: what was measured.
"""

from __future__ import annotations

import math
from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """Smallest value that at least `share` (0..1) of the values do not exceed (nearest rank)."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
