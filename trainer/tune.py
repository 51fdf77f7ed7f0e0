"""Thresholds and minimum areas chosen on calibration coils, for the line's own count of false and missed defects.

The network runs once, at the lowest threshold; a higher one, the same for all classes, is then exact arithmetic on its
confidence map, because the most probable class stays the most probable. Where the thresholds chosen for the classes
differ, the graph may name a runner-up that this arithmetic calls sound: trust the figures of the test run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records import DefectClass, Maps, Recipe
from inspector.simulator.score import Score
from trainer.coil import Coil, judge, report, score_coil
from trainer.export import write_recipe
from trainer.metrics import Scores

LOWEST = 0.25
THRESHOLDS = (0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.92)
AREAS_MM2 = (5.0, 10.0, 20.0, 40.0, 80.0, 120.0)


class Outcome(msgspec.Struct, frozen=True):
    """One class at one setting, summed over the calibration coils."""

    threshold: float
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
    engine = OpenVino(lowered(card), model)
    table = outcomes(card, [(coil, list(judge(engine, coil))) for coil in calibration])
    chosen = choose(table, max_false_per_100m * metres / 100)
    for kind, one in zip(card.classes, chosen, strict=True):
        share = f"found {one.found} of {one.planted}, {one.false} false"
        say(f"  {kind.name:10} threshold {one.threshold:.2f}, at least {one.min_area_mm2:3.0f} mm2: {share}")
    card = with_settings(card, [(one.threshold, one.min_area_mm2) for one in chosen])
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
    planted, found, false = (sum(getattr(one, name) for one in totals) for name in ("planted", "found", "false"))
    metres = sum(coil.metres for coil in coils)
    result = {"metres": metres, "planted": planted, "recall": found / max(1, planted)}
    result |= {"small": sum(one.small for one in totals), "confused": sum(one.confused for one in totals)}
    result["false_per_100m"] = 100 * false / metres
    for number, kind in enumerate(card.classes):
        of_class = [score.classes[number] for score in scores]
        result[f"recall_{kind.name}"] = sum(one.found for one in of_class) / max(
            1, sum(one.planted for one in of_class)
        )
    dice = {name: value for name, value in pixels.report().items() if name.startswith("dice_")}
    return {f"coil_{name}": round(float(value), 4) for name, value in (result | dice).items()}


def lowered(card: Recipe) -> Recipe:
    """Return the card with every threshold at the lowest, as the calibration run needs it."""
    return with_settings(card, [(LOWEST, 0.0)] * len(card.classes))


def with_settings(card: Recipe, settings: Iterable[tuple[float, float]]) -> Recipe:
    """Return the card with (threshold, minimum area in mm2) of each class replaced."""
    classes = tuple(
        msgspec.structs.replace(kind, threshold=threshold, min_area_mm2=area)
        for kind, (threshold, area) in zip(card.classes, settings, strict=True)
    )
    return msgspec.structs.replace(card, classes=classes)


def raised(maps: Maps, classes: Sequence[DefectClass]) -> Maps:
    """Return what the network would have said at these (higher) thresholds."""
    least = np.zeros(256, np.float32)
    for kind in classes:
        least[kind.id] = kind.threshold
    keep = maps.confidence >= np.round(255 * least)[maps.labels]
    return Maps(np.where(keep, maps.labels, 0), np.where(keep, maps.confidence, 0), maps.presence)


def outcomes(card: Recipe, coils: Sequence[tuple[Coil, Sequence[Maps]]]) -> list[list[Outcome]]:
    """Count every class at every setting; `coils` hold the maps of a run with `lowered(card)`."""
    table: list[list[Outcome]] = [[] for _ in card.classes]
    for threshold in THRESHOLDS:
        trial = with_settings(card, [(threshold, 0.0)] * len(card.classes))
        said = [report([raised(one, trial.classes) for one in maps], trial, coil) for coil, maps in coils]
        for area in AREAS_MM2:  # the line drops what is smaller when a defect is complete, so it may be dropped here
            setting = with_settings(card, [(threshold, area)] * len(card.classes))
            scores = [
                score_coil([defect for defect in defects if defect.area_mm2 >= area], setting, coil).classes
                for defects, (coil, _) in zip(said, coils, strict=True)
            ]
            for number, column in enumerate(zip(*scores, strict=True)):
                found, planted, false = (
                    sum(getattr(one, name) for one in column) for name in ("found", "planted", "false")
                )
                table[number].append(Outcome(threshold, area, found, planted, false))
    return table


def choose(table: Sequence[Sequence[Outcome]], max_false: float) -> list[Outcome]:
    """Choose for each class, together, the settings that find most with at most `max_false` false defects in all.

    Among equals the higher threshold: farther from the next false defect.
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
            key=lambda combination: (sum(one.found for one in combination), sum(one.threshold for one in combination)),
        )
    )


def _front(column: Sequence[Outcome]) -> list[Outcome]:
    """The settings that no other beats in both found and false."""
    ordered = sorted(column, key=lambda one: (one.false, -one.found, -one.threshold, one.min_area_mm2))
    front: list[Outcome] = []
    for one in ordered:
        if not front or one.found > front[-1].found:
            front.append(one)
    return front
