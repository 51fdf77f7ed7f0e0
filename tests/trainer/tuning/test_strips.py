"""`trainer tune` on frames: from a run or a recipe to rewritten settings and what they promise."""

from __future__ import annotations

import csv
import os
import shutil
from pathlib import Path

import cv2
import msgspec
import numpy as np
import pytest
from msgspec import structs

from inspector import recipe
from inspector.engines.stub import Stub
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Screen
from tests.recipes import HEIGHT, WIDTH, write_recipe
from tests.trainer.painted import DARK, paint, write_frames
from trainer import __main__
from trainer.assessment.coil import ProceduralCoil, Scale
from trainer.assessment.defect_counts import DefectCounts
from trainer.assessment.labelled_strip import regions
from trainer.errors import UserError
from trainer.learn.checkpoint import Card
from trainer.metrics import Scores
from trainer.recipe import export
from trainer.tuning.strips import both_strips, labelled_strip
from trainer.tuning.sweep import wide_open

SCALE = ("--mm-per-px", "0.5", "--mm-per-row", "0.5")


@pytest.fixture
def folders(tmp_path: Path) -> tuple[str, str, str]:
    """A recipe, frames to choose on, frames to measure on."""
    calibration, test = write_frames(tmp_path / "a", 24), write_frames(tmp_path / "b", 12)
    return str(write_recipe(tmp_path / "recipe")), str(calibration), str(test)


def test_frames_choose_a_recipes_settings(folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Unsure false defects are held back, every true one is kept; the recipe says so with its bound, in words."""
    folder, calibration, test = folders
    assert __main__.main(["tune", folder, "--calibrate", calibration, "--test", test, *SCALE]) == 0
    card, _ = recipe.load(Path(folder))
    for kind in card.classes:
        assert 0.6 < kind.min_confidence <= 0.9 and kind.min_area_mm2 <= 32
    assert (card.scores["frame_recall"], card.scores["frame_false_per_100m"]) == (1.0, 0.0)
    assert card.scores["frame_recall_dark_lower95"] == pytest.approx(0.05 ** (1 / 6), abs=1e-4)
    assert "dark: recall >= 0.61 with 95 % confidence on 6 defects" in str(card.scores["frame_promise"])
    assert card.scores["frame_metres"] == pytest.approx(12 * HEIGHT * 0.5 / 1000, abs=1e-4)
    assert card.scores["frame_chosen_on"] == "dark: 12 defects in 12 frames; bright: 12 defects in 12 frames"
    printed = capsys.readouterr().out
    assert f"warning: {calibration}: its classes have no names" in printed and f"warning: {test}: its" in printed
    assert "24 frames, 0.8 m at 0.5 mm a pixel, 0.5 mm a row" in printed and "assumed" not in printed
    assert "leaves no false one at all; expected 100 m or more" in printed and "to be believed" not in printed


def test_other_settings_end_what_a_screen_was_permitted(
    folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """It was measured to lose few of the defects that were reported then; the same settings again leave it."""
    folder, calibration, test = folders
    card, model = recipe.load(Path(folder))
    screen = Screen(recipe="fast@1", sha256="f" * 64, below=0.5, defects=9, lost=0, lost_at_most=0.3, held_back=0.9)
    export.write_recipe(Path(folder), model, msgspec.to_builtins(msgspec.structs.replace(card, screen=screen)))
    command = ["tune", folder, "--calibrate", calibration, "--test", test, "--min-recall", "0.9"]
    assert __main__.main(command) == 0
    assert "fast@1 may not look first any more" in capsys.readouterr().out
    tuned = recipe.read_card(Path(folder))
    assert tuned.screen is None
    export.write_recipe(Path(folder), model, msgspec.to_builtins(msgspec.structs.replace(tuned, screen=screen)))
    assert __main__.main(command) == 0
    assert recipe.read_card(Path(folder)).screen == screen and "look first" not in capsys.readouterr().out


def test_a_setting_that_few_defects_chose_is_warned_of(
    folders: tuple[str, str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under ten defects of a class the command says on how many its setting rests; the report shows it, too."""
    folder, calibration, test = folders[0], str(write_frames(tmp_path / "few", 6)), folders[2]
    assert __main__.main(["tune", folder, "--calibrate", calibration, "--test", test, "--balanced"]) == 0
    assert "warning: the setting of dark rests on 3 defects in 3 frames; expected 10" in capsys.readouterr().out
    assert __main__.main(["evaluate", folder, test, "--out", str(tmp_path / "report")]) == 0
    assert "dark: 3 defects in 3 frames" in (tmp_path / "report" / "report.html").read_text()


def test_coils_have_the_look_that_is_asked_for() -> None:
    """With a density or without; a look that there is not is no coil."""
    card = recipe.read_card(recipe.find("steel-r34", Path()))
    both = [labelled_strip([spec], None, card, Scale()) for spec in ("7:2:defects=6,look=mill", "7:2:look=mill")]
    assert [str(strip).partition(" of ")[2] for strip in both] == [
        "procedural steel (mill), 6 defects a metre",
        "procedural steel (mill), 1.5 defects a metre",
    ]
    with pytest.raises(UserError, match="shiny"):
        labelled_strip(["7:2:look=shiny"], None, card, Scale())
    with pytest.raises(UserError, match=r"7:2:defects=101: expected 0\.\.100 defects a metre"):
        labelled_strip(["7:2:defects=101"], None, card, Scale())


def test_coils_count_classes_by_the_recipes_names() -> None:
    """A recipe that is always right finds all, whatever the order of its classes, and not a pixel is wrong."""
    card = recipe.read_card(recipe.find("steel-r34", Path()))
    order, own_ids = (2, 0, 1, 3), np.array([0, 2, 3, 1, 4], np.uint8)
    kinds = [structs.replace(card.classes[place], id=number) for number, place in enumerate(order, 1)]
    card = structs.replace(wide_open(card), classes=tuple(kinds))
    frames = iter([ProceduralCoil(7, 8, 12.0).sheet().frame(number).labels for number in range(8)])

    def see(pixels: Bytes3D) -> Maps:
        labels = own_ids[np.stack([next(frames) for _ in pixels])]
        return Maps(labels, np.where(labels, 200, 0).astype(np.uint8), np.ones((len(labels), card.columns), np.float32))

    pixels, counts = Scores(4), DefectCounts(card.classes)
    for strip in labelled_strip(["7:8:defects=12"], None, card, Scale()).assess(Stub(card, see), card, pixels):
        counts.add(strip)
    total = counts.total()
    assert total.true > 5 and total.found == total.true and not total.confused
    assert pixels.report()["dice_micro"] == 1.0


def test_sound_coils_are_any_recipes(tmp_path: Path) -> None:
    """What a recipe of other classes invents on sound steel can be counted; defects that it has no class for cannot."""
    card = recipe.read_card(write_recipe(tmp_path))
    assert labelled_strip(["7:2:defects=0"], None, card, Scale()).metres > 0
    with pytest.raises(UserError, match="has pitted, crack, scratch, patch; expected no other classes"):
        labelled_strip(["7:2:defects=0", "7:2"], None, card, Scale())


def test_a_recall_may_be_the_target(folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """With --min-recall each class finds so much; the scale is marked as assumed where nobody gave it."""
    folder, calibration, test = folders
    assert __main__.main(["tune", folder, "--calibrate", calibration, "--test", test, "--min-recall", "0.9"]) == 0
    card, _ = recipe.load(Path(folder))
    assert all(kind.min_confidence > 0.6 for kind in card.classes) and card.scores["frame_recall"] == 1.0
    assert "assumed: --mm-per-px" in capsys.readouterr().out


def test_a_collapsed_class_is_not_written_unless_accepted(
    tmp_path: Path, folders: tuple[str, str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 and the recipe as it was; accepted, the recipe names the class that it never finds."""
    folder, calibration, test = folders
    for level, masks in enumerate((Path(calibration), Path(test))):  # what is labelled bright is sound to look at
        for path in sorted((masks / "images").glob("*.png"))[1::2]:
            cv2.imwrite(str(path), paint()[0] - np.uint8(level))
    before = (Path(folder) / "recipe.toml").read_bytes()
    command = ["tune", folder, "--calibrate", calibration, "--test", test]
    assert __main__.main(command) == 1
    error = capsys.readouterr().err
    assert "fault: class 2 bright: none of 12 defects is found at any setting" in error
    assert (Path(folder) / "recipe.toml").read_bytes() == before
    assert "--accept-collapsed writes the recipe all the same" in error
    assert __main__.main([*command, "--accept-collapsed"]) == 0
    printed = capsys.readouterr()
    assert "accepted: class 2 bright: none of 12 defects is found at any setting" in printed.out
    assert "accept-collapsed" not in printed.out + printed.err and "fault:" not in printed.err
    card, _ = recipe.load(Path(folder))
    assert card.scores["frame_collapsed"] == "bright" and card.scores["frame_recall_bright"] == 0


@pytest.mark.slow
def test_a_run_is_exported_halved_and_tuned(
    run: tuple[Path, Card], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run's folder is enough: its recipe appears, each validation frame is in one half, and the same one again."""
    folder = tmp_path / "mine"
    shutil.copytree(run[0], folder)
    splits = []
    for _ in range(2):
        __main__.main(["tune", str(folder), "--max-false-per-100m", "1000", "--accept-collapsed"])
        splits.append((folder / "tune.csv").read_text())
    printed = capsys.readouterr().out
    assert printed.count("not there; exporting it") == 1 and printed.count("rewritten") == 2
    card, _ = recipe.load(folder / "recipe")
    assert str(card) == "mine@1" and "frame_promise" in card.scores and "validation_dice_micro" in card.scores
    parts = {row["name"]: row["part"] for row in csv.DictReader(splits[0].splitlines())}
    with (folder / "split.csv").open() as file:
        assert parts.keys() == {row["name"] for row in csv.DictReader(file) if row["part"] == "validation"}
    assert set(parts.values()) == {"calibration", "test"} and splits[0] == splits[1]


def test_what_makes_an_older_recipe_again_is_not_refused(
    run: tuple[Path, Card], recipes: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it was tuned `export` replaces it only where it is asked to, and what it then loses is named."""
    folder = tmp_path / "mine"
    card, model = recipe.load(recipes["fp32"])
    shutil.copytree(recipes["fp32"], folder / "recipe")
    for name in ("best.pt", "split.csv"):
        shutil.copy(run[0] / name, folder / name)
    os.utime(folder / "best.pt", (2e9, 2e9))
    scores: dict[str, float | int | str] = {"frame_chosen_on": "crack: 12 defects in 12 frames"}
    for given, words in (({}, "` makes it again\n"), (scores, " --replace` makes it again, without its settings or")):
        tuned = msgspec.structs.replace(card, scores=card.scores | given)
        export.write_recipe(folder / "recipe", model, msgspec.to_builtins(tuned))
        (folder / "recipe" / "model.onnx").write_bytes(b"")  # it ends there
        assert __main__.main(["tune", str(folder)]) == 2
        assert f"older than best.pt; `trainer export {folder}{words}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["{recipe}"], "holds no best.pt, so it is no run; expected --calibrate and --test"),
        (["{run}", "--calibrate", "1:2", "--test", "2:2"], "is a run: its own validation frames are divided"),
        (["{recipe}", "--calibrate", "1:2", "sheet:1:2", "--test", "2:2"], "sheet:1:2: expected coils only"),
        (["{recipe}", "--calibrate", "9-3:2", "--test", "2:2"], "9-3:2: expected coils only, as 950-951:900"),
        (
            ["{recipe}", "--only", "a.csv:b=c", "--calibrate", "1:2", "--test", "2:2"],
            "works on Severstal's layout alone",
        ),
        (
            ["{recipe}", "--calibrate", "1:2", "--test", "2:2"],
            "procedural steel has pitted, crack, scratch, patch; exp",
        ),
        (
            ["{recipe}", "--calibrate", "sheet:1:2:defects=20", "--test", "sheet:2:2"],
            "sheet-1/0: has a class that is none of the recipe's; expected no other than dark, bright",
        ),
        (
            ["{recipe}", "--only", "a.csv:b=c", "--calibrate", "1:2:defects=0", "--test", "{severstal}"],
            "expected FILE:COLUMN=VALUE with FILE in",  # it is read for the part that it is about
        ),
    ],
)
def test_what_to_tune_on_is_reported(
    arguments: list[str], says: str, run: tuple[Path, Card], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line, exit code 2, and what to give instead."""
    made = {"recipe": str(write_recipe(tmp_path / "recipe")), "run": str(run[0]), "severstal": str(tmp_path / "data")}
    (tmp_path / "data" / "train_images").mkdir(parents=True)
    (tmp_path / "data" / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n")
    assert __main__.main(["tune", *(argument.format(**made) for argument in arguments)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert says in line


@pytest.mark.parametrize("command", ["tune {}", "tune-certainty {}", "tune-screen {} --screen {}"])
def test_frames_that_chose_do_not_measure(command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """They and their copies are refused on both sides, other frames of the same names are not; nothing is rewritten."""
    folder, data = write_recipe(tmp_path / "recipe"), write_frames(tmp_path / "data", 6)
    shutil.copytree(data, tmp_path / "copy")
    before = (folder / "recipe.toml").read_bytes()
    for test in ("data", "copy"):
        words = [*command.format(folder, folder).split(), "--calibrate", str(data), "--test", str(tmp_path / test)]
        assert __main__.main(words) == 2
        assert f"--test: 6 frames of it are in --calibrate too, as {test}/000" in capsys.readouterr().err
    assert (folder / "recipe.toml").read_bytes() == before
    for path in (tmp_path / "copy" / "images").iterdir():
        cv2.imwrite(str(path), paint((9, 9, 8, True))[0] - np.uint8(int(path.stem)))
    (tmp_path / "elsewhere").mkdir()
    other = shutil.move(tmp_path / "copy", tmp_path / "elsewhere" / "data")
    assert both_strips([str(data)], [str(other)], None, recipe.read_card(folder), Scale())[0]


@pytest.mark.parametrize(
    ("calibration", "test", "says"),
    [
        ("1-3:2", "3-5:2:defects=6", "1 coil of it is in --calibrate too, as sheet-3"),
        ("5:2:look=mill", "4-6:1:look=mill", "1 coil of it is in --calibrate too, as sheet-mill-5"),
        ("5-6:2", "sheet:5-6:2", "2 coils of it are in --calibrate too, as sheet-5; expected others"),
        ("sheet:1:2", "sheet:3:2 sheet:1:1", "1 coil of it is in --calibrate too, as sheet-1"),
        ("5-6:2", "7:2 5:2:look=mill", ""),
    ],
)
def test_coils_that_chose_do_not_measure(calibration: str, test: str, says: str) -> None:
    """A seed draws the same coil whatever its length and defects; of another look it is another."""
    card = recipe.read_card(recipe.find("steel-r34", Path()))
    asked = calibration.split(), test.split(), None, card, Scale()
    if not says:
        assert both_strips(*asked)[0]
        return
    with pytest.raises(UserError, match=says):
        both_strips(*asked)


def test_a_labelled_region_is_a_true_defect() -> None:
    """Each connected region of a class, in millimetres from the frame's corner; touching at a corner is connected."""
    _, labels = paint((8, 16, 0, True), (40, 100, 0, True), (40, 200, 255, True))
    labels[16:20, 32:40] = DARK  # below the first box's corner
    planted = regions(labels, Scale(0.5, 2.0, is_assumed=False))
    assert labels.shape == (HEIGHT, WIDTH) and [defect.class_id for defect in planted] == [1, 1, 2]
    first = planted[0]
    assert (first.start_mm, first.end_mm, first.left_mm, first.right_mm) == (16, 40, 8, 20)
    assert first.area_mm2 == 8 * 16 + 4 * 8
    assert regions(np.zeros_like(labels), Scale()) == ()
