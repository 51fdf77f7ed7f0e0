"""What became of all that was planted: a score for each coil, for both as one strip, and each show piece. Pure.

Knows: the file of what was planted, the reports that came. Must not know: processes, how anything is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import msgspec
import numpy as np

from inspector.demo.plan import COILS, ROLL_ACROSS_MM, ROLL_MM, WIDTH_PX
from inspector.demo.received import Received
from inspector.ranks import percentile
from inspector.records.events import Defect, Missed, Repeat
from inspector.records.recipe import Recipe
from inspector.score import ClassScore, PlantedOutcome, Score, overlaps, score
from inspector.simulator.planted import COIL, LOST, PRINT, PlantedRow
from inspector.simulator.sheet import MM_PER_PX, Planted
from inspector.words import counted

ROW_MM = MM_PER_PX
LEAST_PRINTS = 4
"""Fewer can be no repeat: three finished marks, and one more in which the third is found to be finished."""


Thing = TypeVar("Thing", Defect, Planted, Missed)


class ShowPiece(msgspec.Struct, frozen=True):
    """One piece of the show: as it was planted, and as it was found."""

    name: str
    planted: str
    found: str
    is_right: bool


class PlacementErrors(msgspec.Struct, frozen=True):
    """How far the begins of the found defects lie from where they were planted, rows."""

    half: float
    """The smallest distance that half of them do not exceed."""
    most: float
    """The smallest one that nine in ten do not exceed."""
    count: int


class Tally:
    """One strip's account."""

    def __init__(self, truth: Sequence[PlantedRow], received: Received, recipe: Recipe) -> None:
        self.truth, self.received = truth, received
        self.lengths_mm = {row.coil: row.end_mm for row in truth if row.what == COIL}
        """Of the coils that passed."""
        self.behind_mm: dict[str, float] = {}
        """Where on the strip each coil begins."""
        behind_mm = 0.0
        for coil, length_mm in self.lengths_mm.items():
            self.behind_mm[coil] = behind_mm
            behind_mm += length_mm
        self._recipe = recipe
        self.scores = {coil: self._score(coil) for coil in self.lengths_mm}

    @property
    def strip_mm(self) -> float:
        """Length of the strip that passed."""
        return sum(self.lengths_mm.values())

    def strip_score(self) -> Score:
        """Both coils as one strip: positions are those of the strip."""
        outcomes: list[PlantedOutcome] = []
        found, false = [], []
        for coil, part in self.scores.items():
            by_mm = self.behind_mm[coil]
            outcomes += [
                msgspec.structs.replace(outcome, planted=_moved(outcome.planted, by_mm)) for outcome in part.outcomes
            ]
            found += [_moved(defect, by_mm) for defect in part.found]
            false += [_moved(defect, by_mm) for defect in part.false]
        return Score(
            metres=sum(part.metres for part in self.scores.values()),
            classes=_summed([part.classes for part in self.scores.values()]),
            outcomes=tuple(outcomes),
            found=tuple(found),
            false=tuple(false),
        )

    def strip_missed(self) -> tuple[Missed, ...]:
        """What was not inspected, as positions of the strip."""
        return tuple(
            _moved(gap, self.behind_mm[gap.coil]) for gap in self.received.missed if gap.coil in self.behind_mm
        )

    def placed(self) -> PlacementErrors | None:
        """How well the begins of the found defects are placed; None where none was found."""
        off = [
            abs(min(defect.start_mm for defect in hits) - row.start_mm) / ROW_MM
            for coil in self.scores
            for row, hits in self._hits(coil)
            if hits
        ]
        return PlacementErrors(percentile(off, 0.5), percentile(off, 0.9), len(off)) if off else None

    def pieces(self) -> list[ShowPiece]:
        """The show pieces that were on this strip."""
        made = [self._camera(), self._scratches(), self._roll(), self._gap(), self._weld()]
        return [piece for piece in made if piece is not None]

    # --- pieces ---------------------------------------------------------------------------------------------

    def _camera(self) -> ShowPiece:
        """A frame that is wider than the network's: what lies on the seam of two tiles is one defect."""
        seam_mm = WIDTH_PX * MM_PER_PX / 2
        seen = [hits for coil in self.scores for row, hits in self._hits(coil) if row.left_mm < seam_mm < row.right_mm]
        found = [hits for hits in seen if hits]
        split = sum(len(hits) > 1 for hits in found)
        on_seam = f"{counted(len(seen), 'defect')} on their seam" if seen else "nothing on their seam"
        as_one = f", {len(found)} found, {_as_one(split)}" if seen else ""
        tiles = -(-WIDTH_PX // self._recipe.width)
        planted = f"frames of {WIDTH_PX} px, the network's have {self._recipe.width}"
        return ShowPiece("wide camera", planted, f"{tiles} tiles; {on_seam}{as_one}", not split)

    def _scratches(self) -> ShowPiece | None:
        """Scratches over many frames: one defect each."""
        frame_mm = self._recipe.height * MM_PER_PX
        found, split, longest_mm, all_of_them = 0, 0, 0.0, 0
        for coil, part in self.scores.items():
            verdicts = {outcome.planted.start_mm: outcome.verdict for outcome in part.outcomes}
            for row, hits in self._hits(coil):
                is_counted = verdicts.get(row.start_mm) in ("found", "missed", "confused")
                if row.name != "scratch" or row.end_mm - row.start_mm < 2 * frame_mm or not is_counted:
                    continue
                all_of_them += 1
                found += bool(hits)
                split += len([hit for hit in hits if hit.name == "scratch"]) > 1
                longest_mm = max(longest_mm, row.end_mm - row.start_mm)
        if not all_of_them:
            return None
        frames = int(longest_mm / frame_mm) + 1
        planted = f"{all_of_them} over 3 to {frames} frames, up to {longest_mm / 1000:.2f} m"
        return ShowPiece(
            "long scratches", planted, f"{found} found, {_as_one(split)}", found == all_of_them and not split
        )

    def _roll(self) -> ShowPiece | None:
        """Prints of a damaged roll: a repeat on each coil, with its distance and its roll."""
        prints = {coil: sum(row.coil == coil and row.what == PRINT for row in self.truth) for coil in self.scores}
        if sum(prints.values()) <= LEAST_PRINTS:
            return None
        reported = {coil: self._repeat(coil) for coil, count in prints.items() if count >= LEAST_PRINTS}
        reported |= {coil: repeat for coil in prints if (repeat := self._repeat(coil))}
        rolls = sorted({roll for repeat in reported.values() if repeat for roll in repeat.rolls})
        words = [
            f"{coil} each {repeat.period_mm:.1f} mm, {repeat.marks} marks" if repeat else f"{coil} none"
            for coil, repeat in reported.items()
        ]
        by = f"; printed by {' or '.join(rolls)}" if rolls else ""
        is_right = bool(rolls) and all(
            repeat is not None and abs(repeat.period_mm - ROLL_MM) <= ROW_MM for repeat in reported.values()
        )
        planted = f"each {ROLL_MM:.1f} mm at {ROLL_ACROSS_MM:.0f} mm across, {sum(prints.values())} prints"
        return ShowPiece("roll mark", planted, ", ".join(words) + by, is_right)

    def _gap(self) -> ShowPiece | None:
        """Frames that the camera lost: the stretch is reported, to the row."""
        lost = next((row for row in self.truth if row.what == LOST), None)
        if lost is None:
            return None
        reported = [
            gap
            for gap in self.received.missed_of(lost.coil)
            if gap.start_mm < lost.end_mm and gap.end_mm > lost.start_mm
        ]
        off_mm = [max(abs(gap.start_mm - lost.start_mm), abs(gap.end_mm - lost.end_mm)) for gap in reported]
        is_right = len(off_mm) == 1 and off_mm[0] <= ROW_MM
        found = " and ".join(f"{gap.start_mm / 1000:.3f} to {gap.end_mm / 1000:.3f} m" for gap in reported)
        planted = f"{lost.coil} {lost.start_mm / 1000:.3f} to {lost.end_mm / 1000:.3f} m"
        return ShowPiece("camera gap", planted, f"not inspected: {found}" if found else "not reported", is_right)

    def _weld(self) -> ShowPiece | None:
        """Two coils without a gap: the second begins in the row after the first, and nothing between is missed."""
        if len(self.lengths_mm) < len(COILS):
            return None
        first, second = COILS
        length_mm, reported_m = self.lengths_mm[first], self.received.lengths_m.get(first)
        between = [gap for gap in self.received.missed_of(second) if gap.start_mm <= 0]
        between += [gap for gap in self.received.missed_of(first) if gap.end_mm >= length_mm]
        missed_m = sum(gap.end_mm - gap.start_mm for gap in between) / 1000
        is_right = reported_m is not None and abs(1000 * reported_m - length_mm) <= ROW_MM and not missed_m
        ends = f"{first} ends at {reported_m:.3f} m" if reported_m is not None else f"{first} has not ended"
        planted = f"{first} ends at {length_mm / 1000:.3f} m, {second} begins"
        return ShowPiece("weld", planted, f"{ends}, {missed_m:.3f} m missed at it", is_right)

    # --- matching -------------------------------------------------------------------------------------------

    def _score(self, coil: str) -> Score:
        length_mm = self.lengths_mm[coil]
        missed = self.received.missed_of(coil)
        missed_mm = sum(gap.end_mm - gap.start_mm for gap in missed)
        planted = [row.planted(number) for number, row in enumerate(self.truth) if row.coil == coil and row.is_defect]
        return score(
            self.received.defects_of(coil),
            planted,
            self._recipe.classes,
            max(0.0, length_mm - missed_mm) / 1000,
            missed,
        )

    def _hits(self, coil: str) -> list[tuple[PlantedRow, list[Defect]]]:
        """Each planted defect of a coil with the reported ones of its class that overlap it."""
        rows = [row for row in self.truth if row.coil == coil and row.is_defect]
        defects = self.received.defects_of(coil)
        overlap = overlaps([row.planted(number) for number, row in enumerate(rows)], defects)
        return [
            (row, [defects[place] for place in np.flatnonzero(hits) if defects[place].name == row.name])
            for row, hits in zip(rows, overlap, strict=True)
        ]

    def _repeat(self, coil: str) -> Repeat | None:
        """The repeat of a coil that has most marks where the roll is damaged."""
        there = [
            repeat
            for (of_coil, _), repeat in self.received.repeats.items()
            if of_coil == coil and abs(repeat.across_mm - ROLL_ACROSS_MM) < 20
        ]
        return max(there, key=lambda repeat: repeat.marks, default=None)


def _as_one(split: int) -> str:
    return "each as one defect" if not split else f"{split} of them in pieces"


def _moved(extent: Thing, by_mm: float) -> Thing:
    return msgspec.structs.replace(extent, start_mm=extent.start_mm + by_mm, end_mm=extent.end_mm + by_mm)


def _summed(coils: Sequence[Sequence[ClassScore]]) -> tuple[ClassScore, ...]:
    """Each class over all coils."""
    fields = [name for name in ClassScore.__struct_fields__ if name != "name"]
    return tuple(
        ClassScore(name=kinds[0].name, **{field: sum(getattr(kind, field) for kind in kinds) for field in fields})
        for kinds in zip(*coils, strict=True)
    )
