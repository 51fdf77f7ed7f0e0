"""An older recipe's confidence, written as log-odds without training."""

import hashlib
from pathlib import Path

import msgspec
import numpy as np
import onnx
import pytest

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records.confidence import Encoding, encode, probabilities
from inspector.records.recipe import Certainty, Maps, Recipe, Screen
from tests.recipes import write_recipe as write_foreign
from trainer.__main__ import main
from trainer.recipe.export import write_recipe
from trainer.recipe.recode import carried_over

OLD = """
<ir_version: 10, opset_import: ["" : 20]>
old (uint8[n, 32, 64] frames, float[2] thresholds)
    => (uint8[n, 32, 64] labels, uint8[n, 32, 64] confidence, float[n, 2] presence)
<float none = {0.0}, float whole = {255.0}, float three = {3.0}, int64[1] one = {1}, int64[1] end = {9},
 int64[2] plane = {2, 3}, int64[2] sides = {1, 2}, float[3, 1, 1, 1] weight = {0.0, 0.1, 0.2},
 float[3] bias = {0.0, -12.8, -25.6}, float[2, 1, 1] ranks = {2.0, 1.0}>
{
    floats = Cast<to = 1>(frames)
    image = Unsqueeze(floats, one)
    logits = Conv(image, weight, bias)
    shares = Softmax<axis = 1>(logits)
    classes = Slice(shares, one, end, one)
    presence = ReduceMax<keepdims = 0>(classes, plane)
    least = Unsqueeze(thresholds, sides)
    enough = GreaterOrEqual(classes, least)
    reached = Where(enough, classes, none)
    highest = ReduceMax(reached, one)
    equal = Equal(reached, highest)
    any = Greater(highest, none)
    highest_plane = Squeeze(highest, one)
    is_highest = And(equal, any)
    levels = Mul(highest_plane, whole)
    ranked = Where(is_highest, ranks, none)
    rounded = Round(levels)
    rank = ReduceMax<keepdims = 0>(ranked, one)
    clipped = Clip(rounded, none, whole)
    is_found = Greater(rank, none)
    number = Sub(three, rank)
    confidence = Cast<to = 2>(clipped)
    label = Where(is_found, number, none)
    labels = Cast<to = 2>(label)
}
"""
"""A deployed graph's end as it was exported at first; at grey 128 both classes are as probable as sound."""
GREYS = np.arange(2048, dtype=np.int64).astype(np.uint8).reshape(1, 32, 64)


@pytest.mark.parametrize("least", [0.0, 0.3, 0.5, 0.9, 0.984, 0.996, 1.0])
def test_a_threshold_lets_the_same_through(least: float) -> None:
    """Of probabilities farther than a code from it, each passes in log-odds where it passed as 255 p."""
    given = np.linspace(0.02, 0.9999, 20_000)
    limits: dict[Encoding, float] = {"linear": least, "log_odds": carried_over(least)}
    old, new = (probabilities(name)[encode(given, name)] >= limit for name, limit in limits.items())
    apart = np.flatnonzero(old != new)
    odds = np.log(given / (1 - given))[apart]
    assert not len(apart) or np.ptp(odds) <= 1 / 16
    assert carried_over(least) < 1


def old_recipe(folder: Path) -> Path:
    """Write a recipe whose confidence is 255 p."""
    folder.mkdir()
    model = onnx.parser.parse_model(OLD).SerializeToString()
    classes = [
        {"id": number, "name": name, "threshold": 0.3, "min_area_mm2": 0.0, "min_confidence": 1.0}
        for number, name in enumerate(("dark", "bright"), 1)
    ]
    facts = {"name": "old", "version": "1", "created": "2026-11-01", "encoder": "none", "precision": "fp32"}
    hashed = {"sha256": hashlib.sha256(model).hexdigest(), "height": 32, "width": 64, "trained_on": "greys"}
    (folder / "model.onnx").write_bytes(model)
    (folder / "recipe.toml").write_bytes(msgspec.toml.encode(facts | hashed | {"class": classes}))
    return folder


def maps_of(folder: Path) -> tuple[Recipe, Maps]:
    """Run a recipe on every grey level."""
    card, model = recipe.load(folder)
    engine = OpenVino(card, model, precision="f32")
    engine.submit(GREYS)
    return card, engine.result()


def test_a_recoded_recipe_finds_what_it_found(tmp_path: Path) -> None:
    """Labels and presence are the same bits, probabilities the same to both roundings, and thresholds end below 1."""
    folder = old_recipe(tmp_path / "old")
    old_card, old = maps_of(folder)
    assert main(["recode", str(folder)]) == 0
    card, new = maps_of(folder)
    assert (old_card.confidence, card.confidence) == ("linear", "log_odds")
    assert np.array_equal(old.labels, new.labels) and np.array_equal(old.presence, new.presence)
    assert set(np.unique(new.labels)) == {0, 1, 2}
    assert np.array_equal(new.confidence == 0, new.labels == 0)
    apart = card.probabilities[new.confidence] - old_card.probabilities[old.confidence]
    assert np.abs(apart).max() <= 1 / 510 + 1 / 128
    assert len(np.unique(new.confidence)) > len(np.unique(old.confidence[old.confidence > 250]))
    assert all(0.99 < kind.min_confidence < 1 for kind in card.classes)
    passes = [
        made_by.probabilities[maps.confidence] >= made_by.classes[0].min_confidence
        for made_by, maps in ((old_card, old), (card, new))
    ]
    assert np.count_nonzero(passes[0] != passes[1]) <= 16  # one grey level of each class, in eight copies


def test_what_was_fitted_to_the_old_codes_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Probabilities, what they were worth, and the screen, each with what does it again; other figures stay."""
    folder = old_recipe(tmp_path / "old")
    card, model = recipe.load(folder)
    certain = Certainty(constant=-4.0, log_odds=0.8, log_area=0.0, log_length=0.0)
    screen = Screen(recipe="fast@1", sha256="0" * 64, below=0.1, defects=1, lost=0, lost_at_most=0.95, held_back=0.5)
    stay: dict[str, float | int | str] = {"coil_recall": 0.9, "validation_calibration_error": 0.02}
    gone = dict.fromkeys(("frame_defect_calibration_error_upper95", "coil_reported_calibration_error"), 0.07)
    fitted = msgspec.structs.replace(
        card,
        classes=tuple(msgspec.structs.replace(kind, certainty=certain) for kind in card.classes),
        screen=screen,
        scores=stay | gone,
    )
    write_recipe(folder, model, msgspec.to_builtins(fitted))
    assert main(["recode", str(folder)]) == 0
    recoded, printed = recipe.read_card(folder), capsys.readouterr().out
    assert recoded.scores == stay and recoded.screen is None
    assert all(kind.certainty is None for kind in recoded.classes)
    assert all(f"run `trainer {name}` again" in printed for name in ("tune-certainty", "tune-screen"))
    assert main(["recode", str(old_recipe(tmp_path / "plain"))]) == 0
    assert "warning" not in capsys.readouterr().out


def test_another_tools_graph_and_a_recoded_one_are_refused(
    recipes: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A graph that the trainer did not write is left as it is, and so is one that has log-odds."""
    foreign = write_foreign(tmp_path / "foreign")
    before = (foreign / "model.onnx").read_bytes()
    assert main(["recode", str(foreign)]) == 2
    assert "as `trainer export` did" in capsys.readouterr().err
    assert (foreign / "model.onnx").read_bytes() == before
    assert main(["recode", str(recipes["fp32"])]) == 2
    assert "already" in capsys.readouterr().err
    asks = old_recipe(tmp_path / "asks")
    card = (asks / "recipe.toml").read_text()
    (asks / "recipe.toml").write_text(card.replace("min_confidence = 1.0", "min_probability = 0.5"))
    assert main(["recode", str(asks)]) == 2
    assert "min_probability was chosen by confidences of 255 p" in capsys.readouterr().err
