"""`trainer export`: write a run's best network as a recipe."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from trainer.commands.arguments import REPLACE_HELP, count, frame_size, named_number

FOLDER = "recipe"
"""Of a run, where its recipe is written unless another folder is named."""


def add_arguments(export: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    export.add_argument("source", type=Path, metavar="RUN", help="the run's folder")
    export.add_argument("--out", type=Path, metavar="RECIPE", help="the recipe's folder (default: RUN/recipe)")
    export.add_argument(
        "--name", metavar="NAME", help="the recipe's name (default: its folder's; the run's for RUN/recipe)"
    )
    export.add_argument("--version", default="1", metavar="VERSION", help="the recipe's version (default: %(default)s)")
    export.add_argument("--precision", choices=("int8", "fp32"), default="int8", help="(default: %(default)s)")
    export.add_argument(
        "--trained-on", metavar="WORDS", help="in words, what it was trained on (default: the run's data)"
    )
    export.add_argument(
        "--size", type=frame_size, metavar="HxW", help="frames on the line, pixels (default: the data's largest)"
    )
    for option, metavar, meaning in (
        ("--threshold", "CLASS=P", "least probability of a pixel, as crack=0.4 (default: 0.5; calibrated 0.2)"),
        ("--min-area", "CLASS=MM2", "smallest defect, as crack=10 (default: 20)"),
    ):
        export.add_argument(option, metavar=metavar, help=meaning, action="append", default=[], type=named_number)
    export.add_argument(
        "--calibrate", nargs="+", default=(), metavar="DATA", help="frames for int8's ranges (default: the run's own)"
    )
    export.add_argument(
        "--calibration-frames", type=count, default=24, metavar="N", help="number of them (default: %(default)s)"
    )
    export.add_argument(
        "--calibrated",
        action="store_true",
        help="fit temperature and the constant of sound to frames that the network never saw, and show the error of "
        "each half by what was fitted to the other",
    )
    export.add_argument(
        "--score-frames", type=count, default=200, metavar="N", help="validation frames measured (default: %(default)s)"
    )
    export.add_argument("--replace", action="store_true", help=REPLACE_HELP)


def two_sides(fitted: float, exported: float, precision: str, int8_loss: float | int | str | None) -> str:
    """Say why the recipe's Dice is not the one that `fit` reported."""
    words = (
        f"dice_micro_mean {fitted:.4f} by fit, {exported:.4f} by the recipe: fit takes each pixel's most probable "
        f"class of all validation frames, in floating point; the recipe what reaches its threshold, in {precision}"
    )
    return words if int8_loss is None else f"{words}; INT8 alone costs {int8_loss} of dice_micro"


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.data.names import allowed_name
    from trainer.files import hold_folder
    from trainer.recipe.evaluate import table
    from trainer.recipe.export import ExportOptions, choose_classes, export
    from trainer.recipe.held_out import load_network
    from trainer.recipe.standing import replaced, standing

    folder = given.out or given.source / FOLDER
    card = load_network(given.source)[1]
    called = (given.out or given.source).resolve().name
    name = given.name or allowed_name(called, FOLDER)
    if name != (given.name or called):
        print(f"the recipe's name is {name}: {called!r} cannot be one (--name gives another)")
    asked = ExportOptions(
        name=name,
        version=given.version,
        created=datetime.now(UTC).date().isoformat(),
        trained_on=given.trained_on or " ".join(card.settings.data),
        classes=choose_classes(card.class_names, dict(given.threshold), dict(given.min_area)),
        stated=frozenset(dict(given.threshold)),
        precision=given.precision,
        size_px=given.size,
        calibrate=given.calibrate,
        calibration_frames=given.calibration_frames,
        calibrated=given.calibrated,
        score_frames=given.score_frames,
    )
    with hold_folder(folder):
        there = standing(folder, replace=given.replace)
        recipe = export(given.source, folder, asked)
    size_mib = (folder / "model.onnx").stat().st_size / 2**20
    measured = "on the validation frames"
    if card.settings.folds:
        measured = f"on all frames, each by one of {card.settings.folds} networks that never saw it"
    print(f"{folder}: {recipe}, {recipe.precision}, {size_mib:.1f} MiB; {measured}:")
    for line in replaced(there, recipe):
        print(line)
    scores = {name.removeprefix("validation_"): value for name, value in recipe.scores.items()}
    if (error := recipe.scores.get("validation_calibration_error")) is not None:
        before = recipe.scores["validation_calibration_error_before"]
        words = "expected calibration error of pixels called a defect"
        print(f"{words}: {before} before, {error} now, each half by what was fitted to the other")
    print(table({name: float(value) for name, value in scores.items()}, card.class_names))
    if "dice_micro_mean" in scores and card.best >= 0:
        print(
            two_sides(card.best, float(scores["dice_micro_mean"]), recipe.precision, scores.get("int8_dice_micro_loss"))
        )
    return 0
