"""`inspector compare`: what was planted on simulated steel, next to what a journal holds of it.

    inspector replay --coil TRY --metres 20 --planted truth.csv
    inspector compare truth.csv --config line.toml

Knows: the file of what was planted, the rule by which things match. Must not know: how steel is drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from inspector.coil.seen import totals
from inspector.events.history import History, Passage
from inspector.inquiry import output, source
from inspector.ranks import percentile
from inspector.records.events import Defect, Missed
from inspector.records.recipe import DefectClass
from inspector.score import overlaps, tolerance_mm, verdict
from inspector.simulator import planted
from inspector.simulator.planted import COIL, LOST, PlantedRow

NAMES = ("coil", "what", "name", "planted_mm", "across_mm", "found_mm", "off_mm", "found_as", "outcome")
LOST_END = "lost end"
FOUND, FALSE, MISSED, NOT_COME, SMALL, RUNS = "found", "false", "missed", "not come", "small", "no end yet"
OUTCOMES = {"found": FOUND, "confused": "other class", "missed": "not found", "unseen": MISSED, "small": SMALL}
"""Of each verdict of `inspector.score`."""
APART = {
    MISSED: "on strip that was not inspected",
    NOT_COME: "on strip that has not come",
    SMALL: "below the recipe's least area",
}
"""What is counted apart, and how it is called."""


class ComparedRow(msgspec.Struct, frozen=True):
    """One thing that was planted, or one that was reported where nothing was."""

    coil: str
    what: str
    """`coil` (its end), `lost` and `lost end` (strip that was never sent), `defect`, `print` of a roll, or `false`."""
    name: str
    """Its class; empty where it has none."""
    planted_mm: float | None
    """Where it begins; of a coil, and of a `lost end`, where it ends."""
    across_mm: float | None
    """Its left edge, of what is false as reported: with `planted_mm` it names one thing."""
    found_mm: float | None
    """The same as reported; null where it was not."""
    off_mm: float | None
    """How much farther along it was reported."""
    found_as: str
    """The classes it was reported as; `missed` where the strip was reported as not inspected, `not come` where the
    inspector has not seen the coil come so far; `no end yet` of a coil that runs: it ends when the next one comes."""
    outcome: str
    """Of a defect or print: `found`, `other class`, `not found`; `missed`, most of it on strip that was not inspected;
    `not come`; `small`, below the recipe's least area, which --config knows; or `false`. Else empty."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector compare`."""
    parser.add_argument("planted", type=Path, metavar="CSV", help="what `inspector replay --planted` wrote")
    source.add_arguments(parser)
    output.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print each thing with what became of it, and the sums.

    Raises: ConfigError, RecipeError, JournalError; InspectorError for a file that is none.
    """
    truth = planted.read(args.planted)
    rows: list[ComparedRow] = []
    found = source.find(args)
    kinds = {kind.name: kind for kind in found.kinds}
    with History(found.journal) as history:
        for coil in dict.fromkeys(row.coil for row in truth):
            passage = history.coil(coil)
            rows += _coil(history, passage, [row for row in truth if row.coil == coil], kinds)
    if args.json:
        for row in rows:
            print(msgspec.json.encode(row).decode(), file=sys.stdout)
        return 0
    cells = [msgspec.structs.astuple(row) for row in rows]
    if args.csv:
        output.write_csv(NAMES, ([_rounded(value) for value in row] for row in cells), sys.stdout)
        return 0
    output.write_table(NAMES, ([_words(value) for value in row] for row in cells), sys.stdout)
    print(f"\n{summary(rows)}", file=sys.stdout)
    if not kinds:
        print("Defects below the recipe's least area count too: --config knows which are.", file=sys.stdout)
    return 0


def summary(rows: Sequence[ComparedRow]) -> str:
    """What it comes to, in a sentence."""
    things = [row for row in rows if row.outcome not in ("", FALSE)]
    seen = [row for row in things if row.outcome not in APART]
    found = [row for row in seen if row.outcome == FOUND]
    false = sum(row.what == FALSE for row in rows)
    words = f"{len(found)} of {len(seen)} found, {false} false"
    for outcome, how in APART.items():
        if count := sum(row.outcome == outcome for row in things):
            words += f"; {count} {how}"
    off_mm = [abs(row.off_mm) for row in found if row.off_mm is not None]
    return f"{words}; half of the begins are right to {percentile(off_mm, 0.5):.1f} mm." if off_mm else f"{words}."


def _coil(
    history: History, passage: Passage, truth: Sequence[PlantedRow], kinds: Mapping[str, DefectClass]
) -> Iterator[ComparedRow]:
    """What became of one coil's things, along the coil; then what is false."""
    defects = [event.data for event in history.defects(passage) if isinstance(event.data, Defect)]
    defects = [defect for defect in defects if not defect.part_of]
    missed = [gap for _, gap in history.events(passage, Missed)]
    reached_mm = 1000 * totals(history, passage).length_m
    rows = [row for row in truth if row.is_defect]
    strip = truth[0]
    overlap = overlaps(rows, defects, tolerance_mm(strip.mm_per_row), across_mm=tolerance_mm(strip.mm_per_px))
    for row in truth:
        if row.what == COIL:
            yield _row(row, row.end_mm, reached_mm if passage.is_over else None, "" if passage.is_over else RUNS)
        elif row.what == LOST:
            gaps = [gap for gap in missed if gap.start_mm < row.end_mm and gap.end_mm > row.start_mm]
            found_as = MISSED if gaps else ""
            yield _row(row, row.start_mm, min((gap.start_mm for gap in gaps), default=None), found_as)
            end_mm = max((gap.end_mm for gap in gaps), default=None)
            yield msgspec.structs.replace(_row(row, row.end_mm, end_mm, found_as), what=LOST_END)
    for row, hits in zip(rows, overlap, strict=True):
        if row.start_mm >= reached_mm:
            yield _row(row, row.start_mm, None, NOT_COME, NOT_COME)
        else:
            yield _thing(row, [defects[place] for place in np.flatnonzero(hits)], missed, kinds.get(row.name))
    is_true = np.any(overlap, axis=0) if rows else np.zeros(len(defects), np.bool_)
    for defect, is_hit in zip(defects, is_true, strict=True):
        if not is_hit:
            places = (None, defect.left_mm, defect.start_mm, None)
            yield ComparedRow(passage.coil, FALSE, defect.name, *places, defect.name, FALSE)


def _thing(row: PlantedRow, hits: Sequence[Defect], missed: Sequence[Missed], kind: DefectClass | None) -> ComparedRow:
    """A defect with the reported ones that overlap it, those of its class where there are any."""
    own = [defect for defect in hits if defect.name == row.name] or list(hits)
    seen_as = sorted({defect.name for defect in own})
    gaps = [(gap.start_mm, gap.end_mm) for gap in missed]
    is_large = kind is None or kind.is_large(row.area_mm2)
    outcome = OUTCOMES[verdict(row, seen_as, row.name, gaps, is_large=is_large)]
    found_mm = min((defect.start_mm for defect in own), default=None)
    found_as = " and ".join(seen_as) or (MISSED if outcome == MISSED else "")
    return _row(row, row.start_mm, found_mm, found_as, outcome)


def _row(row: PlantedRow, planted_mm: float, found_mm: float | None, found_as: str, outcome: str = "") -> ComparedRow:
    off_mm = None if found_mm is None else round(found_mm - planted_mm, 3)
    return ComparedRow(row.coil, row.what, row.name, planted_mm, row.left_mm, found_mm, off_mm, found_as, outcome)


def _rounded(value: object) -> object:
    return round(value, 3) if isinstance(value, float) else value


def _words(value: object) -> str:
    return "" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)
