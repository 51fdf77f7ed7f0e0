"""`deploy gpu-check`: find the GPU, do the steps, write JSON and Markdown.

Exit codes: 0 nothing failed, 1 something did, 2 there is no GPU here and nothing was run.
"""

from __future__ import annotations

import platform
import re
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

import deploy
from deploy.folder import check_writable, held
from deploy.gpu_check import plan, steps
from deploy.gpu_check.plan import Subject
from deploy.gpu_check.report import CheckUp, file_name, markdown
from inspector import recipe
from inspector.engines.nvidia import driver, flavour
from inspector.engines.nvidia.manifest import RuntimeVersion
from inspector.errors import EXIT_FAILURE, EngineError

NO_GPU = 2
ROOT = Path(deploy.__file__).resolve().parents[1]
"""Of the source checkout: the tests and the trainer lie there."""


def check(folder: Path, out: Path, say: Callable[[str], None]) -> int:
    """Check this machine's first GPU on the recipe in `folder`; write into `out`, and return the exit code.

    Raises: RecipeError; Busy while another check-up writes there.
    """
    card = recipe.read_card(folder)
    try:
        gpu = driver.gpus()[0]
    except EngineError as error:
        print(f"{error}\nNothing was checked: this needs a machine with an NVIDIA GPU.", file=sys.stderr)
        return NO_GPU
    runtime, no_runtime = _runtime()
    say(f"{gpu.name}, compute capability {gpu.compute_capability}, {_words(runtime) or no_runtime}")
    out.mkdir(parents=True, exist_ok=True)
    with held(out, "`deploy gpu-check`"), tempfile.TemporaryDirectory(prefix="gpu-check-") as temporary:
        check_writable(out, "Choose another folder with --out.")
        work = Path(temporary)
        subject = Subject(gpu=gpu, runtime=runtime, no_runtime=no_runtime, recipe=folder.resolve(), work=work)
        if unsupported := plan.unsupported(subject):
            say(unsupported)
        began = time.monotonic()
        outcomes = steps.run(plan.steps(subject), ROOT, work, plan.BUDGET_S, say)
    done = CheckUp(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        gpu=gpu.name,
        compute_capability=gpu.compute_capability,
        driver=_driver_version(),
        runtime=_words(runtime) or no_runtime,
        unsupported=unsupported,
        python=platform.python_version(),
        kernel=platform.release(),
        recipe=str(card),
        seconds=round(time.monotonic() - began, 1),
        steps=outcomes,
    )
    write(done, out, say)
    return EXIT_FAILURE if done.failed else 0


def write(done: CheckUp, out: Path, say: Callable[[str], None]) -> None:
    """Write both files of a check-up into `out`, which is made if need be."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{file_name(done.gpu)}.json"
    path.write_bytes(msgspec.json.format(msgspec.json.encode(done), indent=2) + b"\n")
    path.with_suffix(".md").write_text(markdown(done), encoding="utf-8")
    say(f"{path} and {path.with_suffix('.md').name} say what was found")


def _runtime() -> tuple[RuntimeVersion | None, str]:
    try:
        name, module = flavour.find()
    except EngineError as error:
        return None, str(error)
    return RuntimeVersion(name, module.__version__), ""


def _words(runtime: RuntimeVersion | None) -> str:
    return f"{runtime.flavour} {runtime.version}" if runtime else ""


def _driver_version() -> str:
    try:
        text = Path("/proc/driver/nvidia/version").read_text()
    except OSError:
        return ""
    found = re.search(r"\b(\d{3}\.\d+(?:\.\d+)?)\b", text)
    return found[1] if found else ""
