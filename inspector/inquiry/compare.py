"""`inspector compare`: what was planted on simulated steel, next to what a journal holds of it.

    inspector replay --coil TRY --metres 20 --planted truth.csv
    inspector compare truth.csv --config line.toml

Law: what was planted passed under one camera. What others report of the coil, or miss of it, counts for nothing.

Knows: the file of what was planted, the rule by which things match. Must not know: how steel is drawn.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np

from inspector.coil.seen import covered, totals
from inspector.config.geometry import Span
from inspector.errors import InspectorError
from inspector.events.history import History, Passage
from inspector.inquiry import output, source
from inspector.inquiry.source import Source
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


class View(msgspec.Struct, frozen=True):
    """The camera under which it passed."""

    camera: str
    """Its name; empty where no camera reported anything."""
    span: Span | None
    """What it sees across; None: not known, and taken to begin at 0."""
    is_mirrored: bool

    def on_strip(self, row: PlantedRow) -> PlantedRow:
        """Return where on the strip a row lies, which counts across from pixel column 0."""
        if self.span is None:
            return row
        left_mm, right_mm = row.left_mm, row.right_mm
        if self.is_mirrored:
            width_mm = self.span.right_mm - self.span.left_mm
            left_mm, right_mm = width_mm - right_mm, width_mm - left_mm
        return msgspec.structs.replace(row, left_mm=self.span.left_mm + left_mm, right_mm=self.span.left_mm + right_mm)


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
    """Its left edge as planted, of what is false as reported: with `planted_mm` it names one thing."""
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
    words = "the camera under which it passed (the only one that there is)"
    parser.add_argument("--camera", metavar="NAME", help=words)
    source.add_arguments(parser)
    output.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print each thing with what became of it, and the sums.

    Raises: ConfigError, RecipeError, JournalError; InspectorError for a file that is none, or the wrong camera.
    """
    truth = planted.read(args.planted)
    rows: list[ComparedRow] = []
    found = source.find(args)
    kinds = {kind.name: kind for kind in found.kinds}
    with History(found.journal) as history:
        passages = [history.coil(coil) for coil in dict.fromkeys(row.coil for row in truth)]
        camera = _camera(args.camera, found, history, passages)
        for passage in passages:
            view = View(camera, _span(camera, found, history, passage), camera in found.mirrored)
            rows += _coil(history, passage, view, [row for row in truth if row.coil == passage.coil], kinds)
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
        words = "Defects below the recipe's least area count too: --config knows which are, and mirrored cameras."
        print(words, file=sys.stdout)
    return 0


def _camera(named: str | None, found: Source, history: History, passages: Sequence[Passage]) -> str:
    """Return the name of the camera under which everything passed.

    Raises: InspectorError where it is none of the line's, or one of several.
    """
    names = sorted({span.camera for span in found.spans})
    if named is not None:
        if names and named not in names:
            raise InspectorError(
                f"--camera is {named}; expected one of the line's: {', '.join(names)}. Give one of them."
            )
        return named
    if not names:  # without the configuration
        seen = [event.data for passage in passages for event in history.defects(passage)]
        seen += [gap for passage in passages for _, gap in history.events(passage, Missed)]
        names = sorted({data.camera for data in seen if isinstance(data, Defect | Missed)})
    if len(names) > 1:
        raise InspectorError(
            f"there are cameras {', '.join(names)}; expected one, under which everything in the file passed. Name it "
            "with --camera, as `inspector replay` had it."
        )
    return names[0] if names else ""


def _span(camera: str, found: Source, history: History, passage: Passage) -> Span | None:
    """Return what the camera sees across, by the configuration, or else by the coil's newest record."""
    known = found.spans or [span for made in history.records(passage)[-1:] for span in covered(made)]
    return next((span for span in known if span.camera == camera), None)


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
    history: History, passage: Passage, view: View, truth: Sequence[PlantedRow], kinds: Mapping[str, DefectClass]
) -> Iterator[ComparedRow]:
    """What became of one coil's things, along the coil; then what is false."""
    defects = [event.data for event in history.defects(passage) if isinstance(event.data, Defect)]
    defects = [defect for defect in defects if not defect.part_of and defect.camera == view.camera]
    missed = [gap for _, gap in history.events(passage, Missed) if gap.camera == view.camera]
    reached_mm = 1000 * totals(history, passage).length_m
    rows = [row for row in truth if row.is_defect]
    strip = truth[0]
    across_mm = tolerance_mm(strip.mm_per_px)
    overlap = overlaps([*map(view.on_strip, rows)], defects, tolerance_mm(strip.mm_per_row), across_mm=across_mm)
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
