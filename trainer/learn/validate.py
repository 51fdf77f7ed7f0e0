"""What a run is assessed by between epochs: loss and scores of the averaged weights on whole validation frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trainer.data.samples import Frames
from trainer.data.split import Part
from trainer.learn.loading import load_frames
from trainer.learn.network import TrainingNetwork
from trainer.learn.parallel import Ranks
from trainer.learn.stop import Stop
from trainer.metrics import Scores


@dataclass(frozen=True, slots=True)
class Measured:
    """One epoch's validation."""

    loss: float
    """The training loss of one frame at a time, in mean."""
    scores: dict[str, float]
    """Keyed as in `metrics`."""


def validate(network: TrainingNetwork, frames: Frames, ranks: Ranks, stop: Stop, workers: int) -> Measured | None:
    """Measure the averaged weights, each pixel given its most probable class; None if a signal came meanwhile.

    Each rank takes every so-manieth frame, and all return the sums; `workers` other processes read ahead.
    """
    classes = len(frames.class_names)
    scores = Scores(classes)
    loss = 0.0
    mine = Part(frames, tuple(range(ranks.rank, len(frames), ranks.count)))
    for pixels, labels in load_frames(mine, workers):
        if stop.signal_number:
            break
        logits = network.infer(pixels[None, None].float())
        loss += network.loss(logits, labels[None].to(network.device)).item()
        scores.add(logits[0].argmax(0).byte().cpu().numpy(), labels.numpy())
    (signal_number,) = ranks.highest(stop.signal_number)
    if signal_number:
        return None
    loss, *sums = ranks.total(loss, *scores.sums().tolist())
    scores = Scores.of_sums(np.array(sums), classes)
    if not scores.frames:  # all of them teach
        return Measured(math.nan, dict.fromkeys(scores.report(), math.nan))
    return Measured(loss / scores.frames, scores.report())
