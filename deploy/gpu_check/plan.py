"""What a check-up does, in order: the commands that a user would type, and where each may take how long.

The bench and the daemon are run as commands: the converter knows neither.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

import msgspec

from deploy import build
from deploy.gpu_check.steps import Step
from inspector.engines.nvidia.driver import Gpu
from inspector.engines.nvidia.manifest import RuntimeVersion

GPU_TESTS = "tests/inspector/engines"
"""Tests of what a GPU runs; other folders import packages that such a machine need not have."""
PRECISIONS = ("fp16", "int8")
BATCHES = "1,2,4,8,16"
SWAPS, SWAPS_S = 20, 45
LOAD_S = 20
BUDGET_S = 470.0
"""Of all steps together: under eight minutes. The steps' own budgets add up to it, the most valuable step first; what
one leaves the next may use."""
PYTEST = ("-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider", "-W", "default")
"""A warning of packages that happen to lie there fails no test."""

BENCH = ("-m", "inspector", "bench", "--engines", "tensorrt")


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """What is checked."""

    gpu: Gpu
    runtime: RuntimeVersion | None
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
    fp16, int8 = _engine(subject, "fp16", build_s=60, proof_s=60), _engine(subject, "int8", build_s=30, proof_s=30)
    tests, copies, torch = _reference(subject)
    return (tests, *fp16, *_line(subject), *int8, _bench(subject), _engine_tests(subject), torch, copies)


def unsupported(subject: Subject) -> str:
    """Say that this GPU is none that the installed TensorRT is made for; empty when it is."""
    here = subject.runtime
    return build.unsupported(subject.gpu) if here is not None and here.flavour == "tensorrt_rtx" else ""


def _reference(subject: Subject) -> tuple[Step, Step, Step]:
    """What the GPU does without TensorRT."""
    copies, torch = subject.work / "copies.json", subject.work / "torch.json"
    return (
        Step(
            name="contexts, pinned memory and streams",
            words=_python(*PYTEST, f"{GPU_TESTS}/nvidia/test_cuda.py"),
            budget_s=25,
            skip=_missing("pycuda", "pytest", "hypothesis"),
        ),
        Step(
            name="copies by pycuda",
            words=_python("-m", "deploy.gpu_check.copies", str(copies)),
            budget_s=10,
            skip=_missing("pycuda"),
            json=copies,
        ),
        Step(
            name="torch as the reference",
            words=_python("-m", "tests.bench.torch_speed", "--device", "cuda", "--json", str(torch)),
            budget_s=25,
            skip=_missing("torch"),
            json=torch,
        ),
    )


def _engine(subject: Subject, precision: str, *, build_s: float, proof_s: float) -> tuple[Step, Step]:
    """Build an engine, and prove it."""
    folder = str(subject.work / precision)
    return (
        Step(
            name=f"convert {precision}",
            words=_python("-m", "deploy", "convert", folder, "--precision", precision, "--batches", BATCHES),
            budget_s=build_s,
            skip=subject.no_runtime,
            excuse=unsupported(subject),
        ),
        Step(
            name=f"verify {precision}",
            words=_python("-m", "deploy", "verify", folder),
            budget_s=proof_s,
            needs=(f"convert {precision}",),
            excuse=unsupported(subject),
        ),
    )


def _engine_tests(subject: Subject) -> Step:
    return Step(
        name="tests marked gpu",
        words=_python(*PYTEST, GPU_TESTS, "-k", "not steel-fast"),  # one shipped recipe is what the budget allows
        budget_s=50,
        skip=_missing("pytest", "hypothesis", "onnx"),
        excuse=unsupported(subject),
        none_found=5,
    )


def _line(subject: Subject) -> tuple[Step, Step]:
    """Run the daemon on the fp16 engine."""
    swaps, load = subject.work / "swaps.json", subject.work / "load.json"
    folder, needs = str(subject.work / "fp16"), ("verify fp16",)
    swapping = ("--count", str(SWAPS), "--seconds", str(SWAPS_S))
    loading = ("--batches", "8", "--seconds", "2", "--load-seconds", str(LOAD_S))
    return (
        Step(
            name="daemon at 80 % load",
            words=_python(*BENCH, folder, *loading, "--json", str(load)),
            budget_s=LOAD_S + 40,
            needs=needs,
            json=load,
        ),
        Step(
            name=f"{SWAPS} hot swaps",
            words=_python("-m", "deploy.gpu_check.swaps", folder, *swapping, "--json", str(swaps)),
            budget_s=SWAPS_S + 15,
            needs=needs,
            json=swaps,
        ),
    )


def _bench(subject: Subject) -> Step:
    """Measure both engines; an INT8 engine that is not proven is listed as not measured."""
    folders, bench = [str(subject.work / precision) for precision in PRECISIONS], subject.work / "bench.json"
    return Step(
        name="bench",
        words=_python(*BENCH, *folders, "--batches", "8,16", "--seconds", "0.5", "--json", str(bench)),
        budget_s=60,
        needs=("verify fp16",),
        json=bench,
    )


def _python(*words: str) -> tuple[str, ...]:
    return (sys.executable, *words)


def _missing(*packages: str) -> str:
    """Say which of these cannot be imported here; empty when all can."""
    absent = [package for package in packages if importlib.util.find_spec(package) is None]
    return f"{', '.join(absent)} not installed" if absent else ""
