"""How many may ask something of a line at once, and how long labels take then; the rest waits for its turn.

Laws: each line has its own, so that one which is away, or whose archive's disk hangs, keeps no other one's waiting. So
has each kind of question: who reads coils keeps nobody waiting who commands.

Knows: numbers. Must not know: what is asked.
"""

from __future__ import annotations

from anyio import CapacityLimiter

LABELS, MOST_AT_ONCE = 8, 32
"""Labels of a line that are asked for at once; labels in a request: of more the page makes several."""
WAIT_S = 15.0
"""How long a label may wait for the line: it writes one at a time."""
LABELS_MS = round(1500 * WAIT_S * MOST_AT_ONCE / LABELS)
"""How long a page waits for a request of labels: half as long again as they may take."""


class Turns:
    """Those of one line."""

    def __init__(self) -> None:
        self.commands = CapacityLimiter(8)
        self.labels = CapacityLimiter(LABELS)
        self.strip, self.tiles = CapacityLimiter(2), CapacityLimiter(4)
        """Which tiles of its strip there are, and one of them."""
        self.coils, self.crops = CapacityLimiter(2), CapacityLimiter(4)
        self.gallery = CapacityLimiter(2)
        self.weeks = CapacityLimiter(1)
