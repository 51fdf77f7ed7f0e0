"""What a run is judged by between epochs: loss and scores of the averaged weights on whole validation frames."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from trainer.learner import Learner
from trainer.metrics import Scores
from trainer.parallel import Ranks
from trainer.samples import CLASS_NAMES, Frames
from trainer.stop import Stop


@dataclass(frozen=True, slots=True)
class Measured:
    """One epoch's validation."""

    loss: float
    """The training loss of one frame at a time, in mean."""
    scores: dict[str, float]
    """Keyed as in `metrics`."""


def validate(learner: Learner, frames: Frames, ranks: Ranks, stop: Stop) -> Measured | None:
    """Measure the averaged weights, each pixel given its most probable class; None if a signal came meanwhile.

    Each rank takes every so-manieth frame, and all return the sums.
    """
    scores = Scores(len(CLASS_NAMES))
    loss = 0.0
    for index in range(ranks.rank, len(frames), ranks.count):
        if stop.signal_number:
            break
        sample = frames[index]
        logits = learner.judge(torch.from_numpy(sample.pixels)[None, None].float())
        labels = torch.from_numpy(sample.labels)[None].to(learner.device)
        loss += learner.loss(logits, labels).item()
        scores.add(logits[0].argmax(0).byte().cpu().numpy(), sample.labels)
    (signal_number,) = ranks.highest(stop.signal_number)
    if signal_number:
        return None
    loss, *sums = ranks.total(loss, *scores.sums().tolist())
    scores = Scores.of_sums(np.array(sums))
    return Measured(loss / scores.frames, scores.report())
