"""How much of a GPU's memory is taken, asked of NVIDIA's management library: any thread may ask, no context is needed.

Without nvidia-ml-py, or where the library does not answer, there is no figure; CUDA has one (`cuda.Device.memory`).
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any


def used_bytes(bus_id: str) -> dict[str, int]:
    """Return what of the GPU at this PCI address is taken, in bytes; empty where the driver does not say.

    `total`: what it has; `used`: taken by all programs; `process`: by this one, absent where the driver cannot see
    whose it is (in a container, say).
    """
    gpu = _opened(bus_id)
    if gpu is None:
        return {}
    import pynvml

    try:
        memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
        found = {"total": int(memory.total), "used": int(memory.used)}
        for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu):
            if process.pid == os.getpid() and process.usedGpuMemory is not None:
                found["process"] = int(process.usedGpuMemory)
        return found
    except pynvml.NVMLError:
        return {}


@cache
def _opened(bus_id: str) -> Any:
    """Open the library and find the GPU, once for the process; None where that cannot be."""
    try:
        import pynvml
    except ModuleNotFoundError:
        return None
    try:
        pynvml.nvmlInit()
        return pynvml.nvmlDeviceGetHandleByPciBusId(bus_id)
    except pynvml.NVMLError:
        return None
