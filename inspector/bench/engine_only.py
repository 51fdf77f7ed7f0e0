"""The engine without the daemon: how fast, and how long one batch takes.

`engine` hands over batches that lie ready; `copies` makes each batch of frames as they came off the wire (header read,
checksum checked, pixels copied once) and has every map out. Rates are with as many batches in flight as the engine
allows, times with one.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import numpy as np

from inspector import wire
from inspector.bench.frames import Shots
from inspector.engines.segmenter import Segmenter
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps

Feed = Callable[[int], Bytes3D]
"""Makes a batch of a number: which one it is, or of how many frames."""
Take = Callable[[Maps], object]
"""What is done with a batch's maps."""
READY = 4
"""Batches that take turns."""
LEAST = 3
"""Batches, however short the time."""


def ready(engine: Segmenter, shots: Shots, size: int) -> tuple[Feed, Take]:
    """Batches that lie ready in memory of the engine's own kind; maps as the engine hands them over."""
    batches = []
    for number in range(READY):
        batches.append(engine.buffer(size))
        batches[-1][:] = shots.batch(number, size)
    return lambda number: batches[number % READY], lambda maps: None


def copied(engine: Segmenter, shots: Shots, size: int) -> tuple[Feed, Take]:
    """Batches copied from frames' wire bytes, as `inspector.intake` does; every map out, in host memory."""
    parts = [wire.encode(*shots.frame(number)) for number in range(len(shots.payloads))]

    def feed(number: int) -> Bytes3D:
        pixels = engine.buffer(size)
        for place in range(size):
            head, payload = parts[(number * size + place) % len(parts)]
            wire.unpack(wire.read_header(head), payload, pixels[place])
        return pixels

    return feed, lambda maps: (np.asarray(maps.labels), np.asarray(maps.confidence), np.asarray(maps.presence))


def rate_fps(engine: Segmenter, feed: Feed, take: Take, seconds: float) -> float:
    """Frames a second, from the first hand-over to the last maps, for at least `seconds`."""
    frames = begun = 0
    began = time.perf_counter()
    waiting = 0
    while begun < LEAST or time.perf_counter() - began < seconds:
        batch = feed(begun)
        engine.submit(batch)
        begun, waiting, frames = begun + 1, waiting + 1, frames + len(batch)
        if waiting >= engine.in_flight:
            take(engine.result())
            waiting -= 1
    for _ in range(waiting):
        take(engine.result())
    return frames / (time.perf_counter() - began)


def times_ms(engine: Segmenter, feed: Feed, take: Take, seconds: float) -> list[float]:
    """Milliseconds of each batch, one at a time, for at least `seconds`."""
    times: list[float] = []
    began = time.perf_counter()
    while len(times) < LEAST or time.perf_counter() - began < seconds:
        start = time.perf_counter()
        engine.submit(feed(len(times)))
        take(engine.result())
        times.append(1000 * (time.perf_counter() - start))
    return times


def under_load(engine: Segmenter, feed: Feed, take: Take, batches_per_s: float, seconds: float) -> list[float]:
    """Milliseconds of each of the batches that come evenly at this rate, from when it is due to its maps.

    Batches wait for one another as they do in the daemon, with as many in flight as the engine allows.
    """
    count = max(LEAST, round(batches_per_s * seconds))
    times: list[float] = []
    pending: deque[float] = deque()
    began, begun = time.perf_counter(), 0
    while len(times) < count:
        due = began + begun / batches_per_s
        if begun < count and len(pending) < engine.in_flight and (not pending or time.perf_counter() >= due):
            batch = feed(begun)
            time.sleep(max(0.0, due - time.perf_counter()))
            engine.submit(batch)
            pending.append(due)
            begun += 1
        else:
            take(engine.result())
            times.append(1000 * (time.perf_counter() - pending.popleft()))
    return times
