"""What measures how real procedural steel looks: it separates what differs, and nothing else."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from tests.bench.realism.classifier import area, separate
from tests.bench.realism.frames import read_masks
from tests.bench.realism.pieces import Pieces, tables
from tests.bench.realism.pixels import as_filed, measure
from trainer.data import rle


def test_an_area_counts_pairs() -> None:
    """It is the share of pairs in the right order, ties half."""
    positive = np.array([True, False, True, False])
    assert area(np.array([2.0, 1.0, 3.0, 2.0]), positive) == 0.875
    assert area(np.zeros(4), positive) == 0.5


@pytest.mark.parametrize(("columns", "shift", "widen", "low", "high"), [
    (6, 0.0, 1.0, 0.35, 0.65), (200, 0.0, 1.0, 0.35, 0.65), (6, 1.5, 1.0, 0.9, 1.0), (6, 0.0, 4.0, 0.85, 1.0),
])  # fmt: skip
def test_only_what_differs_is_separated(columns: int, shift: float, widen: float, low: float, high: float) -> None:
    """Alike sets, of few features or of many, end near a half; another mean or another spread alone is found."""
    rng = np.random.default_rng(columns)
    positive = np.arange(160) < 80
    features = rng.normal(0, 1, (160, columns))
    features[positive] = features[positive] * widen + shift
    found = separate(features, positive, np.arange(160), seed=0)
    assert low <= found.auc <= high
    assert found.low <= found.auc <= found.high


def test_frames_of_the_same_steel_teach_nothing_of_each_other() -> None:
    """Pairs of the same features and chance sides would be known by heart, were they not held out together."""
    rng = np.random.default_rng(5)
    once = rng.normal(0, 1, (60, 8))
    groups = np.repeat(np.arange(60), 2)
    found = separate(np.repeat(once, 2, axis=0), np.repeat(rng.permutation(60) < 30, 2), groups, seed=0)
    assert 0.3 < found.auc < 0.7


def test_texture_and_light_are_measured() -> None:
    """Lines across have their power along the travel, a ramp its slope; a frame that is black has no features."""
    rng = np.random.default_rng(1)
    rows = np.arange(256)[:, None]
    plain = np.clip(100 + rng.normal(0, 4, (256, 800)), 0, 255)
    lined = np.clip(plain + 12 * np.sin(2 * np.pi * rows / 8), 0, 255)
    lit = np.clip(plain * (1 + 0.3 * (rows / 128 - 1)), 0, 255)
    found = [measure(as_filed(frame.astype(np.uint8))) for frame in (plain, lined, lit)]
    first, second, third = (features or {} for features in found)
    assert second["power, 16-32 along, 0 across"] > first["power, 16-32 along, 0 across"] + 1
    assert third["profile along, ramp"] == pytest.approx(0.3, abs=0.03)
    assert measure(np.zeros((256, 800), np.uint8)) is None


def test_pieces_and_their_company_are_counted(tmp_path: Path) -> None:
    """Masks without frames, as Kaggle writes them, become classes by frame and pieces by class."""
    mask = np.zeros((256, 1600), bool)
    mask[10:50, 100:110] = mask[100:140, 500:510] = True
    rows = f"ImageId,ClassId,EncodedPixels\na.jpg,1,{rle.encode(mask)}\na.jpg,3,{rle.encode(np.roll(mask, 900, 1))}\n"
    path = tmp_path / "masks.csv.gz"
    path.write_bytes(gzip.compress(rows.encode()))
    pieces = Pieces(("pitted", "crack", "scratch", "patch"))
    for labels in read_masks(path):
        pieces.add(labels)
    pieces.add(np.zeros((256, 1600), np.uint8))
    text = tables({"real": pieces}, pieces.names)
    assert "| pitted + scratch | 50.0 % |" in text and "| nothing | 50.0 % |" in text
    assert "| pitted: rows along | 40 40 40 40 40 |" in text and "| crack: rows along | none |" in text
