"""`trainer crossval`: figures of few frames, each assessed by a network that never saw it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from msgspec import convert
from rich.console import Console

from trainer.commands import fit
from trainer.commands.arguments import DATA_HELP, count, whole
from trainer.learn.stop import RunStopped
from trainer.presets import PRESETS
from trainer.settings import Settings


def add_arguments(crossval: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    crossval.add_argument("data", nargs="+", metavar="DATA", help=DATA_HELP + "; several are joined")
    crossval.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="of the runs and the report; asked again, it goes on"
    )
    crossval.add_argument(
        "--folds", type=count, default=5, metavar="N", help="parts, each held out once (default: %(default)s)"
    )
    crossval.add_argument(
        "--jobs", type=count, default=1, metavar="N", help="folds that learn at the same time (default: %(default)s)"
    )
    crossval.add_argument("--flips", action="store_true", help="also assess each frame as the mean of its four flips")
    crossval.add_argument(
        "--edges-px",
        type=whole,
        default=5,
        metavar="PX",
        help="how far an outline may lie off in the figures that allow for it (default: %(default)s)",
    )
    fit.add_network(crossval)
    fit.add_training(crossval)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.crossval.folds import crossval, without_patience
    from trainer.files import hold_folder

    fit.refuse_two_networks(settings := fit.asked(given))
    wanted = convert({**PRESETS["best"], **settings, "folds": None}, Settings)
    try:
        with hold_folder(given.out):
            fit.warn_of_data(wanted, console := Console())
            crossval(
                without_patience(wanted, console),
                given.folds,
                given.out,
                console,
                flips=given.flips,
                edges_px=given.edges_px,
                at_once=given.jobs,
            )
    except (KeyboardInterrupt, RunStopped) as stopped:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return stopped.exit_code if isinstance(stopped, RunStopped) else 130
    return 0
