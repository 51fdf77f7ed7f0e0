"""`trainer evaluate`: what a report counts, what its page holds, and Kaggle's submission."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest

from inspector.config.geometry import TOUCH_MM
from inspector.records.recipe import Maps
from tests.recipes import HEIGHT, WIDTH, write_recipe
from tests.trainer.painted import BRIGHT, DARK, SURE, UNSURE, paint, write_frames
from trainer import __main__
from trainer.assessment.acceptance import Acceptance, AcceptanceReport
from trainer.assessment.coil import Scale, report
from trainer.assessment.labelled_strip import regions
from trainer.assessment.reported import reported_labels
from trainer.assessment.worst import Worst
from trainer.data import rle
from trainer.data.samples import Sample
from trainer.recipe.reliability import Reliability, calibration_error
from trainer.tuning.sweep import with_settings

SCALE = Scale(0.5, 0.5, is_assumed=False)


def shown(pixels: np.ndarray) -> Maps:
    """What the recipe of `tests.recipes` says of a frame, computed by its rule."""
    grey = pixels.astype(float)
    p = np.clip(np.stack([100 - grey, grey - 155]) / 100, 0, 1)
    best = np.where(p >= 0.5, p, 0)
    labels = np.where(best.max(0) > 0, 1 + best.argmax(0), 0).astype(np.uint8)
    return Maps(
        labels[None], np.round(255 * best.max(0)).astype(np.uint8)[None], p.max((1, 2))[None].astype(np.float32)
    )


@pytest.fixture
def acceptance(tmp_path: Path) -> Acceptance:
    """A report of four frames: all right; one confused and one missed; one invented; sound."""
    from inspector import recipe

    card, _ = recipe.load(write_recipe(tmp_path / "card"))
    acceptance = Acceptance(with_settings(card, [(0.7, 4.0)] * 2), SCALE)
    right = paint((10, 20, SURE[DARK], True), (40, 150, SURE[BRIGHT], True))
    pixels, labels = paint((10, 20, SURE[DARK], True), (40, 150, UNSURE[BRIGHT], True))
    labels[10:18, 20:36] = BRIGHT  # called dark
    wrong = pixels, labels
    for number, (seen, truth) in enumerate((right, wrong, paint((10, 20, SURE[DARK], False)), paint())):
        acceptance.add(Sample(f"made/{number}", seen, truth), shown(seen))
    return acceptance


def test_a_report_counts_each_error_once(acceptance: Acceptance) -> None:
    """Found, confused, missed, invented and held back: by class, in the confusion matrices and in the worst frames."""
    made = acceptance.report("test", ["made"])
    assert made.confusion == ((0, 1, 0), (0, 1, 0), (1, 1, 1))
    assert (made.total.recall, made.total.precision) == (0.5, 0.5)
    dark, bright = made.classes
    assert (dark.recall, bright.found, bright.confused, bright.missed, dark.false) == (1.0, 1, 1, 1, 1)
    box = 8 * 16
    assert made.pixel_confusion[1:] == ((0, box, 0), (0, box, 2 * box)) and made.pixel_confusion[0][1] == box
    assert made.outlined["dice_micro_2"] == 2 * 2 / (3 + 2)  # the unsure one is outlined, and not reported
    assert made.reported["dice_micro_2"] == 2 * 1 / (3 + 1)
    assert [frame.name for frame in made.worst] == ["made/1", "made/2"]
    assert made.worst[0].missed == ("bright of 32 mm2 at 75 mm",) and len(made.worst[0].confused) == 1
    assert made.worst[1].invented == ("dark of 32 mm2 at 10 mm, 0.90 sure",)
    assert made.basis.metres == pytest.approx(4 * HEIGHT * 0.5 / 1000)


def test_reliability_is_the_share_right_of_each_probability() -> None:
    """Pixels of probability 0.9 that are right in half lie at (0.9, 0.5); a probability that nobody gave has no bin."""
    reliability = Reliability(2, "linear")
    labels = np.full((10, 10), 1, np.uint8)
    truth = np.repeat([[1], [2]], [5, 5], 0).astype(np.uint8) * np.ones((1, 10), np.uint8)
    reliability.add(labels, np.full((10, 10), round(0.9 * 255), np.uint8), truth)
    (cell,) = reliability.bins(1)
    assert (cell.low, cell.high, cell.pixels, cell.right) == (0.9, 0.95, 100, 0.5)
    assert cell.confidence == pytest.approx(0.9, abs=0.003)
    assert calibration_error([cell]) == pytest.approx(0.4, abs=0.003)
    assert reliability.bins(2) == [] and calibration_error([]) is None
    assert reliability.bins() == [cell]


def test_what_is_drawn_is_what_is_reported(tmp_path: Path) -> None:
    """The pixels kept are of exactly the regions that the line reports, whatever the settings and where they lie.

    Pixels are so wide that only neighbours touch: what the line joins besides is drawn as its pieces.
    """
    from inspector import recipe

    wide = Scale(1.25 * TOUCH_MM, 1.25 * TOUCH_MM)
    card, _ = recipe.load(write_recipe(tmp_path / "card"))
    chance = np.random.default_rng(3)
    for _ in range(30):
        blobs = cv2.GaussianBlur(chance.normal(0, 1, (HEIGHT, WIDTH)), (0, 0), 3)
        maps = shown(np.clip(128 + 900 * blobs, 0, 255).astype(np.uint8))
        settings = [(chance.uniform(0.5, 1), chance.uniform(0, 1500)) for _ in range(2)]
        tuned = with_settings(card, settings)
        kept = sorted(
            (defect.class_id, defect.left_mm, defect.area_mm2)
            for defect in regions(reported_labels(maps, tuned, wide), wide)
        )
        reported = sorted(
            ({"dark": 1, "bright": 2}[defect.name], defect.left_mm, defect.area_mm2)
            for defect in report([maps], tuned, wide, joins=False)
        )
        assert len(kept) == len(reported) > 0
        assert np.allclose(kept, reported, atol=0.06)  # reports are rounded to 0.1


def test_the_worst_frames_are_kept_and_no_more(acceptance: Acceptance) -> None:
    """Of many frames the worst remain, worst first; a perfect one never does."""
    worst = Worst(kept=1)
    for seen in acceptance.worst.frames()[::-1]:
        worst.add(seen)
    assert [seen.sample.name for seen in worst.frames()] == ["made/1"]


@pytest.fixture
def made(tmp_path: Path) -> tuple[Path, Path]:
    """A recipe's folder and one of frames."""
    return write_recipe(tmp_path / "recipe"), write_frames(tmp_path / "data", 12)


def test_the_report_is_one_file_that_needs_no_other(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page holds every class, convention and picture, and links to nothing; the JSON is the report."""
    recipe, frames = made
    command = ["evaluate", str(recipe), str(frames), "--out", str(tmp_path / "report"), "--mm-per-px", "0.5"]
    assert __main__.main(command) == 0
    printed, warned = capsys.readouterr()
    assert "12 frames" in printed and "dark       found 6 of 6" in printed
    assert f"warning: {frames}: its classes have no names, and are taken by their numbers: 1 for dark" in warned
    page = (tmp_path / "report" / "report.html").read_text()
    assert not re.search(r"(src|href)=.(?!data:)|<script|@import|url\((?!#)", page)
    assert page.count("data:image/jpeg;base64,") == 3 * 4  # the four frames with a false defect
    for word in ("tiny@1", "dark", "bright", "micro", "kaggle", "Clopper-Pearson", "12 frames", "Signature"):
        assert word in page
    import msgspec

    shown = msgspec.json.decode((tmp_path / "report" / "report.json").read_bytes(), type=AcceptanceReport)
    assert shown.total.true == shown.total.found == 12 and shown.total.false == 4
    assert shown.basis.recipe == "tiny@1" and "assumed" not in shown.basis.scale


def test_a_submission_is_what_was_reported(made: tuple[Path, Path], tmp_path: Path) -> None:
    """Every image and class has its row; the runs decode to the painted boxes; images need no labels."""
    recipe, frames = made
    labelled, plain = tmp_path / "a.csv", tmp_path / "b.csv"
    assert __main__.main(["evaluate", str(recipe), str(frames), "--submission", str(labelled)]) == 0
    assert __main__.main(["evaluate", str(recipe), str(frames / "images"), "--submission", str(plain)]) == 0
    assert labelled.read_bytes() == plain.read_bytes()
    with labelled.open(newline="") as file:
        rows = {row["ImageId_ClassId"]: row["EncodedPixels"] for row in csv.DictReader(file)}
    assert len(rows) == 12 * 2 and rows["000.png_2"] == ""
    truth = cv2.imread(str(frames / "masks" / "001.png"), cv2.IMREAD_GRAYSCALE)
    assert (rle.decode(rows["001.png_2"], HEIGHT, WIDTH) == (truth == BRIGHT)).all()


def test_json_is_the_report_and_images_without_labels_have_none(
    made: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    """--json prints the one object; a plain folder gives a submission only, and the error says so."""
    recipe, frames = made
    assert __main__.main(["evaluate", str(recipe), str(frames), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["basis"]["frames"] == 12
    assert __main__.main(["evaluate", str(recipe), str(frames / "images")]) == 2
    assert "images without labels; expected --submission" in capsys.readouterr().err
