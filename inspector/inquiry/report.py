"""`inspector report`: a coil's record, its grades and its map, for people as one HTML file, for programs as JSON.

Knows: where a coil comes from, where its report goes. Must not know: how it is graded or drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from inspector.coil import file, report
from inspector.coil.pictures import pictures
from inspector.coil.record import as_recorded, record
from inspector.coil.seen import CoilHistory, closed, covered, gather, opened
from inspector.coil.speech import speech
from inspector.coil.units import UNITS
from inspector.events.history import History
from inspector.inquiry import source
from inspector.languages.catalogue import DEFAULT, languages
from inspector.output import report as remark
from inspector.records.events import CoilRecord, Defect
from inspector.words import counted


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector report`."""
    add = parser.add_argument
    add("coil", metavar="COIL", help="the coil's name (the newest of that name), or a coil's JSON file")
    add("--first-seq", type=int, metavar="N", help="an older coil of that name, by `inspector coils`")
    add("--html", type=Path, metavar="FILE", help="write the report for people")
    add("--json", type=Path, metavar="FILE", help="write the coil's file: its record and all that was seen")
    add("--archive", type=Path, metavar="FOLDER", help="pictures for the report; with --config the line's own")
    add("--note", default="", metavar="TEXT", help="a sentence for the foot of the report")
    add("--units", choices=tuple(UNITS), default="mm", help="lengths of the report for people")
    add("--language", choices=tuple(languages()), default=DEFAULT, help="language of the report for people")
    source.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Make the record, write what was asked for, and print it; at any time, also while the coil runs.

    Raises: ConfigError, RecipeError, JournalError; InspectorError when a file cannot be read or written.
    """
    seen, made, found = read(args, keep=bool(args.html or args.json))
    if args.json:
        file.write(closed(seen, made), args.json)
    if args.html:
        by = speech(args.language, UNITS[args.units])
        shown = pictures(seen, found.severities, args.archive or found.archive)
        facts = {"pictures": shown, "classes": found.classes, "note": args.note}
        file.save(args.html, report.html(seen, made, found.gradings, found.severities, by=by, **facts))
    print(msgspec.json.format(msgspec.json.encode(made), indent=2).decode(), file=sys.stdout)
    return 0


def read(args: argparse.Namespace, *, keep: bool) -> tuple[CoilHistory, CoilRecord, source.Source]:
    """Read a coil from its file or from a journal, and make its record by the rules of the configuration.

    Without a configuration a coil keeps the record that its file has, or that the journal has of its end.
    """
    path = Path(args.coil)
    if path.suffix == ".json" and path.is_file():
        found = source.configured(args.config) if args.config else source.Source(journal=Path())
        stored = file.read(path)
        seen = opened(stored)
        made = record(seen, found.gradings, found.severities, found.by_grade) if args.config else stored.record
        return seen, made, found
    found = source.find(args)
    with History(found.journal) as history:
        passage = history.coil(args.coil, args.first_seq)
        recorded = () if args.config else history.records(passage)
        spans = covered(recorded[-1]) if recorded else found.spans
        seen = gather(history, passage, spans, keep="defects" if keep else "numbers")
    made = record(seen, found.gradings, found.severities, found.by_grade)
    if not args.config:
        made = as_recorded(made, recorded)
        for words in _unknown(made, seen.defects):
            remark(f"coil {made.coil}: {words}")
    return seen, made, found


def _unknown(made: CoilRecord, kept: Sequence[Defect]) -> Iterator[str]:
    """What cannot be known of a coil without a configuration; `kept` are its defects, where they are shown."""
    if not made.grades:
        why = "it runs still" if made.is_partial else "the journal has no grade of it"
        yield f"is not graded: {why}, and no rules are given. Give the line's TOML file with --config."
        return
    without = sum(not defect.severity for defect in kept)
    if without and any(sums.count > sums.severities.get("minor", 0) for sums in made.classes):
        yield (
            f"the journal has no severity of {without} of {counted(len(kept), 'defect')}: map and list show them as "
            "minor. Give the line's TOML file with --config."
        )
