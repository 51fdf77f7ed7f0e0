"""`trainer specify`: have a recipe measure how far each frame is from those it was taught on."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.commands.arguments import DATA_HELP, ONLY_HELP


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add = command.add_argument
    add("recipe", type=Path, metavar="RECIPE", help="its folder; model.onnx and recipe.toml are rewritten")
    add("data", nargs="+", metavar="DATA", help=f"what it was taught on: {DATA_HELP}")
    add("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    add("--split", type=Path, metavar="FILE", help="a run's split.csv: of DATA its training part alone")
    add(
        "--compare",
        nargs="+",
        type=Path,
        metavar="FOLDER",
        default=[],
        help="also report how far these images are, which nobody need have labelled; small ones are mirrored",
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from inspector import recipe
    from trainer.data import sources
    from trainer.data.sizes import cut_larger
    from trainer.data.split import read_split
    from trainer.data.unlabelled import open_plain
    from trainer.files import hold_folder
    from trainer.recipe.specify import specify

    card = recipe.read_card(given.recipe)
    size, names = (card.height, card.width), [kind.name for kind in card.classes]
    frames = sources.frames(given.data, given.only, classes=names, window=card.window, size=size)
    if given.split:
        frames, _ = read_split(given.split, frames)
    others = {str(folder): open_plain(folder, card.window) for folder in given.compare}
    with hold_folder(given.recipe):
        specify(given.recipe, cut_larger(frames, size)[0], others, print)
    return 0
