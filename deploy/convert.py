"""A recipe's ONNX compiled to an engine by TensorRT or TensorRT-RTX; both have one Python API.

Building needs no GPU with the RTX flavour. The engine file is executable code tied to flavour and version: it
goes beside the recipe with a manifest, `engine.toml`, that names what it was built from and by what.
"""

from __future__ import annotations

import hashlib
import importlib
import os
import time
from pathlib import Path
from typing import Any

import onnx

from deploy.fold import fold, is_quantised
from inspector import recipe
from inspector.errors import EngineError
from inspector.records import Recipe

FLAVOURS = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt_rtx_bindings"}
"""Flavour -> the module that speaks for it."""
ENGINE, MANIFEST = "engine.plan", "engine.toml"


def flavour() -> tuple[str, Any]:
    """Return name and module of the TensorRT flavour that is installed.

    Raises: EngineError when none is.
    """
    for name, module in FLAVOURS.items():
        try:
            return name, importlib.import_module(module)
        except ImportError:
            continue
    raise EngineError(
        "neither TensorRT nor TensorRT-RTX is installed; expected one. "
        'Install the extra "rtx" (RTX cards), or "gpu" with NVIDIA\'s package index (data-centre and embedded GPUs).'
    )


def convert(folder: Path, precision: str, max_frames: int) -> Path:
    """Build the engine of the recipe in `folder` for batches of 1 to `max_frames`; return its path.

    `precision` "int8" takes the Q/DQ graph as it is, "fp32" folds its pairs away.

    Raises: RecipeError, EngineError.
    """
    name, trt = flavour()
    card, model = recipe.load(folder)
    graph = onnx.load_from_string(model)
    if precision == "int8" and not is_quantised(graph):
        raise EngineError(
            f"recipe {card}: its model is {card.precision}; an int8 engine needs a Q/DQ graph. Ask for fp32."
        )
    if precision == "fp32":
        graph = fold(graph)
    began = time.monotonic()
    plan = _build(trt, graph.SerializeToString(), card, max_frames)
    manifest = {
        "flavour": name,
        "version": trt.__version__,
        "precision": precision,
        "max_frames": max_frames,
        "onnx_sha256": card.sha256,
        "engine_sha256": hashlib.sha256(plan).hexdigest(),
        "engine_bytes": len(plan),
        "build_seconds": round(time.monotonic() - began, 2),
        "verified": False,
    }
    _write(folder / ENGINE, plan)
    _write(folder / MANIFEST, "".join(f"{key} = {_toml(value)}\n" for key, value in manifest.items()).encode())
    return folder / ENGINE


def _build(trt: Any, model: bytes, card: Recipe, max_frames: int) -> bytes:
    logger = trt.Logger(trt.Logger.WARNING)
    builder = trt.Builder(logger)
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, logger)
    if not parser.parse(model):
        faults = "; ".join(str(parser.get_error(i)) for i in range(parser.num_errors))
        raise EngineError(
            f"recipe {card}: TensorRT {trt.__version__} cannot parse its model: {faults}. Export it again."
        )
    profile = builder.create_optimization_profile()
    shapes = [(n, card.height, card.width) for n in (1, max_frames, max_frames)]
    profile.set_shape("frames", *shapes)
    options = builder.create_builder_config()
    options.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, options)
    if plan is None:
        raise EngineError(f"recipe {card}: TensorRT {trt.__version__} cannot build its engine; its log above says why.")
    return bytes(plan)


def _write(path: Path, content: bytes) -> None:
    """Write a whole file or none."""
    partial = path.with_suffix(".partial")
    with partial.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def _toml(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else str(value)
