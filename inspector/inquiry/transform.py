"""`inspector transform`: a coil's file as the next machine needs it.

Knows: the options and their order. Must not know: what they do to positions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from inspector.coil import file, transform
from inspector.coil.record import record
from inspector.coil.seen import opened
from inspector.errors import InspectorError
from inspector.records.coil_file import CoilFile
from inspector.simulator import options
from inspector.words import counted

Step = tuple[str, Any]


class _Then(argparse.Action):
    """Keeps the steps in the order in which they are written."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        steps: list[Step] = getattr(namespace, "steps", None) or []
        namespace.steps = [*steps, (self.dest, values)]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector transform`; those that move something are steps, in their order."""
    add = parser.add_argument
    add("coil", type=Path, metavar="COIL.json", help="a coil's file, as `inspector report --json` writes it")
    add("--elongation", action=_Then, type=float, metavar="PERCENT", help="the strip becomes so much longer")
    add("--reverse", action=_Then, nargs=0, help="head and tail are swapped")
    add("--flip", action=_Then, nargs=0, help="the strip is turned over: top becomes bottom")
    add("--crop", action=_Then, type=float, nargs=2, metavar=("FROM_M", "TO_M"), help="only this piece goes on")
    add("--weld", action=_Then, type=Path, metavar="OTHER.json", help="another coil is welded behind it")
    add("--name", type=options.coil, metavar="COIL", help="the new coil's name")
    add("--out", type=Path, required=True, metavar="FILE", help="write the new coil's file")


def run(args: argparse.Namespace) -> int:
    """Apply the steps, and write the file.

    Raises: InspectorError when a file cannot be read or written, or a step cannot be.
    """
    carried = file.read(args.coil)
    before, steps = carried.record, getattr(args, "steps", None) or []
    if steps:
        _say_ungraded(carried)
    for step in steps:
        try:
            carried = _applied(carried, step)
        except ValueError as error:
            raise InspectorError(f"--{step[0]}: {error}. Correct it.") from error
    if args.name:
        carried = transform.named(carried, args.name)
    carried = summed(carried)
    if not steps:
        same = msgspec.structs.replace(carried.record, grade=before.grade, grades=before.grades)
        carried = msgspec.structs.replace(carried, record=same)
    file.write(carried, args.out)
    made = carried.record
    print(f"{args.out}: coil {made.coil}, {made.length_m:.3f} m, {counted(made.defects, 'defect')}")
    return 0


def summed(carried: CoilFile) -> CoilFile:
    """A coil's file with the sums of what is in it."""
    carried = transform.tidied(carried)
    return msgspec.structs.replace(carried, record=record(opened(carried)))


def _cropped(carried: CoilFile, from_m: float, to_m: float) -> CoilFile:
    """Cut a piece out, and say what of it cannot be known."""
    piece = transform.crop(carried, from_m, to_m)
    if names := transform.unplaced(piece):
        print(f"--crop: where on the coil they were raised is not known, kept: {', '.join(names)}", file=sys.stderr)
    return piece


def _welded(carried: CoilFile, other: CoilFile) -> CoilFile:
    """Weld another behind a coil, and say what of both does not hold for the whole."""
    _say_ungraded(other)
    whole = transform.weld(carried, other)
    decided = carried.record.decisions or other.record.decisions
    if decided and not whole.record.decisions:
        words = [made.decisions[-1].grade if made.decisions else "nothing" for made in (carried.record, other.record)]
        print(f"--weld: people decided {' and '.join(words)} of the two: neither is carried on.", file=sys.stderr)
    return whole


def _say_ungraded(carried: CoilFile) -> None:
    """Say that a coil's grade is not that of what is made of it."""
    made = carried.record
    if made.grades:
        print(
            f"coil {made.coil}: its grade, {made.grade}, is not carried on, as what is graded changes; "
            "`inspector report FILE --config LINE.toml` grades the new file.",
            file=sys.stderr,
        )


def _applied(carried: CoilFile, step: Step) -> CoilFile:
    name, value = step
    match name:
        case "elongation":
            return transform.elongate(carried, value)
        case "reverse":
            return transform.reverse(carried)
        case "flip":
            return transform.flip(carried)
        case "crop":
            return _cropped(carried, *value)
        case _:
            return _welded(carried, file.read(value))
