"""How far a frame is from what a recipe was taught: in its graph, on the daemon's engine, and in `specify`'s words."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import onnx
import pytest

from inspector import recipe
from inspector.engines.openvino import OpenVino
from tests.trainer.frames import HEIGHT, WIDTH, draw_frame
from trainer import __main__
from trainer.commands import specify as command
from trainer.errors import UserError
from trainer.recipe.distance import BEYOND, LEAST_FRAMES, FeatureGraph, UsualFeatures, with_distance, without_distance
from trainer.recipe.specify import floor_plate, sweeps

TAUGHT = np.stack([draw_frame(number)[0] for number in range(60)])
LIKE_IT = np.stack([draw_frame(number)[0] for number in range(200, 230)])


def presence_of(folder: Path, frames: np.ndarray) -> np.ndarray:
    """What the daemon's engine makes of frames."""
    engine = OpenVino(*recipe.load(folder), precision="f32")
    engine.submit(frames)
    return np.asarray(engine.result().presence)


def write_data(folder: Path) -> Path:
    """Write the taught frames with their masks."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    for number in range(len(TAUGHT)):
        for part, plane in zip(("images", "masks"), draw_frame(number), strict=True):
            cv2.imwrite(str(folder / part / f"{number:03}.png"), plane)
    return folder


@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_the_graph_says_how_far_a_frame_is(
    recipes: dict[str, Path],
    tmp_path: Path,
    precision: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Classes' presences stay as they were; one column more is near 0 to 1 for like frames, and above 1 for others."""
    monkeypatch.setattr("trainer.recipe.specify.SWEPT", 2)
    folder = tmp_path / "recipe"
    shutil.copytree(recipes[precision], folder)
    before = presence_of(folder, LIKE_IT)
    others = tmp_path / "others"
    others.mkdir()
    more = tmp_path / "more"
    more.mkdir()
    cv2.imwrite(str(others / "plate.png"), floor_plate(HEIGHT, WIDTH, 40)[:40, :50])
    for number in range(2):
        cv2.imwrite(str(more / f"{number}.png"), LIKE_IT[number])
    words = ["specify", str(folder), str(write_data(tmp_path / "data"))]
    assert __main__.main([*words, "--compare", str(others), str(more), str(tmp_path / "data")]) == 0
    assert recipe.read_card(folder).measures_distance
    after = presence_of(folder, LIKE_IT)
    assert after.shape == (len(LIKE_IT), 5) and np.allclose(after[:, :4], before, atol=1e-3)
    assert (after[:, 4] <= 1).mean() >= 0.8
    far = np.stack([floor_plate(HEIGHT, WIDTH, 40), np.full((HEIGHT, WIDTH), 255, np.uint8), 255 - TAUGHT[0]])
    assert (presence_of(folder, far)[:, 4] > 1).all()
    printed = capsys.readouterr().out
    assert f"{others}" in printed and f"{more}" in printed
    assert "floor plate" in printed and "gamma 0.4" in printed and "beyond the limit" in printed
    again = onnx.load(folder / "model.onnx")
    assert __main__.main(words) == 0
    twice = onnx.load(folder / "model.onnx")
    assert sorted(node.name for node in twice.graph.node) == sorted(node.name for node in again.graph.node)
    assert np.allclose(presence_of(folder, LIKE_IT), after, atol=1e-3)
    plain = recipe.load(recipes[precision])[1]
    assert without_distance(twice).SerializeToString() == onnx.load_from_string(plain).SerializeToString()


def test_the_graph_computes_what_is_defined(recipes: dict[str, Path]) -> None:
    """Distances of the graph are those of the fit, for any number of frames."""
    _, model = recipe.load(recipes["fp32"])
    plain = onnx.load_from_string(model)
    encoder = FeatureGraph(plain, 4)
    taught = UsualFeatures(encoder.features(TAUGHT))
    expected = taught.distances(encoder.features(LIKE_IT))
    session = __import__("onnxruntime").InferenceSession(with_distance(plain, taught).SerializeToString())
    presence = session.run(["presence"], {"frames": LIKE_IT, "thresholds": np.full(4, 0.5, np.float32)})[0]
    assert np.allclose(presence[:, 4], expected, rtol=0.05, atol=0.05)


def test_the_limit_is_what_left_out_frames_stay_below() -> None:
    """Of data like what was taught, about one in a hundred is beyond it; of shifted data, all."""
    chance = np.random.default_rng(0)
    mixing = chance.normal(size=(5, 40))

    def draw(count: int, shift: float = 0.0) -> np.ndarray:
        return chance.normal(size=(count, 5)) @ mixing + 0.1 * chance.normal(size=(count, 40)) + shift

    taught = UsualFeatures(draw(300))
    assert (taught.distances(draw(2000)) > 1).mean() < 0.05
    assert (taught.distances(draw(200, shift=3.0)) > 1).all()


def test_the_limit_is_as_near_as_it_is_asked_for() -> None:
    """The larger the share of taught frames beyond it, the nearer; the command has the same default."""
    features = np.random.default_rng(0).normal(size=(400, 12))
    limits = [UsualFeatures(features, beyond).limit for beyond in (BEYOND, 0.03, 0.1)]
    assert limits == sorted(limits, reverse=True) and len(set(limits)) == 3
    assert UsualFeatures(features).limit == limits[0]
    assert command.BEYOND == BEYOND


def test_too_few_frames_say_nothing() -> None:
    """Fewer than a score cannot tell what is usual."""
    with pytest.raises(UserError, match="expected 20 or more"):
        UsualFeatures(np.zeros((LEAST_FRAMES - 1, 3)))


def test_each_sweep_is_of_its_own() -> None:
    """Every change on purpose gives other frames than every other."""
    swept = {name: np.stack(list(frames)) for name, frames in sweeps(list(TAUGHT[:2])).items()}
    assert len({planes.tobytes() for planes in swept.values()}) == len(swept) >= 15
    assert all(planes.shape[1:] == (HEIGHT, WIDTH) for planes in swept.values())


def test_what_cannot_be_compared_leaves_the_recipe_as_it_was(
    recipes: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An empty folder is reported before anything is written."""
    shutil.copytree(recipes["fp32"], tmp_path / "recipe")
    before = (tmp_path / "recipe" / "model.onnx").read_bytes()
    (empty := tmp_path / "empty").mkdir()
    words = ["specify", str(tmp_path / "recipe"), str(write_data(tmp_path / "data")), "--compare", str(empty)]
    assert __main__.main(words) == 2
    assert f"{empty}: expected a folder" in capsys.readouterr().err
    assert (tmp_path / "recipe" / "model.onnx").read_bytes() == before
