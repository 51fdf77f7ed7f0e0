"""Which TensorRT is installed: the full one or TensorRT-RTX; both have one Python API.

Neither is imported before somebody asks.
"""

from __future__ import annotations

import importlib
from typing import Any

from inspector.engines.manifest import Flavour
from inspector.errors import EngineError

MODULES: dict[Flavour, str] = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt_rtx_bindings"}
"""Flavour -> the module that speaks for it."""


def find() -> tuple[Flavour, Any]:
    """Return name and module of the flavour that is installed.

    Raises: EngineError when none is.
    """
    for name, module in MODULES.items():
        try:
            return name, importlib.import_module(module)
        except ImportError:
            continue
    raise EngineError(
        "neither TensorRT nor TensorRT-RTX is installed; expected one. "
        'Install the extra "rtx" (RTX cards), or "gpu" with NVIDIA\'s package index (data-centre and embedded GPUs).'
    )
