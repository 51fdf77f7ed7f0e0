"""Choosing thresholds and minimum areas by the line's own count."""

from __future__ import annotations

import numpy as np
import pytest

from inspector.records import DefectClass, Maps, Recipe
from trainer import tune
from trainer.coil import Coil, report, score_coil
from trainer.tune import Outcome

KINDS = tuple(DefectClass(i, name, 0.5, 0.0) for i, name in enumerate(("pitted", "crack", "scratch", "patch"), 1))
CARD = Recipe(
    name="perfect",
    version="1",
    created="2026-11-22",
    encoder="none",
    precision="fp32",
    sha256="0" * 64,
    height=256,
    width=1600,
    trained_on="the truth",
    classes=KINDS,
)


def told(coil: Coil, confidence: int) -> list[Maps]:
    """Maps of a network that knows the truth, and is this sure of it."""
    sheet, maps = coil.sheet(), []
    for number in range(coil.frames):
        labels = sheet.frame(number).labels[None]
        present = [confidence / 255 * bool((labels == kind.id).any()) for kind in KINDS]
        maps.append(Maps(labels, np.where(labels, confidence, 0).astype(np.uint8), np.array([present], np.float32)))
    return maps


def test_the_truth_scores_full_recall_and_nothing_false() -> None:
    """Maps that are the truth come through analysis, merging and scoring without a loss: the count itself is sound."""
    coil = Coil(7, 40, defects_per_m=3)
    score = score_coil(report(told(coil, 200), CARD, coil), CARD, coil)
    assert score.total.planted > 10
    assert score.recall == 1.0 and score.total.false == 0 and score.total.confused == 0


@pytest.mark.parametrize("setting", [(0.7, 5.0), (0.9, 120.0), (0.996, 40.0)])
def test_the_sweep_counts_as_the_line_would(setting: tuple[float, float]) -> None:
    """A setting's row in the table is what a line with that setting in its recipe reports."""
    coil = Coil(7, 24, defects_per_m=3)
    chance = np.random.default_rng(5)
    maps = [
        Maps(one.labels, (one.confidence * chance.uniform(0.8, 1.27)).astype(np.uint8), one.presence)
        for one in told(coil, 200)
    ]
    table = tune.outcomes(CARD, [(coil, report(maps, CARD, coil))])
    card = tune.with_settings(CARD, [setting] * 4)
    line = score_coil(report(maps, card, coil), card, coil)
    rows = [next(one for one in column if (one.min_confidence, one.min_area_mm2) == setting) for column in table]
    assert [(one.found, one.planted, one.false) for one in rows] == [
        (one.found, one.planted + one.small, one.false) for one in line.classes
    ]


@pytest.mark.parametrize(("allowed", "found"), [(0, 8), (1, 9), (3, 12), (99, 15)])
def test_the_choice_finds_most_within_what_is_allowed(allowed: float, found: int) -> None:
    """False defects are spent, over all classes together, where they buy most."""
    table = [
        [Outcome(0.8, 5, 5, 10, 0), Outcome(0.6, 5, 6, 10, 1), Outcome(0.4, 5, 7, 10, 9)],
        [Outcome(0.8, 5, 3, 10, 0), Outcome(0.6, 5, 6, 10, 2), Outcome(0.4, 5, 8, 10, 4)],
    ]
    chosen = tune.choose(table, allowed)
    assert sum(one.found for one in chosen) == found and sum(one.false for one in chosen) <= allowed


def test_where_nothing_is_allowed_the_fewest_false_are_chosen() -> None:
    """An impossible wish ends in the least harm, not in an error."""
    table = [[Outcome(0.8, 5, 5, 10, 3), Outcome(0.4, 5, 9, 10, 7)]]
    assert [one.false for one in tune.choose(table, 0)] == [3]
