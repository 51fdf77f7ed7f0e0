"""`inspector defects`: a coil's defects, those that are asked for.

Knows: the options, the columns. Must not know: SQLite.
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Sequence

import msgspec

from inspector import arguments
from inspector.config.severity import SEVERITIES, SeveritySection, never, severity
from inspector.errors import InspectorError
from inspector.events.history import Filter, History, Passage
from inspector.inquiry import output, source
from inspector.records.envelope import data_of, read_event
from inspector.records.events import Defect
from inspector.records.extent import SIZE_DIGITS
from inspector.simulator import options

NAMES = (
    *("id", "name", "severity", "side", "camera", "start_mm", "end_mm", "length_mm", "left_mm", "right_mm"),
    *("width_mm", "area_mm2", "confidence", "is_partial", "recipe"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector defects`."""
    add = parser.add_argument
    add("--coil", required=True, metavar="NAME", help="the coil; the newest of that name")
    add("--first-seq", type=int, metavar="N", help="an older coil of that name, by `inspector coils`")
    add("--class", dest="name", metavar="NAME", help="only defects of this class")
    add("--side", choices=("top", "bottom"), help="only those on this side")
    add("--severity", choices=SEVERITIES, help="only those at least so severe, by the rules of --config")
    size, metres = options.number(at_least=0), options.number()
    for word, adjective in (("length-mm", "long"), ("width-mm", "wide"), ("area-mm2", "large")):
        add(f"--min-{word}", type=size, default=0.0, metavar="N", help=f"only those at least this {adjective}")
    share = options.number(at_least=0, at_most=1)
    add("--min-confidence", type=share, default=0.0, metavar="P", help="only those at least this certain, 0 to 1")
    add("--from-m", type=metres, metavar="M", help="only those that begin here or farther from the head")
    add("--to-m", type=metres, metavar="M", help="only those that begin before this")
    add("--limit", type=arguments.at_least_0, metavar="N", help="print at most N defects")
    source.add_arguments(parser)
    output.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print them.

    Raises: ConfigError, RecipeError, JournalError; InspectorError for what no defect can be.
    """
    found = source.find(args)
    out = sys.stdout
    with History(found.journal) as history:
        passage = history.coil(args.coil, args.first_seq)
        _refuse(args, found, history, passage)
        payloads = history.payloads(passage, _filter(args))
        if args.json and args.side is None and args.severity is None:
            for payload in itertools.islice(payloads, args.limit):
                print(data_of(payload).decode(), file=out)
            return 0
        defects = (event.data for event in map(read_event, payloads) if isinstance(event.data, Defect))
        wanted = itertools.islice((defect for defect in defects if _is_wanted(args, found, defect)), args.limit)
        if args.json:
            for defect in wanted:
                print(msgspec.json.encode(defect).decode(), file=out)
            return 0
        rules = found.severities if args.config else None
        rows = ([_cell(rules, defect, name) for name in NAMES] for defect in wanted)
        if args.csv:
            output.write_csv(NAMES, rows, out)
        else:
            output.write_table(NAMES, ([str(cell) for cell in row] for row in rows), out)
    return 0


def _refuse(args: argparse.Namespace, found: source.Source, history: History, passage: Passage) -> None:
    """Refuse a question that has no answer, whatever the coil has."""
    if None not in (args.from_m, args.to_m) and args.from_m >= args.to_m:
        raise InspectorError(f"--from-m is {args.from_m:g}; expected less than --to-m, {args.to_m:g}. Correct one.")
    if args.name is not None and args.name not in (*found.classes, *history.classes(passage.coil)):
        known = sorted({*found.classes, *history.classes()})
        if args.name not in known:
            raise InspectorError(f"--class is {args.name}; expected one of {', '.join(known) or 'none'}. Correct it.")
    if why := never(args.severity or SEVERITIES[0], (args.name,) if args.name else (), found.severities):
        if args.config is None:
            why = "a journal has no rules. Give the line's TOML file with --config."
        raise InspectorError(f"--severity is {args.severity}: no defect can be, for {why}")


def _is_wanted(args: argparse.Namespace, found: source.Source, defect: Defect) -> bool:
    """Whether a defect is what the journal's index does not know."""
    if args.side not in (None, defect.side):
        return False
    least = SEVERITIES.index(args.severity or SEVERITIES[0])
    return not least or SEVERITIES.index(severity(found.severities, defect.name, defect)) >= least


def _filter(args: argparse.Namespace) -> Filter:
    which = Filter(
        name=args.name,
        min_length_mm=args.min_length_mm,
        min_width_mm=args.min_width_mm,
        min_area_mm2=args.min_area_mm2,
        min_confidence=args.min_confidence,
    )
    if args.from_m is not None:
        which = msgspec.structs.replace(which, from_mm=round(1000 * args.from_m, SIZE_DIGITS))
    if args.to_m is not None:
        which = msgspec.structs.replace(which, to_mm=round(1000 * args.to_m, SIZE_DIGITS))
    return which


def _cell(rules: Sequence[SeveritySection] | None, defect: Defect, name: str) -> object:
    """A defect's value in a column; its severity is empty without the rules of --config."""
    if name == "severity":
        return "" if rules is None else severity(rules, defect.name, defect)
    value = getattr(defect, name)
    return round(value, 3) if isinstance(value, float) else value
