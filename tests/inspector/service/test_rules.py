"""Configurations that contradict themselves, can never come, or are hardly meant, as `inspector check` reads them."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from inspector.errors import ConfigError
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.records.recipe import Certainty
from inspector.service import rules
from inspector.service.prepare import prepare, remarks
from tests.recipes import WIDTH, write_recipe

PORTS = Ports(frames=5555, events=5556, replay=5557, http=9477)
GRADING = '[[grading]]\nname = "g"\nversion = "1"\n'
LIMIT = '[[grading.limit]]\nname = "{name}"\ngrade = "{grade}"\nmax_count = {count}\n'
ROLL = '[[roll]]\nname = "{name}"\ncircumference_mm = {mm}\n'


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with a recipe, whose camera sees 256 mm across."""
    folder = tmp_path_factory.mktemp("rules")
    write_recipe(folder / "r")
    return folder


def checked(folder: Path, extra: str) -> tuple[list[str], list[str]]:
    """What is wrong with a line's rules, and what is remarked on; the journal is in `journal`."""
    path = configuration.write(folder / "line.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, extra=extra)
    try:
        prepared = prepare(path)
    except ConfigError as error:
        return [words.removeprefix("line.toml: ") for words in str(error).splitlines()], []
    return [], remarks(prepared.settings, prepared.full.card)


CRITICAL = '[[severity]]\nlevel = "critical"\nclasses = ["bright"]\n'
"""What makes no defect of another class severe."""
MAJOR_DARK = 'classes = ["dark"]\nmin_severity = "major"\n'
MAJOR_DRAK = MAJOR_DARK.replace("dark", "drak")
ON_GRADE = '[[alarm]]\nname = "a"\nkind = "grade"\ngrade = "hold"\n'
SECOND_CAMERA = (
    '[[camera]]\nname = "wide"\nside = "bottom"\nmm_per_px = 1.0\nmm_per_row = 1.0\nwidth = 1000\noverload = "wait"\n'
)
FAULTS = {
    GRADING + LIMIT.format(name="rare", grade="hold", count=2) + 'counts = "alarms"\nclasses = ["zz"]\n': (
        'grading "g": limit "rare" names alarm "zz"; expected none: the file has no [[alarm]]. Correct its classes.'
    ),
    GRADING + LIMIT.format(name="often", grade="hold", count=2) + 'counts = "alarms"\n': (
        'grading "g": limit "often" counts alarms, and the file has no [[alarm]]: it can never decide. Write one, or '
        "remove the limit."
    ),
    GRADING + LIMIT.format(name="often", grade="hold", count=2) + 'counts = "alarms"\n' + ON_GRADE: (
        'grading "g": limit "often" counts alarms, and the file has no [[alarm]] but those that a grade raises: it can '
        "never decide. Write one, or remove the limit."
    ),
    GRADING + "edge_mm = 128\n": (
        f'grading "g": edge_mm is 128, and the cameras see {WIDTH} mm across: nothing is left to grade. Expected less '
        "than 128. Lower it."
    ),
    GRADING + LIMIT.format(name="wide", grade="hold", count=1) + "min_width_mm = 300\n": (
        'grading "g": limit "wide" counts defects 300 mm wide or more, and the cameras see 256 mm across: it can never '
        "decide. Lower min_width_mm."
    ),
    '[[severity]]\nlevel = "major"\nmin_length_mm = 9\n[[severity]]\nlevel = "critical"\nmin_length_mm = 9\n': (
        "severity 1 (major) can never decide: whatever it concerns is critical by severity 2. Correct one of them, or "
        "remove it."
    ),
    '[[severity]]\nlevel = "major"\nclasses = ["dark"]\n[[severity]]\nlevel = "critical"\n': (
        "severity 1 (major) can never decide: whatever it concerns is critical by severity 2. Correct one of them, or "
        "remove it."
    ),
    CRITICAL + '[[alarm]]\nname = "a"\nclasses = ["dark"]\nmin_severity = "critical"\n': (
        'alarm "a": min_severity is "critical": it can never be raised, for no [[severity]] makes a critical '
        "defect of dark. Correct the classes of one of them."
    ),
    CRITICAL
    + '[[trigger]]\nname = "t"\naction = "stop"\nposition_m = 5\nclasses = ["dark"]\nmin_severity = "major"\n': (
        'trigger "t": min_severity is "major": it can never be due, for no [[severity]] makes a major defect of '
        "dark. Correct the classes of one of them."
    ),
    CRITICAL
    + GRADING
    + LIMIT.format(name="l", grade="hold", count=1)
    + 'classes = ["dark"]\nmin_severity = "major"\n': (
        'grading "g": limit "l" counts major defects: it can never decide, for no [[severity]] makes a major defect of '
        "dark. Correct the classes of one of them."
    ),
    GRADING + LIMIT.format(name="l", grade="hold", count=1) + 'min_severity = "major"\n': (
        'grading "g": limit "l" counts major defects: it can never decide, for no [[severity]] makes a major defect. '
        "Write one with that level."
    ),
    CRITICAL + GRADING + LIMIT.format(name="l", grade="hold", count=1) + MAJOR_DRAK: (
        'grading "g": limit "l" names class "drak"; expected one of dark, bright (recipe tiny@1). Correct its classes.'
    ),
    CRITICAL + '[[alarm]]\nname = "a"\n' + MAJOR_DRAK: (
        'alarm "a" watches class "drak"; expected one of dark, bright (recipe tiny@1). Correct its classes.'
    ),
    CRITICAL + '[[trigger]]\nname = "t"\naction = "stop"\nposition_m = 5\n' + MAJOR_DRAK: (
        'trigger "t" names class "drak"; expected one of dark, bright (recipe tiny@1). Correct its classes.'
    ),
    CRITICAL.replace("bright", "brite") + '[[alarm]]\nname = "a"\n' + MAJOR_DARK: (
        'severity critical names class "brite"; expected one of dark, bright (recipe tiny@1). Correct its classes.'
    ),
    '[[severity]]\nlevel = "major"\n[[severity]]\nlevel = "major"\n': (
        "severity 2 (major) can never decide: whatever it concerns is major by severity 1. Correct one of them, or "
        "remove it."
    ),
    GRADING
    + LIMIT.format(name="few", grade="hold", count=9)
    + 'classes = ["dark"]\n'
    + LIMIT.format(name="many", grade="block", count=5): (
        'grading "g": limit "few" holds beyond 9 what "many" blocks beyond 5: it can never decide. Allow less in "few".'
    ),
    GRADING + LIMIT.format(name="own", grade="hold", count=0) + 'counts = "alarms"\nclasses = ["a"]\n' + ON_GRADE: (
        'grading "g": limit "own" counts alarm "a", which a grade raises: it asks about itself. Take the alarm out of '
        "its classes."
    ),
    GRADING
    + LIMIT.format(name="below", grade="hold", count=0)
    + 'counts = "alarms"\nside = "bottom"\n'
    + '[[alarm]]\nname = "a"\n': (
        'grading "g": limit "below" counts alarms, and sets side = "bottom"; an alarm is of no side. Remove it.'
    ),
    '[[severity]]\nlevel = "major"\nmin_width_mm = 257\n': (
        "severity 1 (major): min_width_mm is 257: it can never decide, for the cameras see 256 mm across. Lower it."
    ),
    '[[alarm]]\nname = "a"\nkind = "grade"\ngrade = "block"\n' + GRADING: (
        'alarm "a": grade is "block": it can never be raised, for no [[grading]] makes a coil worse than "hold". Write '
        "such a limit, or lower the grade."
    ),
    '[[alarm]]\nname = "a"\nkind = "crowded"\ncount = 1000\nwithin_m = 1\n': (
        'alarm "a": count is 1000 within_m = 1: it can never be raised, for 1 camera can show at most 158 there. '
        "Lower it, or raise within_m."
    ),
    '[[alarm]]\nname = "a"\ncount = 99999\nwithin_m = 0.001\n': (
        'alarm "a": count is 99999 within_m = 0.001: it can never be raised, for 1 camera can show at most 800 there. '
        "Lower it, or raise within_m."
    ),
    '[[alarm]]\nname = "a"\nkind = "density"\nper_m = 90000\nwithin_m = 0.1\n': (
        'alarm "a": per_m is 90000 within_m = 0.1, 9000 defects; 1 camera can show at most 6800 there, so it can never '
        "be raised. Lower per_m."
    ),
    '[[trigger]]\nname = "t"\naction = "stop"\nposition_m = 5\nclasses = ["drak"]\n': (
        'trigger "t" names class "drak"; expected one of dark, bright (recipe tiny@1). Correct its classes.'
    ),
    '[archive]\npath = "journal"\n': (
        "archive.path is {folder}/journal, in the journal's folder; expected a folder of its own. Choose another."
    ),
    '[archive]\npath = "crops/../journal"\n': (
        "archive.path is {folder}/crops/../journal, in the journal's folder; expected a folder of its own. Choose "
        "another."
    ),
    '[archive]\npath = "journal/crops"\n': (
        "archive.path is {folder}/journal/crops, in the journal's folder; expected a folder of its own. Choose another."
    ),
}
REMARKS = {
    GRADING: (
        'grading "g" has no [[grading.limit]]: it grades by missed strip alone, and no defect is too many for it. '
        "Write a limit, or remove the grading."
    ),
    '[[defect]]\nname = "dark"\n': (
        '[[defect]] "dark" changes nothing: its gaps are those of a class without such a section. Write join_along_mm '
        "or join_across_mm, or remove it."
    ),
    "[flood]\nmore_than = 20\n": (
        "[flood] changes nothing: the file has no [[alarm]]. Write one, or remove the section."
    ),
    "[archive]\nmax_gb = 1\n": (
        "[archive] keeps nothing: archive.path is empty. Write a folder, or remove the section."
    ),
    ROLL.format(name="one", mm=1500) + ROLL.format(name="other", mm=1500): (
        "rolls one and other print marks 1500 and 1500 mm apart, equal within repeat.stretch_percent, 0.3 %: no repeat "
        "can tell which of them it is, so it names both. Correct circumference_mm or elongation_percent if they are "
        "not the same size."
    ),
    ROLL.format(name="one", mm=1500) + "elongation_percent = 2\n" + ROLL.format(name="other", mm=1530): (
        "rolls one and other print marks 1530 and 1530 mm apart, equal within repeat.stretch_percent, 0.3 %: no repeat "
        "can tell which of them it is, so it names both. Correct circumference_mm or elongation_percent if they are "
        "not the same size."
    ),
    ROLL.format(name="twice", mm=1400) + ROLL.format(name="once", mm=701): (
        "rolls once and twice print marks 701 and 1400 mm apart: once looks like twice where it prints once in 2 "
        "turns, and a repeat may name either. Correct circumference_mm or elongation_percent if that is not so."
    ),
    SECOND_CAMERA + GRADING + "edge_mm = 400\n" + LIMIT.format(name="all", grade="hold", count=2): (
        'grading "g": edge_mm is 400, and the cameras see 256 mm of the top side: nothing of it is graded. Expected '
        "less than 128. Lower it."
    ),
    ROLL.format(name="large", mm=9000): (
        "roll large prints a mark each 9000 mm, and repeats are looked for from 300 to 6000 mm: it is never found. "
        "Change repeat.min_period_mm or max_period_mm."
    ),
    GRADING + LIMIT.format(name="few", grade="hold", count=2) + LIMIT.format(name="many", grade="hold", count=5): (
        'grading "g": limit "many" adds nothing: "few" allows less of the same, for the same grade. Remove one of them.'
    ),
    GRADING
    + LIMIT.format(name="few", grade="hold", count=5)
    + LIMIT.format(name="dark", grade="hold", count=5)
    + 'classes = ["dark"]\n': (
        'grading "g": limit "dark" adds nothing: "few" allows no more of the same, for the same grade. Remove one of '
        "them."
    ),
    '[[trigger]]\nname = "t"\naction = "stop"\nposition_m = 5\nside = "bottom"\n': (
        'trigger "t" is for the bottom side, and no camera is configured there: it is due only where frame headers '
        "name that side. Correct one of them."
    ),
    GRADING + LIMIT.format(name="below", grade="hold", count=2) + 'side = "bottom"\n': (
        'grading "g": limit "below" counts the bottom side, and no camera is configured there: it decides only where '
        "frame headers name that side. Correct one of them."
    ),
}


@pytest.mark.parametrize("extra", FAULTS)
def test_it_is_refused(folder: Path, extra: str) -> None:
    """What can never come, or contradicts itself, is refused with what was found and what to do: that, and no more."""
    assert checked(folder, extra) == ([FAULTS[extra].format(folder=folder)], [])


@pytest.mark.parametrize("extra", REMARKS)
def test_it_is_remarked_on(folder: Path, extra: str) -> None:
    """What is hardly meant, but may be, is a remark at the start."""
    assert checked(folder, extra) == ([], [REMARKS[extra]])


def test_a_disk_that_can_never_hold_it(folder: Path) -> None:
    """An archive beyond its disk is remarked on: it is full before its own limit."""
    faults, (remark,) = checked(folder, '[archive]\npath = "crops"\nmax_gb = 100000\n')
    assert faults == [] and remark.startswith("archive.max_gb allows 100000.0 GB, and the disk of ")


@pytest.mark.parametrize(("key", "most"), [("min_confidence", 0.9999934), ("min_probability", 0.9999934)])
def test_a_class_that_could_never_be_reported_is_refused(folder: Path, key: str, most: float) -> None:
    """Above what the map can state a class's rule holds of no defect: its card is refused for a line."""
    prepared = prepare(configuration.write(folder / "line.toml", PORTS, Path("r"), line="l", mm_per_px=1.0))
    card = msgspec.structs.replace(prepared.full.card, confidence="log_odds")

    def faults(least: float, certainty: Certainty | None = None) -> list[str]:
        changed = msgspec.structs.replace(card.classes[1], **{key: least, "certainty": certainty})
        return list(rules.faults(prepared.settings, msgspec.structs.replace(card, classes=(card.classes[0], changed))))

    assert faults(most) == []
    assert faults(1.0) == [
        f'recipe tiny@1: {key} of class "bright" is 1: no such defect is ever reported, for the recipe states at most '
        "0.9999935. Lower it in its recipe.toml."
    ]
    certainty = Certainty(constant=0.0, log_odds=1.0, log_area=1.0, log_length=0.0)
    assert (faults(0.9999998, certainty) == []) == (key == "min_probability") and faults(1.0, certainty)


def test_a_confidence_that_the_recipe_never_states(folder: Path) -> None:
    """Eight bits of log-odds end below 1: a rule for certainty itself is refused there, and taken with linear ones."""
    extra = GRADING + LIMIT.format(name="sure", grade="hold", count=0) + "min_confidence = 1.0\n"
    assert checked(folder, extra) == ([], [])
    prepared = prepare(folder / "line.toml")
    settings, card = prepared.settings, msgspec.structs.replace(prepared.full.card, confidence="log_odds")
    assert list(rules.faults(settings, card)) == [
        'grading "g": limit "sure": min_confidence is 1: it can never decide, for recipe tiny@1 states at most '
        "0.999993. Lower it."
    ]
    certainty = Certainty(constant=0.0, log_odds=1.0, log_area=1.0, log_length=0.0)
    kinds = tuple(msgspec.structs.replace(kind, certainty=certainty) for kind in card.classes)
    assert list(rules.faults(settings, msgspec.structs.replace(card, classes=kinds))) == []


def test_good_rules_are_taken_without_a_word(folder: Path) -> None:
    """A line with rules of every kind, none of them in another's way."""
    extra = (
        GRADING
        + LIMIT.format(name="few", grade="hold", count=2)
        + LIMIT.format(name="many", grade="block", count=5)
        + '[[severity]]\nlevel = "major"\nmin_length_mm = 9\n[[severity]]\nlevel = "critical"\nmin_length_mm = 99\n'
        + ROLL.format(name="one", mm=1500)
        + ROLL.format(name="other", mm=1600)
        + '[[alarm]]\nname = "a"\nkind = "grade"\ngrade = "block"\n'
        + '[[trigger]]\nname = "t"\naction = "stop"\nposition_m = 5\nmin_severity = "critical"\n'
    )
    assert checked(folder, extra) == ([], [])
