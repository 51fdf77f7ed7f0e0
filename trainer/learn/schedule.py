"""How far a run has come and how fast it learns there; knows steps and seconds, never the clock."""

from __future__ import annotations

import math
from dataclasses import dataclass

from trainer.settings import Settings

PAPER_EPOCHS = 23  # FIELD.md: where the paper's ResNet34 stopped improving
PATIENT_EPOCHS = 100  # what a run that ends by patience may take at most: four times the paper's
WARM_UP = 0.15  # share of the run in which the learning rate rises


@dataclass(frozen=True, slots=True)
class Schedule:
    """A run's budget: epochs, minutes, or whichever ends first."""

    settings: Settings
    epoch_steps: int

    def progress(self, step: int, elapsed_s: float) -> float:
        """Return 0 at the start, 1 or more at the end."""
        epochs = self.settings.epochs
        minutes = self.settings.own_minutes
        if not (epochs or minutes):
            epochs = PATIENT_EPOCHS if self.settings.patience else PAPER_EPOCHS
        by_steps = step / (epochs * self.epoch_steps) if epochs else 0.0
        by_time = elapsed_s / (60 * minutes) if minutes else 0.0
        return max(by_steps, by_time)

    def left_s(self, step: int, elapsed_s: float) -> float:
        """Return seconds that the rest will take at the pace so far; with patience, at most."""
        done = self.progress(step, elapsed_s)
        return max(0.0, elapsed_s * (1 - done) / done) if done else math.inf

    def lr(self, step: int, elapsed_s: float) -> float:
        """Return learning rate of the step after `step` steps."""
        if self.settings.schedule == "constant":
            return self.settings.lr
        return one_cycle(self.progress(step, elapsed_s), self.settings.lr)

    def full_frames(self, step: int, elapsed_s: float) -> bool:
        """Return whether the step after `step` steps learns from whole frames."""
        share = self.settings.full_frame_share
        return share > 0 and self.progress(step, elapsed_s) >= 1 - share

    def epoch(self, step: int) -> int:
        """Return the number, from 1, of the epoch that step `step` is in."""
        return math.ceil(step / self.epoch_steps)


def one_cycle(progress: float, highest: float) -> float:
    """Return learning rate at `progress` 0..1: from a 25th up to `highest`, then down to a 1000th, both along a cosine.

    Source: Smith & Topin, "Super-Convergence", 2018; the momentum is left alone.
    """
    if progress < WARM_UP:
        start, end, share = highest / 25, highest, progress / WARM_UP
    else:
        start, end, share = highest, highest / 1000, min(1.0, (progress - WARM_UP) / (1 - WARM_UP))
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2
