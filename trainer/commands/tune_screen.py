"""`trainer tune-screen`: permit a fast recipe to look first, and measure what that loses."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trainer.commands.arguments import DATA_HELP, ONLY_HELP, add_scale, rate, scale


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    command.add_argument(
        "recipe", type=Path, metavar="RECIPE", help="the full recipe's folder; recipe.toml is rewritten"
    )
    command.add_argument(
        "--screen", required=True, metavar="RECIPE", help="the fast recipe: a folder, or a shipped one"
    )
    for option, meaning in (("--calibrate", "to choose the score on"), ("--test", "to measure on, never to choose on")):
        command.add_argument(
            option,
            nargs="+",
            required=True,
            metavar="COILS|DATA",
            help=f"procedural coils {meaning}, as 950-951:900:defects=6, or frames: {DATA_HELP}",
        )
    command.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    command.add_argument(
        "--max-lost",
        type=rate,
        metavar="SHARE",
        help="of the defects that may be lost to the screen, at 95 %% confidence (default: 0.001); it is not met while "
        "fewer than three times one in SHARE were seen",
    )
    command.add_argument(
        "--keep", type=Path, metavar="FILE", help="of what each coil gave: an interrupted call goes on from it"
    )
    add_scale(command)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code: 1 where the test strip does not prove the share."""
    from inspector import recipe
    from inspector.engines.cascade import permit
    from trainer.data.sources import check_only
    from trainer.files import hold_folder
    from trainer.tuning.screen import MOST_LOST, tune_screen
    from trainer.tuning.strips import both_strips

    most_lost = MOST_LOST if given.max_lost is None else given.max_lost
    screen = recipe.find(given.screen, Path())
    card = recipe.read_card(given.recipe)
    check_only([*given.calibrate, *given.test], given.only)
    calibration, test = both_strips(given.calibrate, given.test, given.only, card, scale(given))
    assert calibration, "argparse requires it"
    with hold_folder(given.recipe):
        card = tune_screen(given.recipe, screen, calibration, test, print, most_lost=most_lost, keep=given.keep)
    permitted = permit(card, recipe.read_card(screen))
    print(f"{given.recipe}: rewritten")
    if permitted.lost_at_most <= most_lost:
        return 0
    print(
        f"fault: the share of defects lost may be {permitted.lost_at_most:.4f}; {most_lost:g} was asked for. Give more "
        "test strip, or another screen.",
        file=sys.stderr,
    )
    return 1
