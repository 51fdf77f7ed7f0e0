"""`trainer evaluate`: measure a recipe on the daemon's engine."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from trainer.commands.arguments import DATA_HELP, ONLY_HELP


def add_arguments(evaluate: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    evaluate.add_argument("recipe", type=Path, metavar="RECIPE", help="the recipe's folder")
    evaluate.add_argument("data", nargs="+", help=DATA_HELP)
    evaluate.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    evaluate.add_argument("--json", action="store_true", help="one JSON object instead of a table")


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from inspector import recipe
    from inspector.engines.openvino import OpenVino
    from trainer import data, evaluate

    card, model = recipe.load(given.recipe)
    frames = data.frames(given.data, given.only)
    evaluate.check_sizes(frames, card.height, card.width)
    scores = evaluate.pixel_scores(evaluate.judge(OpenVino(card, model), frames), len(card.classes))
    print(json.dumps(scores) if given.json else evaluate.table(scores, [kind.name for kind in card.classes]))
    return 0
