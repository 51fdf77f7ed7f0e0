"""Which TensorRT is installed: the full one or TensorRT-RTX; both have one Python API.

Neither is imported before it is asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

from inspector.engines.nvidia.driver import order_by_slot
from inspector.engines.nvidia.manifest import Flavour
from inspector.errors import EngineRefused

MODULES: dict[Flavour, str] = {"tensorrt": "tensorrt", "tensorrt_rtx": "tensorrt_rtx_bindings"}
"""Flavour -> the module that speaks for it."""


def find(*, only: Flavour | None = None, first: Flavour | None = None) -> tuple[Flavour, Any]:
    """Return name and module of the flavour that is installed: `only` that one, or `first` that one and else the other.

    Raises: EngineRefused when none is.
    """
    order_by_slot()
    broken = []
    for name in (only,) if only else sorted(MODULES, key=lambda name: name != first):
        try:
            return name, importlib.import_module(MODULES[name])
        except ModuleNotFoundError as error:
            if error.name != MODULES[name]:
                broken.append(f"{name} is installed but cannot be loaded: {error}")
        except (ImportError, OSError, RuntimeError) as error:  # its libraries are missing or of another version
            broken.append(f"{name} is installed but cannot be loaded: {error}")
    wanted = f"{only} is not installed" if only else "neither TensorRT nor TensorRT-RTX is installed; expected one"
    wanted = "; ".join(broken) or wanted
    raise EngineRefused(
        f'{wanted}. Install the extra "rtx" to build engines for RTX cards and "rtx-run" to run them, or "gpu" with '
        "NVIDIA's package index (data-centre and embedded GPUs)."
    )
