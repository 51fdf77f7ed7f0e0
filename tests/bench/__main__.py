"""`make bench`: prints figures side by side; never asserts a time."""

from __future__ import annotations

from tests.bench import (
    alarms,
    analysis,
    archive,
    bridge,
    coil_report,
    engines,
    ingest,
    keys,
    loading,
    masks,
    memory,
    pieces,
    query,
    repeats,
    simulator,
    stages,
    throughput,
    tiling,
    training,
    triggers,
)

for bench in (
    simulator,
    masks,
    analysis,
    pieces,
    repeats,
    stages,
    alarms,
    triggers,
    query,
    coil_report,
    engines,
    ingest,
    keys,
    archive,
    throughput,
    tiling,
    bridge,
    loading,
    training,
    memory,
):
    print(f"\n## {bench.__name__.rpartition('.')[2]}: {(bench.__doc__ or '').splitlines()[0]}\n", flush=True)
    bench.main()
