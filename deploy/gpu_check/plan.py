"""What a check-up does, in order: the commands that a user would type, and where each may take how long.

The bench and the daemon are run as commands: the converter knows neither.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import msgspec

from deploy.build import PORTABLE
from deploy.gpu_check.steps import Step
from inspector.engines.nvidia.driver import Gpu
from inspector.engines.nvidia.manifest import Runtime

RTX_KNOWN = ("7.5", *PORTABLE, "12.1")
"""Compute capabilities of the RTX cards (Turing, Ampere, Ada, Blackwell) that NVIDIA makes TensorRT-RTX for."""
GPU_TESTS = "tests/inspector/engines"
"""Tests of what a GPU runs; other folders import packages that such a machine need not have."""
PRECISIONS = ("fp16", "int8")
BATCHES = "1,4,8,16"
SWAPS, SWAPS_S = 50, 120
LOAD_S = 60
BUDGET_S = 470.0
"""Of all steps together: under eight minutes."""


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked."""

    gpu: Gpu
    runtime: Runtime | None
    """None where no TensorRT is installed."""
    no_runtime: str
    """Why; else empty."""
    recipe: Path
    work: Path
    """A folder for what the steps make."""


def steps(subject: Subject) -> tuple[Step, ...]:
    """List the steps for this machine."""
    for precision in PRECISIONS:
        shutil.copytree(subject.recipe, subject.work / precision, ignore=shutil.ignore_patterns("engine.*"))
    return (*_reference(subject), *_engines(subject), *_line(subject))


def unsupported(subject: Subject) -> str:
    """Say that this GPU is none that the installed TensorRT is made for; empty when it is."""
    here, gpu = subject.runtime, subject.gpu
    if here is None or here.flavour != "tensorrt_rtx" or gpu.compute_capability in RTX_KNOWN:
        return ""
    return (
        f"{gpu.name} (compute capability {gpu.compute_capability}) is not supported by TensorRT-RTX "
        f'{here.version}, which is for {", ".join(RTX_KNOWN)}. Install the full TensorRT: pip install ".[gpu]"'
    )


def _reference(subject: Subject) -> tuple[Step, ...]:
    """What the GPU does without TensorRT."""
    copies, torch = subject.work / "copies.json", subject.work / "torch.json"
    return (
        Step(
            name="copies by pycuda",
            words=_python("-m", "deploy.gpu_check.copies", str(copies)),
            budget_s=30,
            skip=_missing("pycuda"),
            json=copies,
        ),
        Step(
            name="contexts, pinned memory and streams",
            words=_python("-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", f"{GPU_TESTS}/test_cuda.py"),
            budget_s=60,
            skip=_missing("pycuda", "pytest", "hypothesis"),
        ),
        Step(
            name="torch as the reference",
            words=_python("-m", "tests.bench.torch_speed", "--device", "cuda", "--json", str(torch)),
            budget_s=70,
            skip=_missing("torch"),
            json=torch,
        ),
    )


def _engines(subject: Subject) -> tuple[Step, ...]:
    """Build both engines, prove them, and run the tests that need a GPU."""
    made = []
    for precision in PRECISIONS:
        folder = str(subject.work / precision)
        made.append(
            Step(
                name=f"convert {precision}",
                words=_python("-m", "deploy", "convert", folder, "--precision", precision, "--batches", BATCHES),
                budget_s=90,
                skip=subject.no_runtime,
                excuse=unsupported(subject),
            )
        )
        made.append(
            Step(
                name=f"verify {precision}",
                words=_python("-m", "deploy", "verify", folder),
                budget_s=60,
                needs=(f"convert {precision}",),
                excuse=unsupported(subject),
            )
        )
    tests = Step(
        name="tests marked gpu",
        words=_python("-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", GPU_TESTS),
        budget_s=90,
        skip=_missing("pytest", "hypothesis", "onnx"),
        excuse=unsupported(subject),
        none_found=5,
    )
    return (*made, tests)


def _line(subject: Subject) -> tuple[Step, ...]:
    """Measure the engines, and run the daemon on the fp16 one."""
    folders = [str(subject.work / precision) for precision in PRECISIONS]
    bench, swaps, load = (subject.work / f"{name}.json" for name in ("bench", "swaps", "load"))
    proven = tuple(f"verify {precision}" for precision in PRECISIONS)
    run = ("-m", "inspector", "bench", "--engines", "tensorrt")
    swapping = ("--count", str(SWAPS), "--seconds", str(SWAPS_S))
    return (
        Step(
            name="bench",
            words=_python(*run, *folders, "--batches", "1,8,16", "--seconds", "1", "--json", str(bench)),
            budget_s=160,
            needs=proven[:1],  # an INT8 engine that is not proven is listed as not measured
            json=bench,
        ),
        Step(
            name=f"{SWAPS} hot swaps",
            words=_python("-m", "deploy.gpu_check.swaps", folders[0], *swapping, "--json", str(swaps)),
            budget_s=SWAPS_S + 20,
            needs=proven[:1],
            json=swaps,
        ),
        Step(
            name="daemon at 80 % load",
            words=_python(
                *run,
                folders[0],
                *("--batches", "8", "--seconds", "3", "--load-seconds", str(LOAD_S), "--json", str(load)),
            ),
            budget_s=LOAD_S + 60,
            needs=proven[:1],
            json=load,
        ),
    )


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)


def _missing(*packages: str) -> str:
    """Say which of these cannot be imported here; empty when all can."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"{', '.join(absent)} not installed" if absent else ""
