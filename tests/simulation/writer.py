"""The life of the process that writes: what kills it, and what of its work is done still."""

from __future__ import annotations


class Writer:
    """A process that writes, and may be killed in the middle."""

    is_dead = False
    """It was killed: nothing of what it does is done."""
    dies_after = 0
    """It is killed at the N-th change from here on; 0: it is not."""

    def kill(self) -> None:
        """Kill the process: what it has written stays."""
        self.is_dead, self.dies_after = True, 0

    def start(self) -> None:
        """Let another process write."""
        self.is_dead, self.dies_after = False, 0

    def passes(self) -> bool:
        """Whether a change is made; the process may be killed at it."""
        if self.dies_after:
            self.dies_after -= 1
            if not self.dies_after:
                self.is_dead = True
        return not self.is_dead
