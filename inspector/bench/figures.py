"""What a bench measured: the records that its JSON holds and its table shows. Pure.

Knows: names and units of figures. Must not know: how any of them is measured or shown.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from inspector.errors import InspectorError
from inspector.ranks import percentile

FORMAT = 2
"""Of the JSON; another one is refused."""

Measured = Literal["engine", "copies", "daemon", "load"]
"""`engine`: batches that lie ready in memory. `copies`: from frames' wire bytes into the batch, and maps out. `daemon`:
the whole daemon over ZeroMQ, as fast as it takes frames. `load`: the same at a share of that rate."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """Where it was measured."""

    cpu: str
    cores: int
    """That this process may use."""
    flags: tuple[str, ...]
    """Instruction sets that matter to networks."""
    memory_gb: float
    kernel: str
    python: str
    versions: dict[str, str]
    """Versions of the packages that matter, by name; without those that are not installed."""
    gpus: tuple[str, ...]
    """Name and compute capability of each."""
    driver: str
    """NVIDIA's, or empty."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """One recipe that was measured."""

    recipe: str
    """Name and version."""
    sha256: str
    """SHA-256 of its model."""
    width: int
    height: int
    gflop_per_frame: float
    """Work of its convolutions and matrix products, a multiplication and an addition counting two."""


class Roof(msgspec.Struct, frozen=True, kw_only=True):
    """The most that this machine does in an engine's own arithmetic."""

    engine: str
    """Kind of the engine it is the roof of, as `engine.kind` names it."""
    arithmetic: str
    gflops: float | None
    """Rate of a large matrix product, 10^9 operations a second; None where nothing here could measure it."""
    copy_gb_per_s: float | None
    """Bytes copied within memory, 10^9 a second; each is read once and written once."""
    how: str
    """Means by which it was measured, or why it was not."""


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """One measurement."""

    sha256: str
    """SHA-256 of the recipe's model."""
    kind: str
    """The engine's, as `engine.kind` names it."""
    engine: str
    """Engine, version and precision."""
    precision: str
    batch: int
    """Frames in a batch at most."""
    measured: Measured
    rates_fps: tuple[float, ...]
    """Frames a second of each round; of `load`, the rate at which frames were sent."""
    p50_ms: float | None
    """Time of a batch, from its hand-over to its maps, one at a time (`engine`, `copies`); of a frame, from when
    it was due to the arrival of its event at a subscriber (`load`)."""
    p99_ms: float | None
    samples: int
    """Number of times that the percentiles are taken from."""
    roof_share: float | None
    """Operations a second by those of the roof."""
    added: Added | None = None
    """What the daemon adds; `load` alone has it."""

    @property
    def fps(self) -> float:
        """Frames a second, the median of the rounds."""
        return percentile(self.rates_fps, 0.5)


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What the daemon adds to the time of the engine under the same load, quantile by quantile."""

    p50_ms: float
    p99_ms: float
    batch_frames: float
    """Mean size of the batches that the daemon made of the frames."""
    engine_p50_ms: float
    """Times of batches of that size, rounded, that come to the engine alone at the same rate, alternating with it."""
    engine_p99_ms: float
    wait_ms: int
    """The batching deadline in force (`batch.wait_ms`), which is part of what is added."""


class Skipped(msgspec.Struct, frozen=True):
    """An engine that was not measured, and why."""

    recipe: str
    kind: str
    why: str


class Bench(msgspec.Struct, frozen=True, kw_only=True):
    """All of one run."""

    format: int = FORMAT
    date: str
    """UTC, ISO 8601."""
    seconds: float
    """Length of each measurement."""
    load_seconds: float | None = None
    """The same under load; None in a file of before this was recorded."""
    rounds: int
    threads: int = 0
    """Processor threads that a CPU engine had; 0: all."""
    load_before: float
    """Load average over a minute: above 0 on an idle machine means that others had the cores too."""
    load_after: float
    source: str
    """Where the frames came from, in words."""
    machine: Machine
    recipes: tuple[Model, ...]
    roofs: tuple[Roof, ...]
    rows: tuple[Measurement, ...]
    skipped: tuple[Skipped, ...]

    @property
    def wait_ms(self) -> int | None:
        """The batching deadline under load; None where nothing was measured under load."""
        return next((row.added.wait_ms for row in self.rows if row.added), None)


def write(path: Path, bench: Bench) -> None:
    """Write the JSON.

    Raises: InspectorError when it cannot be written.
    """
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(bench), indent=2) + b"\n")
    except OSError as error:
        raise InspectorError(f"{path}: cannot be written: {error.strerror}. Give another file.") from error


def read(path: Path) -> Bench:
    """Read the JSON of an earlier run.

    Raises: InspectorError when it is none, or of another format.
    """
    try:
        bench = msgspec.json.decode(path.read_bytes(), type=Bench)
    except OSError as error:
        raise InspectorError(f"{path}: cannot be read: {error.strerror}. Give what --json wrote.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InspectorError(f"{path}: {error}. Give what `inspector bench --json` wrote.") from error
    if bench.format != FORMAT:
        raise InspectorError(f"{path}: format is {bench.format}; expected {FORMAT}. Measure it again.")
    return bench
