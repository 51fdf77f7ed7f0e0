"""`make bench`: prints figures side by side; never asserts a time. `SOAK=SECONDS` for a longer soak, or a shorter."""

from __future__ import annotations

import argparse

from tests.bench import (
    alarms,
    analysis,
    archive,
    bridge,
    cascade,
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
    soak,
    stages,
    strip_picture,
    subscribers,
    throughput,
    tiling,
    training,
    triggers,
)

parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
parser.add_argument("--soak", type=float, default=soak.SECONDS, help="seconds of the last bench")
seconds = parser.parse_args().soak

for bench in (
    simulator,
    masks,
    analysis,
    pieces,
    repeats,
    stages,
    strip_picture,
    alarms,
    triggers,
    query,
    coil_report,
    engines,
    cascade,
    ingest,
    keys,
    archive,
    throughput,
    tiling,
    bridge,
    subscribers,
    loading,
    training,
    memory,
):
    print(f"\n## {bench.__name__.rpartition('.')[2]}: {(bench.__doc__ or '').splitlines()[0]}\n", flush=True)
    bench.main()
print(f"\n## soak: {(soak.__doc__ or '').splitlines()[0]}\n", flush=True)
soak.main(seconds)
