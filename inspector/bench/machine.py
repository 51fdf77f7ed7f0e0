"""What this machine is, as far as it matters to speed.

Knows: /proc, installed packages, the NVIDIA driver. Must not know: what is measured on it.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
from pathlib import Path

from inspector import __version__
from inspector.bench.figures import Machine
from inspector.engines import processor
from inspector.engines.nvidia import driver
from inspector.errors import EngineError

PACKAGES = (
    "numpy",
    "opencv-python-headless",
    "openvino",
    "pyzmq",
    "pycuda",
    "tensorrt",
    "tensorrt_rtx_cu13_bindings",
    "torch",
)
FLAGS = re.compile(r"avx2|avx512(f|_vnni|_bf16|_fp16)|avx_vnni|avx_vnni_int8|amx_\w+|asimd(dp|hp)?|i8mm|bf16|sve2?")


def describe() -> Machine:
    """Describe it."""
    cpu = processor.cpuinfo()
    name = re.search(r"^(?:model name|Hardware|CPU part)\s*:\s*(.+)$", cpu, re.M)
    memory_kb = re.search(r"^MemTotal:\s*(\d+)", _read("/proc/meminfo"), re.M)
    module = re.search(r"(?:Kernel Module.*?|Module\s+)(\d+\.\d+(?:\.\d+)?)", _read("/proc/driver/nvidia/version"))
    return Machine(
        cpu=name[1].strip() if name else platform.machine(),
        cores=len(os.sched_getaffinity(0)),
        flags=tuple(flag for flag in processor.flags() if FLAGS.fullmatch(flag)),
        memory_gb=round(int(memory_kb[1]) * 1024 / 1e9, 1) if memory_kb else 0.0,
        kernel=platform.release(),
        python=platform.python_version(),
        versions={"inline-steel-inspector": __version__} | _versions(),
        gpus=_gpus(),
        driver=module[1] if module else "",
    )


def load_average() -> float:
    """Processes that wanted a core, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _gpus() -> tuple[str, ...]:
    try:
        return tuple(f"{gpu.name}, compute capability {gpu.compute_capability}" for gpu in driver.gpus())
    except EngineError:
        return ()


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
