"""One tiny run and its recipes, made once and looked at by many tests."""

from __future__ import annotations

import contextlib
import copy
import fcntl
import functools
import multiprocessing
import os
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import onnxruntime
import pytest
import torch
from rich.console import Console

from inspector.engines.openvino import core
from tests.trainer.frames import draw_frame, tiny_settings
from trainer.crossval import jobs
from trainer.data.samples import CLASS_NAMES
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.train import fit
from trainer.learn.unet import UNet
from trainer.recipe import held_out
from trainer.recipe.export import ExportOptions, choose_classes, export
from trainer.recipe.graph import fold_batch_norms, split_joins, with_weights, write_onnx

# Two threads wait for each other on a shared machine, and these frames are too small to gain from them.
torch.set_num_threads(1)
os.environ.setdefault("OMP_NUM_THREADS", "1")  # of the programs that tests start
cv2.setNumThreads(0)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Nor do the engines gain from more: OpenVINO takes a quarter less of a processor, ONNX Runtime half."""

    def options() -> onnxruntime.SessionOptions:
        made = unlimited()
        made.intra_op_num_threads = 1
        return made

    unlimited = onnxruntime.SessionOptions
    core().set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnxruntime, "SessionOptions", options)  # of the quantiser
        yield
    core().set_property("CPU", {"INFERENCE_NUM_THREADS": 0})


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


@pytest.fixture(scope="session", autouse=True)
def one_graph(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A graph takes 5 s to write, and milliseconds to be given another network's weights: byte for byte the same.

    So it is (test_export.py, which writes each of its own); runs and recipes write one of each shape.
    """

    def write(unet: UNet, classes: int, height_px: int, width_px: int, path: Path) -> None:
        shape = f"{unet} {unet.downscale} {classes} {height_px} {width_px}"
        like = made_once(
            f"graph-{zlib.crc32(shape.encode())}",
            tmp_path_factory,
            lambda folder: write_onnx(copy.deepcopy(unet), classes, height_px, width_px, folder / "model.onnx"),
        )
        graph = with_weights((like / "model.onnx").read_bytes(), unet, classes)
        if graph is None:
            write_onnx(unet, classes, height_px, width_px, path)
        else:
            path.write_bytes(graph)
            split_joins(fold_batch_norms(unet))  # as writing does

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(held_out, "write_onnx", write)
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
