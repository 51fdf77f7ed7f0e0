"""`inspector rejudge`: last month's coils under new rules, side by side with what was.

Knows: where the past is, how the comparison is printed. Must not know: how rules decide.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import msgspec

from inspector.archive.pictures import is_archive
from inspector.coil.record import record
from inspector.coil.rejudge import Raised, again, recorded
from inspector.coil.seen import gather
from inspector.errors import InspectorError
from inspector.events.history import History, Passage
from inspector.inquiry import output, source
from inspector.output import report
from inspector.records.events import CoilRecord
from inspector.service import line
from inspector.service.line import Config

NAMES = ("coil", "first_seq", "grade_then", "grade_now", "alarms_then", "alarms_now", "reasons_now")


class GradeRow(msgspec.Struct, frozen=True):
    """One coil, then and now."""

    coil: str
    first_seq: int
    grade_then: str
    """Empty where none was recorded."""
    grade_now: str
    alarms_then: dict[str, int]
    """How many times each was raised for the coil."""
    alarms_now: dict[str, int]
    reasons_now: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector rejudge`."""
    parser.add_argument("config", type=Path, metavar="CONFIG", help="a line's TOML file with the new rules")
    parser.add_argument(
        "--journal",
        type=Path,
        metavar="FOLDER",
        help="the journal's folder (default: that of CONFIG); not an archive, which holds some of the defects and "
        "nothing of missed strip",
    )
    parser.add_argument("--config", dest="config_of_0_3", type=Path, metavar="CONFIG", help=argparse.SUPPRESS)
    output.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print each coil with its grade and alarms then and now; the journal is only read.

    Raises: ConfigError, RecipeError, JournalError; InspectorError for an archive.
    """
    config, journal = _named(args)
    found, settings = source.configured(config), line.load(config)
    journal = journal or found.journal
    if is_archive(journal):
        raise InspectorError(
            f"{journal}: is an archive of crops; expected a journal. It holds some of a coil's defects and "
            "nothing of its length and its missed strip: a grade from it would be a guess. Give the folder of "
            "journal.path, and for the labels of people `inspector review`."
        )
    then: dict[int, str] = {}
    with History(journal) as history:
        for passage in history.coils():
            grades = [made.grade for made in history.records(passage)]
            then[passage.first_seq] = grades[-1] if grades else ""
        now, after = _decided(history, found, settings)
        before = recorded(history.everything(), now)
    for words in dict.fromkeys(history.damaged):
        report(words)
    lines = [_line(made, then[made.first_seq], before, after) for made in now]
    if args.json:
        for row in lines:
            print(msgspec.json.encode(row).decode(), file=sys.stdout)
        return 0
    rows = [[*_cells(row)] for row in lines]
    if args.csv:
        output.write_csv(NAMES, rows, sys.stdout)
    else:
        output.write_table(NAMES, rows, sys.stdout)
        changed = sum(row.grade_then not in ("", row.grade_now) for row in lines)  # none: the coil runs, or was cut off
        print(f"\n{changed} of {len(lines)} coils change their grade.", file=sys.stdout)
    return 0


def _named(args: argparse.Namespace) -> tuple[Path, Path | None]:
    """The configuration and the journal; 0.3 took the journal first, and the configuration as --config."""
    if args.config_of_0_3 is None:
        return args.config, args.journal
    report(
        f"`inspector rejudge JOURNAL --config CONFIG` goes away: "
        f"write `inspector rejudge {args.config_of_0_3} --journal {args.config}`."
    )
    return args.config_of_0_3, args.config


def _decided(history: History, found: source.Source, settings: Config) -> tuple[list[CoilRecord], Raised]:
    """The coils' records and alarms by the rules of now, where grades may count alarms, and alarms follow from grades.

    A grade counts no alarm that a grade raises: the coil's own comes behind its record. So what a coil is good for
    follows from the coils before it at most, and each look settles one of them at least.
    """
    stations_m = {camera.name: camera.station_m for camera in settings.camera}
    passages = history.coils()

    def made(passage: Passage, alarms: dict[str, int]) -> CoilRecord:
        seen = msgspec.structs.replace(gather(history, passage, found.spans), alarms=alarms)
        return record(seen, found.gradings, found.severities)

    now = [made(passage, {}) for passage in passages]
    for _ in range(1 + len(passages)):
        after = again(
            history.everything(), settings.alarm, settings.flood, now, stations_m, severities=found.severities
        )
        before, now = now, []
        for passage, coil in zip(passages, before, strict=True):
            counted = {name: times for name, times in _of(coil, after).items() if name not in found.by_grade}
            is_settled = counted == coil.alarms or not _counts_alarms(found)
            now.append(coil if is_settled else made(passage, counted))
        if not found.by_grade or [coil.grade for coil in now] == [coil.grade for coil in before]:
            break
    return now, after


def _counts_alarms(found: source.Source) -> bool:
    return any(limit.counts == "alarms" for rules in found.gradings for limit in rules.limit)


def _line(made: CoilRecord, then: str, before: Raised, after: Raised) -> GradeRow:
    reasons = tuple(f"{grade.rules}: {reason}" for grade in made.grades for reason in grade.reasons)
    return GradeRow(made.coil, made.first_seq, then, made.grade, _of(made, before), _of(made, after), reasons)


def _of(made: CoilRecord, raised: Raised) -> dict[str, int]:
    return {alarm: times for (first_seq, alarm), times in sorted(raised.items()) if first_seq == made.first_seq}


def _cells(row: GradeRow) -> list[str]:
    alarms = [
        " ".join(f"{name}={times}" for name, times in times_of.items())
        for times_of in (row.alarms_then, row.alarms_now)
    ]
    return [row.coil, str(row.first_seq), row.grade_then, row.grade_now, *alarms, "; ".join(row.reasons_now)]
