"""Frames of every size, from training to the daemon's engine."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from rich.console import Console

from inspector import recipe
from inspector.engines.openvino import OpenVino
from tests.trainer.frames import draw_frame, tiny_settings
from trainer import __main__
from trainer.data import sources
from trainer.errors import UserError
from trainer.learn.train import fit
from trainer.recipe import evaluate


@pytest.fixture(scope="module")
def odd_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make frames of 61 to 150 px a side, no side of which is a multiple of 32, with index masks."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    for number in range(24):
        pixels, labels = (np.tile(plane, (3, 2)) for plane in draw_frame(number))
        cut = np.s_[: 61 + 3 * number, : 150 - 3 * number]
        cv2.imwrite(str(folder / "images" / f"{number:03}.png"), pixels[cut])
        cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), labels[cut])
    return folder


def test_frames_of_every_size_go_all_the_way(
    odd_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained, exported for the largest, tuned and evaluated; a frame's maps have the frame's own size."""
    settings = tiny_settings(odd_folder, epochs=1, epoch_crops=8)
    fit(settings, tmp_path / "run", Console(quiet=True))
    folder = tmp_path / "recipe"
    words = ["export", str(tmp_path / "run"), "--out", str(folder), "--size", "130x150", "--calibration-frames", "8"]
    assert __main__.main(words) == 0
    card, model = recipe.load(folder)
    assert (card.height, card.width) == (130, 150)
    frames = sources.frames(settings.data)
    inferred = list(evaluate.infer(OpenVino(card, model), frames, card))
    assert [maps.labels.shape[1:] for _, maps in inferred] == [sample.pixels.shape for sample, _ in inferred]
    assert len({sample.pixels.shape for sample, _ in inferred}) == 24
    capsys.readouterr()
    assert __main__.main(["evaluate", str(folder), str(odd_folder)]) == 0
    assert "24 frames" in capsys.readouterr().out


def test_a_frame_larger_than_the_recipe_keeps_its_size(recipes: dict[str, Path], odd_folder: Path) -> None:
    """It is looked at in tiles, and those are joined; INT8's ranges are taken of single planes, and name the size."""
    card, model = recipe.load(recipes["fp32"])
    frames = sources.frames([str(odd_folder)], classes=[kind.name for kind in card.classes])
    inferred = list(evaluate.infer(OpenVino(card, model), frames, card))
    assert [maps.labels.shape[1:] for _, maps in inferred] == [sample.pixels.shape for sample, _ in inferred]
    with pytest.raises(UserError, match=r"is 150 x 61 px; the recipe takes at most 128 x 64 px. .* --size 61x150"):
        evaluate.pad(frames[0], card.height, card.width)
