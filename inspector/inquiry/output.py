"""Rows for people, for spreadsheets and for programs: a table, CSV or JSON lines.

Knows: the three forms. Must not know: what the rows mean.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TextIO

from inspector.words import no_formula


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the form of the output; a table when none is named."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--json", action="store_true", help="one JSON object a line")
    group.add_argument("--csv", action="store_true", help="comma-separated values, with a line of names")


@contextlib.contextmanager
def whole(path: Path) -> Iterator[Path]:
    """Lend a path to write to; what is there takes the place of `path` once all is written.

    After an exception `path` is as it was. A pipe or a device, which nothing is to replace, is lent itself.
    """
    if path.exists() and not path.is_file():
        yield path
        return
    path = path.resolve()  # a link goes on pointing there
    part = path.with_name(f".{path.name}.part")
    try:
        yield part
        part.replace(path)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_csv(names: Sequence[str], rows: Iterable[Sequence[object]], out: TextIO) -> None:
    """Write rows as CSV (RFC 4180, but for the line ends); a text that a spreadsheet would run stays text.

    Numbers are to come as numbers: one below 0 that comes as text is taken for a formula.
    """
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        writer.writerow([no_formula(cell) for cell in row])


def write_table(names: Sequence[str], rows: Iterable[Sequence[str]], out: TextIO) -> None:
    """Write rows in columns: text to the left, numbers to the right."""
    table = [list(names), *(list(row) for row in rows)]
    widths = [max(len(row[place]) for row in table) for place in range(len(names))]
    numbers = [
        all(row[place].replace(".", "", 1).lstrip("-").isdigit() for row in table[1:]) for place in range(len(names))
    ]
    for row in table:
        cells = [
            cell.rjust(width) if is_number else cell.ljust(width)
            for cell, width, is_number in zip(row, widths, numbers, strict=True)
        ]
        print("  ".join(_printable(cell) for cell in cells).rstrip(), file=out)


def _printable(text: str) -> str:
    """Names come over the network: none may move the cursor."""
    return "".join(char if char.isprintable() else "?" for char in text)
