"""`inspector journal verify | export | moved`: whether it is whole, all of it as a file, and that it is no copy.

Knows: the forms. Must not know: SQLite.
"""

from __future__ import annotations

import argparse
import contextlib
import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import NoneType
from typing import Any, TextIO, get_args

import msgspec

from inspector import arguments
from inspector.errors import EXIT_FAILURE, InspectorError
from inspector.events import home
from inspector.events.history import NEWEST_SEQ, History
from inspector.events.verify import verify
from inspector.inquiry import output
from inspector.output import report
from inspector.records.envelope import Event, read_event
from inspector.records.events import Data
from inspector.words import counted

HEAD = ("seq", "time", "type", "subject", "epoch", "topicseq")
ROWS_AT_ONCE = 10_000
"""Rows of a Parquet row group."""
ARROW = {int: "int64", float: "float64", bool: "bool_", str: "string"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the commands."""
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    words = "read every page, number and event; exit code 1 when something is wrong"
    check = commands.add_parser("verify", help=words, description=words)
    check.set_defaults(journal_command=_verify)
    check.add_argument("journal", type=Path, metavar="JOURNAL", help="the journal's folder")
    words = (
        "say that this folder was moved while no inspector ran, and is no backup: its numbers then go on without a jump"
    )
    moved = commands.add_parser("moved", help=words, description=words)
    moved.set_defaults(journal_command=_moved)
    moved.add_argument("journal", type=Path, metavar="JOURNAL", help="the journal's folder, where it lies now")
    words = "write the journal as JSON lines, CSV or Parquet"
    out = commands.add_parser("export", help=words, description=words)
    out.set_defaults(journal_command=_export)
    out.add_argument("journal", type=Path, metavar="JOURNAL", help="the journal's folder")
    form = out.add_mutually_exclusive_group(required=True)
    form.add_argument("--jsonl", action="store_true", help="one CloudEvents JSON a line, as published")
    form.add_argument("--csv", action="store_true", help="comma-separated values, with a line of names")
    form.add_argument("--parquet", action="store_true", help="Apache Parquet; needs the extra `parquet`")
    out.add_argument("--out", type=Path, metavar="FILE", help="write there; Parquet needs it")
    topic = "only topics that begin so; with a kind's, as `defect.`, each of its fields is a column"
    out.add_argument("--topic", default="", metavar="PREFIX", help=topic)
    out.add_argument("--since", type=arguments.since, metavar="SEQ|TIME", help="from this number or time on")
    out.add_argument("--until", type=arguments.since, metavar="SEQ|TIME", help="up to this number, or before this time")


def run(args: argparse.Namespace) -> int:
    """Do what was asked for.

    Raises: JournalError; InspectorError when a file cannot be written.
    """
    code: int = args.journal_command(args)
    return code


# --- verify -------------------------------------------------------------------------------------------------------


def _verify(args: argparse.Namespace) -> int:
    checked = [*verify(args.journal)]
    for file in checked:
        what = f"{file.events} events, {file.first_seq} to {file.last_seq}" if file.events else "no events"
        print(f"{file.file}: {what}" + ("" if file.faults else ", whole"))
        for fault in file.faults:
            print(f"  {fault}")
    faulty = sum(bool(file.faults) for file in checked)
    events = counted(sum(file.events for file in checked), "event")
    if faulty:
        print(f"{args.journal}: {events}; {faulty} of {counted(len(checked), 'file')} not whole")
        return EXIT_FAILURE
    print(f"{args.journal}: {events} in {counted(len(checked), 'file')}, all whole, epoch {checked[-1].epoch}")
    return 0


# --- moved --------------------------------------------------------------------------------------------------------


def _moved(args: argparse.Namespace) -> int:
    home.move(args.journal)
    print(f"{args.journal}: is where its events are recorded from now on; the next number follows the last")
    return 0


# --- export -------------------------------------------------------------------------------------------------------


def _export(args: argparse.Namespace) -> int:
    if args.parquet and args.out is None:
        raise InspectorError("Parquet is written to a file only; expected one. Give --out FILE.")
    try:
        with History(args.journal) as history:
            _write(args, _between(history, args.topic, args.since, args.until))
            for words in history.damaged:
                report(words)
            return EXIT_FAILURE if history.damaged else 0
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise InspectorError(f"{args.out}: cannot be written: {error.strerror or error}") from error


def _write(args: argparse.Namespace, payloads: Iterator[bytes]) -> None:
    """Write events in the form that was asked for."""
    columns = _columns(args.topic)
    if args.parquet:
        with output.whole(args.out) as path:
            _write_parquet(columns, map(read_event, payloads), path)
        return
    with contextlib.ExitStack() as opened:
        out: TextIO = sys.stdout
        if args.out is not None:
            path = opened.enter_context(output.whole(args.out))
            out = opened.enter_context(path.open("w", encoding="utf-8", newline=""))
        if args.jsonl:
            out.writelines(f"{payload.decode()}\n" for payload in payloads)
        else:
            rows = (_row(columns, event) for event in map(read_event, payloads))
            output.write_csv([*columns], ([*row.values()] for row in rows), out)


def _between(
    history: History, prefix: str, since: int | datetime | None, until: int | datetime | None
) -> Iterator[bytes]:
    """Yield events from `since` on, up to a number `until`, or before a time."""
    first = since if isinstance(since, int) else 0
    last = until if isinstance(until, int) else NEWEST_SEQ
    for payload in history.recorded(first, last, prefix):
        if isinstance(since, datetime) or isinstance(until, datetime):
            time = datetime.fromisoformat(read_event(payload).time)
            if (isinstance(since, datetime) and time < since) or (isinstance(until, datetime) and time >= until):
                continue
        yield payload


def _columns(prefix: str) -> dict[str, type]:
    """Return names and types of the columns: a kind's own fields, or the data of any kind as JSON."""
    root = prefix.partition(".")[0]
    columns: dict[str, type] = {name: int if name in ("seq", "topicseq") else str for name in HEAD}
    for kind in get_args(Data):
        if "." in prefix and kind.__struct_config__.tag == root:
            hints = msgspec.inspect.type_info(kind)
            assert isinstance(hints, msgspec.inspect.StructType)
            return columns | {_name(field.name): _simple(field.type) for field in hints.fields}
    return columns | {"data": str}


def _name(field: str) -> str:
    return f"data_{field}" if field in HEAD else field


def _simple(kind: msgspec.inspect.Type) -> type:
    """Return int, float, bool or str for a field's type; what is none of these is written as JSON."""
    if isinstance(kind, msgspec.inspect.UnionType):
        (kind, *others) = [part for part in kind.types if not isinstance(part, msgspec.inspect.NoneType)]
        if others:
            return str
    for info, simple in (
        (msgspec.inspect.BoolType, bool),
        (msgspec.inspect.IntType, int),
        (msgspec.inspect.FloatType, float),
    ):
        if isinstance(kind, info):
            return simple
    return str


def _row(columns: dict[str, type], event: Event) -> dict[str, Any]:
    """Return an event's values by column; None where it has none."""
    row: dict[str, Any] = {name: getattr(event, name) for name in HEAD}
    data = msgspec.to_builtins(event.data)
    for name in columns:
        if name in row:
            continue
        value = data if name == "data" else data.get(name.removeprefix("data_"), data.get(name))
        row[name] = value if isinstance(value, str | int | float | NoneType) else msgspec.json.encode(value).decode()
    return row


def _write_parquet(columns: dict[str, type], events: Iterator[Event], path: Path) -> None:
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InspectorError(
            "the package pyarrow is not installed; expected it. Run: pip install 'inline-steel-inspector[parquet]'"
        ) from error
    schema = pyarrow.schema([(name, getattr(pyarrow, ARROW[kind])()) for name, kind in columns.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        for rows in _groups(_row(columns, event) for event in events):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def _groups(rows: Iterator[dict[str, Any]]) -> Iterator[Sequence[dict[str, Any]]]:
    group = list[dict[str, Any]]()
    for row in rows:
        group.append(row)
        if len(group) == ROWS_AT_ONCE:
            yield group
            group = []
    yield group
