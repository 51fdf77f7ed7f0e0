"""When is a batch ready, and how long may it wait: the policy, without clocks or sockets.

Laws: a batch is never larger than the engine takes; a full one leaves at once, any other when its first frame has
waited for `wait_ns` and the engine is idle, for until then it would only wait there; when nothing arrives an empty
batch leaves every `tick_ns`, so that everything downstream keeps living.
"""

from __future__ import annotations

import msgspec

RETRY_NS = 1_000_000
"""How soon to look again whether a batch that has waited long enough is wanted."""


class BatchTiming(msgspec.Struct):
    """Counts frames into a batch; all times are of one monotonic clock, in nanoseconds."""

    max_frames: int
    wait_ns: int
    tick_ns: int
    frames: int = 0
    oldest_ns: int = 0
    """When the first frame of this batch came."""
    opened_ns: int = 0
    """When the batch before this one left."""

    def follow(self, frames: int, now_ns: int) -> None:
        """Note how many frames are in the batch at `now_ns`."""
        assert frames <= self.max_frames, "a full batch must leave before the next frame is added"
        if self.frames == 0 and frames:
            self.oldest_ns = now_ns
        self.frames = frames

    def left_ns(self, now_ns: int, *, wanted: bool = True) -> int:
        """How long the batch may still wait; 0 when it must leave now.

        `wanted` is whether the engine is idle: a batch that leaves too early for it would only be smaller, and the
        engine slower for that. A full one always leaves.
        """
        if self.frames == self.max_frames:
            return 0
        deadline_ns = self.oldest_ns + self.wait_ns if self.frames else self.opened_ns + self.tick_ns
        if deadline_ns > now_ns:
            return deadline_ns - now_ns
        return 0 if wanted or not self.frames else RETRY_NS

    def leave(self, now_ns: int) -> None:
        """Begin the next batch."""
        self.frames = 0
        self.opened_ns = now_ns
