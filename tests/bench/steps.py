"""From the paper's recipe to ours, a step at a time: all see as many pixels, and are assessed as they end.

    python -m tests.bench.steps DATA --crop 160x160 --passes 3 --out runs/steps

A step that another could replace (Dice for Lovasz, whole frames at the end) is tried from the same place, and the next
ones do not build on it. Runs that are done are not repeated. Needs an hour, so it is no part of `make bench`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from trainer.commands.arguments import crop_size
from trainer.data.split import open_data
from trainer.learn.train import fit
from trainer.presets import PAPER
from trainer.settings import Settings

STEPS: tuple[tuple[str, bool, Mapping[str, object]], ...] = (
    ("paper", True, {}),
    ("Dice term", False, {"loss": "dice"}),
    ("Lovasz term", True, {"loss": "lovasz"}),
    ("AdamW, one cycle, cut gradient", True, {"optimiser": "adamw", "schedule": "one_cycle", "max_gradient": 1.0}),
    ("averaged weights", True, {"ema": 0.99}),
    ("crops", True, {"full_frame_share": 0.0}),
    ("crops, then whole frames", False, {"full_frame_share": 0.25}),
    ("rare classes oftener", True, {"defect_share": 0.6}),
    ("changed light", True, {"relight": True}),
    ("all of it with the Dice term", False, {"loss": "dice"}),
)
"""Name, whether the next steps build on it, and what it sets."""


def main() -> None:
    """Train what is not trained yet and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="+")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--encoder", default="resnet18")
    parser.add_argument("--crop", type=crop_size, default=(256, 512))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--passes", type=float, default=3.0, help="times the pixels of all training frames")
    parser.add_argument("--seeds", type=int, default=1)
    given = parser.parse_args()
    height_px, width_px = given.crop
    usual = Settings(
        given.data, encoder=given.encoder, batch=given.batch, crop_height_px=height_px, crop_width_px=width_px
    )
    train, validation = open_data(usual)
    area_share = height_px * width_px / train[0].pixels.size
    print(f"{len(train)} frames to learn from, {len(validation)} to measure on, {given.passes:g} passes\n")
    print("| step | Dice micro | Dice micro mean | Dice meter | Dice present | IoU micro | minutes |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name, changes in cumulated():
        lines = []
        for seed in range(given.seeds):
            settings = replace(usual, **{**PAPER, "patience": 0, **changes}, seed=seed)
            frame_share = settings.full_frame_share + (1 - settings.full_frame_share) * area_share
            settings = replace(settings, epochs=1, epoch_crops=round(given.passes * len(train) / frame_share))
            lines.append(result(settings, given.out / f"{name.replace(' ', '-').replace(',', '')}-{seed}"))
        figures = (statistics.mean(line[key] for line in lines) for key in (*SHOWN, "elapsed_s"))
        *scores, elapsed_s = figures
        print(
            f"| {name} | " + " | ".join(f"{score:.4f}" for score in scores) + f" | {elapsed_s / 60:.1f} |", flush=True
        )


SHOWN = ("dice_micro", "dice_micro_mean", "dice_meter", "dice_present", "iou_micro")


def cumulated() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each step's name with all that is set by then."""
    so_far: dict[str, object] = {}
    for name, stays, changes in STEPS:
        yield name, so_far | dict(changes)
        if stays:
            so_far |= changes


def result(settings: Settings, run: Path) -> dict[str, float]:
    """Return the last line of a run's figures, trained now unless it is there."""
    if not (run / "metrics.jsonl").is_file():
        fit(settings, run, Console(stderr=True), resume=(run / "last.pt").is_file())
    line: dict[str, float] = json.loads((run / "metrics.jsonl").read_text().splitlines()[-1])
    return line


if __name__ == "__main__":
    started_s = time.monotonic()
    main()
    print(f"\n{(time.monotonic() - started_s) / 60:.0f} minutes")
