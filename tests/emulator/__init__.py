"""A GPU of host memory and a TensorRT on it: our own code for GPUs runs, with the real pycuda, where no GPU is.

It shows that calls, threads, order and memory are right. Of TensorRT's own behaviour and of any speed it shows nothing.
"""

from __future__ import annotations

import os
from pathlib import Path

from inspector.engines.nvidia.manifest import Flavour

ROOT = Path(__file__).parents[2]
BUILT = ROOT / "build" / "emulator"
"""Where `make emulator` builds it."""
FLAVOURS: dict[Flavour, str] = {"tensorrt_rtx": "rtx", "tensorrt": "full"}
"""Flavour -> the folder here that emulates it."""


def is_built() -> bool:
    """Return whether somebody ran `make emulator`."""
    return (BUILT / "site" / "pycuda").is_dir()


def environment(flavour: Flavour) -> dict[str, str]:
    """Return the variables with which a process finds this flavour's emulation, and the emulated driver."""
    paths = [ROOT / "tests" / "emulator" / FLAVOURS[flavour], BUILT / "site", ROOT]
    return {"PYTHONPATH": os.pathsep.join(map(str, paths)), "LD_LIBRARY_PATH": str(BUILT)}
