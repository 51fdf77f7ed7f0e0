"""What of a GPU's software this machine has, asked without our own code."""

from __future__ import annotations

import ctypes
import importlib.util

import pytest


def has_driver() -> bool:
    """Whether NVIDIA's driver library can be loaded."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True


def has_pycuda() -> bool:
    """Whether pycuda is installed; without a driver it cannot be imported all the same."""
    return importlib.util.find_spec("pycuda") is not None


def has_tensorrt() -> bool:
    """Whether either flavour of TensorRT is installed."""
    return any(importlib.util.find_spec(name) for name in ("tensorrt", "tensorrt_rtx_bindings"))


def needs_gpu(test: object) -> object:
    """Mark a test that runs an engine: it skips, with the reason, where that cannot be."""
    reason = 'TensorRT is not installed (pip install ".[rtx-run]" or ".[gpu]")'
    return needs_pycuda(pytest.mark.skipif(not has_tensorrt(), reason=reason)(test))


def needs_pycuda(test: object) -> object:
    """Mark a test that works on a GPU without an engine, likewise."""
    for missing, reason in (
        (not has_pycuda(), 'pycuda is not installed (pip install ".[rtx-run]" or ".[gpu]")'),
        (not has_driver(), "no NVIDIA driver"),
    ):
        test = pytest.mark.skipif(missing, reason=reason)(test)
    return pytest.mark.gpu(test)
