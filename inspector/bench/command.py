"""`inspector bench`: the options, and what is printed and written."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from inspector import recipe, signals
from inspector.bench import compare, figures
from inspector.bench.measure import KINDS, MeasurementPlan, measure
from inspector.bench.table import table
from inspector.errors import EXIT_FAILURE, InspectorError

SHIPPED = "steel-r34"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector bench`."""
    add, usual = parser.add_argument, MeasurementPlan()
    add(
        "recipe", nargs="*", default=[SHIPPED], metavar="RECIPE", help=f"folders, or a shipped one (default: {SHIPPED})"
    )
    add(
        "--batches",
        type=_sizes,
        default=usual.batches,
        metavar="N,N,...",
        help="most frames in a batch (default: 1,2,4,8)",
    )
    add(
        "--seconds",
        type=_positive,
        default=usual.seconds,
        metavar="S",
        help="each measurement's length (default: %(default)s)",
    )
    add("--load-seconds", type=_positive, metavar="S", help="the same under load (default: as --seconds)")
    add(
        "--rounds",
        type=_whole(1, 20),
        default=usual.rounds,
        metavar="N",
        help="rounds that alternate (default: %(default)s)",
    )
    add(
        "--wait-ms",
        type=_whole(1, 1000),
        default=usual.wait_ms,
        metavar="MS",
        help="sets batch.wait_ms (default: %(default)s)",
    )
    add("--threads", type=_whole(0, 1024), default=usual.threads, metavar="N", help="sets engine.threads (0: all)")
    kinds = f"some of {', '.join(KINDS)} (default: all)"
    add("--engines", type=_kinds, default=KINDS, metavar="KIND,...", help=kinds)
    add("--images", type=Path, metavar="FOLDER", help="frames, instead of procedural steel")
    add("--json", type=Path, metavar="FILE", help="write all figures there")
    add("--compare", type=Path, nargs=2, metavar=("A.json", "B.json"), help="measure nothing: B compared with A")
    add("--any-recipe", action="store_true", help="compare even benches of different recipes")


def run(args: argparse.Namespace) -> int:
    """Measure and print, or compare.

    Raises: InspectorError.
    """
    if args.compare:
        a, b = map(figures.read, args.compare)
        print(compare.compare(a, b, (str(args.compare[0]), str(args.compare[1])), any_recipe=args.any_recipe))
        return 0
    if args.json and (args.json.is_dir() or not args.json.parent.is_dir()):  # now, not after minutes
        what = "is a folder" if args.json.is_dir() else "its folder is not there"
        raise InspectorError(f"{args.json}: {what}. Give a file's name in a folder that is.")
    plan = MeasurementPlan(
        batches=args.batches,
        engines=args.engines,
        seconds=args.seconds,
        load_seconds=args.load_seconds or args.seconds,
        rounds=args.rounds,
        wait_ms=args.wait_ms,
        threads=args.threads,
        images=args.images,
    )
    folders = [recipe.find(name, Path()) for name in args.recipe]
    with signals.ending(lambda *_: sys.exit(EXIT_FAILURE)):  # or the daemon would outlive us
        bench = measure(folders, plan, lambda words: print(f"... {words}", file=sys.stderr, flush=True))
    print(table(bench))
    if args.json:
        figures.write(args.json, bench)
    return 0


def _sizes(text: str) -> tuple[int, ...]:
    try:
        sizes = tuple(int(part) for part in text.split(","))
    except ValueError:
        sizes = ()
    if not sizes or list(sizes) != sorted(set(sizes)) or not 1 <= sizes[0] <= sizes[-1] <= 256:
        raise argparse.ArgumentTypeError(f"batch sizes are {text}; expected ascending ones of 1..256, like 1,2,4,8")
    return sizes


def _whole(least: int, most: int) -> Callable[[str], int]:
    """Make a reader of whole numbers within bounds."""

    def read(text: str) -> int:
        value = int(text) if text.removeprefix("-").isdecimal() else least - 1
        if not least <= value <= most:
            raise argparse.ArgumentTypeError(f"it is {text}; expected a whole number {least}..{most}")
        return value

    return read


def _kinds(text: str) -> tuple[str, ...]:
    kinds = tuple(text.split(","))
    if unknown := [kind for kind in kinds if kind not in KINDS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)} is no engine; expected some of {', '.join(KINDS)}")
    return kinds


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise argparse.ArgumentTypeError(f"{text} is no time; expected seconds above 0")
    return value
