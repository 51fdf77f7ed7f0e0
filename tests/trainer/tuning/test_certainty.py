"""A defect's probability: what is fitted, what it is worth on other frames, and what the line then reports."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest

from inspector import recipe
from inspector.records.recipe import Certainty, DefectClass, evidence
from tests.recipes import write_recipe
from tests.trainer.painted import write_frames
from trainer import __main__
from trainer.errors import UserError
from trainer.recipe import export
from trainer.tuning.certainty import Candidates, fit, show

KINDS = (DefectClass(1, "dark", 0.5, 0.0), DefectClass(2, "bright", 0.5, 0.0))
TRUTH = Certainty(constant=-6.0, log_odds=1.0, log_area=0.8, log_length=-0.3)


def drawn(count: int, seed: int) -> Candidates:
    """Draw candidates that are right as often as `TRUTH` says."""
    chance = np.random.default_rng(seed)
    known = np.column_stack((chance.normal(3, 2, count), chance.normal(5, 1.5, count), chance.normal(3, 1, count)))
    weights = np.array((TRUTH.log_odds, TRUTH.log_area, TRUTH.log_length))
    right = chance.random(count) < 1 / (1 + np.exp(-(TRUTH.constant + known @ weights)))
    return Candidates(chance.integers(1, 3, count), known, right, np.ones(count, bool), np.arange(count) // 5)


def test_what_is_fitted_is_what_was_drawn() -> None:
    """On other candidates the fitted probability is what it says, and the most certain pixel's is not."""
    fitted, other = fit(drawn(3000, 1), KINDS), drawn(3000, 2)
    for certainty in fitted:
        assert [certainty.log_odds, certainty.log_area, certainty.log_length] == pytest.approx([1, 0.8, -0.3], abs=0.3)
    every = np.ones(3000, bool)
    now, before = show(other, fitted, "now", every), show(other, [None, None], "before", every)
    assert now.error < 0.04 < before.error
    assert now.interval and before.interval
    assert now.interval[0] <= now.error + 0.02 and now.interval[1] < before.interval[0]
    assert now.defects == 3000 == sum(cell.pixels for cell in now.bins)


def test_few_strips_have_no_interval() -> None:
    """Of one strip each resampling is that strip again: an interval of no width, and a bound that is the figure."""
    found = drawn(100, 4)
    fitted, every = fit(found, KINDS), np.ones(100, bool)
    for strips, has in ((1, False), (4, False), (5, True)):
        part = show(msgspec.structs.replace(found, strip=np.arange(100) % strips), fitted, "few", every)
        assert bool(part.interval) == has and ("no interval: of fewer than 5 strips" in part.words) != has
    assert show(found, fitted, "none", ~every).interval is None


def test_a_class_with_few_candidates_has_the_regression_of_all() -> None:
    """A class never seen has the others'; without wrong candidates at all nothing is fitted."""
    found = drawn(500, 3)
    alone = msgspec.structs.replace(found, class_id=np.ones(500, np.int64))
    one, none = fit(alone, KINDS)
    assert one == none
    with pytest.raises(UserError, match="0 wrong"):
        fit(msgspec.structs.replace(found, is_right=np.ones(500, bool)), KINDS)


def test_the_probability_of_a_certain_defect_ends_below_one() -> None:
    """Pixels whose probability is 0 or 1, and a defect of no size, have finite evidence."""
    assert all(np.isfinite(evidence(0.0, 0.0, certain)).all() for certain in (0.0, 1.0))
    assert 0.9 < TRUTH.probability(1e4, 100.0, 1.0) < 1
    plain = KINDS[0]
    assert plain.probability(10.0, 10.0, 0.25) == 0.25
    assert msgspec.structs.replace(plain, certainty=TRUTH).probability(10.0, 10.0, 0.25) < 0.01


def test_the_recipe_says_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The card has a regression for each class, the figures are printed and drawn, and the settings are untouched."""
    folder = write_recipe(tmp_path / "recipe")
    before = recipe.read_card(folder)
    data = [str(write_frames(tmp_path / name, 48)) for name in ("calibration", "test")]
    words = ["tune-certainty", str(folder), "--calibrate", data[0], "--test", data[1], "--out", str(tmp_path / "out")]
    assert __main__.main(words) == 0
    card = recipe.read_card(folder)
    plain = tuple(msgspec.structs.replace(kind, certainty=None) for kind in card.classes)
    assert plain == before.classes and all(kind.certainty for kind in card.classes)
    assert float(card.scores["frame_defect_calibration_error"]) < 0.2
    assert (tmp_path / "out" / "reliability.png").stat().st_size > 1000
    shown = msgspec.json.decode((tmp_path / "out" / "reliability.json").read_bytes())
    assert shown[0]["defects"] == 48 + 16
    assert "calibration error" in capsys.readouterr().out
    assert __main__.main(["tune-certainty", str(folder), "--test", data[1]]) == 0  # nothing is fitted: it is shown
    assert recipe.read_card(folder) == card and "calibration:" not in capsys.readouterr().out
    assert "frame_defect_calibration_error_upper95" in card.scores
    few = str(write_frames(tmp_path / "few", 3))
    assert __main__.main(["tune-certainty", str(folder), "--test", few]) == 0
    assert "frame_defect_calibration_error_upper95" not in recipe.read_card(folder).scores  # it was of other strip


def test_probabilities_that_settings_were_chosen_for_are_not_fitted_to_other_strip(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused by the classes' names, with what does both; shown they are as ever."""
    folder = write_recipe(tmp_path / "recipe")
    card, model = recipe.load(folder)
    kinds = tuple(msgspec.structs.replace(kind, min_probability=0.5, certainty=TRUTH) for kind in card.classes)
    export.write_recipe(folder, model, msgspec.to_builtins(msgspec.structs.replace(card, classes=kinds)))
    data, other = (str(write_frames(tmp_path / name, 12)) for name in ("test", "calibration"))
    assert __main__.main(["tune-certainty", str(folder), "--calibrate", other, "--test", data]) == 2
    assert "dark, bright: min_probability was chosen" in capsys.readouterr().err
    assert __main__.main(["tune-certainty", str(folder), "--test", data]) == 0
    assert recipe.read_card(folder).classes == kinds
