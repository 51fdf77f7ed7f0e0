"""Confidences and minimum areas chosen on calibration coils, for the line's own count of false and missed defects.

The network runs once. The pixel threshold, which draws a defect's outline, stays as the recipe has it; what is chosen
is which of the outlined regions are called defects, and that the line decides when a defect is complete. So a sweep
over one run's defects is exact.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records import Defect, Recipe
from inspector.simulator.score import ClassScore, Score
from trainer.coil import Coil, judge, report, score_coil
from trainer.export import write_recipe
from trainer.metrics import Scores

CONFIDENCES = (
    0.5,
    0.6,
    0.7,
    0.75,
    0.8,
    0.85,
    0.88,
    0.9,
    0.92,
    0.94,
    0.95,
    0.96,
    0.97,
    0.98,
    0.984,
    0.988,
    0.992,
    0.996,
    1.0,
)
"""Candidates for the surest pixel; the maps hold 255 steps, so finer ones are none."""
AREAS_MM2 = (5.0, 20.0, 40.0, 80.0, 120.0, 160.0, 200.0, 300.0)
"""Candidates for the smallest defect. A planted defect that is smaller counts as not found: none is defined away."""


class Outcome(msgspec.Struct, frozen=True):
    """One class at one setting, summed over the calibration coils."""

    min_confidence: float
    min_area_mm2: float
    found: int
    planted: int
    false: int


def tune(
    folder: Path,
    calibration: Sequence[Coil],
    test: Sequence[Coil],
    max_false_per_100m: float,
    say: Callable[[str], None],
) -> Recipe:
    """Choose the recipe's settings on `calibration`, measure them on `test`, and write both into `recipe.toml`.

    Raises: RecipeError, EngineError.
    """
    card, model = recipe.load(folder)
    metres = sum(coil.metres for coil in calibration)
    say(f"calibration: {metres:.0f} m of procedural steel, at most {max_false_per_100m:g} false defects per 100 m")
    everything = with_settings(card, [(0.0, 0.0)] * len(card.classes))
    engine = OpenVino(everything, model)
    table = outcomes(card, [(coil, report(list(judge(engine, coil)), everything, coil)) for coil in calibration])
    chosen = choose(table, max_false_per_100m * metres / 100)
    for kind, one in zip(card.classes, chosen, strict=True):
        share = f"found {one.found} of {one.planted}, {one.false} false"
        say(f"  {kind.name:10} confidence {one.min_confidence:.3f}, at least {one.min_area_mm2:3.0f} mm2: {share}")
    card = with_settings(card, [(one.min_confidence, one.min_area_mm2) for one in chosen])
    scores = dict(card.scores) | measure(card, model, test)
    card = msgspec.structs.replace(card, scores=scores)
    return write_recipe(folder, model, msgspec.to_builtins(card))


def measure(card: Recipe, model: bytes, coils: Sequence[Coil]) -> dict[str, float]:
    """Run the recipe as it is down held-out coils; return pixel and defect scores, keyed `coil_...`."""
    engine, pixels, scores = OpenVino(card, model), Scores(len(card.classes)), list[Score]()
    for coil in coils:
        sheet, maps = coil.sheet(), []
        for number, one in enumerate(judge(engine, coil)):
            pixels.add(one.labels[0], sheet.frame(number).labels)
            maps.append(one)
        scores.append(score_coil(report(maps, card, coil), card, coil))
    totals = [score.total for score in scores]
    planted, found, false = (
        sum(values) for values in zip(*((_all_planted(one), one.found, one.false) for one in totals), strict=True)
    )
    metres = sum(coil.metres for coil in coils)
    result = {"metres": metres, "planted": planted, "recall": found / max(1, planted)}
    result |= {"small": sum(one.small for one in totals), "confused": sum(one.confused for one in totals)}
    result["false_per_100m"] = 100 * false / metres
    for number, kind in enumerate(card.classes):
        of_class = [score.classes[number] for score in scores]
        every = sum(map(_all_planted, of_class))
        result[f"recall_{kind.name}"] = sum(one.found for one in of_class) / max(1, every)
    dice = {name: value for name, value in pixels.report().items() if name.startswith("dice_")}
    return {f"coil_{name}": round(float(value), 4) for name, value in (result | dice).items()}


def _all_planted(count: ClassScore) -> int:
    """Planted defects, also those below the minimum area."""
    return count.planted + count.small


def with_settings(card: Recipe, settings: Iterable[tuple[float, float]]) -> Recipe:
    """Return the card with (minimum confidence, minimum area in mm2) of each class replaced."""
    classes = tuple(
        msgspec.structs.replace(kind, min_confidence=confidence, min_area_mm2=area)
        for kind, (confidence, area) in zip(card.classes, settings, strict=True)
    )
    return msgspec.structs.replace(card, classes=classes)


def outcomes(card: Recipe, coils: Sequence[tuple[Coil, Sequence[Defect]]]) -> list[list[Outcome]]:
    """Count every class at every setting; `coils` come with the defects told when no setting held any back."""
    table: list[list[Outcome]] = [[] for _ in card.classes]
    for setting in itertools.product(CONFIDENCES, AREAS_MM2):
        trial = with_settings(card, [setting] * len(card.classes))
        scores = [
            score_coil(
                [one for one in told if one.confidence >= setting[0] and one.area_mm2 >= setting[1]], trial, coil
            )
            for coil, told in coils
        ]
        for number, column in enumerate(zip(*(score.classes for score in scores), strict=True)):
            found, false = sum(one.found for one in column), sum(one.false for one in column)
            table[number].append(Outcome(*setting, found, sum(map(_all_planted, column)), false))
    return table


def choose(table: Sequence[Sequence[Outcome]], max_false: float) -> list[Outcome]:
    """Choose for each class, together, the settings that find most with at most `max_false` false defects in all.

    Among equals the higher confidence: farther from the next false defect.
    """
    fronts = [_front(column) for column in table]
    allowed = [
        combination for combination in itertools.product(*fronts) if sum(one.false for one in combination) <= max_false
    ]
    if not allowed:
        return [min(front, key=lambda one: one.false) for front in fronts]
    return list(
        max(
            allowed,
            key=lambda combination: (
                sum(one.found for one in combination),
                sum(one.min_confidence for one in combination),
            ),
        )
    )


def _front(column: Sequence[Outcome]) -> list[Outcome]:
    """The settings that no other beats in both found and false."""
    ordered = sorted(column, key=lambda one: (one.false, -one.found, -one.min_confidence, one.min_area_mm2))
    front: list[Outcome] = []
    for one in ordered:
        if not front or one.found > front[-1].found:
            front.append(one)
    return front
