"""`trainer specify`: have a recipe measure how far each frame is from those it was taught on."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.commands.arguments import DATA_HELP, ONLY_HELP, rate

BEYOND = 0.01
"""As `trainer.recipe.distance` has it: it must not be imported for a command line."""


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
        metavar="FOLDER|DATA",
        default=[],
        help="also report how far these are: a folder of images, small ones mirrored, or DATA, as sheet:900-949:10",
    )
    add(
        "--beyond",
        type=rate,
        default=BEYOND,
        metavar="SHARE",
        help="of frames like DATA that may lie beyond the limit (default: %(default)s); more of them bring it nearer: "
        "0.03 where DATA is of several kinds of steel, or has odd frames",
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from inspector import recipe
    from trainer.data import sources
    from trainer.data.sizes import cut_larger
    from trainer.data.split import read_training
    from trainer.data.unlabelled import has_images, open_plain
    from trainer.files import hold_folder
    from trainer.recipe.specify import specify

    card = recipe.read_card(given.recipe)
    size = card.height, card.width
    frames = sources.frames(given.data, given.only, window=card.window, size=size)  # whatever their classes
    sources.check_only(given.data, given.only)
    if given.split:
        frames = read_training(given.split, frames)
    others = {  # a folder of nothing but images, or DATA whatever its classes
        spec: open_plain(Path(spec), card.window)
        if has_images(Path(spec))
        else sources.frames([spec], window=card.window, size=size)
        for spec in given.compare
    }
    with hold_folder(given.recipe):
        specify(given.recipe, cut_larger(frames, size), others, print, beyond=given.beyond)
    return 0
