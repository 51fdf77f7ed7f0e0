"""`trainer tune`: choose the settings of a recipe's classes for what the user aims at."""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trainer.commands import export
from trainer.commands.arguments import DATA_HELP, ONLY_HELP, add_scale, amount, rate, scale
from trainer.errors import UserError

if TYPE_CHECKING:
    from trainer.assessment.labelled_strip import LabelledStrip
    from trainer.settings import Settings


def add_arguments(tune: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    tune.add_argument(
        "source",
        type=Path,
        metavar="RUN|RECIPE",
        help="a run's folder: of one with --folds all frames choose, of another half of its validation frames "
        "(tune.csv), and RUN/recipe is exported if it is not there; or a recipe's folder, with --calibrate and "
        "--test. recipe.toml is rewritten",
    )
    for option, meaning in (("--calibrate", "to choose on"), ("--test", "to measure on, never to choose on")):
        tune.add_argument(
            option,
            nargs="+",
            metavar="COILS|DATA",
            help=f"for a recipe: procedural coils {meaning}, as 950-951:900:defects=6, or frames: {DATA_HELP}",
        )
    tune.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    target = tune.add_mutually_exclusive_group()
    target.add_argument("--max-false-per-100m", type=amount, metavar="N", help="false defects allowed (default: 1)")
    target.add_argument(
        "--min-recall", type=rate, metavar="SHARE", help="of each class, as 0.95; then as few false ones as possible"
    )
    target.add_argument(
        "--balanced",
        action="store_true",
        help="as many found as possible for each false one: for few frames, which show no rate per 100 m",
    )
    tune.add_argument(
        "--accept-collapsed", action="store_true", help="write the recipe though a class is never found, and say so"
    )
    add_scale(tune)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.files import hold_folder
    from trainer.recipe.held_out import folds_of
    from trainer.tuning.folded import tune_folded
    from trainer.tuning.targets import TuningTarget
    from trainer.tuning.tune import tune

    allowed = given.max_false_per_100m
    if allowed is None and given.min_recall is None and not given.balanced:
        allowed = 1.0
    target = TuningTarget(max_false_per_100m=allowed, min_recall=given.min_recall)
    accept: bool = given.accept_collapsed
    folder, settings = _exported(given)
    folds = folds_of(given.source, settings) if settings else []
    with hold_folder(folder):
        if folds:
            tuned = tune_folded(folder, folds, scale(given), target, print, accept_collapsed=accept)
        else:
            tuned = tune(folder, *_strips(given, settings, folder), target, print, accept_collapsed=accept)
    for fault in tuned.faults:
        print(f"fault: {fault}", file=sys.stderr)
    print(f"{folder}: {'rewritten' if tuned.is_written else 'left as it was'}")
    return 1 if tuned.faults else 0


def _exported(given: argparse.Namespace) -> tuple[Path, Settings | None]:
    """Return the recipe's folder, exported where it is a run's and not there; and the settings of the run."""
    from trainer.recipe.held_out import load_network

    is_run = (given.source / "best.pt").is_file()
    if is_run and (given.calibrate or given.test):
        raise UserError(
            f"{given.source} is a run: its own validation frames are divided. For other frames give its recipe: "
            f"{given.source / export.FOLDER}"
        )
    if not is_run and not (given.calibrate and given.test):
        raise UserError(
            f"{given.source}: holds no best.pt, so it is no run; expected --calibrate and --test for a recipe's folder"
        )
    if not is_run:
        return given.source, None
    folder: Path = given.source / export.FOLDER
    if not (folder / "recipe.toml").is_file():
        print(f"{folder}: not there; exporting it")
        exporting = argparse.ArgumentParser()
        export.add_arguments(exporting)
        export.run(exporting.parse_args([str(given.source)]))
    elif (given.source / "best.pt").stat().st_mtime > (folder / "model.onnx").stat().st_mtime:
        print(f"{folder} is older than best.pt; {_made_again(given.source, folder)}")
    return folder, load_network(given.source)[1].settings


def _made_again(run: Path, folder: Path) -> str:
    """Say what exports a run again, and what its recipe then loses: `export` refuses that without --replace."""
    from trainer.recipe.standing import given_since, standing

    card = standing(folder, replace=True)
    command = f"trainer export {shlex.quote(str(run))}"
    if not card or not (lost := given_since(card)):
        return f"`{command}` makes it again"
    return f"`{command} --replace` makes it again, without its {', '.join(lost)}"


def _strips(given: argparse.Namespace, settings: Settings | None, folder: Path) -> tuple[LabelledStrip, LabelledStrip]:
    """Return the strip to choose and to measure on."""
    from inspector import recipe
    from trainer.data.sources import check_only
    from trainer.tuning.strips import both_strips, halves

    card, measure = recipe.read_card(folder), scale(given)
    if settings:
        return halves(settings, given.source, card, measure)
    check_only([*given.calibrate, *given.test], given.only)
    calibration, test = both_strips(given.calibrate, given.test, given.only, card, measure)
    assert calibration, "a recipe needs it"
    return calibration, test
