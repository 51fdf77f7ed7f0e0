"""`trainer compare`: the paper's Table 1 for one's own data."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from msgspec import convert
from rich.console import Console

from trainer.commands import fit
from trainer.commands.arguments import DATA_HELP
from trainer.learn.stop import RunStopped
from trainer.presets import PRESETS
from trainer.settings import ENCODERS, PAPER_ENCODERS, Settings


def add_arguments(compare: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    compare.add_argument("data", nargs="+", help=DATA_HELP + "; several are joined")
    compare.add_argument(
        "--out", type=Path, required=True, metavar="FOLDER", help="of the runs and the table; asked again, it goes on"
    )
    compare.add_argument(
        "--encoders",
        nargs="+",
        choices=ENCODERS,
        default=PAPER_ENCODERS,
        metavar="ENCODER",
        help="(default: the paper's three)",
    )
    fit.add_division(compare)
    fit.add_training(compare)


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from trainer.files import hold_folder
    from trainer.paper.compare import compare

    settings = convert({**PRESETS["best"], **fit.asked(given)}, Settings)
    try:
        with hold_folder(given.out):
            compare(settings, list(dict.fromkeys(given.encoders)), given.out, Console())
    except (KeyboardInterrupt, RunStopped) as stopped:
        print("interrupted; the same command goes on from the last checkpoint", file=sys.stderr)
        return stopped.exit_code if isinstance(stopped, RunStopped) else 130
    return 0
