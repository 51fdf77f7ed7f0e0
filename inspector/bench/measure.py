"""One run of the bench: every recipe on every engine at every batch size, the measurements taking turns.

Engines are loaded as the daemon loads them (`inspector.service.engine`), so what the daemon can run is what is
measured, and what it refuses is refused here in the same words. Rounds take turns
between engine, copies and daemon, so that a noisy machine slows all of them alike.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean
from typing import get_args, get_type_hints

import msgspec

from inspector import recipe
from inspector.bench import engine_only, frames, machine
from inspector.bench.figures import Added, Bench, Measured, Measurement, Model, Roof, Skipped
from inspector.bench.frames import Shots
from inspector.bench.line import BenchLine, Load, settings
from inspector.engines.segmenter import Segmenter
from inspector.engines.settings import EngineSection
from inspector.errors import EngineError
from inspector.harness.ports import Ports
from inspector.ranks import percentile
from inspector.records.recipe import Recipe
from inspector.service.engine import load
from inspector.service.prepare import prepare

LOAD = 0.8
"""Share of the daemon's own rate at which its latency is measured."""
KINDS = tuple(kind for kind in get_args(get_type_hints(EngineSection)["kind"]) if kind != "stub")
"""Every engine that inspects."""
Say = Callable[[str], None]


class MeasurementPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What to measure, and for how long."""

    batches: tuple[int, ...] = (1, 2, 4, 8)
    engines: tuple[str, ...] = KINDS
    seconds: float = 5.0
    """Length of each measurement, all rounds together."""
    load_seconds: float = 5.0
    """Length of the measurement under load."""
    rounds: int = 3
    wait_ms: int = 10
    """The daemon's batching deadline."""
    threads: int = 0
    """Processor threads for a CPU engine; 0: all."""
    images: Path | None = None
    """Instead of procedural steel."""


class _Pairing(msgspec.Struct, frozen=True):
    """A recipe on an engine."""

    folder: Path
    card: Recipe
    kind: str
    precision: str

    def __str__(self) -> str:
        return f"{self.card} on {self.kind}"


def measure(folders: Sequence[Path], plan: MeasurementPlan, say: Say) -> Bench:
    """Measure the recipes in `folders`; `say` receives what is going on.

    Raises: RecipeError, InspectorError; EngineError when no engine at all could be measured.
    """
    load_before, date = machine.load_average(), datetime.now(UTC).isoformat(timespec="seconds")
    run = _Run(plan, say)
    for folder in folders:
        run.take(folder)
    if not run.rows:
        raise EngineError("\n".join(f"{skipped.kind}: {skipped.why}" for skipped in run.skipped))
    return Bench(
        date=date,
        seconds=plan.seconds,
        load_seconds=plan.load_seconds,
        rounds=plan.rounds,
        threads=plan.threads,
        load_before=load_before,
        load_after=machine.load_average(),
        source="; ".join(sorted(run.sources)),
        machine=machine.describe(),
        recipes=tuple(run.recipes.values()),
        roofs=tuple(run.roofs.values()),
        rows=tuple(map(run.beneath_roof, run.rows)),
        skipped=tuple(run.skipped),
    )


class _Run:
    """What one run has found so far."""

    def __init__(self, plan: MeasurementPlan, say: Say) -> None:
        self._plan, self._say = plan, say
        self.recipes: dict[str, Model] = {}
        self.roofs: dict[tuple[str, str], Roof] = {}
        self.rows: list[Measurement] = []
        self.skipped: list[Skipped] = []
        self.sources: set[str] = set()

    def take(self, folder: Path) -> None:
        """Measure one recipe on every engine; one that does not load is skipped."""
        from inspector.bench import work  # OpenVINO comes with it: half a second that other commands need not pay

        card, model = recipe.load(folder)
        self._say(f"{card}: frames")
        shots = _shots(card, self._plan)
        self.sources.add(shots.source)
        gflop = round(work.gflop_per_frame(card, model), 3)
        self.recipes[card.sha256] = Model(
            recipe=str(card), sha256=card.sha256, width=card.width, height=card.height, gflop_per_frame=gflop
        )
        for kind in self._plan.engines:
            try:
                subject = _Pairing(folder, card, kind, _precision(folder, kind, self._plan.threads))
                self._raise_roof(subject)
                for batch in self._plan.batches:
                    self._say(f"{subject}, batches of {batch}")
                    self.rows += _rows(subject, shots, batch, self._plan)
                self._raise_roof(subject)
            except EngineError as error:
                self.skipped.append(Skipped(str(card), kind, str(error)))

    def _raise_roof(self, subject: _Pairing) -> None:
        """Measure the roof before and after an engine: on a shared machine the higher one is nearer the truth."""
        from inspector.bench import roof  # see `take`

        self._say(f"{subject}: the roof")
        key = subject.kind, subject.precision
        found = roof.measure(*key, min(self._plan.seconds, 3.0), self._plan.threads)
        if key not in self.roofs or (found.gflops or 0.0) > (self.roofs[key].gflops or 0.0):
            self.roofs[key] = found

    def beneath_roof(self, row: Measurement) -> Measurement:
        """State how much of its roof a measurement reaches; nothing of a load, whose rate is given."""
        top = self.roofs[row.kind, row.precision].gflops
        if row.measured == "load" or not top:
            return row
        share = row.fps * self.recipes[row.sha256].gflop_per_frame / top
        return msgspec.structs.replace(row, roof_share=round(share, 4))


def _shots(card: Recipe, plan: MeasurementPlan) -> Shots:
    count = 2 * max(*plan.batches, 8)
    return frames.images(card, plan.images, count) if plan.images else frames.steel(card, count)


def _engine(folder: Path, kind: str, batch: int, threads: int) -> Segmenter:
    """Load and warm the engine exactly as a daemon with this configuration would.

    Raises: EngineError.
    """
    with tempfile.TemporaryDirectory() as temporary:
        config = settings(Path(temporary) / "line.toml", Ports(), folder, kind=kind, batch=batch, threads=threads)
        return load(prepare(config)).engine


def _precision(folder: Path, kind: str, threads: int) -> str:
    """Load the engine for single frames, and return what it computes in.

    Raises: EngineError.
    """
    with closing(_engine(folder, kind, 1, threads)) as engine:
        return engine.facts["precision"]  # a built engine's is its own


def _rows(subject: _Pairing, shots: Shots, batch: int, plan: MeasurementPlan) -> Iterator[Measurement]:
    with (
        tempfile.TemporaryDirectory() as temporary,
        closing(_engine(subject.folder, subject.kind, batch, plan.threads)) as engine,
        BenchLine(
            Path(temporary),
            subject.folder,
            subject.kind,
            shots,
            batch=batch,
            wait_ms=plan.wait_ms,
            threads=plan.threads,
        ) as line,
    ):
        yield from _batch_rows(subject, engine, line, shots, batch=batch, plan=plan)


def _batch_rows(
    subject: _Pairing, engine: Segmenter, line: BenchLine, shots: Shots, *, batch: int, plan: MeasurementPlan
) -> Iterator[Measurement]:
    """Measure one batch size."""
    each_s = plan.seconds / plan.rounds
    ways = {"engine": engine_only.ready(engine, shots, batch), "copies": engine_only.copied(engine, shots, batch)}
    rates: dict[str, list[float]] = {"engine": [], "copies": [], "daemon": []}
    times: dict[str, list[float]] = {"engine": [], "copies": []}
    engine_only.rate_fps(engine, *ways["engine"], 0.0)  # the first batches after loading are slower
    count = max(3, math.ceil(line.rate_fps(max(2, 2 * batch)) * each_s / batch))
    for number in range(plan.rounds):
        for name in in_turn(tuple(rates), number):
            if name == "daemon":
                rates[name].append(line.rate_fps(count * batch))
                continue
            rates[name].append(engine_only.rate_fps(engine, *ways[name], each_s))
            times[name] += engine_only.times_ms(engine, *ways[name], each_s)

    def row(
        measured: Measured, rates_fps: Sequence[float], times_ms: Sequence[float], added: Added | None = None
    ) -> Measurement:
        return Measurement(
            sha256=subject.card.sha256,
            kind=subject.kind,
            engine=engine.name,
            precision=subject.precision,
            batch=batch,
            measured=measured,
            rates_fps=tuple(round(rate, 3) for rate in rates_fps),
            p50_ms=round(percentile(times_ms, 0.50), 3) if times_ms else None,
            p99_ms=round(percentile(times_ms, 0.99), 3) if times_ms else None,
            samples=len(times_ms),
            roof_share=None,
            added=added,
        )

    yield row("engine", rates["engine"], times["engine"])
    yield row("copies", rates["copies"], times["copies"])
    yield row("daemon", rates["daemon"], ())
    loads, own_ms = _under_load(engine, line, shots, LOAD * percentile(rates["daemon"], 0.5), plan)
    latencies_ms = [latency for load in loads for latency in load.latencies_ms]
    added = _added(latencies_ms, own_ms, fmean(load.batch_frames for load in loads), plan)
    yield row("load", [load.rate_fps for load in loads], latencies_ms, added)


def _under_load(
    engine: Segmenter, line: BenchLine, shots: Shots, rate_fps: float, plan: MeasurementPlan
) -> tuple[list[Load], list[float]]:
    """Measure the daemon at this rate, and the engine alone on batches like the daemon's at the same rate, alternating.

    The daemon for `load_seconds`, which may be long; the engine as long as in every other measurement.
    """
    loads: list[Load] = []
    own_ms: list[float] = []
    for _ in range(plan.rounds):
        loads.append(line.under_load(rate_fps, plan.load_seconds / plan.rounds))
        size = max(1, round(loads[-1].batch_frames))
        ready = engine_only.ready(engine, shots, size)
        own_ms += engine_only.under_load(engine, *ready, rate_fps / size, plan.seconds / plan.rounds)
    return loads, own_ms


def in_turn(names: Sequence[str], number: int) -> list[str]:
    """Return the names in the order of round `number`: there and back, so that none always comes after the same one."""
    return list(names) if number % 2 == 0 else list(reversed(names))


def _added(latencies_ms: Sequence[float], own_ms: Sequence[float], batch_frames: float, plan: MeasurementPlan) -> Added:
    whole, own = ([percentile(values, share) for share in (0.50, 0.99)] for values in (latencies_ms, own_ms))
    return Added(
        p50_ms=round(whole[0] - own[0], 3),
        p99_ms=round(whole[1] - own[1], 3),
        batch_frames=round(batch_frames, 2),
        engine_p50_ms=round(own[0], 3),
        engine_p99_ms=round(own[1], 3),
        wait_ms=plan.wait_ms,
    )
