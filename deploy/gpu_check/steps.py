"""Steps one after the other, each a process of its own with a time of its own: none that fails or hangs stops another.

Knows: processes, exit codes, time. Must not know: what a step does.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

SKIP = 77
"""Exit code of a step that cannot be done here, its last line on standard error saying why (as automake's tests)."""
TAIL_LINES = 12
GRACE_S = 5.0
"""After SIGTERM, how long before SIGKILL."""
Status = Literal["passed", "failed", "skipped"]


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One thing to do."""

    name: str
    words: tuple[str, ...]
    """The command."""
    budget_s: float
    needs: tuple[str, ...] = ()
    """Names of steps that must have passed."""
    skip: str = ""
    """Why it cannot be done here, where that is known before."""
    excuse: str = ""
    """Why it may fail here; a failure is then a skip, with this and the command's own words as its reason."""
    json: Path | None = None
    """What the command writes its figures into."""
    none_found: int | None = None
    """Exit code that says there was nothing to do (pytest's 5)."""


class StepResult(msgspec.Struct, frozen=True, kw_only=True):
    """How a step ended."""

    name: str
    status: Status
    reason: str
    """Empty when it passed."""
    seconds: float
    output: tuple[str, ...]
    """The last lines of its output."""
    figures: Any = None
    """The JSON it wrote, as it is; a step that failed may have written one."""


def run(
    steps: Sequence[Step], root: Path, log: Path, total_s: float, say: Callable[[str], None]
) -> tuple[StepResult, ...]:
    """Do the steps in the folder `root`, which Python imports from; write all they say into the folder `log`.

    A step has its own budget and what those before it have left, within `total_s` of all.
    """
    results: list[StepResult] = []
    until = time.monotonic() + total_s
    planned_s, began = 0.0, time.monotonic()
    for step in steps:
        missing = [name for name in step.needs if not any(o.name == name and o.status == "passed" for o in results)]
        now = time.monotonic()
        budget_s = min(step.budget_s + max(0.0, planned_s - (now - began)), until - now)
        planned_s += step.budget_s
        if step.skip:
            outcome = _undone(step, "skipped", step.skip)
        elif missing:
            outcome = _undone(step, "skipped", f"needs {', '.join(missing)}, which did not pass")
        elif budget_s <= 0:
            outcome = _undone(step, "failed", f"no time left of {total_s:g} s")
        else:
            say(f"{step.name} (at most {budget_s:.0f} s)")
            outcome = _do(step, root, log, budget_s)
        say(f"{step.name}: {outcome.status}" + (f", {outcome.reason}" if outcome.reason else ""))
        results.append(outcome)
    return tuple(results)


def _undone(step: Step, status: Status, reason: str) -> StepResult:
    return StepResult(name=step.name, status=status, reason=reason, seconds=0.0, output=())


def _do(step: Step, root: Path, log: Path, budget_s: float) -> StepResult:
    path = log / f"{step.name.replace(' ', '-')}.log"
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
    began = time.monotonic()
    with path.open("wb") as out:
        try:
            process = subprocess.Popen(
                step.words,
                cwd=root,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a step starts daemons: what ends it must end them too
            )
        except OSError as error:
            return _undone(step, "failed", f"{step.words[0]} cannot be started: {error.strerror}")
        code = _wait(process, budget_s)
    output = tuple(path.read_text(errors="replace").splitlines()[-TAIL_LINES:])
    status, reason = _assess(step, code, output, budget_s)
    figures = None
    if step.json is not None:
        try:
            figures = msgspec.json.decode(step.json.read_bytes())  # of a failed step too: they say why
        except (OSError, ValueError) as error:
            if status == "passed":
                status, reason = "failed", f"it left no figures in {step.json.name}: {error}"
    seconds = round(time.monotonic() - began, 1)
    return StepResult(name=step.name, status=status, reason=reason, seconds=seconds, output=output, figures=figures)


def _wait(process: subprocess.Popen[bytes], budget_s: float) -> int | None:
    """Return the exit code; None when it took too long and was ended with all that it had started."""
    try:
        return process.wait(budget_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        return None


def _assess(step: Step, code: int | None, output: Sequence[str], budget_s: float) -> tuple[Status, str]:
    last = next((line.strip() for line in reversed(output) if line.strip()), "it reported nothing")
    if code == 0:
        return "passed", ""
    if code == SKIP:
        return "skipped", last
    if code is not None and code == step.none_found:
        return "skipped", "there was nothing to do"
    why = f"not done within {budget_s:.0f} s" if code is None else f"exit code {code}: {last}"
    return ("skipped", f"{step.excuse} ({why})") if step.excuse else ("failed", why)
