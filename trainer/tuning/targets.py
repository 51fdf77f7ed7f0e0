"""Which setting each class gets: what the user aims at, met on the calibration part as well as it can be. Pure.

At most N false defects: over all classes together, spent where they find most. At least such a recall: for each
class, by conformal risk control on the strips that have it, then the fewest false ones. That control holds for the
confidence at each area by itself; choosing the best of eight areas on the same strips loosens it a little, which is
why a recipe's promise is what was counted on the test part.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from inspector.records.recipe import DefectClass
from inspector.words import counted
from trainer.assessment.bounds import expected_loss, units_needed
from trainer.tuning.sweep import SettingOutcome

BELIEVABLE = 10
"""Defects of a class below which its setting is hardly more than a guess: of 10, all found, recall is at least 0.74."""
NOT_MEASURED = "no defect in the calibration part: not measured"
EPSILON = 1e-9  # 1 - 0.95 is a little more than 0.05


class TuningTarget(msgspec.Struct, frozen=True):
    """What the user wants, in his own terms: at most one of the two; without either, balanced."""

    max_false_per_100m: float | None = None
    """False defects of all classes together."""
    min_recall: float | None = None
    """Of each class."""

    @property
    def is_balanced(self) -> bool:
        """Whether defects found and false ones weigh alike: the highest F1 of defects."""
        return self.min_recall is None and self.max_false_per_100m is None

    def __str__(self) -> str:
        if self.is_balanced:
            return "as many defects found as possible for each false one (the highest F1)"
        if self.min_recall is not None:
            return f"each class's recall at least {self.min_recall:g}, then as few false defects as possible"
        return f"at most {self.max_false_per_100m:g} false per 100 m, then as many found as possible"


class ChosenSetting(msgspec.Struct, frozen=True):
    """A class's setting and what it did on the calibration part."""

    outcome: SettingOutcome | None
    """None: its setting stays, for the class was not measured, or nothing of it is found at any."""
    remark: str = ""
    """What the user should know of it."""
    is_met: bool = True
    """Whether the target is, on the calibration part."""
    fault: str = ""
    """Why it fails the gate, and what to do; such a recipe is not to be trusted with this class."""
    false: int = 0
    """Of a class that was not measured, false defects on the calibration part, at most."""


def choose(
    table: Sequence[Sequence[SettingOutcome]], kinds: Sequence[DefectClass], target: TuningTarget, metres: float
) -> list[ChosenSetting]:
    """Choose every class's setting, from its outcomes at each.

    What a class invents of which there is no true defect counts among all that may be: it keeps its setting where that
    leaves room, else it has the one that invents least.
    """
    measured = [place for place, column in enumerate(table) if column[0].planted]
    columns = [table[place] for place in measured]
    choices = [_unmeasured(kind, column) for kind, column in zip(kinds, table, strict=True)]
    if target.is_balanced:
        picked: list[tuple[SettingOutcome | None, str, bool]] = [(*choice, True) for choice in balanced(columns)]
    elif target.min_recall is not None:
        picked = [within_misses(column, 1 - target.min_recall) for column in columns]
    else:
        assert target.max_false_per_100m is not None, "a target has one of the two"
        allowed = target.max_false_per_100m * metres / 100
        absent = {place: column for place, column in enumerate(table) if place not in measured}
        spent = sum(_invented(kinds[place], column) for place, column in absent.items())
        if spent > allowed:
            choices = [_least_false(kind, column) for kind, column in zip(kinds, table, strict=True)]
            spent = sum(choices[place].false for place in absent)
        chosen = within_false(columns, max(0, allowed - spent))
        is_met = spent + sum(outcome.false for outcome in chosen) <= allowed
        choices = [msgspec.structs.replace(choice, is_met=is_met or not choice.false) for choice in choices]
        picked = [(outcome, "" if is_met else "no setting has so few false defects", is_met) for outcome in chosen]
    for place, column, (outcome, remark, is_met) in zip(measured, columns, picked, strict=True):
        fault = _collapse(kinds[place], outcome or column[0], column)
        words = remark if outcome else f"none is found at any, its setting stays{_invents(kinds[place], column)}"
        if fault and target.is_balanced and column[0].planted < BELIEVABLE:
            none = "none was found, and " if outcome else ""
            choices[place] = ChosenSetting(outcome, f"{words}; {none}so few are no proof that none will be", is_met)
        else:
            choices[place] = ChosenSetting(outcome, words, is_met, fault)
    return choices


def _invented(kind: DefectClass, column: Sequence[SettingOutcome]) -> int:
    """Return how many false defects a class has at most at its own setting: as at one that holds back no more."""
    own = kind.min_confidence, kind.min_area_mm2, kind.min_probability
    looser = [row.false for row in column if all(a <= b for a, b in zip(row.setting, own, strict=True))]
    return min(looser) if looser else max(row.false for row in column)


def _unmeasured(kind: DefectClass, column: Sequence[SettingOutcome]) -> ChosenSetting:
    """Return what is known of a class without a true defect, whose setting stays."""
    words = f"{NOT_MEASURED}, its setting stays{_invents(kind, column)}"
    return ChosenSetting(None, words, false=_invented(kind, column))


def _invents(kind: DefectClass, column: Sequence[SettingOutcome]) -> str:
    """Say how many false defects a class has at its own setting, where it has any."""
    false = _invented(kind, column)
    return f", at which it invents {false} at most" if false else ""


def _least_false(kind: DefectClass, column: Sequence[SettingOutcome]) -> ChosenSetting:
    """Return the setting of a class without a true defect that invents least, near its own area and as loose as may be.

    One that invents nothing at its own keeps that.
    """
    if not (false := _invented(kind, column)):
        return _unmeasured(kind, column)
    least = min(
        column,
        key=lambda row: (row.false, row.min_probability, abs(row.min_area_mm2 - kind.min_area_mm2), row.min_confidence),
    )
    remark = f"{NOT_MEASURED}; its setting invents {false} at most, which is too many: it has the loosest with fewest"
    return ChosenSetting(least, remark, false=least.false)


def balanced(columns: Sequence[Sequence[SettingOutcome]]) -> list[tuple[SettingOutcome | None, str]]:
    """Choose settings of the highest F1, and say where one is not the class's own.

    None where no setting finds anything: of equals the strictest is taken, and that would report nothing at all.

    Few defects of a class decide nothing: with 30 frames, settings chosen by class did worse on others than one for all
    (LOG.md, 2026-11-27). So classes with less than BELIEVABLE have the one that is best for all together.
    """
    if not columns:
        return []
    places = range(len(columns[0]))
    common = max(places, key=lambda place: _worth([column[place] for column in columns]))
    finds_any = any(column[common].found for column in columns)
    chosen: list[tuple[SettingOutcome | None, str]] = []
    for column in columns:
        if column[0].planted < BELIEVABLE:
            remark = "the setting that is best for all classes together" if finds_any else ""
            chosen.append((column[common] if finds_any else None, remark))
        else:
            best = max(column, key=lambda outcome: _worth([outcome]))
            chosen.append((best if best.found else None, ""))
    return chosen


def _worth(outcomes: Sequence[SettingOutcome]) -> tuple[float, float]:
    """Return the F1 of settings taken together; among equals the higher confidence is farther from the next false."""
    found, planted, false = (
        sum(part) for part in zip(*((row.found, row.planted, row.false) for row in outcomes), strict=True)
    )
    return 2 * found / (planted + found + false), outcomes[0].min_confidence


def within_false(table: Sequence[Sequence[SettingOutcome]], max_false: float) -> list[SettingOutcome]:
    """Choose for each class, together, the settings that find most with at most `max_false` false defects in all.

    Among equals the fewest false ones, then the strictest: farther from the next false defect.
    """
    fronts = [_front(column) for column in table]
    best: dict[int, tuple[tuple[int, float], list[SettingOutcome]]] = {0: ((0, 0.0), [])}  # by false defects spent
    for front in fronts:
        longer: dict[int, tuple[tuple[int, float], list[SettingOutcome]]] = {}
        for spent, ((found, confidence), settings) in best.items():
            for outcome in front:
                strictness = outcome.min_confidence + outcome.min_probability
                total, worth = spent + outcome.false, (found + outcome.found, confidence + strictness)
                if total <= max_false and (total not in longer or worth > longer[total][0]):
                    longer[total] = worth, [*settings, outcome]
        best = longer
    if not best:
        return [min(front, key=lambda outcome: outcome.false) for front in fronts]
    return max(best.items(), key=lambda entry: (entry[1][0][0], -entry[0], entry[1][0][1]))[1][1]


def within_misses(column: Sequence[SettingOutcome], max_miss_rate: float) -> tuple[SettingOutcome, str, bool]:
    """Choose a class's setting with the fewest false defects whose expected miss rate is controlled.

    Returns it, a remark on it, and whether the target is met. Where there are too few strips to promise anything the
    plain recall decides; where no setting reaches that, the most is found.
    """
    units = column[0].strips
    kept = [outcome for outcome in column if expected_loss(outcome.miss_rate, units) <= max_miss_rate + EPSILON]
    remark, is_met = "", True
    if not kept:
        kept = [outcome for outcome in column if outcome.found >= (1 - max_miss_rate) * outcome.planted - EPSILON]
        needed = units_needed(max_miss_rate)
        remark = f"{units} with it can promise nothing of the next one, " + (
            f"{needed} are needed" if units < needed else "too many of them are missed"
        )
    if not kept:
        most = max(outcome.found for outcome in column)
        kept = [outcome for outcome in column if outcome.found == most]
        is_met = False
        remark = f"recall {1 - max_miss_rate:g} is not reached at any setting, {most} of {column[0].planted} at most"
    return min(kept, key=lambda outcome: (outcome.false, -outcome.min_confidence, outcome.min_area_mm2)), remark, is_met


def _collapse(kind: DefectClass, outcome: SettingOutcome, column: Sequence[SettingOutcome]) -> str:
    """Say so if a class has no true positive."""
    if outcome.found:
        return ""
    none = f"class {kind.id} {kind.name}: none of {counted(outcome.planted, 'defect')} is found at "
    if best := max(column, key=lambda outcome: (outcome.found, -outcome.false)).found:
        cheapest = min((outcome for outcome in column if outcome.found), key=lambda outcome: outcome.false)
        return (
            f"{none}the setting that the target leaves it; {cheapest.found} are at the price of {cheapest.false} false "
            f"ones, {best} at most. Allow more, or train on more frames with this class"
        )
    if outcome.outlined:
        least_mm2 = min(row.min_area_mm2 for row in column)
        return (
            f"{none}any setting, though {outcome.outlined} are outlined: those are smaller than the {least_mm2:g} mm2 "
            "that are tried at least. Give the scale, if it is another (--mm-per-px, --mm-per-row), or set "
            "min_area_mm2 in recipe.toml"
        )
    return (
        f"{none}any setting: the network does not know it. Train on more frames with this class (see `trainer check`), "
        f"or lower its threshold ({kind.threshold:g}) in recipe.toml"
    )


def _strictness(outcome: SettingOutcome) -> tuple[bool, float, float, float]:
    """Return how settings that find the same are ordered, the first is taken."""
    by_probability = outcome.min_probability > 0
    return by_probability, -outcome.min_probability, -outcome.min_confidence, outcome.min_area_mm2


def _front(column: Sequence[SettingOutcome]) -> list[SettingOutcome]:
    """The settings that no other beats in both found and false."""
    ordered = sorted(column, key=lambda row: (row.false, -row.found, *_strictness(row)))
    front: list[SettingOutcome] = []
    for outcome in ordered:
        if not front or outcome.found > front[-1].found:
            front.append(outcome)
    return front
