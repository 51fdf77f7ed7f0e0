"""Choosing thresholds and minimum areas by the line's own count."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from inspector.records.recipe import Certainty, DefectClass, Maps, Recipe
from inspector.score import Score, score
from trainer.assessment.coil import ProceduralCoil, Scale, report
from trainer.assessment.defect_counts import DefectCounts
from trainer.assessment.labelled_strip import AssessedStrip, assessed_frame, regions
from trainer.tuning.certainty import fitted_to
from trainer.tuning.sweep import (
    AREAS_MM2,
    CONFIDENCES,
    Setting,
    SettingOutcome,
    areas_mm2,
    outcomes,
    wide_open,
    with_certainty,
    with_settings,
)
from trainer.tuning.targets import TuningTarget, choose, within_false, within_misses
from trainer.tuning.tune import chosen_settings, decide

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


def maps_of(coil: ProceduralCoil, confidence: int) -> list[Maps]:
    """Maps of a network that knows the truth, and is this sure of it."""
    sheet, maps = coil.sheet(), []
    for number in range(coil.frames):
        labels = sheet.frame(number).labels[None]
        present = [confidence / 255 * bool((labels == kind.id).any()) for kind in KINDS]
        maps.append(Maps(labels, np.where(labels, confidence, 0).astype(np.uint8), np.array([present], np.float32)))
    return maps


def strip_of(maps: list[Maps], card: Recipe, coil: ProceduralCoil) -> AssessedStrip:
    """Report maps of a coil under a card."""
    return AssessedStrip("coil", coil.metres, coil.planted(), report(maps, card, Scale()))


def line_score(maps: list[Maps], card: Recipe, coil: ProceduralCoil) -> Score:
    """Count a coil by the line's own rule."""
    return score(report(maps, card, Scale()), coil.planted(), card.classes, coil.metres)


def test_the_truth_scores_full_recall_and_nothing_false() -> None:
    """Maps that are the truth come through analysis, merging and scoring without a loss: the count itself is sound."""
    coil = ProceduralCoil(7, 40, defects_per_m=3)
    counts = DefectCounts(KINDS)
    counts.add(strip_of(maps_of(coil, 200), CARD, coil))
    total = counts.total()
    assert total.true > 10 and total.found == total.true
    assert total.recall == total.precision == 1.0 and total.false == total.confused == total.missed == 0


def uneven(coil: ProceduralCoil) -> list[Maps]:
    """Maps whose sureness differs from frame to frame, and that call some of one class another."""
    chance = np.random.default_rng(5)
    return [
        Maps(
            np.where(maps.labels == 2, 3, maps.labels).astype(np.uint8) if number % 3 else np.roll(maps.labels, 300, 2),
            (np.roll(maps.confidence, 0 if number % 3 else 300, 2) * chance.uniform(0.8, 1.27)).astype(np.uint8),
            np.ones_like(maps.presence),
        )
        for number, maps in enumerate(maps_of(coil, 200))
    ]


@pytest.mark.parametrize("setting", [(CONFIDENCES[5], 5.0), (CONFIDENCES[10], 120.0), (CONFIDENCES[13], 40.0)])
def test_the_sweep_counts_as_the_line_would(setting: tuple[float, float]) -> None:
    """A setting's row in the table is what a line with that setting in its recipe reports, found and false."""
    coil = ProceduralCoil(7, 24, defects_per_m=3)
    maps = uneven(coil)
    table = outcomes(CARD, [strip_of(maps, CARD, coil)])
    card = with_settings(CARD, [setting] * 4)
    line = line_score(maps, card, coil)
    rows = [next(row for row in column if (row.min_confidence, row.min_area_mm2) == setting) for column in table]
    small_found = [  # the line's rule sets the small apart; here every defect counts
        sum(o.verdict == "small" and o.planted.class_id == kind.id and kind.name in o.seen_as for o in line.outcomes)
        for kind in KINDS
    ]
    assert [(outcome.found, outcome.planted, outcome.false) for outcome in rows] == [
        (outcome.found + small, outcome.planted + outcome.small, outcome.false)
        for outcome, small in zip(line.classes, small_found, strict=True)
    ]
    assert sum(outcome.false for outcome in rows) and sum(outcome.found for outcome in rows)


def test_defects_are_counted_as_the_line_would() -> None:
    """Found, confused, missed and false are the score's of the demo and the line; precision comes on top."""
    coil = ProceduralCoil(7, 40, defects_per_m=4)
    maps = uneven(coil)
    counts = DefectCounts(KINDS)
    errors = counts.add(strip_of(maps, CARD, coil))
    line = line_score(maps, CARD, coil)
    assert [
        (outcome.true, outcome.found, outcome.confused, outcome.missed, outcome.false) for outcome in counts.classes()
    ] == [(outcome.planted, outcome.found, outcome.confused, outcome.missed, outcome.false) for outcome in line.classes]
    total = counts.total()
    assert total.confused and total.missed and total.false
    assert (len(errors.missed), len(errors.confused), len(errors.false)) == (total.missed, total.confused, total.false)
    assert counts.confusion[:, 0].sum() == total.missed and counts.confusion[0].sum() == total.false
    assert total.right <= total.reported - total.false


LARGER = Certainty(constant=-8.0, log_odds=1.0, log_area=1.0, log_length=0.5)


@pytest.mark.parametrize("least", [0.148047, 0.5, 0.817574])
def test_the_sweep_counts_probabilities_as_the_line_does(least: float) -> None:
    """The same for a setting by the whole defect's probability."""
    coil = ProceduralCoil(7, 24, defects_per_m=3)
    maps, likely = uneven(coil), with_certainty(CARD, [LARGER] * 4)
    table = outcomes(likely, [strip_of(maps, CARD, coil)])
    setting = Setting(0.0, 5.0, least)
    line = line_score(maps, with_settings(likely, [setting] * 4), coil)
    rows = [next(row for row in column if row.setting == setting) for column in table]
    assert [(row.found, row.false) for row in rows] == [(kind.found, kind.false) for kind in line.classes]
    assert 0 < sum(row.found for row in rows) < sum(row.planted for row in rows)
    assert any(row.false for row in rows)


def long_and_wide() -> tuple[list[AssessedStrip], list[Maps]]:
    """Twelve strips with a long outline that is true and a wide one that is not, of class 3, and their maps."""
    strips, seen = [], []
    for number in range(12):
        labels = np.zeros((1, 256, 1600), np.uint8)
        labels[0, 20:220, 100 + 9 * number : 106 + 9 * number] = 3
        true = regions(labels[0], Scale())
        labels[0, 100:112, 900 + 20 * number : 1000 + 20 * number] = 3
        seen.append(Maps(labels, np.where(labels, 230, 0).astype(np.uint8), np.ones((1, 4), np.float32)))
        strips.append(AssessedStrip(str(number), 0.16, true, report([seen[-1]], CARD, Scale())))
    return strips, seen


def test_what_only_its_shape_tells_from_the_true_is_held_back_by_its_probability(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Long ones are true, wide ones of the same area and confidence are not: no pair of settings finds without them."""
    strips, seen = long_and_wide()
    target = TuningTarget(max_false_per_100m=0)
    (none,) = [choice for choice in choose(outcomes(CARD, strips), KINDS, target, 1.92) if choice.outcome]
    assert "none of 12 defects is found" in none.fault
    asks = with_settings(with_certainty(CARD, [LARGER] * 4), [Setting(0.0, 0.0, 0.5), *[(0.0, 0.0)] * 3])
    likely = fitted_to(asks, strips, [1], print)
    assert "fitted to 12 right and 12 wrong" in capsys.readouterr().out
    # The first's setting stays, and what that asks for.
    assert [kind.certainty == LARGER for kind in likely.classes] == [True, False, False, False]
    assert all(kind.certainty and kind.certainty.longest_mm == 125 for kind in likely.classes[1:])
    choices = choose(outcomes(likely, strips), likely.classes, target, 1.92)
    (chosen,) = [choice.outcome for choice in choices if choice.outcome]
    assert (chosen.found, chosen.false) == (12, 0) and chosen.min_probability > 0
    tuned = with_settings(likely, chosen_settings(likely, choices))
    assert [len(report([maps], tuned, Scale())) for maps in seen] == [1] * 12


def test_a_probability_that_stays_is_by_what_it_was_chosen_for() -> None:
    """Also of a class with true defects of which none is found at any setting: another regression was put under it."""
    strips, _ = long_and_wide()
    square = np.zeros((256, 1600), np.uint8)
    square[30:60, 400:430] = 4  # never outlined
    unseen = regions(square, Scale())
    strips = [msgspec.structs.replace(strip, planted=strip.planted + unseen) for strip in strips]
    asks = with_settings(with_certainty(CARD, [LARGER] * 4), [Setting(0.0, 0.0, 0.5)] * 4)
    table = outcomes(wide_open(CARD), strips)
    decided = decide(asks, table, TuningTarget(), 1.92, print, strip_kind="frame", accept_collapsed=True)
    assert decided.card and decided.collapsed == ("patch",)
    tuned = fitted_to(decided.card, strips, decided.stay, print)
    assert [kind.min_probability for kind in tuned.classes] == [0.5, 0.5, 0.0, 0.5]
    assert [kind.certainty == LARGER for kind in tuned.classes] == [True, True, False, True]


def test_few_outlines_leave_the_probabilities_that_there_are() -> None:
    """Too few decide nothing, and that is reported."""
    strips = [AssessedStrip("1", 0.16, regions(np.full((256, 1600), 3, np.uint8), Scale()), ())]
    says: list[str] = []
    before = with_certainty(CARD, [LARGER] * 4)
    assert fitted_to(before, strips, [], says.append) == before
    (line,) = says
    assert "stay as they are: 0 right and 0 wrong outlines, 10 of each are needed" in line


def test_among_choices_that_find_as_many_the_fewest_false_are_taken() -> None:
    """However strict the others are."""
    table = [
        [SettingOutcome(0.9, 5, 5, 10, 0), SettingOutcome(0.99, 5, 6, 10, 3, min_probability=0.99)],
        [SettingOutcome(0.9, 5, 5, 10, 0), SettingOutcome(0.9, 5, 6, 10, 1)],
    ]
    chosen = within_false(table, 3)
    assert [(outcome.found, outcome.false) for outcome in chosen] == [(5, 0), (6, 1)]


@pytest.mark.parametrize(("allowed", "found"), [(0, 8), (1, 9), (3, 12), (99, 15)])
def test_the_choice_finds_most_within_what_is_allowed(allowed: float, found: int) -> None:
    """False defects are spent, over all classes together, where they buy most."""
    table = [
        [SettingOutcome(0.8, 5, 5, 10, 0), SettingOutcome(0.6, 5, 6, 10, 1), SettingOutcome(0.4, 5, 7, 10, 9)],
        [SettingOutcome(0.8, 5, 3, 10, 0), SettingOutcome(0.6, 5, 6, 10, 2), SettingOutcome(0.4, 5, 8, 10, 4)],
    ]
    chosen = within_false(table, allowed)
    assert sum(outcome.found for outcome in chosen) == found and sum(outcome.false for outcome in chosen) <= allowed


def test_few_defects_share_the_setting_that_is_best_for_all() -> None:
    """A class with ten defects has the setting of its own highest F1; those with fewer have the common one's."""

    def column(planted: int, *counted: tuple[int, int]) -> list[SettingOutcome]:
        settings = zip((0.9, 0.7, 0.5), counted, strict=True)
        return [SettingOutcome(level, 5, found, planted, false) for level, (found, false) in settings]

    table = [
        column(20, (8, 0), (14, 1), (20, 30)),
        column(3, (0, 0), (1, 0), (3, 0)),
        column(4, (0, 0), (0, 1), (0, 2)),
        column(12, (12, 0), (12, 3), (12, 9)),
    ]
    choices = choose(table, KINDS, TuningTarget(), 3)
    assert [choice.outcome.min_confidence for choice in choices if choice.outcome] == [0.7, 0.7, 0.7, 0.9]
    assert [bool(choice.remark) for choice in choices] == [False, True, True, False]
    assert not any(choice.fault for choice in choices) and "so few are no proof" in choices[2].remark
    (never,) = choose([column(10, (0, 0), (0, 1), (0, 2))], KINDS[:1], TuningTarget(), 3)
    assert "none of 10 defects is found" in never.fault and never.outcome is None


def test_a_class_that_no_setting_finds_keeps_its_own() -> None:
    """Where all have F1 = 0 the strictest was taken, at which the recipe reports nothing, with exit code 0."""
    columns = [[SettingOutcome(level, 5, 0, 2, false) for level, false in ((0.9999, 0), (0.5, 3))] for _ in range(2)]
    kinds = tuple(msgspec.structs.replace(kind, min_confidence=0.6) for kind in KINDS)
    seen = choose(columns, kinds[:2], TuningTarget(), 3)
    card = msgspec.structs.replace(CARD, classes=kinds[:2])
    assert [setting.min_confidence for setting in chosen_settings(card, seen)] == [0.6, 0.6]
    for choice in seen:
        assert choice.remark == (
            "none is found at any, its setting stays, at which it invents 3 at most; so few are no proof that none "
            "will be"
        )
        assert choice.is_met and not choice.fault


def test_where_nothing_is_allowed_the_fewest_false_are_chosen_and_it_is_reported() -> None:
    """An impossible target ends in the least harm and is reported."""
    table = [[SettingOutcome(0.8, 5, 5, 10, 3), SettingOutcome(0.4, 5, 9, 10, 7)]]
    (choice,) = choose(table, KINDS[:1], TuningTarget(max_false_per_100m=0), 100)
    assert choice.outcome is not None and choice.outcome.false == 3
    assert not choice.is_met and not choice.fault


@pytest.mark.parametrize(
    ("strips", "min_recall", "found", "says"),
    [
        (40, 0.9, 38, ""),  # (40 x 0.05 + 1) / 41 <= 0.1, and 36 found is not enough for it
        (8, 0.9, 36, "8 with it can promise nothing of the next one, 9 are needed"),
        (40, 0.99, 40, "40 with it can promise nothing of the next one, 99 are needed"),
        (40, 0.5, 36, ""),
    ],
)
def test_a_recall_is_chosen_with_what_risk_control_adds(strips: int, min_recall: float, found: int, says: str) -> None:
    """The fewest false defects whose expected miss rate on a new frame is controlled; where none can be, it says so."""
    column = [
        SettingOutcome(0.9, 5, 36, 40, 1, miss_rate=0.1, strips=strips),
        SettingOutcome(0.7, 5, 38, 40, 4, miss_rate=0.05, strips=strips),
        SettingOutcome(0.5, 5, 40, 40, 9, miss_rate=0.0, strips=strips),
    ]
    outcome, remark, is_met = within_misses(column, 1 - min_recall)
    assert (outcome.found, remark, is_met) == (found, says, True)


def test_a_recall_out_of_reach_is_reported_with_what_can_be_had() -> None:
    """The most that any setting finds, at the fewest false ones of those."""
    column = [
        SettingOutcome(0.9, 5, 5, 10, 1, 0.5, 9),
        SettingOutcome(0.7, 5, 8, 10, 4, 0.2, 9),
        SettingOutcome(0.5, 5, 8, 10, 9, 0.2, 9),
    ]
    outcome, remark, is_met = within_misses(column, 0.1)
    assert (outcome.min_confidence, is_met) == (0.7, False)
    assert remark == "recall 0.9 is not reached at any setting, 8 of 10 at most"


def test_a_class_without_a_true_positive_fails_by_name() -> None:
    """The collapsed class is named, with what to do, and one left with nothing; an absent one is not assessed."""
    table = [
        [SettingOutcome(0.9, 5, 0, 12, 0), SettingOutcome(0.5, 5, 0, 12, 3)],
        [SettingOutcome(0.9, 5, 0, 12, 0), SettingOutcome(0.5, 5, 7, 12, 30)],
        [SettingOutcome(0.9, 5, 0, 0, 0), SettingOutcome(0.5, 5, 0, 0, 1)],
        [SettingOutcome(0.9, 5, 12, 12, 0), SettingOutcome(0.5, 5, 12, 12, 0)],
    ]
    pitted, crack, scratch, patch = choose(table, KINDS, TuningTarget(max_false_per_100m=1), 100)
    assert pitted.fault.startswith("class 1 pitted: none of 12 defects is found at any setting")
    assert "at the setting that the target leaves it; 7 are at the price of 30 false ones" in crack.fault
    assert scratch.outcome is None and "not measured" in scratch.remark and not scratch.fault
    assert not patch.fault and patch.outcome is not None and patch.outcome.min_confidence == 0.9


def test_what_an_absent_class_invents_counts_among_all() -> None:
    """It keeps its setting while there is room; else it has the loosest that invents fewest, and none else pays."""

    def table(false: int) -> list[list[SettingOutcome]]:
        own = [SettingOutcome(0.9, 0, 8, 10, 1), SettingOutcome(0.5, 0, 10, 10, 3)]
        levels = (0.95, least), (0.9, least), (0.9, false), (0.0, false)
        return [own, [SettingOutcome(level, area, 0, 0, of) for area in (0, 50) for level, of in levels]]

    least, target = 0, TuningTarget(max_false_per_100m=5)
    found, absent = choose(table(2), KINDS[:2], target, 100)
    assert found.outcome and found.outcome.false == 3 and absent.outcome is None and absent.is_met
    assert absent.remark.endswith("its setting stays, at which it invents 2 at most")
    found, absent = choose(table(3), KINDS[:2], target, 100)
    assert found.outcome and found.outcome.false == 1 and absent.outcome is None
    found, absent = choose(table(625), KINDS[:2], target, 100)
    assert found.outcome and found.outcome.false == 3 and found.is_met and absent.is_met
    assert absent.outcome and (absent.outcome.min_confidence, absent.outcome.min_area_mm2) == (0.9, 0)
    assert "invents 625 at most, which is too many" in absent.remark and not absent.fault
    least = 7
    assert not any(choice.is_met for choice in choose(table(625), KINDS[:2], target, 100))
    _, absent = choose(table(625), KINDS[:2], TuningTarget(), 100)
    assert absent.outcome is None and "invents 625 at most" in absent.remark


def frames_of(mm: float, off_px: int = 0) -> list[AssessedStrip]:
    """Frames with a defect of 30 x 30 px each, outlined `off_px` below it at this scale, nothing held back."""
    strips, scale = [], Scale(mm, mm, is_assumed=False)
    truth = np.zeros((128, 1600), np.uint8)
    truth[10:40, 20:50] = 1
    labels = np.roll(truth, off_px, axis=0)
    maps = Maps(labels[None], np.where(labels, 200, 0).astype(np.uint8)[None], np.ones((1, 4), np.float32))
    for number in range(12):
        strips.append(assessed_frame(str(number), truth, maps, wide_open(CARD), scale))
    return strips


def test_fine_pixels_have_areas_of_their_own() -> None:
    """Candidates and tolerance are counted in pixels where 5 mm would be a hundred; from 0.32 mm on, as they were."""
    assert areas_mm2(Scale(0.32, 0.32)) == areas_mm2(Scale(0.8, 0.8)) == list(AREAS_MM2)
    assert areas_mm2(Scale(0.05, 0.05))[:4] == [0.0, 0.1, 0.5, 1.0] and 300.0 in areas_mm2(Scale(0.05, 0.05))
    chosen = choose(outcomes(CARD, frames_of(0.05)), KINDS, TuningTarget(), 1)[0]
    assert chosen.outcome and chosen.outcome.found == 12 and not chosen.fault
    for mm, off_px, found in ((0.05, 46, 12), (0.05, 47, 0), (0.32, 45, 12), (0.625, 38, 12), (0.625, 39, 0)):
        counts = DefectCounts(KINDS)
        for strip in frames_of(mm, off_px):
            counts.add(strip)
        assert (mm, off_px, counts.total().found) == (mm, off_px, found)


def test_outlines_too_small_for_every_setting_are_no_unknown_class() -> None:
    """The advice is on their size, not on more training."""
    small = [msgspec.structs.replace(strip, scale=Scale()) for strip in frames_of(0.06)]  # of 3.2 mm2
    (fault,) = [choice.fault for choice in choose(outcomes(CARD, small), KINDS, TuningTarget(), 1) if choice.fault]
    assert "though 12 are outlined: those are smaller than the 5 mm2 that are tried" in fault
    assert "does not know" not in fault


def test_settings_wide_open_hold_nothing_back() -> None:
    """The sweep's one run reports what any of its settings could."""
    assert {(kind.min_confidence, kind.min_area_mm2) for kind in wide_open(CARD).classes} == {(0.0, 0.0)}
