"""`inspector coils`: the coils that a journal holds, the newest last.

Knows: what of a coil is worth a line. Must not know: SQLite.
"""

from __future__ import annotations

import argparse
import sys

import msgspec

from inspector.coil.seen import totals
from inspector.events.history import History, Passage
from inspector.inquiry import output, source


class CoilRow(msgspec.Struct, frozen=True):
    """One coil."""

    coil: str
    first_seq: int
    """Tells apart two coils of one name: `--first-seq`."""
    started: str
    ended: str
    """Empty while it runs."""
    length_m: float
    inspected_m: float
    missed_m: float
    doubtful_m: float | None
    """Inspected and not surely seen; null where nothing was recorded at its end."""
    defects: int
    crowded: int
    grade: str
    """As recorded at its end; empty where it was not."""


NAMES = CoilRow.__struct_fields__


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector coils`."""
    source.add_arguments(parser)
    output.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print them.

    Raises: ConfigError, RecipeError, JournalError.
    """
    with History(source.find(args).journal) as history:
        lines = [_line(history, passage) for passage in history.coils()]
    out = sys.stdout
    if args.json:
        for line in lines:
            print(msgspec.json.encode(line).decode(), file=out)
        return 0
    rows = [msgspec.structs.astuple(line) for line in lines]
    if args.csv:
        output.write_csv(NAMES, rows, out)
    else:
        output.write_table(NAMES, (["" if cell is None else str(cell) for cell in row] for row in rows), out)
    return 0


def _line(history: History, passage: Passage) -> CoilRow:
    recorded = history.records(passage)
    report = totals(history, passage)
    return CoilRow(
        passage.coil,
        passage.first_seq,
        passage.started,
        passage.ended,
        report.length_m,
        report.inspected_m,
        report.missed_m,
        recorded[-1].doubtful_m if recorded else None,
        sum(report.defects.values()),
        report.crowded,
        recorded[-1].grade if recorded else "",
    )
