"""A check-up written down: JSON with every figure, and a Markdown page that people read. Pure.

Knows: the goals that figures are held against, and where the steps' figures stand. A missed goal is no failed step.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from deploy.gpu_check.plan import SWAPS
from deploy.gpu_check.steps import StepResult

ROOF_SHARE, INT8_GAIN, DAEMON_SHARE, ADDED_MS = 0.5, 1.6, 0.97, 3.0
"""The goals: of the measured fp16 peak at batch 16; INT8 by fp16; daemon by engine; added p99 beyond the deadline."""
BEST_BATCH = 16


class CheckUp(msgspec.Struct, frozen=True, kw_only=True):
    """One check-up of one machine."""

    date: str
    """UTC, ISO 8601."""
    gpu: str
    compute_capability: str
    driver: str
    runtime: str
    """TensorRT's flavour and version, or why there is none."""
    unsupported: str
    """Why this GPU is none for that flavour; empty where it is."""
    python: str
    kernel: str
    recipe: str
    seconds: float
    steps: tuple[StepResult, ...]

    @property
    def failed(self) -> bool:
        """Whether any step failed."""
        return any(step.status == "failed" for step in self.steps)


def file_name(gpu: str) -> str:
    """Name a check-up's files after its GPU, without their suffix."""
    return "gpu-check-" + (re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-") or "unknown")


def markdown(done: CheckUp) -> str:
    """Write the page."""
    return "\n".join(_lines(done)) + "\n"


def _lines(done: CheckUp) -> Iterator[str]:
    yield f"# GPU check-up: {done.gpu}"
    yield ""
    facts = f"compute capability {done.compute_capability}, driver {done.driver or 'unknown'}"
    yield f"{done.date}, {facts}, {done.runtime}, Python {done.python}, kernel {done.kernel}, recipe {done.recipe}."
    if done.unsupported:
        yield ""
        yield f"**{done.unsupported}.**"
    counts = {status: sum(step.status == status for step in done.steps) for status in ("passed", "failed", "skipped")}
    yield ""
    yield f"{', '.join(f'{count} {status}' for status, count in counts.items())}, in {done.seconds:.0f} s."
    yield from _section("Steps", ("step", "status", "s", "why"), [_step(step) for step in done.steps])
    yield from _section("Goals", ("figure", "measured", "goal", ""), list(_goals(done.steps)))
    yield from _section(
        "Bench", ("engine", "batch", "measured", "frames/s", "p50 ms", "p99 ms", "of roof"), _bench(done)
    )
    for name in ("copies by pycuda", "torch as the reference", f"{SWAPS} hot swaps"):
        yield from _figures(name, _of(done.steps, name))
    for step in done.steps:
        if step.status == "failed":
            yield from ("", f"## What `{step.name}` reported last", "", "```", *step.output, "```")


def _section(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    if not rows:
        return
    yield from ("", f"## {title}", "", f"| {' | '.join(heads)} |", "|" + "---|" * len(heads))
    for row in rows:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in row)} |"


def _step(step: StepResult) -> tuple[str, ...]:
    status = "**failed**" if step.status == "failed" else step.status
    return step.name, status, f"{step.seconds:.0f}", step.reason


def _of(steps: Sequence[StepResult], name: str) -> Any:
    return next((step.figures for step in steps if step.name == name), None)


def _goals(steps: Sequence[StepResult]) -> Iterator[tuple[str, ...]]:
    """Compare the bench's figures with the goals; what was not measured is left out."""
    bench, load = _of(steps, "bench"), _of(steps, "daemon at 80 % load")
    rows = {(r["precision"], r["batch"], r["measured"]): r for r in bench["rows"]} if bench else {}

    def rate(precision: str, measured: str) -> float | None:
        row = rows.get((precision, BEST_BATCH, measured))
        return sorted(row["rates_fps"])[len(row["rates_fps"]) // 2] if row else None

    fp16, int8, daemon = rate("fp16", "engine"), rate("int8", "engine"), rate("fp16", "daemon")
    share = rows.get(("fp16", BEST_BATCH, "engine"), {}).get("roof_share")
    if share is not None:
        yield _goal("fp16 of the measured peak, batch 16", share, ROOF_SHARE)
    if fp16 and int8:
        yield _goal("INT8 by fp16, batch 16", int8 / fp16, INT8_GAIN)
    if fp16 and daemon:
        yield _goal("daemon by engine, fp16, batch 16", daemon / fp16, DAEMON_SHARE)
    for row in load["rows"] if load else ():
        if added := row["added"]:
            most = ADDED_MS + added["wait_ms"]
            verdict = "reached" if added["p99_ms"] <= most else "missed"
            yield "added p99 at 80 % load, ms", f"{added['p99_ms']:.1f}", f"at most {most:g}", verdict


def _goal(words: str, value: float, least: float) -> tuple[str, ...]:
    return words, f"{value:.3f}", f"at least {least:g}", "reached" if value >= least else "missed"


def _bench(done: CheckUp) -> list[tuple[str, ...]]:
    bench = _of(done.steps, "bench")
    return [
        (
            row["engine"],
            str(row["batch"]),
            row["measured"],
            f"{sorted(row['rates_fps'])[len(row['rates_fps']) // 2]:.1f}",
            *("-" if row[name] is None else f"{row[name]:.2f}" for name in ("p50_ms", "p99_ms")),
            "-" if row["roof_share"] is None else f"{100 * row['roof_share']:.1f} %",
        )
        for row in (bench["rows"] if bench else ())
    ]


def _figures(name: str, figures: Any) -> Iterator[str]:
    if figures is not None:
        text = msgspec.json.format(msgspec.json.encode(figures), indent=1).decode()
        yield from ("", f"## {name[0].upper()}{name[1:]}", "", "```json", text, "```")
