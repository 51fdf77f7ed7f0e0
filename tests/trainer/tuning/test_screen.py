"""Which frames a screen may hold back: chosen on calibration strip, and what it loses measured on other strip."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from msgspec import structs

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records.recipe import Recipe
from inspector.simulator.sheet import Planted
from tests.recipes import write_recipe
from tests.trainer.painted import DARK, SURE, UNSURE, paint, write_frames
from trainer import __main__
from trainer.assessment.bounds import rate_at_most
from trainer.assessment.coil import ProceduralCoil
from trainer.assessment.labelled_strip import WholeCoils
from trainer.data.samples import CLASS_NAMES
from trainer.errors import UserError
from trainer.tuning.screen import ScreenedStrip, _Both, _places, choose_below, read_kept, screened


def strip(defects: list[float], sound: list[float]) -> ScreenedStrip:
    """Make a screened strip of these scores."""
    return ScreenedStrip(np.array(defects, np.float32), np.array(sound, np.float32))


def test_what_is_lost_and_held_back_at_a_score() -> None:
    """A defect is lost below its own score alone; so is a sound frame held back."""
    found = strip([0.2, 0.5, 0.9], [0.0, 0.1, 0.2, 0.3])
    assert [found.lost(below) for below in (0.2, 0.21, 0.95)] == [0, 1, 3]
    assert [found.held_back(below) for below in (0.05, 0.2, 1.0)] == [0.25, 0.5, 1.0]


def test_as_many_defects_are_given_up_as_the_bound_allows() -> None:
    """Of few defects none; of five thousand one in a thousand, less what chance may hide."""
    few = strip([0.3, 0.6], [])
    assert choose_below(few, 0.001) == pytest.approx(0.3)
    scores = np.linspace(0.1, 0.9, 5000)
    many = strip(list(scores), [])
    below = choose_below(many, 0.001)
    lost = many.lost(below)
    assert lost == 1 and rate_at_most(lost, 5000) <= 0.001 < rate_at_most(lost + 1, 5000)


@pytest.mark.parametrize("defects", [[], [0.0, 0.4]])
def test_a_screen_that_cannot_tell_is_refused(defects: list[float]) -> None:
    """Without a defect to choose by, or with one that scores nothing at all, there is no score to choose."""
    with pytest.raises(UserError):
        choose_below(strip(defects, [0.0]), 0.001)


@pytest.fixture
def folders(tmp_path: Path) -> dict[str, Path]:
    """A recipe, a screen with another threshold, frames to choose on and to measure on, half of the latter sound."""
    folders = {name: write_frames(tmp_path / name, 12) for name in ("calibration", "test")}
    for number in range(12, 24):
        pixels, labels = paint((50, 200, 90, False)) if number % 2 else paint()  # 0.1 for dark: a look-alike
        cv2.imwrite(str(folders["test"] / "images" / f"{number:03}.png"), pixels)
        cv2.imwrite(str(folders["test"] / "masks" / f"{number:03}.png"), labels)
    full = write_recipe(tmp_path / "full")
    return {**folders, "full": full, "screen": write_recipe(tmp_path / "screen", name="fast", threshold=0.3)}


def command(folders: dict[str, Path], *words: str) -> int:
    """Run `trainer tune-screen`."""
    data = ["--calibrate", str(folders["calibration"]), "--test", str(folders["test"])]
    return __main__.main(["tune-screen", str(folders["full"]), "--screen", str(folders["screen"]), *data, *words])


def test_the_recipe_permits_the_screen_with_what_it_loses(
    folders: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """The card names the screen, its score and the bound; sound frames and look-alikes are held back, no defect is."""
    assert command(folders, "--max-lost", "0.3") == 0
    card, _ = recipe.load(folders["full"])
    assert card.screen is not None and card.screen.recipe == "fast@1"
    assert card.screen.sha256 == recipe.read_card(folders["screen"]).sha256
    assert card.screen.settings_sha256 == card.settings_sha256
    assert 0.1 < card.screen.below <= (100 - SURE[DARK]) / 100
    assert (card.screen.defects, card.screen.lost, card.screen.held_back) == (12, 0, 1.0)
    assert card.screen.lost_at_most == pytest.approx(rate_at_most(0, 12), abs=1e-6)
    assert "lost 0 of 12 defects" in capsys.readouterr().out


def test_a_defect_of_a_coil_counts_where_it_is_alone() -> None:
    """Of two that share a frame neither does: the easier one would have had that frame looked at."""
    at = [(0.0, 150.0), (330.0, 340.0), (150.0, 170.0), (500.0, 900.0)]
    defects = [planted(begin_mm, end_mm) for begin_mm, end_mm in at]
    places, alone = _places(defects, 0.96, 6)  # frames of 160 mm
    assert places == [slice(0, 1), slice(2, 3), slice(0, 2), slice(3, 6)]
    assert alone.tolist() == [False, False, True, True, True, True]


def test_the_full_recipe_looks_only_where_it_is_wanted(tmp_path: Path) -> None:
    """What it does not look at is sound in its maps; the screen scores every frame; then all are looked at."""
    card, model = recipe.load(write_recipe(tmp_path / "full"))
    screen = recipe.load(write_recipe(tmp_path / "screen", name="fast", threshold=0.3))
    both = _Both(OpenVino(card, model), OpenVino(*screen), card, len(screen[0].classes))
    dark = np.stack([paint((10, 20, SURE[DARK], True))[0]] * 3)
    both.want([False, True, False, False])
    seen = []
    for _ in range(3):
        both.submit(dark)
        seen += [bool(labels.any()) for labels in both.result().labels]
    assert seen == [False, True, False, False, *[True] * 5]
    scores = both.take()
    assert len(scores) == 9 and (scores == scores[0]).all() and scores[0] > 0.3
    both.close()


def test_what_a_coil_gave_is_kept(tmp_path: Path) -> None:
    """Asked again, the command reads it, also after a kill within a line; not for another screen or setting."""
    kept = tmp_path / "kept.jsonl"
    full, screen = (recipe.load(write_recipe(tmp_path / name, name, size=(256, 1600))) for name in "ab")
    coils = WholeCoils([ProceduralCoil(seed, 1, 1.0) for seed in (1, 2)], CLASS_NAMES)

    def run(fast: tuple[Recipe, bytes]) -> ScreenedStrip:
        return screened(full, fast, coils, print, kept)

    first = run(screen)
    whole = kept.read_bytes()
    assert whole.count(b"\n") == 2 and 0 < len(first.sound) <= 2
    kept.write_bytes(whole[:-20])
    assert [part.strip for part in read_kept(kept)] == [str(next(coils.parts()))]
    again = run(screen)
    assert kept.read_bytes() == whole
    assert np.array_equal(first.sound, again.sound) and np.array_equal(first.defects, again.defects)
    run((structs.replace(screen[0], sha256="0" * 64), screen[1]))
    assert len(read_kept(kept)) == 4
    kinds = tuple(structs.replace(kind, min_confidence=0.99) for kind in full[0].classes)
    full = structs.replace(full[0], classes=kinds), full[1]
    run(screen)
    assert len(read_kept(kept)) == 6
    for line in (b"no JSON\n", b'{"strip": "\xff"}\n'):
        kept.write_bytes(line)
        with pytest.raises(UserError, match="not what this command keeps"):
            run(screen)


def planted(begin_mm: float, end_mm: float) -> Planted:
    """Make a defect of this place along the strip."""
    return Planted(
        number=0,
        class_id=1,
        start_mm=begin_mm,
        end_mm=end_mm,
        left_mm=0,
        right_mm=10,
        area_mm2=10 * (end_mm - begin_mm),
    )


def test_too_little_strip_proves_nothing(folders: dict[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    """One in a thousand is not proven on a dozen defects: the card has the bound, the exit code is 1."""
    assert command(folders) == 1
    card, _ = recipe.load(folders["full"])
    assert card.screen is not None and card.screen.lost_at_most > 0.2
    assert "0.001 was asked for" in capsys.readouterr().err


def test_a_defect_below_the_score_is_counted_as_lost(folders: dict[str, Path]) -> None:
    """A fainter defect than any to choose by, which the recipe finds, is lost to the screen, and the card says so."""
    pixels, labels = paint((10, 20, UNSURE[DARK], True))
    cv2.imwrite(str(folders["test"] / "images" / "000.png"), pixels)
    cv2.imwrite(str(folders["test"] / "masks" / "000.png"), labels)
    assert command(folders, "--max-lost", "0.3") == 1
    card, _ = recipe.load(folders["full"])
    assert card.screen is not None and card.screen.lost == 1
