"""What of a GPU's software this machine has, asked without our own code."""

from __future__ import annotations

import ctypes
import importlib.util


def has_driver() -> bool:
    """Whether NVIDIA's driver library can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def has_tensorrt() -> bool:
    """Whether either flavour of TensorRT is installed."""
    return any(importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx_bindings"))
