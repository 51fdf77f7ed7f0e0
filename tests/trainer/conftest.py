"""One tiny run and its recipes, made once and looked at by many tests."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import multiprocessing
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import pytest
import torch
from rich.console import Console

from tests.trainer.frames import draw_frame, tiny_settings
from trainer.crossval import jobs
from trainer.data.samples import CLASS_NAMES
from trainer.learn import checkpoint
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


@pytest.fixture(scope="session", autouse=True)
def one_registry() -> Iterator[None]:
    """Torch reads hundreds of operators' sources for each graph that it exports; once is enough (1.3 s each)."""
    with pytest.MonkeyPatch.context() as patch:
        with contextlib.suppress(ImportError, AttributeError):  # it is torch's own affair where it keeps them
            from torch.onnx._internal.exporter._registration import ONNXRegistry

            patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(functools.cache(ONNXRegistry.from_torchlib)))
        yield


@pytest.fixture(scope="session", autouse=True)
def one_import() -> Iterator[None]:
    """A job is forked from a process that has loaded torch, which takes 7 s; `trainer crossval` itself spawns it."""
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["trainer.learn.train"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jobs, "get_context", lambda kind: server)
        yield


def made_once(name: str, folders: pytest.TempPathFactory, make: Callable[[Path], object]) -> Path:
    """Return the folder that whichever process is first makes; others that share the tests wait for it."""
    base = folders.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    with (shared / f"{name}.lock").open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        made = shared / f"{name}-made"
        if not made.is_dir():
            beginning = Path(tempfile.mkdtemp(dir=shared))
            make(beginning)
            beginning.rename(made)
    return made


def copy_of(name: str, folders: pytest.TempPathFactory, make: Callable[[Path], object]) -> Path:
    """Return a copy of such a folder, which this process may alter."""
    return Path(shutil.copytree(made_once(name, folders, make), folders.mktemp("copies") / name))


def draw_frames(folder: Path) -> None:
    """Draw forty frames with index masks."""
    (folder / "images").mkdir()
    (folder / "masks").mkdir()
    (folder / "classes.toml").write_text(f"names = {list(CLASS_NAMES)}")
    for number in range(40):
        pixels, labels = draw_frame(number)
        cv2.imwrite(str(folder / "images" / f"{number:03}.png"), pixels)
        cv2.imwrite(str(folder / "masks" / f"{number:03}.png"), labels)


@pytest.fixture(scope="session")
def mask_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty frames with index masks, one folder for all processes: the run's settings name it. Nobody alters it."""
    return made_once("masks", tmp_path_factory, draw_frames)


@pytest.fixture(scope="session")
def run(mask_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Card]:
    """Train the tiny network for twenty steps; its folder, and its last card."""
    settings = tiny_settings(mask_folder)
    folder = copy_of("run", tmp_path_factory, lambda out: fit(settings, out, Console(quiet=True)))
    return folder, checkpoint.load(folder / "last.pt")[0]


@pytest.fixture(scope="session")
def recipes(run: tuple[Path, Card], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Recipe folders of the tiny run by precision."""

    def make(folder: Path) -> None:
        for precision in ("fp32", "int8"):
            asked = ExportOptions(
                name="tiny",
                version="1",
                created="2026-11-22",
                trained_on='rectangles, "obvious" ones',
                classes=choose_classes(CLASS_NAMES, {"crack": 0.4}, {"crack": 5.0}),
                precision=precision,
                calibration_frames=8,
            )
            export(run[0], folder / precision, asked)

    folder = copy_of("recipes", tmp_path_factory, make)
    return {precision: folder / precision for precision in ("fp32", "int8")}
