"""A screen taught and written as a recipe: what it is taught of a frame, its one graph, and the command."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from inspector import recipe
from inspector.engines.openvino import OpenVino
from tests.trainer.frames import HEIGHT, WIDTH, draw_frame
from trainer import __main__
from trainer.data.samples import UNKNOWN
from trainer.data.sources import SheetFrames
from trainer.errors import UserError
from trainer.screen.cells import UNSURE, cells_of
from trainer.screen.fit import Course, fit, miss_and_alarm
from trainer.screen.graph import write_screen
from trainer.screen.network import CELL_PX, ScreenNet


def test_cells_of_a_frame() -> None:
    """A cell with one pixel of a defect is that defect's; its neighbours, and pixels nobody labelled, are unsure."""
    labels = np.zeros((32, 70), np.uint8)
    labels[12, 20] = 3
    labels[0, 69] = UNKNOWN
    cells = cells_of(labels)
    assert cells.shape == (4, 9) and cells[1, 2] == 1 and cells[0, 8] == UNSURE
    assert (cells[0:3, 1:4] == UNSURE).sum() == 8 and (cells == 0).sum() == 36 - 10


def test_what_the_full_recipe_does_not_find_teaches_nothing() -> None:
    """Of two defects the one that is found under its own class stays."""
    labels = np.zeros((32, 96), np.uint8)
    labels[4:8, 4:8], labels[4:8, 60:70] = 1, 2
    found = np.where(labels == 2, labels, 0).astype(np.uint8)
    cells = cells_of(labels, found)
    assert (cells[:, :2] == UNSURE).any() and not (cells[:, :3] > 0).any()
    assert (cells[:, 6:] > 0).sum() == 2


def test_a_defect_counts_by_its_most_certain_cell() -> None:
    """Seeing a defect in one cell costs next to nothing; a sound cell taken for one, or a defect unseen, a lot."""
    cells = torch.zeros(1, 4, 4, dtype=torch.int64)
    cells[0, 1, 1:3] = 1
    cells[0, 3] = UNSURE
    logits = torch.full((1, 4, 4), -8.0)
    unseen = miss_and_alarm(logits, cells)
    logits[0, 1, 1] = 8.0
    seen = miss_and_alarm(logits, cells)
    logits[0, 1, 2] = 8.0
    logits[0, 3] = 8.0
    outlined = miss_and_alarm(logits, cells)
    logits[0, 0, 0] = 8.0
    assert outlined < 0.01 < seen < 2 < unseen
    assert miss_and_alarm(logits, cells) > outlined + 0.5


def test_the_graph_is_a_recipes(tmp_path: Path) -> None:
    """Maps are of the frame's size and equal within a cell, and presence is the highest probability of a cell."""
    torch.manual_seed(3)
    screen = ScreenNet().eval()
    frames = np.random.default_rng(0).integers(0, 256, (2, 40, 72), np.uint8)
    with torch.inference_mode():
        logits = screen(torch.from_numpy(frames)[:, None].float())[:, 0].numpy()
    assert logits.shape == (2, 5, 9)
    write_screen(screen, 40, 72, tmp_path / "model.onnx")
    session = __import__("onnxruntime").InferenceSession(tmp_path / "model.onnx")
    middle = float(1 / (1 + np.exp(-np.median(logits))))
    given = {"frames": frames, "thresholds": np.array([middle], np.float32)}
    labels, confidence, presence = session.run(["labels", "confidence", "presence"], given)
    assert np.allclose(presence[:, 0], 1 / (1 + np.exp(-logits.max((1, 2)))), atol=1e-4)
    assert labels.shape == frames.shape and set(np.unique(labels)) == {0, 1}
    assert np.array_equal(labels == 0, confidence == 0)
    blocks = labels.reshape(2, 5, CELL_PX, 9, CELL_PX)
    assert (blocks == blocks[:, :, :1, :, :1]).all()


def test_a_screen_is_taught_from_a_folder_of_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`fit-screen` writes a recipe that the daemon's engine runs, and `specify` has it measure distance."""
    for part in ("images", "masks"):
        (tmp_path / "data" / part).mkdir(parents=True)
    for number in range(24):
        for part, plane in zip(("images", "masks"), draw_frame(number), strict=True):
            cv2.imwrite(str(tmp_path / "data" / part / f"{number:03}.png"), plane)
    data, folder = str(tmp_path / "data"), tmp_path / "fast"
    split = tmp_path / "split.csv"
    split.write_text("name,part\n" + "".join(f"data/{number:03},train\n" for number in range(24)))
    words = ["fit-screen", data, "--out", str(folder), "--name", "fast", "--crops", "160", "--crop-width", "64"]
    words += ["--split", str(split)]  # of a run that learnt from all of its frames
    assert __main__.main(words) == 0
    assert "loss" not in capsys.readouterr().err
    assert __main__.main(["specify", str(folder), data]) == 0
    card, model = recipe.load(folder)
    assert (str(card), card.height, card.width, card.measures_distance) == ("fast@1", HEIGHT, WIDTH, True)
    engine = OpenVino(card, model)
    engine.submit(np.stack([draw_frame(number)[0] for number in range(100, 104)]))
    assert engine.result().presence.shape == (4, 2)


def test_too_few_frames_are_refused() -> None:
    """Fewer than a step takes would be waited for without end."""
    frames = SheetFrames([1], 4)
    cells = [cells_of(frames[number].labels) for number in range(4)]
    with pytest.raises(UserError, match="4 frames to learn from; expected 8 or more"):
        fit(frames, cells, Course(crops=80), print)
