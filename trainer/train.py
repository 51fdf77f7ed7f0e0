"""The training loop; everything it uses has a file of its own.

A run's folder: `split.csv` (which frame taught, which measured), `metrics.jsonl` (one line an epoch),
`last.pt` (to resume), `best.pt` (to export).
"""

from __future__ import annotations

import json
import math
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from trainer import checkpoint
from trainer.census import find_overlaps, say_overlaps
from trainer.checkpoint import Card
from trainer.crops import Look
from trainer.learner import Learner
from trainer.loading import keep, load_crops
from trainer.metrics import Scores
from trainer.progress import Bar
from trainer.samples import CLASS_NAMES, Frames
from trainer.schedule import Schedule
from trainer.settings import Settings
from trainer.split import open_data, write_split
from trainer.unet import UNet, load_encoder

SURVEY_FRAMES = 64


class Diverged(ValueError):
    """The loss is no number any more."""


def fit(settings: Settings, run: Path, console: Console, resume: bool = False) -> Card:
    """Train a network into the folder `run` and return the card of its last checkpoint.

    With `resume` the run goes on from `last.pt` with that checkpoint's settings, but for `epochs` and `minutes`
    where `settings` has them.

    Raises:
        ValueError: data, weights or a checkpoint that cannot be used.
        Diverged: the loss became NaN or infinite; `last.pt` is from before.
    """
    # 1. The run: a new one, or one to go on with; and its data.
    last = load_last(run, settings, resume)
    settings = last[0].settings if last else settings
    train, validation = open_data(settings, run if last else None)
    console.print(f"{len(train)} frames to learn from, {len(validation)} to measure on")
    for line in say_overlaps([*find_overlaps(train), *find_overlaps(validation)]):
        console.print(line, soft_wrap=True)

    # 2. The network.
    if last:
        card, weights, training = last
        learner = Learner(checkpoint.build(card), settings.precision)
        learner.restore(training, weights, card.step)
    else:
        write_split(run / "split.csv", train, validation)
        card, unet = begin(settings, train)
        learner = Learner(unet, settings.precision)

    # 3. How far to go, and the crops to learn from, from where it stands.
    epoch_steps = max(1, (settings.epoch_crops or len(train)) // settings.batch)
    schedule = Schedule(settings, epoch_steps, time.monotonic() - card.elapsed_s)
    look = Look(card.settings.crop_height_px, card.settings.crop_width_px, settings.defect_share, card.class_shares)
    crops = load_crops(card, keep(train, settings.cache_gb, learner.device), look, learner.device)
    saved_s = schedule.elapsed_s()

    with Bar(console) as bar:
        while schedule.progress(card.step) < 1:
            # 4. A step.
            lr = schedule.lr(card.step)
            loss = learner.step(*next(crops), lr)
            card = replace(card, step=card.step + 1, elapsed_s=schedule.elapsed_s())
            refuse_divergence(loss, card.step, lr, run)
            bar.step(card.step, loss, lr, schedule)

            # 5. Each epoch, measure the averaged weights on the validation frames and keep the best.
            if end := card.step % epoch_steps == 0 or schedule.progress(card.step) >= 1:
                card = keep_best(run, replace(card, scores=validate(learner, validation)), learner)
                epoch = {
                    "epoch": math.ceil(card.step / epoch_steps),
                    "step": card.step,
                    "loss": bar.epoch_loss(),
                    "lr": lr,
                }
                with (run / "metrics.jsonl").open("a") as file:
                    print(json.dumps({**epoch, "elapsed_s": schedule.elapsed_s(), **card.scores}), file=file)
                bar.epoch(epoch, card.scores)

            # 6. Now and then, keep what a kill would otherwise lose.
            if end or schedule.elapsed_s() - saved_s >= 60 * settings.checkpoint_minutes:
                card = replace(card, elapsed_s=schedule.elapsed_s())
                checkpoint.save(run / "last.pt", card, learner.average.state_dict(), learner.state())
                saved_s = schedule.elapsed_s()
    return card


def refuse_divergence(loss: float, step: int, lr: float, run: Path) -> None:
    """Raise Diverged unless the loss is finite."""
    if not math.isfinite(loss):
        raise Diverged(
            f"loss is {loss} at step {step}, learning rate {lr:.2g}; expected a number. Start again with a lower --lr, "
            f"or with --precision fp32; {run / 'best.pt'} is the best from before."
        )


def keep_best(run: Path, card: Card, learner: Learner) -> Card:
    """Write `best.pt` if the card's scores are the best so far; return the card that knows."""
    if (score := card.scores["dice_micro_mean"]) <= card.best:
        return card
    card = replace(card, best=score)
    checkpoint.save(run / "best.pt", card, learner.average.state_dict())
    return card


def load_last(run: Path, settings: Settings, resume: bool) -> tuple[Card, dict[str, Tensor], dict[str, object]] | None:
    """Return the run's last checkpoint where one is to be resumed, with the new budget where one is asked for.

    Raises:
        ValueError: there is a run but none is to be resumed, or the other way round.
    """
    if not resume:
        if (run / "last.pt").exists():
            raise ValueError(f"{run}: holds a run already; go on with it by --resume, or give another --out")
        return None
    card, weights, training = checkpoint.load(run / "last.pt")
    if training is None:
        raise ValueError(f"{run / 'last.pt'}: has no training state; it can be exported, not resumed")
    budget = {name: value for name in ("epochs", "minutes") if (value := getattr(settings, name)) is not None}
    return replace(card, settings=replace(card.settings, **budget)), weights, training


def begin(settings: Settings, train: Frames) -> tuple[Card, UNet]:
    """Return the card and the network of a new run: random from the seed, with a pre-trained encoder, or taught before.

    Raises:
        ValueError: weights or a checkpoint that cannot be used.
    """
    torch.manual_seed(settings.seed)
    if settings.start:
        earlier, weights, _ = checkpoint.load(Path(settings.start))
        settings = replace(settings, encoder=earlier.settings.encoder, decoder=earlier.settings.decoder)
        card = replace(survey(train, settings), mean=earlier.mean, std=earlier.std)
        unet = checkpoint.build(card)
        unet.load_state_dict(weights)
    else:
        card = survey(train, settings)
        unet = checkpoint.build(card)
        if settings.weights:
            load_encoder(unet, settings.encoder, settings.weights)
    return card, unet


def survey(frames: Frames, settings: Settings) -> Card:
    """Look at some of the training frames: mean and deviation of their grey levels, shares of the classes."""
    chosen = np.random.default_rng(settings.seed).permutation(len(frames))[:SURVEY_FRAMES]
    samples = [frames[int(index)] for index in chosen]
    mean, square = np.mean([(s.pixels.mean(), np.square(s.pixels, dtype=np.float64).mean()) for s in samples], axis=0)
    having = np.mean([[(s.labels == i).any() for i in range(1, len(CLASS_NAMES) + 1)] for s in samples], axis=0)
    deviation = max(1.0, math.sqrt(max(0.0, square - mean**2)))  # a set of blank frames must not divide by zero
    shares = tuple(float(share) for share in np.maximum(having, 1 / len(samples)))
    return Card(settings, round(float(mean), 3), round(deviation, 3), shares)


@torch.inference_mode()
def validate(learner: Learner, frames: Frames) -> dict[str, float]:
    """Return scores of the averaged weights on whole frames, each pixel given its most probable class."""
    unet = learner.average.eval()
    scores = Scores(len(CLASS_NAMES))
    for index in range(len(frames)):
        sample = frames[index]
        pixels = torch.from_numpy(sample.pixels)[None, None].to(learner.device, torch.float32)
        with learner.autocast():
            logits = unet(pixels.contiguous(memory_format=torch.channels_last))
        scores.add(logits[0].argmax(0).byte().cpu().numpy(), sample.labels)
    return scores.report()
