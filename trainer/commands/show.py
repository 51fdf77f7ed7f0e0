"""`trainer show`: draw image, truth, prediction and errors of frames as a recipe sees them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from inspector.words import counted
from trainer.commands.arguments import DATA_HELP, ONLY_HELP, count


def add_arguments(show: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    show.add_argument("recipe", metavar="RECIPE", help="the recipe's folder, or the name of a shipped one")
    show.add_argument(
        "images", nargs="+", metavar="IMAGES", help=f"{DATA_HELP}; or image files, or a folder of them, without truth"
    )
    show.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    show.add_argument("--frames", type=count, metavar="N", help="the first N (default: every frame)")
    show.add_argument("--out", type=Path, required=True, metavar="FILE.png", help="the picture")


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    import cv2

    from inspector import recipe
    from inspector.engines.openvino import OpenVino
    from trainer.data.sources import say_by_place
    from trainer.files import PNG, refuse_foreign, replace_file
    from trainer.paper import figure, show

    refuse_foreign(given.out, PNG)
    card, model = recipe.load(recipe.find(given.recipe, Path()))
    opened = show.open_images(given.images, given.only, card)
    for line in (line for frames in opened for line in say_by_place(frames)):
        print(line, file=sys.stderr)
    engine = OpenVino(card, model)
    shown = list(show.infer(engine, card, opened, given.frames))
    page = show.describe(card, engine, shown, sum(map(len, opened)))
    encoded = cv2.imencode(".png", figure.draw(page, shown))[1]
    with replace_file(given.out) as temporary:
        temporary.write_bytes(encoded.tobytes())
    print(f"{given.out}: {counted(len(shown), 'frame')} as {card} sees {'it' if len(shown) == 1 else 'them'}")
    return 0
