"""The training loop; everything it uses has a file of its own.

A run's folder: `split.csv` (which frame taught, which measured), `metrics.jsonl` (one line an epoch),
`last.pt` (to resume), `best.pt` (to export).
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader

from trainer import checkpoint, data
from trainer.checkpoint import Card, Settings
from trainer.crops import Crops, Look
from trainer.data import KAGGLE_CLASSES, Frames
from trainer.loss import cross_entropy_dice
from trainer.metrics import Scores
from trainer.progress import Bar
from trainer.split import split, write_split
from trainer.unet import UNet, load_encoder

PAPER_EPOCHS = 23  # FIELD.md: where the paper's ResNet34 stopped improving
EMA_DECAY = 0.99  # weights averaged over the last hundred steps or so: evens out the batch's luck
MAX_GRADIENT = 1.0  # norm; a rare batch with one tiny defect would otherwise throw Adam off
SURVEY_FRAMES = 64


class Diverged(ValueError):
    """The loss is no number any more."""


def fit(settings: Settings, run: Path, console: Console, resume: bool = False) -> Card:
    """Trains a network into the folder `run` and returns the card of its last checkpoint.

    With `resume` the run goes on from `last.pt` with that checkpoint's settings, but for `epochs` and `minutes`
    where `settings` has them.

    Raises:
        ValueError: data, weights or a checkpoint that cannot be used.
        Diverged: the loss became NaN or infinite; `last.pt` is from before.
    """
    # 1. Where the run stands.
    last = checkpoint.load(run / "last.pt") if resume else None
    if last is not None:
        budget = {k: v for k in ("epochs", "minutes") if (v := getattr(settings, k)) is not None}
        settings = replace(last[0].settings, **budget)
    elif (run / "last.pt").exists():
        raise ValueError(f"{run}: holds a run already; go on with it by --resume, or give another --out")
    start = time.monotonic() - (last[0].elapsed_s if last else 0.0)

    # 2. Data: what teaches, what measures.
    train, validation = open_data(settings)
    if last is None:
        write_split(run / "split.csv", train, validation)
    console.print(f"{len(train)} frames to learn from, {len(validation)} to measure on")

    # 3. Network, its running average, optimiser.
    torch.manual_seed(settings.seed)
    card = last[0] if last else Card(settings, *survey(train, settings.seed))
    card = replace(card, settings=settings)
    device, precision = choose_device(settings.precision)
    unet = checkpoint.build(card)
    if last is None and settings.weights:
        load_encoder(unet, settings.encoder, settings.weights)
    unet.to(device, memory_format=torch.channels_last)
    average = AveragedModel(unet, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True)
    optimiser = torch.optim.AdamW(unet.parameters(), settings.lr, weight_decay=1e-2)
    if last is not None:
        _, weights, training = last
        if training is None:
            raise ValueError(f"{run / 'last.pt'}: has no training state; it can be exported, not resumed")
        unet.load_state_dict(training["unet"])
        optimiser.load_state_dict(training["optimiser"])
        average.module.load_state_dict(weights)
        average.n_averaged.fill_(card.step)

    def state() -> dict[str, object]:
        return {"unet": unet.state_dict(), "optimiser": optimiser.state_dict()}

    # 4. How far to go: by steps, by the clock, or whichever ends first.
    epoch_steps = max(1, (settings.epoch_crops or len(train)) // settings.batch)
    clock = Clock(settings, epoch_steps, start)
    crops = iter(load_crops(card, train))

    # 5. The loop: a step is a batch of crops.
    saved_s = clock.elapsed_s()
    with Bar(console) as bar:
        while (progress := clock.progress(card.step)) < 1:
            pixels, labels = next(crops)
            pixels = pixels.to(device, memory_format=torch.channels_last, non_blocking=True)
            lr = one_cycle(progress, settings.lr)
            for group in optimiser.param_groups:
                group["lr"] = lr
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                logits = unet(pixels)
            loss = cross_entropy_dice(logits, labels.to(device, non_blocking=True))
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
            torch.nn.utils.clip_grad_norm_(unet.parameters(), MAX_GRADIENT)
            optimiser.step()
            average.update_parameters(unet)
            card = replace(card, step=card.step + 1, elapsed_s=clock.elapsed_s())
            refuse_nan(loss.item(), card.step, lr, run)
            bar.step(card.step, epoch_steps, settings.batch, loss.item(), lr, clock)

            # 6. Each epoch: measure the average on the validation frames, keep the best.
            if card.step % epoch_steps == 0 or clock.progress(card.step) >= 1:
                scores = validate(average.module, validation, device, precision)
                card = replace(card, scores=scores, elapsed_s=clock.elapsed_s())
                if scores["dice_micro_mean"] >= card.best:
                    card = replace(card, best=scores["dice_micro_mean"])
                    checkpoint.save(run / "best.pt", card, average.module.state_dict())
                epoch_line = {"epoch": -(-card.step // epoch_steps), "step": card.step, "loss": bar.epoch_loss()}
                with (run / "metrics.jsonl").open("a") as file:
                    print(json.dumps({**epoch_line, "lr": lr, "elapsed_s": card.elapsed_s, **scores}), file=file)
                bar.epoch(epoch_line, scores)
            # 7. Now and then, and at the end of an epoch: what a kill would otherwise lose.
            if card.step % epoch_steps == 0 or clock.elapsed_s() - saved_s >= 60 * settings.checkpoint_minutes:
                checkpoint.save(run / "last.pt", card, average.module.state_dict(), state())
                saved_s = clock.elapsed_s()
    checkpoint.save(run / "last.pt", card, average.module.state_dict(), state())
    return card


@dataclass(frozen=True, slots=True)
class Clock:
    """How much of the run is over."""

    settings: Settings
    epoch_steps: int
    start_s: float
    """Monotonic clock when the run would have begun, had it never been interrupted."""

    def elapsed_s(self) -> float:
        return time.monotonic() - self.start_s

    def progress(self, step: int) -> float:
        """0 at the start, 1 at the end."""
        epochs = self.settings.epochs or (None if self.settings.minutes else PAPER_EPOCHS)
        by_steps = step / (epochs * self.epoch_steps) if epochs else 0.0
        by_time = self.elapsed_s() / (60 * self.settings.minutes) if self.settings.minutes else 0.0
        return max(by_steps, by_time)

    def left_s(self, step: int) -> float:
        done = self.progress(step)
        return self.elapsed_s() * (1 - done) / done if done else math.inf


def one_cycle(progress: float, highest: float, warm_up: float = 0.15) -> float:
    """Learning rate at `progress` 0..1: from a 25th up to `highest`, then down to a 1000th, both along a cosine.

    Source: Smith & Topin, "Super-Convergence", 2018; the momentum is left alone.
    """
    if progress < warm_up:
        start, end, share = highest / 25, highest, progress / warm_up
    else:
        start, end, share = highest, highest / 1000, min(1.0, (progress - warm_up) / (1 - warm_up))
    return end + (start - end) * (1 + math.cos(math.pi * share)) / 2


def open_data(settings: Settings) -> tuple[Frames, Frames]:
    """The frames that teach and those that measure."""
    frames = data.frames(settings.data, settings.only)
    if settings.validate:
        return frames, data.frames(settings.validate, settings.only)
    return split(frames, settings.seed)


def load_crops(card: Card, train: Frames) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of crops without end, from the card's step on, made in `workers` other processes."""
    settings = card.settings
    look = Look(settings.crop_height_px, settings.crop_width_px, settings.defect_share, card.class_shares)
    crops = Crops(train, 2**40, settings.seed, look)
    return iter(
        DataLoader(
            crops,
            settings.batch,
            sampler=range(card.step * settings.batch, len(crops)),
            num_workers=settings.workers,
            worker_init_fn=_one_thread,
            pin_memory=torch.cuda.is_available(),
        )
    )


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)


def survey(frames: Frames, seed: int) -> tuple[float, float, tuple[float, ...]]:
    """Looks at some frames: mean and deviation of their grey levels (black beyond the strip included), class shares."""
    samples = [frames[int(i)] for i in np.random.default_rng(seed).permutation(len(frames))[:SURVEY_FRAMES]]
    mean, square = np.mean([(s.pixels.mean(), np.square(s.pixels, dtype=np.float64).mean()) for s in samples], axis=0)
    having = np.mean([[(s.labels == i + 1).any() for i in range(KAGGLE_CLASSES)] for s in samples], axis=0)
    shares = tuple(float(share) for share in np.maximum(having, 1 / len(samples)))
    return round(float(mean), 3), max(1.0, round(math.sqrt(max(0.0, square - mean**2)), 3)), shares


def choose_device(precision: str) -> tuple[torch.device, str]:
    """The GPU if there is one, and `fp32` or `bf16`.

    `auto` is bf16 where it is faster: on GPUs and on CPUs with AMX tiles. Without AMX the same training step took
    1.4 times as long in bf16 as in fp32 (Xeon with AVX512-BF16 only, 2 cores, torch 2.15).
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("amx_bf16", False)
    return device, ("bf16" if fast else "fp32") if precision == "auto" else precision


def refuse_nan(loss: float, step: int, lr: float, run: Path) -> None:
    """Raises Diverged unless the loss is finite."""
    if not math.isfinite(loss):
        raise Diverged(
            f"loss is {loss} at step {step}, learning rate {lr:.2g}; expected a number. "
            f"Start again with a lower --lr, or with --precision fp32; {run}/best.pt is the best from before."
        )


@torch.inference_mode()
def validate(unet: UNet, frames: Frames, device: torch.device, precision: str) -> dict[str, float]:
    """Scores of the network on whole frames, each pixel given its most probable class."""
    unet.eval()
    scores = Scores(KAGGLE_CLASSES)
    for index in range(len(frames)):
        sample = frames[index]
        pixels = torch.from_numpy(sample.pixels)[None, None].to(device).float()
        with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
            logits = unet(pixels.contiguous(memory_format=torch.channels_last))
        scores.add(logits[0].argmax(0).byte().cpu().numpy(), sample.labels)
    return scores.report()
