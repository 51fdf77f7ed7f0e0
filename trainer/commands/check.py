"""`trainer check`: what data holds, and all that stops training on it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trainer.commands.arguments import DATA_HELP, FOLD_HELP, ONLY_HELP, add_frames, whole
from trainer.settings import Settings


def add_arguments(check: argparse.ArgumentParser) -> None:
    """Say what the command takes."""
    check.add_argument("data", nargs="+", metavar="DATA", help=DATA_HELP + "; several are joined")
    check.add_argument("--only", metavar="CSV:COLUMN=VALUE", help=ONLY_HELP)
    add_frames(check)
    way = check.add_mutually_exclusive_group()
    way.add_argument("--split", type=Path, metavar="FILE", help="check this split.csv instead of making one")
    way.add_argument("--fold", metavar="K/N", help=FOLD_HELP)
    check.add_argument(
        "--seed", type=whole, default=Settings(data=()).seed, metavar="N", help="of the split (default: %(default)s)"
    )
    check.add_argument(
        "--out",
        type=Path,
        default=Path("check"),
        metavar="FOLDER",
        help="folder for split.csv and contact.png (default: %(default)s)",
    )


def run(given: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    from inspector.records.recipe import Window
    from inspector.words import counted
    from trainer.data.check import Wanted, check
    from trainer.learn.progress import count

    window = Window(*given.window) if given.window else None
    wanted = Wanted(given.data, given.only, given.split, given.seed, given.out, given.fold, window, given.size)
    found = check(wanted, print, count)
    for kind, lines in (("warning", found.warnings), ("fault", found.faults)):
        for line in lines:
            print(f"{kind}: {line}", file=sys.stderr)
    warned = f"; {counted(len(found.warnings), 'warning')}" if found.warnings else ""
    stops = "stops" if len(found.faults) == 1 else "stop"
    faults = f"{counted(len(found.faults), 'fault')} {stops} training on this data" if found.faults else "no faults"
    print(faults + warned)
    return 1 if found.faults else 0
