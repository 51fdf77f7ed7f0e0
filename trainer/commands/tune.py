"""`trainer tune`: choose a recipe's confidences and minimum areas for what the user aims at."""

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


def add_arguments(tune: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    tune.add_argument(
        "source",
        type=Path,
        metavar="RUN|RECIPE",
        help="a run's folder, whose validation frames are halved (tune.csv) and whose RUN/recipe is exported if it is "
        "not there; or a recipe's folder, with --calibrate and --test. recipe.toml is rewritten",
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
    tune.add_argument(
        "--accept-collapsed", action="store_true", help="write the recipe though a class is never found, and say so"
    )
    add_scale(tune)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.files import hold_folder
    from trainer.tuning.targets import TuningTarget
    from trainer.tuning.tune import tune

    folder, calibration, test = _opened(given)
    allowed = given.max_false_per_100m
    if allowed is None and given.min_recall is None:
        allowed = 1.0
    target = TuningTarget(max_false_per_100m=allowed, min_recall=given.min_recall)
    with hold_folder(folder):
        tuned = tune(folder, calibration, test, target, print, accept_collapsed=given.accept_collapsed)
    for fault in tuned.faults:
        print(f"fault: {fault}", file=sys.stderr)
    print(f"{folder}: {'rewritten' if tuned.is_written else 'left as it was'}")
    return 1 if tuned.faults else 0


def _opened(given: argparse.Namespace) -> tuple[Path, LabelledStrip, LabelledStrip]:
    """Return the recipe's folder, and the strip to choose and to measure on."""
    from inspector import recipe
    from trainer.recipe.export import load_network
    from trainer.tuning.strips import halves, labelled_strip

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
        card = recipe.read_card(given.source)
        calibration, test = (
            labelled_strip(specs, given.only, card, scale(given)) for specs in (given.calibrate, given.test)
        )
        return given.source, calibration, test
    folder = given.source / export.FOLDER
    if not (folder / "recipe.toml").is_file():
        print(f"{folder}: not there; exporting it")
        exporting = argparse.ArgumentParser()
        export.add_arguments(exporting)
        export.run(exporting.parse_args([str(given.source)]))
    elif (given.source / "best.pt").stat().st_mtime > (folder / "model.onnx").stat().st_mtime:
        print(f"{folder} is older than best.pt; `trainer export {shlex.quote(str(given.source))}` makes it again")
    settings = load_network(given.source)[1].settings
    return folder, *halves(settings, given.source, recipe.read_card(folder), scale(given))
