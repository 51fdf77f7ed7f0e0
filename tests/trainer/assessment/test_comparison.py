"""`trainer evaluate --against`: two recipes on the same frames, whose classes may have other names."""

from __future__ import annotations

from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest

from inspector.records.recipe import DefectClass, Recipe
from tests.recipes import HEIGHT, WIDTH, write_recipe
from tests.trainer.assessment.test_acceptance import SCALE, shown
from tests.trainer.painted import BRIGHT, DARK, SURE, paint, write_frames
from trainer import __main__
from trainer.assessment.acceptance import AcceptanceReport
from trainer.assessment.comparison import Comparison, Difference, RecipeTally, compare, comparison_lines
from trainer.assessment.labelled_strip import assessed_frame
from trainer.assessment.reported import reported_labels

NAMES = ("dark", "bright")
SCALES = ("--mm-per-px", "0.5", "--mm-per-row", "0.5")


def card_of(folder: Path, *names: str) -> Recipe:
    """The recipe of `tests.recipes` with its two classes called otherwise."""
    from inspector import recipe

    card, _ = recipe.load(write_recipe(folder))
    kinds = tuple(DefectClass(number, name, 0.5, 4.0) for number, name in enumerate(names, 1))
    return msgspec.structs.replace(card, classes=kinds)


def tally_of(card: Recipe, frames: list[tuple[np.ndarray, np.ndarray]], blind: tuple[int, ...] = ()) -> RecipeTally:
    """What a recipe finds of painted frames; of those in `blind` it sees sound steel alone."""
    tally = RecipeTally(card, NAMES)
    for number, (pixels, labels) in enumerate(frames):
        maps = shown(paint()[0] if number in blind else pixels)
        strip = assessed_frame(str(number), labels, maps, card, SCALE)
        tally.add(strip, labels, reported_labels(maps, card, SCALE))
    return tally


def figure(made: Comparison, name: str, wanted: str) -> Difference:
    """One figure of one class."""
    (row,) = (row for row in made.rows if row.name == name)
    return next(difference for difference in row.differences if difference.figure == wanted)


def frames() -> list[tuple[np.ndarray, np.ndarray]]:
    """Twelve frames: a true dark defect in each, a true bright one and a false dark one in every other."""
    made = []
    for number in range(12):
        more = [(40, 150, SURE[BRIGHT], True), (10, 200, SURE[DARK], False)] if number % 2 else []
        made.append(paint((10, 20, SURE[DARK], True), *more))
    return made


def test_a_recipe_of_other_names_is_compared_by_any_class(tmp_path: Path) -> None:
    """What it calls otherwise counts for any class; a name that both have is compared, in any case of letters."""
    own = tally_of(card_of(tmp_path / "own", "dark", "bright"), frames())
    other = tally_of(card_of(tmp_path / "other", "hole", "Bright"), frames())
    made = compare(own, other, NAMES)
    assert [(row.name, row.defects) for row in made.rows] == [("any class", 18), ("dark", 12), ("bright", 6)]
    any_recall = figure(made, "any class", "recall")
    assert (any_recall.own, any_recall.other, any_recall.low, any_recall.high) == (1.0, 1.0, 0.0, 0.0)
    assert figure(made, "any class", "dice") == Difference("dice", 36 / 42, 36 / 42, 0.0, 0.0)
    metres = 12 * HEIGHT * SCALE.mm_per_row / 1000
    assert figure(made, "any class", "false_per_100m").other == pytest.approx(100 * 6 / metres)
    dark = figure(made, "dark", "recall")
    assert (dark.own, dark.other, dark.low) == (1.0, None, None)
    assert figure(made, "bright", "recall").other == 1.0
    assert "dark         tiny@1 has no such class" in comparison_lines(made)


def test_a_difference_has_the_interval_of_its_resampled_frames(tmp_path: Path) -> None:
    """A recipe blind in every frame but two loses by more than chance; one blind in one frame does not."""
    card = card_of(tmp_path / "own", "dark", "bright")
    sighted = tally_of(card, frames())
    much = figure(compare(sighted, tally_of(card, frames(), tuple(range(2, 12))), NAMES), "dark", "recall")
    assert much.own == 1.0 and much.other == pytest.approx(2 / 12)
    assert much.low is not None and much.high is not None and 0.5 < much.low < 10 / 12 < much.high <= 1.0
    little = figure(compare(sighted, tally_of(card, frames(), (3,)), NAMES), "dark", "recall")
    assert little.low == 0.0 and little.high is not None and little.high > 1 / 12


def test_a_difference_of_few_frames_has_no_interval(tmp_path: Path) -> None:
    """One frame, or one that has the class, is itself in each resampling: its interval would have no width."""
    card = card_of(tmp_path / "own", "dark", "bright")

    def against_blind(shown: list[tuple[np.ndarray, np.ndarray]]) -> Comparison:
        return compare(tally_of(card, shown), tally_of(card, shown, (1,)), NAMES)

    dark, bright = (figure(against_blind(frames()[:8]), name, "recall") for name in NAMES)
    assert dark.low is not None and (bright.own, bright.other, bright.low, bright.high) == (1.0, 0.75, None, None)
    made = against_blind(frames()[:4])
    assert all(part.low is part.high is None for row in made.rows for part in row.differences)
    assert "dark         recall                     1.000   0.750  +0.250 (no interval)" in comparison_lines(made)


def test_evaluate_writes_the_comparison_into_both_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints it, the page has a table of it, the JSON all of it; a larger recipe pads the same frames."""
    recipe = write_recipe(tmp_path / "recipe")
    other = write_recipe(tmp_path / "larger", size=(HEIGHT, 2 * WIDTH))
    command = ["evaluate", str(recipe), str(write_frames(tmp_path / "data", 6)), "--out", str(tmp_path / "report")]
    assert __main__.main([*command, "--against", str(other)]) == 0
    assert "tiny@1 against tiny@1" in capsys.readouterr().out
    made = msgspec.json.decode((tmp_path / "report" / "report.json").read_bytes(), type=AcceptanceReport).comparison
    assert made and made.frames == 6 and figure(made, "any class", "recall").other == 1.0
    assert "<h2>Against tiny@1</h2>" in (tmp_path / "report" / "report.html").read_text()


def test_a_frame_of_several_tiles_counts_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Its metres, its defect across a seam and its place among the resampled, whatever the recipes' sizes are."""
    narrow = write_recipe(tmp_path / "narrow")
    wide = write_recipe(tmp_path / "wide", size=(HEIGHT, 3 * WIDTH))
    (data := tmp_path / "data").mkdir()
    for part in ("images", "masks"):
        (data / part).mkdir()
    for number in range(4):
        pixels, labels = (np.tile(plane, (1, 3)) for plane in paint())
        for left, is_true in ((WIDTH - 10, True), (2 * WIDTH + 40, False)):  # one lies across two tiles
            pixels[20:30, left : left + 20] = SURE[DARK]
            labels[20:30, left : left + 20] = DARK * is_true
        cv2.imwrite(str(data / "images" / f"{number}.png"), pixels)
        cv2.imwrite(str(data / "masks" / f"{number}.png"), labels)
    made = []
    for more in ((), ("--against", str(narrow)), ("--against", str(wide))):
        command = ["evaluate", str(narrow), str(data), *SCALES, "--json", *more]
        assert __main__.main(command) == 0
        output = capsys.readouterr()
        assert "4 larger ones are cut into tiles" in output.err
        made.append(msgspec.json.decode(output.out, type=AcceptanceReport))
    metres = 4 * HEIGHT * 0.5 / 1000
    for report in made:
        assert (report.basis.frames, report.basis.metres, report.total.true) == (4, pytest.approx(metres), 4)
        assert (report.total.found, report.total.reported, report.total.false) == (4, 8, 4)
        assert report.total.false_per_100m == pytest.approx(100 * 4 / metres)
        assert report.outlined == made[0].outlined
        if compared := report.comparison:
            assert compared.frames == 4 and figure(compared, "dark", "recall").other == 1.0
            false = figure(compared, "any class", "false_per_100m")
            assert false.own == false.other == pytest.approx(100 * 4 / metres)


def test_nothing_can_be_compared_without_labels(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Images alone are refused by name."""
    recipe = write_recipe(tmp_path / "recipe")
    images = write_frames(tmp_path / "data", 2) / "images"
    command = ["evaluate", str(recipe), str(images), "--submission", str(tmp_path / "a.csv"), "--against", str(recipe)]
    assert __main__.main(command) == 2
    assert "expected labelled frames" in capsys.readouterr().err
