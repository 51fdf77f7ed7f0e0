"""`inspector review`: an archive's crops as a data set. Knows: its command line, its words."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from inspector.archive.review import Choice, export
from inspector.errors import InspectorError
from inspector.words import counted


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Build the command line."""
    command.add_argument("archive", type=Path, metavar="ARCHIVE", help="the folder that archive.path names")
    command.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new folder")
    command.add_argument("--coil", action="append", default=[], metavar="COIL", help="only this coil; may be repeated")
    command.add_argument(
        "--class",
        dest="classes",
        action="append",
        default=[],
        metavar="NAME",
        help="only what the network or a person says is of this class, or `sound`; may be repeated",
    )
    command.add_argument("--labelled", action="store_true", help="only what a person has labelled")


def run(args: argparse.Namespace) -> int:
    """Export, and say what the data set holds; what is damaged is left out, and reported."""
    choice = Choice(tuple(args.coil), tuple(args.classes), args.labelled)
    try:
        done = export(args.archive, args.out, choice)
    except OSError as error:
        raise InspectorError(f"{args.out}: {error.strerror or error}. Give a folder that can be written.") from error
    for fault in done.faults:
        print(fault, file=sys.stderr)
    print(f"{args.out}: {counted(done.crops, 'crop')} of {counted(done.coils, 'coil')}, {done.labelled} labelled")
    return 0
