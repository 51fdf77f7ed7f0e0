"""What a run leaves for people to read: `config.toml`, `metrics.jsonl`, `curves.png`; TensorBoard where installed.

The first rank alone writes. A resumed run's lines after the last step that its checkpoint measured are taken back: they
will come again.
"""

from __future__ import annotations

import math
import os
import platform
import time
import tomllib
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import msgspec
import torch

import inspector
from trainer.files import replace_file
from trainer.learn.curves import draw_curves
from trainer.learn.start import Begun

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

PACKAGES = ("torch", "torchvision", "numpy")
DRAWN_EVERY_S = 20.0
"""A picture of the curves takes half a second, which is more than a short epoch."""


class Logbook:
    """Writes a run's figures, an epoch at a time."""

    def __init__(self, run: Path, begun: Begun) -> None:
        self._run = run
        self._writes = begun.ranks.first
        self._class_names = begun.card.class_names
        self._unmeasured = {f"{ratio}_micro_{i}" for ratio in ("dice", "iou") for i in begun.gaps.unmeasured}
        self._board: SummaryWriter | None = None
        self._lines: list[dict[str, float | None]] = []
        self._drawn, self._drawn_s = 0, time.monotonic()
        if self._writes:
            self._lines = [line for line in read_metrics(run) if (line["step"] or 0) <= begun.card.measured_step]
            with replace_file(run / "metrics.jsonl") as temporary:
                temporary.write_bytes(b"".join(map(_json, self._lines)))
            write_config(run, begun)
            self._board = _board(run, begun.card.measured_step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            with nullcontext() if kind is None else suppress(Exception):  # what ended the run is worse
                self._draw()
        finally:
            if self._board:
                self._board.close()

    def epoch(self, line: Mapping[str, float]) -> None:
        """Write down an epoch's figures, keyed `dice_` or `iou_` and the convention; draw all so far, now and then.

        A class that no validation frame has is null there, found or not: nothing of it is measured.
        """
        if not self._writes:
            return
        now = {name: None if name in self._unmeasured or math.isnan(value) else value for name, value in line.items()}
        self._lines.append(now)
        with (self._run / "metrics.jsonl").open("ab") as file:
            file.write(_json(now))
        if time.monotonic() - self._drawn_s >= DRAWN_EVERY_S:
            self._draw()
        if self._board:
            for name, value in now.items():
                if value is None:
                    continue
                group = name.partition("_")[0]
                tag = f"{group}/{name}" if group in ("dice", "iou") else f"run/{name}"
                self._board.add_scalar(tag, value, int(line["step"]))
            self._board.flush()

    def _draw(self) -> None:
        """Draw all figures so far, unless none is new."""
        if self._writes and self._drawn != len(self._lines):
            with replace_file(self._run / "curves.png") as temporary:
                draw_curves(self._lines, self._class_names, temporary)
            self._drawn, self._drawn_s = len(self._lines), time.monotonic()


def read_metrics(run: Path) -> list[dict[str, float | None]]:
    """Return a run's figures, one dict an epoch, None what was not measured; a line that a kill cut off is left out."""
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True) if path.is_file() else []
    return [msgspec.json.decode(line) for line in lines if line.endswith(b"\n")]


def _json(line: Mapping[str, float | None]) -> bytes:
    return msgspec.json.encode(line) + b"\n"


def write_config(run: Path, begun: Begun) -> None:
    """Write all settings, what the data holds, and, for this and each earlier start, what the run runs on."""
    path = run / "config.toml"
    earlier = tomllib.loads(path.read_text("utf-8")).get("start", []) if path.is_file() else []
    content: dict[str, Any] = {
        "settings": {name: value for name, value in asdict(begun.card.settings).items() if value is not None},
        "data": {
            "frames_to_learn_from": len(begun.train),
            "frames_to_measure_on": len(begun.validation),
            "mean": begun.card.mean,
            "std": begun.card.std,
            "classes": list(begun.card.class_names),
            "untaught_classes": [begun.card.class_names[class_id - 1] for class_id in begun.gaps.untaught],
            "unmeasured_classes": [begun.card.class_names[class_id - 1] for class_id in begun.gaps.unmeasured],
        },
        "start": [*earlier, _facts(begun)],
    }
    with replace_file(path) as temporary:
        temporary.write_bytes(msgspec.toml.encode(content))


def _facts(begun: Begun) -> dict[str, Any]:
    device = begun.network.device
    return {
        "at": datetime.now(UTC).replace(microsecond=0),
        "step": begun.card.step,
        "device": torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine(),
        "precision": begun.network.precision,
        "processes": begun.ranks.count,
        "threads": torch.get_num_threads(),
        "cores": len(os.sched_getaffinity(0)),
        "system": platform.system(),
        "python": platform.python_version(),
        "trainer": inspector.__version__,
        **{package: version(package) for package in PACKAGES},
    }


def _board(run: Path, step: int) -> SummaryWriter | None:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ModuleNotFoundError:  # a convenience of those who have it
        return None
    return SummaryWriter(str(run), purge_step=step + 1)
