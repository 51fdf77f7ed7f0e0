"""What all stages after the analysis bear: strip, repeats and alarms together, next to the strip stage alone.

`python -m tests.bench.stages DEFECTS` takes that many defects through them for each load (default: 60 000).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import numpy as np

from inspector.alarms.alarms import Alarms
from inspector.coil.decisions import Decisions
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.records.events import Repeat
from inspector.records.stages import Detection, Findings, Stage
from inspector.service import line
from inspector.strip.repeats import Repeats
from inspector.strip.strip import Strip
from tests.bench.alarms import CLASSES, MARK_RULE, ROWS, RULES, region
from tests.bench.pieces import resident_mb
from tests.frames import findings, header, inspected, recipe

WANTED = 10_000
DEFECTS, FRAMES, FRAME_MM = 60_000, 8, 160.0
ROLLS = '[[roll]]\nname = "bridle"\ncircumference_mm = 1570.8\n'
LOADS = {"four classes, strewn": 4, "one class, strewn": 1, "the same marks in each frame": 0}
EACH = (6, 16, 64, 200)
"""Defects in each frame of 0.16 m; 200 000 on 2 km are 16."""


def main(defects: int = DEFECTS) -> None:
    """Print detections for each second of processor time, by load and by stage, and the memory they take."""
    print(f"1 roll known, {1 + RULES.count('[[alarm]]')} alarms, batches of {FRAMES} frames; of one core")
    print(
        f"| load | defects a frame | strip alone /s | all stages /s (wanted: {WANTED}) | repeats /s | alarms /s", end=""
    )
    print(" | repeats found | batch p50 ms | p99 ms | MB more |\n|---|---|---|---|---|---|---|---|---|---|")
    for load, classes in LOADS.items():
        for regions in EACH:
            _print(load, regions, list(_batches(np.random.default_rng(1), defects, regions, classes)))


def _print(load: str, regions: int, batches: list[Findings]) -> None:
    stages = _stages()
    spent_s = np.zeros(len(stages) + 1)
    batch_ms, found, before_mb = [], 0, resident_mb()
    for batch in batches:
        took_s, after = [], batch
        for stage in stages:
            began = time.thread_time()
            after = stage(after)
            more = stage.behind(after) if isinstance(stage, Repeats) else None
            after = msgspec.structs.replace(after, events=(*after.events, *more.events)) if more else after
            took_s.append(time.thread_time() - began)
        began = time.thread_time()
        for stage in stages:
            stage.state()
        took_s.append(time.thread_time() - began)
        spent_s += took_s
        batch_ms.append(1000 * sum(took_s))
        found += sum(isinstance(event, Repeat) and event.state == "new" for event in after.events)
    detections = regions * FRAMES * len(batches)
    rates = [detections / seconds for seconds in (spent_s[0], spent_s.sum(), spent_s[1], spent_s[3])]
    print(f"| {load} | {regions} | " + " | ".join(f"{rate:.0f}" for rate in rates), end=" | ")
    print(f"{found} | {np.median(batch_ms):.1f} | {np.percentile(batch_ms, 99):.1f}", end=" | ")
    print(f"{resident_mb() - before_mb:.0f} |", flush=True)


def _stages() -> list[Stage]:
    with tempfile.TemporaryDirectory() as name:
        folder, rules = Path(name), MARK_RULE + RULES + ROLLS
        path = configuration.write(
            folder / "line.toml", Ports.free(), folder, line="bench", mm_per_px=0.625, extra=rules
        )
        settings = line.load(path)
    repeats = Repeats(settings.repeat, settings.roll)
    return [Strip(settings.camera), repeats, Decisions(), Alarms(settings.alarm)]


def _batches(rng: np.random.Generator, defects: int, regions: int, classes: int) -> Iterator[Findings]:
    """Batches of frames as analysis yields them; `classes` 0: a grid of marks that is the same in each frame."""
    card = recipe(*CLASSES)
    for number in range(-(-defects // (regions * FRAMES))):
        frames = []
        for frame in range(FRAMES):
            of = header(number * FRAMES + frame, coil="C", mm_per_row=0.625, height=ROWS, width=1600)
            frames.append(inspected(of, *_regions(rng, regions, classes), by=card))
        yield findings(*frames, now_ns=number * 20_000_000)


def _regions(rng: np.random.Generator, regions: int, classes: int) -> list[Detection]:
    if not classes:
        return [region(2, 2.0 + 35.0 * (place // 60), 2.0 + 16.0 * (place % 60)) for place in range(regions)]
    kinds = rng.integers(2, 2 + classes, regions).tolist()
    places = zip(rng.uniform(1, FRAME_MM - 6, regions).tolist(), rng.uniform(5, 980, regions).tolist(), strict=True)
    return [region(kind, start_mm, left_mm) for kind, (start_mm, left_mm) in zip(kinds, places, strict=True)]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFECTS)
