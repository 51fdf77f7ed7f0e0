"""What a person sees of a run: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from datetime import timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, track

if TYPE_CHECKING:
    from trainer.schedule import Schedule

LOG_EVERY_S = 60.0


def count(frames: int) -> Iterable[int]:
    """Yield 0..frames-1, showing on a terminal how many are done."""
    console = Console(stderr=True)
    return track(range(frames), "reading", console=console, transient=True, disable=not console.is_terminal)


class Bar:
    """Shows epoch, loss, learning rate, crops a second and time left; averages the loss over the epoch."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = TextColumn("{task.description}"), BarColumn()
        self._progress = Progress(*columns, console=console, disable=not console.is_terminal)
        self._task = self._progress.add_task("", total=1.0)
        self._losses: list[float] = []
        self._recent: list[tuple[float, int]] = [(time.monotonic(), 0)]
        self._logged_s = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def step(self, step: int, loss: float, lr: float, schedule: Schedule) -> None:
        """Count one optimiser step."""
        now = time.monotonic()
        self._losses.append(loss)
        self._recent = [*self._recent[-20:], (now, self._recent[-1][1] + schedule.settings.batch)]
        (then, before), (_, crops) = self._recent[0], self._recent[-1]
        said = (
            f"epoch {math.ceil(step / schedule.epoch_steps)}  step {step}  "
            f"loss {sum(self._losses[-20:]) / len(self._losses[-20:]):.4f}  lr {lr:.1e}  "
            f"{(crops - before) / max(now - then, 1e-9):.1f} img/s  "
            f"{timedelta(seconds=round(min(schedule.left_s(step), 1e8)))} left"
        )
        self._progress.update(self._task, completed=schedule.progress(step), description=said)
        if not self._console.is_terminal and now - self._logged_s >= LOG_EVERY_S:
            self._logged_s = now
            self._console.print(said)

    def epoch_loss(self) -> float:
        """Return mean loss since the last call, and begin a new mean."""
        mean = sum(self._losses) / len(self._losses)
        self._losses.clear()
        return mean

    def epoch(self, line: dict[str, float], scores: dict[str, float]) -> None:
        """Print an epoch's figures, each under its convention's name."""
        self._recent = [(time.monotonic(), 0)]  # the validation's time is no training speed
        names = ("micro_mean", "micro", "kaggle", "meter", "present")
        dice = "  ".join(f"{name} {scores[f'dice_{name}']:.4f}/{scores[f'iou_{name}']:.4f}" for name in names)
        classes = " ".join(f"{scores[f'dice_micro_{i}']:.3f}" for i in range(1, 5))
        said = f"epoch {line['epoch']}  step {line['step']}  loss {line['loss']:.4f}"
        said += f"  Dice/IoU {dice}  Dice micro 1..4 {classes}"
        self._console.print(said, soft_wrap=True)
