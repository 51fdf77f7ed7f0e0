"""`deploy gpu-check` without a GPU, its plan for GPUs that are not here, and what it writes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy.gpu_check import plan
from deploy.gpu_check.command import NO_GPU, ROOT, write
from deploy.gpu_check.plan import Subject
from deploy.gpu_check.report import CheckUp, file_name
from deploy.gpu_check.steps import StepResult
from inspector.engines.nvidia.driver import Gpu
from inspector.engines.nvidia.manifest import RuntimeVersion
from tests.gpu import has_driver
from tests.patience import patience_s
from tests.recipes import write_recipe


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_without_a_gpu_it_says_so_and_runs_nothing(tmp_path: Path) -> None:
    """Exit code 2, what to do, and not one file that looks like a result."""
    words = [sys.executable, "-m", "deploy", "gpu-check", "--out", str(tmp_path / "out")]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=patience_s(), check=False)
    assert done.returncode == NO_GPU
    assert "no NVIDIA driver was found" in done.stderr and "Nothing was checked" in done.stderr
    assert not done.stdout and not (tmp_path / "out").exists()


def subject(tmp_path: Path, capability: str, flavour: str | None) -> Subject:
    """Describe a machine that is not here."""
    return Subject(
        gpu=Gpu("NVIDIA Somewhat", capability),
        runtime=RuntimeVersion(flavour, "1.7") if flavour else None,  # type: ignore[arg-type]  # one of the two literals
        no_runtime="" if flavour else "no TensorRT is installed",
        recipe=write_recipe(tmp_path / "recipe"),
        work=tmp_path / "work",
    )


@pytest.mark.parametrize(
    ("capability", "flavour", "unsupported"),
    [("9.0", "tensorrt_rtx", True), ("8.9", "tensorrt_rtx", False), ("9.0", "tensorrt", False), ("9.0", None, False)],
)
def test_a_gpu_that_the_flavour_is_not_made_for_is_named(
    tmp_path: Path, capability: str, flavour: str | None, unsupported: bool
) -> None:
    """TensorRT-RTX is for RTX cards; a data-centre GPU wants the other one. Building is tried all the same."""
    machine = subject(tmp_path, capability, flavour)
    printed = plan.unsupported(machine)
    assert bool(printed) == unsupported
    if unsupported:
        assert "NVIDIA Somewhat has compute capability 9.0; expected one of 7.5, 8.6" in printed
        steps = {step.name: step for step in plan.steps(machine)}
        for name in ("convert fp16", "verify fp16", "tests marked gpu"):
            assert steps[name].excuse == printed and not steps[name].skip


def test_without_tensorrt_the_rest_is_still_done(tmp_path: Path) -> None:
    """Engines are skipped with the reason, and all that stands on them by what they need; torch is not."""
    steps = {step.name: step for step in plan.steps(subject(tmp_path, "9.0", None))}
    assert steps["convert fp16"].skip == steps["convert int8"].skip == "no TensorRT is installed"
    assert steps["bench"].needs == ("verify fp16",) and steps["verify fp16"].needs == ("convert fp16",)
    assert not steps["torch as the reference"].skip and not steps["torch as the reference"].needs


def test_the_steps_are_commands_that_exist(tmp_path: Path) -> None:
    """Each module that a step runs says what it takes: a plan that names none of them right proves nothing."""
    modules = {step.words[2] for step in plan.steps(subject(tmp_path, "8.9", "tensorrt"))}
    assert modules == {"deploy.gpu_check.copies", "tests.bench.torch_speed", "deploy", "pytest", "inspector"} | {
        "deploy.gpu_check.swaps"
    }
    for step in plan.steps(subject(tmp_path / "again", "8.9", "tensorrt")):
        if step.words[2] in ("deploy", "inspector"):
            words = [*step.words[:4], "--help"]
            assert (
                subprocess.run(words, cwd=ROOT, capture_output=True, timeout=patience_s(), check=False).returncode == 0
            )


def test_the_page_promises_what_is_run() -> None:
    """As many swaps, and as long under load, as the plan has."""
    page = " ".join((ROOT / "deploy" / "README.md").read_text(encoding="utf-8").split())
    assert f"{plan.SWAPS} hot swaps" in page and f"the daemon for {plan.LOAD_S} s at 80 % load" in page


def test_the_budgets_fit_and_the_line_comes_first(tmp_path: Path) -> None:
    """Every step has its time within eight minutes, and what says most of the line is not the last."""
    steps = plan.steps(subject(tmp_path, "8.9", "tensorrt"))
    assert sum(step.budget_s for step in steps) <= plan.BUDGET_S < 8 * 60
    names = [step.name for step in steps]
    assert names.index("daemon at 80 % load") < names.index("bench") < names.index("torch as the reference")


def checked(*steps: StepResult) -> CheckUp:
    """Make a check-up of these steps."""
    return CheckUp(
        date="2026-11-22T12:00:00+00:00",
        gpu="NVIDIA RTX 4090 (Laptop)",
        compute_capability="8.9",
        driver="580.1",
        runtime="tensorrt_rtx 1.7",
        unsupported="",
        python="3.12",
        kernel="6",
        recipe="tiny@1",
        seconds=12.0,
        steps=steps,
    )


def row(precision: str, measured: str, rate_fps: float, **more: object) -> dict[str, object]:
    """Make a row of the bench's JSON."""
    times = {"p50_ms": 1.0, "p99_ms": 2.0, "roof_share": None, "added": None}
    known = {"precision": precision, "batch": 16, "measured": measured, "rates_fps": [rate_fps], "engine": "trt"}
    return {**known, **times, **more}


def test_what_was_found_is_written_down(tmp_path: Path) -> None:
    """JSON that reads back, and a page with every step, the goals reached or missed, and a failure's last words."""
    rows = [
        row("fp16", "engine", 100.0, roof_share=0.55),
        row("int8", "engine", 150.0),
        row("fp16", "daemon", 98.0),
    ]
    load = row("fp16", "load", 80.0, added={"p99_ms": 14.0, "wait_ms": 10})
    done = checked(
        StepResult(name="bench", status="passed", reason="", seconds=9.0, output=(), figures={"rows": rows}),
        StepResult(
            name="daemon at 80 % load", status="passed", reason="", seconds=60, output=(), figures={"rows": [load]}
        ),
        StepResult(name="swaps", status="failed", reason="exit code 1", seconds=2.0, output=("device +900 MiB",)),
    )
    write(done, tmp_path / "results", lambda words: None)
    path = tmp_path / "results" / "gpu-check-nvidia-rtx-4090-laptop.json"
    assert msgspec.json.decode(path.read_bytes(), type=CheckUp) == done
    page = path.with_suffix(".md").read_text()
    assert "2 passed, 1 failed, 0 skipped" in page and "device +900 MiB" in page
    assert "| fp16 of the measured peak, batch 16 | 0.550 | at least 0.5 | reached |" in page
    assert "| INT8 by fp16, batch 16 | 1.500 | at least 1.6 | missed |" in page
    assert "| daemon by engine, fp16, batch 16 | 0.980 | at least 0.97 | reached |" in page
    assert "| added p99 at 80 % load, ms | 14.0 | at most 13 | missed |" in page
    assert done.failed


def test_nothing_measured_claims_no_goal(tmp_path: Path) -> None:
    """Skipped steps leave a page without figures, and no failure."""
    done = checked(StepResult(name="bench", status="skipped", reason="needs verify fp16", seconds=0.0, output=()))
    write(done, tmp_path, lambda words: None)
    page = (tmp_path / f"{file_name(done.gpu)}.md").read_text()
    assert "reached" not in page and "missed" not in page and "| bench | skipped | 0 | needs verify fp16 |" in page
    assert not done.failed
