"""How far a run has come and how fast it learns there; knows steps and the clock."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from trainer.settings import Settings

PAPER_EPOCHS = 23  # FIELD.md: where the paper's ResNet34 stopped improving
WARM_UP = 0.15  # share of the run in which the learning rate rises


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run's budget: epochs, minutes, or whichever ends first."""

    settings: Settings
    epoch_steps: int
    start_s: float
    """Monotonic clock when the run would have begun, had it never been interrupted."""

    def elapsed_s(self) -> float:
        """Return wall clock spent so far."""
        return time.monotonic() - self.start_s

    def progress(self, step: int) -> float:
        """Return 0 at the start, 1 or more at the end."""
        epochs = self.settings.epochs or (None if self.settings.minutes else PAPER_EPOCHS)
        by_steps = step / (epochs * self.epoch_steps) if epochs else 0.0
        by_time = self.elapsed_s() / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return max(by_steps, by_time)

    def left_s(self, step: int) -> float:
        """Return seconds that the rest will take at the pace so far."""
        done = self.progress(step)
        return max(0.0, self.elapsed_s() * (1 - done) / done) if done else math.inf

    def lr(self, step: int) -> float:
        """Return learning rate of the step after `step` steps."""
        return one_cycle(self.progress(step), self.settings.lr)


def one_cycle(progress: float, highest: float) -> float:
    """Return learning rate at `progress` 0..1: from a 25th up to `highest`, then down to a 1000th, both along a cosine.

    Source: Smith & Topin, "Super-Convergence", 2018; the momentum is left alone.
    """
    if progress < WARM_UP:
        start, end, share = highest / 25, highest, progress / WARM_UP
    else:
        start, end, share = highest, highest / 1000, min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
