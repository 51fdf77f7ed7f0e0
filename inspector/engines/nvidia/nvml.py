"""How much of a GPU's memory is taken, asked of NVIDIA's management library: any thread may ask, no context is needed.

Without nvidia-ml-py, or where the library answers nothing, nothing is said; CUDA is asked then (`cuda.Device.memory`).
"""

from __future__ import annotations

import os


def used_bytes(bus_id: str) -> dict[str, int]:
    """Return what of the GPU at this PCI address is taken, in bytes; empty where nobody can tell.

    `total`: what it has; `used`: taken by all programs; `process`: by this one, absent where the driver cannot see
    whose it is (in a container, say).
    """
    try:
        import pynvml
    except ModuleNotFoundError:
        return {}
    try:
        pynvml.nvmlInit()
        try:
            gpu = pynvml.nvmlDeviceGetHandleByPciBusId(bus_id)
            memory = pynvml.nvmlDeviceGetMemoryInfo(gpu)
            found = {"total": int(memory.total), "used": int(memory.used)}
            for process in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu):
                if process.pid == os.getpid() and process.usedGpuMemory is not None:
                    found["process"] = int(process.usedGpuMemory)
            return found
        finally:
            pynvml.nvmlShutdown()
    except pynvml.NVMLError:
        return {}
