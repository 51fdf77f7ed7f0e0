"""A recipe's confidences and minimum areas, chosen on calibration strip and measured on test strip never chosen on.

The network runs once over each. What is chosen must meet the user's target by the line's own count of found and false
defects; what the recipe then promises is what the test part says, with exact bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records.recipe import DefectClass, Recipe
from trainer.assessment.defect_counts import DefectCounts
from trainer.assessment.labelled_strip import LabelledStrip
from trainer.metrics import Scores
from trainer.recipe.export import write_recipe
from trainer.tuning.sweep import outcomes, wide_open, with_settings
from trainer.tuning.targets import ChosenSetting, TuningTarget, choose

KINDS = ("coil_", "frame_")
"""How the keys of what was measured here begin; what was measured at other settings goes."""

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
    say(f"target: {target}")
    opened = wide_open(card)
    table = outcomes(card, calibration.assess(OpenVino(opened, model), opened))
    choices = choose(table, card.classes, target, calibration.metres)
    for kind, choice in zip(card.classes, choices, strict=True):
        say(f"  {_line(kind, choice)}")
    collapsed = [kind.name for kind, choice in zip(card.classes, choices, strict=True) if choice.fault]
    faults = tuple(f"{choice.fault}. {ACCEPT}" for choice in choices if choice.fault and not accept_collapsed)
    if not all(choice.is_met for choice in choices if not (choice.fault and accept_collapsed)):
        faults += (f"the target is not met on the calibration part: {target}. See the remark on each class.",)
    for choice in choices:
        if choice.fault and accept_collapsed:
            say(f"accepted: {choice.fault}")
    if collapsed and not accept_collapsed:
        return Tuned(card, False, faults)
    card = with_settings(card, [_setting(*pair) for pair in zip(card.classes, choices, strict=True)])
    counts, scores = measure(card, model, test)
    say(f"test, never chosen on: {test}")
    for line in defect_lines(counts):
        say(f"  {line}")
    kept = {name: value for name, value in card.scores.items() if not name.startswith(KINDS)}
    if collapsed:
        kept[f"{test.kind}_collapsed"] = ", ".join(collapsed)
    card = msgspec.structs.replace(card, scores=kept | scores)
    return Tuned(write_recipe(folder, model, msgspec.to_builtins(card)), True, faults)


def measure(card: Recipe, model: bytes, labelled: LabelledStrip) -> tuple[DefectCounts, dict[str, float | int | str]]:
    """Run the recipe as it is down held-out strip; return defect counts, and scores keyed `coil_...` or `frame_...`."""
    pixels, counts = Scores(len(card.classes)), DefectCounts(card.classes)
    for strip in labelled.assess(OpenVino(card, model), card, pixels):
        counts.add(strip)
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
    for kind in counts.classes():
        result |= {f"planted_{kind.name}": kind.true, f"recall_{kind.name}": kind.recall}
        result[f"recall_{kind.name}_lower95"] = kind.recall_at_least
    result |= {name: value for name, value in pixels.report().items() if name.startswith("dice_")}
    result["promise"] = "; ".join(promises(counts))
    return counts, {
        f"{labelled.kind}_{name}": round(value, 4) if isinstance(value, float) else value
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
    confidence, area_mm2 = _setting(kind, choice)
    words = f"{kind.name:10} confidence {confidence:.3f}, at least {area_mm2:3.0f} mm2"
    if outcome := choice.outcome:
        words += f": found {outcome.found} of {outcome.planted}, {outcome.false} false"
    return f"{words}; {choice.remark}" if choice.remark else words


def _setting(kind: DefectClass, choice: ChosenSetting) -> tuple[float, float]:
    """Return minimum confidence and minimum area of a class: what was chosen, or what it had."""
    if outcome := choice.outcome:
        return outcome.min_confidence, outcome.min_area_mm2
    return kind.min_confidence, kind.min_area_mm2
