"""One tiny run and its recipes, made once and looked at by many tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import cv2
import pytest
import torch
from rich.console import Console

from tests.trainer.frames import draw_frame, tiny_settings
from trainer.data.samples import CLASS_NAMES
from trainer.learn.checkpoint import Card
from trainer.learn.train import fit
from trainer.recipe.export import ExportOptions, choose_classes, export

# Two threads wait for each other on a shared machine, and these frames are too small to gain from them.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the programs that tests start
cv2.setNumThreads(0)


@pytest.fixture(scope="session", autouse=True)
def no_fsync() -> Iterator[None]:
    """No power fails here, and a gigabyte of checkpoints need not reach the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.fsync", lambda file: None)
        yield


@pytest.fixture(scope="session")
def mask_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make forty frames with index masks."""
    folder = tmp_path_factory.mktemp("masks")
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    (folder / "classes.toml").write_text(f"names = {list(CLASS_NAMES)}")
    for number in range(40):
        pixels, labels = draw_frame(number)
        cv2.imwrite(str(folder / "images" / f"{number:03}.png"), pixels)
        cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), labels)
    return folder


@pytest.fixture(scope="session")
def run(mask_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    """Train the tiny network for twenty steps; its folder, and its last card."""
    folder = tmp_path_factory.mktemp("run")
    return folder, fit(tiny_settings(mask_folder), folder, Console(quiet=True))


@pytest.fixture(scope="session")
def recipes(run: tuple[Path, Card], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Recipe folders of the tiny run by precision."""
    folders = {}
    for precision in ("fp32", "int8"):
        folders[precision] = tmp_path_factory.mktemp("recipes") / precision
        asked = ExportOptions(
            name="tiny",
            version="1",
            created="2026-11-22",
            trained_on='rectangles, "obvious" ones',
            classes=choose_classes(CLASS_NAMES, {"crack": 0.4}, {"crack": 5.0}),
            precision=precision,
            calibration_frames=8,
        )
        export(run[0], folders[precision], asked)
    return folders
