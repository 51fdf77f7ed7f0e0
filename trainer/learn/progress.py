"""What a person sees of a run: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import itertools
import math
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, track

from trainer.metrics import CONVENTIONS

if TYPE_CHECKING:
    from trainer.learn.checkpoint import Card
    from trainer.learn.schedule import Schedule

LOG_EVERY_S = 60.0
RECENT_STEPS = 20


def count(frames: int) -> Iterable[int]:
    """Yield 0..frames-1, showing on a terminal how many are done."""
    console = Console(stderr=True)
    return track(range(frames), "reading", console=console, transient=True, disable=not console.is_terminal)


class Bar:
    """Shows epoch, loss, learning rate, crops a second, the share of time spent waiting for them, and time left."""

    def __init__(self, console: Console, unmeasured: Sequence[int] = ()) -> None:
        self._console = console
        self._unmeasured = unmeasured
        columns = TextColumn("{task.description}"), BarColumn()
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=1.0)
        self._losses: deque[float] = deque(maxlen=RECENT_STEPS)
        self._steps: deque[tuple[float, float, int]] = deque(maxlen=RECENT_STEPS)  # seconds, seconds waited, crops
        self._epoch = (0.0, 0.0, 0)
        self._began_s = self._logged_s = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def begin_step(self) -> None:
        """Begin a step's time here: validation and checkpoints are no training."""
        self._began_s = time.monotonic()

    def step(self, card: Card, loss: float, schedule: Schedule, waited_s: float) -> None:
        """End and count one optimiser step, of which `waited_s` went by before its crops were there."""
        now_s = time.monotonic()
        step = now_s - self._began_s, waited_s, card.settings.batch
        self._losses.append(loss)
        self._steps.append(step)
        self._epoch = _added(self._epoch, step)
        images_per_s, waiting_share = _pace(*_added(*self._steps))
        text = (
            f"epoch {schedule.epoch(card.step)}  step {card.step}  "
            f"loss {sum(self._losses) / len(self._losses):.4f}  lr {card.lr:.1e}  "
            f"{images_per_s:.1f} img/s  waits {waiting_share:.0%}  "
            f"{timedelta(seconds=round(min(schedule.left_s(card.step, card.elapsed_s), 1e8)))} left"
        )
        self._progress.update(self._task, completed=schedule.progress(card.step, card.elapsed_s), description=text)
        if not self._console.is_terminal and now_s - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now_s
            self._console.print(text)

    def pace(self) -> dict[str, float]:
        """Return crops a second and the share of time waited for them since the last call, validation left out."""
        images_per_s, waiting_share = _pace(*self._epoch)
        self._epoch = (0.0, 0.0, 0)
        return {"images_per_s": images_per_s, "waiting_share": waiting_share}

    def epoch(self, line: Mapping[str, float]) -> None:
        """Print an epoch's figures, each under its convention's name."""
        dice = "  ".join(f"{name} {line[f'dice_{name}']:.4f}/{line[f'iou_{name}']:.4f}" for name in CONVENTIONS)
        by_class = {
            i: line[f"dice_micro_{i}"]
            for i in itertools.takewhile(lambda i: f"dice_micro_{i}" in line, itertools.count(1))
        }
        unmeasured = {*self._unmeasured, *(i for i, dice in by_class.items() if math.isnan(dice))}
        classes = " ".join("none" if i in unmeasured else f"{dice:.3f}" for i, dice in by_class.items())
        text = f"epoch {line['epoch']}  step {line['step']}  loss {line['loss']:.4f}"
        if not math.isnan(line["validation_loss"]):
            text += f"  validation {line['validation_loss']:.4f}  Dice/IoU {dice}  Dice micro by class {classes}"
        self._console.print(text, soft_wrap=True)


def _added(*steps: tuple[float, float, int]) -> tuple[float, float, int]:
    seconds, waited_s, crops = zip(*steps, strict=True)
    return sum(seconds), sum(waited_s), sum(crops)


def _pace(seconds: float, waited_s: float, crops: int) -> tuple[float, float]:
    return crops / max(seconds, 1e-9), waited_s / max(seconds, 1e-9)
