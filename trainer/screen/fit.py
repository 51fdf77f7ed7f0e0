"""A screen taught: every defect to be seen in one of its cells at least, and the sound cells most like one held down.

Minutes of one core. Knows frames and the network. Must not know recipes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from trainer.data.samples import Frames
from trainer.errors import UserError
from trainer.learn.photometric import LIGHT, change_light
from trainer.screen.cells import UNSURE, Cells
from trainer.screen.network import CELL_PX, ScreenNet

HARDEST = 24
"""Sound cells of a crop that weigh most: those a screen would let a sound frame pass for."""
EVERY_CELL = 0.3
"""Weight of all of a defect's cells, next to its most certain one."""
FAINTEST = 4
"""The share of a batch's defects, the least certain ones, that weigh as much as all: one in this."""
AVERAGED = 0.995
"""Of the averaged weights, what a step leaves."""
SAY_EVERY = 50


@dataclass(frozen=True, slots=True)
class Course:
    """How a screen is taught."""

    crops: int = 40_000
    batch: int = 8
    height_px: int = 256
    width_px: int = 320
    """Rows and columns of a crop: all rows of the line's frames, and a stretch of their width."""
    rate: float = 3e-3
    seed: int = 1


def fit(frames: Frames, taught: Sequence[Cells], course: Course, say: Callable[[str], None]) -> ScreenNet:
    """Return a screen, its weights averaged over the last steps, taught on crops of `frames` with their cells.

    No frame has more rows than a crop. The same course on the same frames gives the same screen on one machine.

    Raises:
        UserError: fewer frames than a step takes.
    """
    if len(taught) < course.batch:
        raise UserError(f"{len(taught)} frames to learn from; expected {course.batch} or more. Add frames.")
    torch.manual_seed(course.seed)
    chance = np.random.default_rng(course.seed)
    net, averaged = ScreenNet().train(), ScreenNet()
    averaged.load_state_dict(net.state_dict())
    steps = course.crops // course.batch
    optimiser = torch.optim.AdamW(net.parameters(), lr=course.rate, weight_decay=1e-2, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, course.rate, total_steps=steps, pct_start=0.1)
    losses: list[float] = []
    for step, (pixels, cells) in zip(range(steps), _batches(frames, taught, course, chance), strict=False):
        optimiser.zero_grad()
        loss = miss_and_alarm(net(pixels)[:, 0], cells)
        loss.backward()  # type: ignore[no-untyped-call]  # torch leaves it untyped
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        _average(averaged, net, min(AVERAGED, step / (step + 10)))
        losses.append(float(loss.detach()))
        if (step + 1) % SAY_EVERY == 0:
            say(f"step {step + 1} of {steps}  loss {sum(losses[-SAY_EVERY:]) / SAY_EVERY:.4f}")
    return averaged.eval()


def miss_and_alarm(logits: Tensor, cells: Tensor) -> Tensor:
    """Return the loss of logits (N, h, w) against cells (N, h, w) int64, as `cells.Cells` has them.

    A defect counts by its most certain cell, as the line asks a frame's highest; all of its cells a little. Of the
    sound cells the hardest few of each crop count as much as all of them together, and of the defects the faintest.
    """
    terms, missed = [], []
    for crop, numbers in zip(logits.flatten(1), cells.flatten(1), strict=True):
        inside = numbers > 0
        if inside.any():
            of = numbers[inside]
            best = torch.full((int(of.max()) + 1,), -math.inf).scatter_reduce(0, of, crop[inside], "amax")
            best = best[best > -math.inf]
            missed.append(functional.softplus(-best))
            terms.append(missed[-1].mean())
            terms.append(EVERY_CELL * functional.softplus(-crop[inside]).mean())
        sound = functional.softplus(crop[numbers == 0])
        if len(sound):
            terms.append(sound.topk(min(HARDEST, len(sound))).values.mean() + sound.mean())
    loss = torch.stack(terms).sum() / len(logits)
    if missed:
        every = torch.cat(missed)
        loss = loss + every.topk(-(-len(every) // FAINTEST)).values.mean()
    return loss


def _batches(
    frames: Frames, taught: Sequence[Cells], course: Course, chance: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pixels (N, 1, H, W) float and cells (N, H / 8, W / 8) int64 without end."""
    while True:
        order = chance.permutation(len(taught))
        for first in range(0, len(order) - course.batch + 1, course.batch):
            crops = [
                _crop(frames.grey(i), taught[i], course, chance) for i in order[first : first + course.batch].tolist()
            ]
            pixels = torch.from_numpy(np.stack([crop for crop, _ in crops]))[:, None]
            light = torch.from_numpy(_lights(chance, len(crops)))
            key = torch.from_numpy(chance.integers(0, 2**31 - 1, len(crops)).astype(np.int32))
            cells = torch.from_numpy(np.stack([cells for _, cells in crops]).astype(np.int64))
            yield change_light(pixels, light, key), cells


def _crop(
    pixels: npt.NDArray[np.uint8], cells: Cells, course: Course, chance: np.random.Generator
) -> tuple[npt.NDArray[np.uint8], Cells]:
    """Return a stretch of the frame's width, flipped at random; where it has defects, around one of them."""
    rows, columns = -(-course.height_px // CELL_PX), course.width_px // CELL_PX
    spare = cells.shape[1] - columns
    if spare > 0:
        first = int(chance.integers(0, spare + 1))
        held = np.flatnonzero((cells > 0).any(0))
        if len(held):
            centre = int(held[chance.integers(len(held))]) - int(chance.integers(0, columns))
            first = min(max(0, centre), spare)
        cells = cells[:, first : first + columns]
        pixels = pixels[:, first * CELL_PX : (first + columns) * CELL_PX]
    missing = [(0, wanted * CELL_PX - has) for wanted, has in zip((rows, columns), pixels.shape, strict=True)]
    pixels = np.pad(pixels, missing)
    missing = [(0, wanted - has) for wanted, has in zip((rows, columns), cells.shape, strict=True)]
    cells = np.pad(cells, missing, constant_values=UNSURE)
    for axis in (0, 1):
        if chance.random() < 0.5:
            pixels, cells = np.flip(pixels, axis), np.flip(cells, axis)
    return np.ascontiguousarray(pixels), np.ascontiguousarray(cells)


def _lights(chance: np.random.Generator, count: int) -> npt.NDArray[np.float32]:
    """Return light (N, 4) as `change_light` takes it."""
    lights = np.empty((count, LIGHT), np.float32)
    lights[:, 0] = np.exp(chance.normal(0, 0.1, count))
    lights[:, 1] = chance.normal(0, 4, count)
    lights[:, 2] = np.exp(chance.normal(0, 0.1, count))
    lights[:, 3] = chance.uniform(0, 3, count)
    return lights


def _average(averaged: ScreenNet, net: ScreenNet, kept: float) -> None:
    with torch.no_grad():
        mine = dict(net.state_dict())
        for name, value in averaged.state_dict().items():
            if value.is_floating_point():
                value.mul_(kept).add_(mine[name], alpha=1 - kept)
            else:
                value.copy_(mine[name])
