"""A recipe's settings, chosen on calibration strip and measured on test strip never chosen on.

The network runs once over each. Where the target is a rate of false defects, a defect's probability is fitted to the
calibration strip first if that is of whole coils, and a class may ask for one. What is chosen must meet the user's
target by the line's own count of found and false defects; what the recipe then promises is what the test part says,
with exact bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records.recipe import DefectClass, Recipe
from inspector.simulator.sheet import MM_PER_PX
from inspector.words import counted
from trainer.assessment.defect_counts import DefectCounts
from trainer.assessment.labelled_strip import AssessedStrip, LabelledStrip
from trainer.metrics import Scores
from trainer.recipe.export import write_recipe
from trainer.recipe.standing import STRIP_SCORES
from trainer.tuning.certainty import fitted_to
from trainer.tuning.sweep import Setting, SettingOutcome, outcomes, wide_open, with_settings
from trainer.tuning.targets import BELIEVABLE, ChosenSetting, TuningTarget, choose

ACCEPT = "--accept-collapsed writes the recipe all the same"


class Tuned(msgspec.Struct, frozen=True):
    """What came of it."""

    card: Recipe
    """As written; as it was where a class failed the gate."""
    is_written: bool
    faults: tuple[str, ...]
    """Classes without a true positive, by name, unless accepted, and targets that the calibration does not meet."""


def tune(
    folder: Path,
    calibration: LabelledStrip,
    test: LabelledStrip,
    target: TuningTarget,
    say: Callable[[str], None],
    *,
    accept_collapsed: bool = False,
) -> Tuned:
    """Choose the recipe's settings on `calibration`, measure them on `test`, and write both into `recipe.toml`.

    A class without a true positive fails the gate: nothing is written unless that is accepted.

    Raises: RecipeError, EngineError, ValueError for a frame that cannot be used.
    """
    card, model = recipe.load(folder)
    say(f"calibration: {calibration}")
    opened = wide_open(card)
    strips = list(calibration.assess(OpenVino(opened, model), opened))
    fitted = card
    if target.max_false_per_100m is not None and calibration.kind == "coil":  # a frame shows parts, not wholes
        fitted = opened = fitted_to(card, strips, _not_planted(card, strips), say)
    table = outcomes(opened, strips)
    decided = decide(
        fitted, table, target, calibration.metres, say, strip_kind=calibration.kind, accept_collapsed=accept_collapsed
    )
    if decided.card is None:
        return Tuned(card, False, decided.faults)
    counts, scores = measure(decided.card, model, test)
    say(f"test, never chosen on: {test}")
    for line in defect_lines(counts):
        say(f"  {line}")
    tuned = without_screen(with_scale(decided.with_scores(scores, test.kind)), card, say)
    return Tuned(write_recipe(folder, model, msgspec.to_builtins(tuned)), True, decided.faults)


class ChosenRecipe(msgspec.Struct, frozen=True):
    """What the calibration part leaves of a recipe."""

    card: Recipe | None
    """With the settings chosen; None where a class failed the gate."""
    faults: tuple[str, ...]
    collapsed: tuple[str, ...] = ()
    rests_on: str = ""
    """Which defects the settings were chosen on, in words."""
    stay: tuple[int, ...] = ()
    """Classes, by id, whose settings stay as they were."""

    def with_scores(self, scores: Mapping[str, float | int | str], kind: str) -> Recipe:
        """Return the card with what was measured, and without what was measured at other settings."""
        assert self.card, "the gate was passed"
        kept = {name: value for name, value in self.card.scores.items() if not name.startswith(STRIP_SCORES)}
        kept |= {f"{kind}_chosen_on": self.rests_on}
        if self.collapsed:
            kept[f"{kind}_collapsed"] = ", ".join(self.collapsed)
        return msgspec.structs.replace(self.card, scores={**kept, **scores})


def decide(
    card: Recipe,
    table: Sequence[Sequence[SettingOutcome]],
    target: TuningTarget,
    metres: float,
    say: Callable[[str], None],
    *,
    strip_kind: str,
    accept_collapsed: bool,
) -> ChosenRecipe:
    """Choose each class's setting from its outcomes on the calibration part; say so, and what that rests on.

    `strip_kind`: `coil` or `frame`, what one strip of the part is.
    """
    say(f"target: {target}")
    choices = choose(table, card.classes, target, metres)
    pairs = list(zip(card.classes, choices, strict=True))
    for kind, choice in pairs:
        say(f"  {_line(kind, choice)}")
    for line in thin_lines(card, table, strip_kind):
        say(line)
    if target.max_false_per_100m is not None and 0 < target.max_false_per_100m * metres < 100:
        say(
            f"warning: on {metres:.1f} m {target} leaves no false one at all; expected "
            f"{100 / target.max_false_per_100m:g} m or more, to see such a rate. Give more strip, or --balanced."
        )
    collapsed = tuple(kind.name for kind, choice in pairs if choice.fault)
    faults = tuple(f"{choice.fault}. {ACCEPT}" for choice in choices if choice.fault and not accept_collapsed)
    if not all(choice.is_met for choice in choices if not (choice.fault and accept_collapsed)):
        faults += (f"the target is not met on the calibration part: {target}. See the remark on each class.",)
    for choice in choices:
        if choice.fault and accept_collapsed:
            say(f"accepted: {choice.fault}")
    if collapsed and not accept_collapsed:
        return ChosenRecipe(None, faults)
    rests_on = "; ".join(
        f"{kind.name}: {_support(column, strip_kind)}" for kind, column in zip(card.classes, table, strict=True)
    )
    stay = tuple(kind.id for kind, choice in pairs if choice.outcome is None)
    return ChosenRecipe(with_settings(card, chosen_settings(card, choices)), faults, collapsed, rests_on, stay)


def _not_planted(card: Recipe, strips: Sequence[AssessedStrip]) -> list[int]:
    """Return the classes, by id, of which strips have no true defect, and which may therefore keep their settings."""
    planted = {defect.class_id for strip in strips for defect in strip.planted}
    return [kind.id for kind in card.classes if kind.id not in planted]


def without_screen(tuned: Recipe, before: Recipe, say: Callable[[str], None]) -> Recipe:
    """Return the card without the screen that it permitted before other defects were reported; say so."""
    if not tuned.screen or tuned.classes == before.classes:
        return tuned
    say(
        f"{tuned.screen.recipe} may not look first any more: what it loses was measured at other settings. "
        "`trainer tune-screen` measures it"
    )
    return msgspec.structs.replace(tuned, screen=None)


def with_scale(card: Recipe) -> Recipe:
    """Return the card with the scale of whole coils, where its settings go by their defects and it has none."""
    asks = any(kind.min_probability for kind in card.classes)
    return msgspec.structs.replace(card, mm_per_px=MM_PER_PX) if asks and not card.mm_per_px else card


def chosen_settings(card: Recipe, choices: Sequence[ChosenSetting]) -> list[Setting]:
    """Return the setting of each class: what was chosen, or what it had."""
    return [_setting(kind, choice) for kind, choice in zip(card.classes, choices, strict=True)]


def thin_lines(card: Recipe, table: Sequence[Sequence[SettingOutcome]], strip_kind: str) -> list[str]:
    """Return a warning for each class whose setting too few defects decided."""
    return [
        f"warning: the setting of {kind.name} rests on {_support(column, strip_kind)}; expected {BELIEVABLE} defects "
        "or more to be believed. Label more of it, and tune again."
        for kind, column in zip(card.classes, table, strict=True)
        if column[0].planted < BELIEVABLE
    ]


def _support(column: Sequence[SettingOutcome], strip_kind: str) -> str:
    return f"{counted(column[0].planted, 'defect')} in {counted(column[0].strips, strip_kind)}"


def measure(card: Recipe, model: bytes, labelled: LabelledStrip) -> tuple[DefectCounts, dict[str, float | int | str]]:
    """Run the recipe as it is down held-out strip; return defect counts, and scores keyed `coil_...` or `frame_...`."""
    pixels, counts = Scores(len(card.classes)), DefectCounts(card.classes)
    for strip in labelled.assess(OpenVino(card, model), card, pixels):
        counts.add(strip)
    return counts, scores_of(counts, pixels, labelled.kind)


def scores_of(counts: DefectCounts, pixels: Scores, kind: str) -> dict[str, float | int | str]:
    """Return what a test counted as a card's scores, keyed `coil_...` or `frame_...`."""
    total = counts.total()
    result: dict[str, float | int | str | None] = {
        "metres": counts.metres,
        "planted": total.true,
        "recall": total.recall,
        "recall_lower95": total.recall_at_least,
        "precision": total.precision,
        "small": total.small,
        "confused": total.confused,
        "false_per_100m": total.false_per_100m,
        "false_per_100m_upper95": total.false_per_100m_at_most,
    }
    for kind_counts in counts.classes():
        result |= {f"planted_{kind_counts.name}": kind_counts.true, f"recall_{kind_counts.name}": kind_counts.recall}
        result[f"recall_{kind_counts.name}_lower95"] = kind_counts.recall_at_least
    result |= {name: value for name, value in pixels.report().items() if name.startswith("dice_")}
    result["promise"] = "; ".join(promises(counts))
    return {
        f"{kind}_{name}": round(value, 4) if isinstance(value, float) else value
        for name, value in result.items()
        if value is not None and not (isinstance(value, float) and math.isnan(value))  # a rate of nothing is left out
    }


def defect_lines(counts: DefectCounts) -> list[str]:
    """Return a test's count for people, a line a class and one for all."""
    lines = []
    for kind in [*counts.classes(), counts.total()]:
        small = f", {kind.small} below the minimum area" if kind.small else ""
        lines.append(
            f"{kind.name:10} found {kind.found} of {kind.true}{small}, {kind.false} false "
            f"({kind.false_per_100m:.2f} per 100 m, <= {kind.false_per_100m_at_most:.2f} with 95 % confidence); "
            f"{kind.promise}"
        )
    return lines


def promises(counts: DefectCounts) -> list[str]:
    """Return what the recipe may say of itself, in words."""
    total = counts.total()
    return [f"{kind.name}: {kind.promise}" for kind in counts.classes()] + [
        f"false defects <= {total.false_per_100m_at_most:.2f} per 100 m with 95 % confidence on {counts.metres:.1f} m"
    ]


def _line(kind: DefectClass, choice: ChosenSetting) -> str:
    confidence, area_mm2, probability = _setting(kind, choice)
    words = f"{kind.name:10} confidence {confidence:.3f}, at least {area_mm2:3g} mm2"
    if probability:
        words += f", probability {probability:.3f}"
    if outcome := choice.outcome:
        words += f": found {outcome.found} of {outcome.planted}, {outcome.false} false"
    return f"{words}; {choice.remark}" if choice.remark else words


def _setting(kind: DefectClass, choice: ChosenSetting) -> Setting:
    if outcome := choice.outcome:
        return outcome.setting
    return Setting(kind.min_confidence, kind.min_area_mm2, kind.min_probability)
