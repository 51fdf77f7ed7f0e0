"""`trainer tune-certainty`: have a recipe tell a defect's probability, from its pixels and its size."""

from __future__ import annotations

import argparse
from pathlib import Path

from trainer.commands.arguments import DATA_HELP, ONLY_HELP, add_scale, scale


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    add = command.add_argument
    add("recipe", type=Path, metavar="RECIPE", help="its folder; recipe.toml is rewritten")
    for option, meaning in (
        ("--calibrate", "to fit to; without them what the recipe has is shown"),
        ("--test", "to show it on, never to fit to"),
    ):
        add(
            option,
            nargs="+",
            required=option == "--test",
            metavar="COILS|DATA",
            help=f"procedural coils {meaning}, as 950-951:900:defects=6, or frames: {DATA_HELP}",
        )
    add("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    add("--out", type=Path, metavar="FOLDER", help="folder for reliability.png and reliability.json")
    add_scale(command)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    import msgspec

    from inspector import recipe
    from trainer.data.sources import check_only
    from trainer.files import hold_folder, replace_file
    from trainer.tuning.certainty import tune_certainty
    from trainer.tuning.diagram import draw_reliability
    from trainer.tuning.strips import both_strips

    card = recipe.read_card(given.recipe)
    check_only([*(given.calibrate or ()), *given.test], given.only)
    calibration, test = both_strips(given.calibrate, given.test, given.only, card, scale(given))
    with hold_folder(given.recipe):
        _, shown = tune_certainty(given.recipe, calibration, test, print)
    print(f"{given.recipe}: rewritten")
    if given.out:
        draw_reliability(shown[:4], given.out / "reliability.png")
        with replace_file(given.out / "reliability.json") as temporary:
            temporary.write_bytes(msgspec.json.format(msgspec.json.encode(shown), indent=1) + b"\n")
        print(f"written: {given.out / 'reliability.png'}, {given.out / 'reliability.json'}")
    return 0
