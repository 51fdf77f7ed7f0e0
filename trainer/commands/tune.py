"""`trainer tune`: choose a recipe's thresholds and minimum areas."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.coil import Coil


def add_arguments(tune: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    tune.add_argument("recipe", type=Path, metavar="RECIPE", help="the recipe's folder; its recipe.toml is rewritten")
    for option, meaning in (("--calibrate", "to choose on"), ("--test", "to measure on, never to choose on")):
        tune.add_argument(
            option, required=True, type=_coils, metavar="SEEDS:FRAMES", help=f"coils {meaning}, as 950-951:900"
        )
    tune.add_argument(
        "--max-false-per-100m", type=float, default=1.0, metavar="N", help="false defects allowed (default %(default)s)"
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.tune import tune

    card = tune(given.recipe, _made(given.calibrate), _made(given.test), given.max_false_per_100m, print)
    scores = {name.removeprefix("coil_"): value for name, value in card.scores.items() if name.startswith("coil_")}
    print(f"test: {scores['metres']} m never chosen on, {scores['planted']:.0f} defects planted")
    for name, value in scores.items():
        print(f"  {name:20} {value}")
    return 0


def _coils(text: str) -> tuple[range, int]:
    seeds, _, frames = text.partition(":")
    first, _, last = seeds.partition("-")
    if not (first.isdigit() and (last or first).isdigit() and frames.isdigit() and int(frames)):
        raise argparse.ArgumentTypeError(f"{text}: expected SEEDS:FRAMES, as 950-951:900")
    return range(int(first), int(last or first) + 1), int(frames)


def _made(coils: tuple[range, int]) -> list[Coil]:
    return [Coil(seed, coils[1]) for seed in coils[0]]
