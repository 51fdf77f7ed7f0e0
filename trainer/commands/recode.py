"""`trainer recode`: let a recipe of an older export write its confidence as log-odds; nothing is trained."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="its folder; model.onnx and recipe.toml are rewritten"
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.files import hold_folder
    from trainer.recipe.recode import recode

    with hold_folder(given.recipe):
        card = recode(given.recipe)
    print(f"{given.recipe}: rewritten; its confidences are log-odds")
    for kind in card.classes:
        print(f"  {kind.name:10} confidence {kind.min_confidence:.5g}, at least {kind.min_area_mm2:g} mm2")
    return 0
