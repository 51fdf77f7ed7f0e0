"""Alarms: from a batch being analysed to its alarm being raised, recorded, and received by a subscriber.

`python -m tests.bench.alarms ALARMS` raises that many alarms of each load (default: 300). The stages, journal, sockets
and threads are those of the daemon; batches come at a pace that leaves the machine idle in between. On a busy machine
the processor time of the stages is what remains.
"""

from __future__ import annotations

import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import zmq

from inspector.access.gate import Gate
from inspector.access.refusals import Refusals
from inspector.alarms.alarms import Alarms
from inspector.client import Events
from inspector.flow import buffered, each, followed
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.metrics import Metrics
from inspector.records.events import Alarm
from inspector.records.stages import Detection, Findings, Stage
from inspector.service import line
from inspector.service.event_sink import EventSink
from inspector.strip.repeats import Repeats
from inspector.strip.strip import Strip
from tests.frames import findings, header, inspected, recipe

WANTED_MS = 5.0
FRAMES, ROWS = 4, 256
PACE_S = 0.02
"""Between batches: 4 frames of 0.16 m each in 20 ms are 32 m/s."""
EVERY = 4
"""Batches from alarm to alarm."""
LOADS = {"sound strip": 0, "200 000 defects on 5 km": 6, "200 000 defects on 2 km": 16}
"""Defects in each frame, besides those that raise the alarm."""
CLASSES = ("mark", "scratch", "pitted", "crack", "patch")
MARK_RULE = """
[[alarm]]
name = "mark"
classes = ["mark"]
within_m = 1
off_delay_ms = 0
"""
RULES = "".join(
    f'[[alarm]]\nname = "{kind}-{name}"\nkind = "{kind}"\nclasses = ["{name}"]\nwithin_m = 100\n{limit}\n'
    for name in CLASSES[1:]
    for kind, limit in (("defects", "count = 90000"), ("density", "per_m = 900"), ("area", "area_mm2 = 1e6"))
)


def main(alarms: int = 300) -> None:
    """Print the times from analysed to raised, recorded and received, for each load."""
    print(f"{1 + RULES.count('[[alarm]]')} rules, {alarms} alarms a row; milliseconds after the batch was analysed")
    print(
        f"| load | raised p50 | p99 (wanted: {WANTED_MS:g}) | of it processor p50 | p99 | received p50 | p99 |", end=""
    )
    print(" max | search behind, processor p50 | p99 |\n|---|---|---|---|---|---|---|---|---|---|")
    for load, defects in LOADS.items():
        with tempfile.TemporaryDirectory() as folder:
            watch = _run(Path(folder), alarms, defects)
        figures = [*np.percentile(watch.raised_ms, (50, 99)), *np.percentile(watch.processor_ms, (50, 99))]
        figures += [*np.percentile(watch.received_ms, (50, 99, 100)), *np.percentile(watch.search_ms, (50, 99))]
        print(f"| {load} | " + " | ".join(f"{figure:.2f}" for figure in figures) + " |", flush=True)


def _run(folder: Path, alarms: int, defects: int) -> _Watch:
    """Raise N alarms; return milliseconds from its batch being analysed to each being raised, and received."""
    ports = Ports.free()
    path = configuration.write(
        folder / "line.toml", ports, folder, line="bench", mm_per_px=0.625, extra=MARK_RULE + RULES
    )
    settings = line.load(path)
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    gate = Gate(context, None, Refusals())
    sink = EventSink(context, settings, Metrics(["top"], CLASSES), lambda status: None, gate)
    watch = _Watch()
    strip, repeats, alarm = Strip(settings.camera), Repeats(settings.repeat, settings.roll), Alarms(settings.alarm)
    stages: list[Stage] = [strip, repeats, alarm]
    listener = threading.Thread(target=watch.receive, args=(ports, alarms))
    listener.start()
    while not watch.listens.wait(0.05):  # a subscriber comes late, and only an event shows that it is there
        sink.heartbeat()

    def with_states(found: Findings) -> Findings:
        watch.note(found)
        return msgspec.structs.replace(found, states={stage.name: stage.state() for stage in stages})

    flow = each(each(_batches(alarms, defects), watch.analysed), strip)
    flow = each(followed(flow, repeats, watch.searching(repeats.behind)), alarm)
    recorded = buffered(sink.recorded(buffered(each(flow, with_states), 64, "analyse")), 4, "journal")
    for group in recorded.groups(0.05):
        for item in group:
            sink.publish(item)
    listener.join(30.0)
    sink.close()
    context.destroy()
    return watch


class _Watch:
    """Times of one alarm after the other."""

    def __init__(self) -> None:
        self.raised_ms: list[float] = []
        self.received_ms: list[float] = []
        self.listens = threading.Event()
        self.processor_ms: list[float] = []
        self.search_ms: list[float] = []
        self._analysed_ns = self._worked_ns = 0
        self._began_ns: list[int] = []

    def analysed(self, found: Findings) -> Findings:
        """A batch has been analysed."""
        self._analysed_ns, self._worked_ns = time.perf_counter_ns(), time.thread_time_ns()
        return found

    def searching(self, search: Callable[[Findings], Findings | None]) -> Callable[[Findings], Findings | None]:
        """Take the time of the search behind each batch."""

        def searched(found: Findings) -> Findings | None:
            began_ns = time.thread_time_ns()
            more = search(found)
            self.search_ms.append((time.thread_time_ns() - began_ns) / 1e6)
            return more

        return searched

    def note(self, found: Findings) -> None:
        """All stages have seen it."""
        for event in found.events:
            if isinstance(event, Alarm) and event.cause == "met":
                self._began_ns.append(self._analysed_ns)
                self.raised_ms.append((time.perf_counter_ns() - self._analysed_ns) / 1e6)
                self.processor_ms.append((time.thread_time_ns() - self._worked_ns) / 1e6)

    def receive(self, ports: Ports, alarms: int) -> None:
        """Subscribe, and take the time of each alarm that is raised."""
        address = ports.address("events")
        with Events(address, replay=None, topics=("alarm.",), heartbeats=True, timeout_s=30.0) as events:
            for event in events:
                self.listens.set()
                if isinstance(event.data, Alarm) and event.data.cause == "met":
                    self.received_ms.append((time.perf_counter_ns() - self._began_ns[len(self.received_ms)]) / 1e6)
                    if len(self.received_ms) == alarms:
                        return


def _batches(alarms: int, defects: int) -> Iterator[Findings]:
    """Batches of frames as analysis yields them: a mark in every `EVERY`th, and N other defects a frame."""
    rng = np.random.default_rng(1)
    card = recipe(*CLASSES)
    for number in range((alarms + 1) * EVERY):
        frames = []
        for frame in range(FRAMES):
            kinds = [2 + int(kind) for kind in rng.integers(0, len(CLASSES) - 1, defects)]
            if number % EVERY == EVERY - 1 and frame == 0:
                kinds.append(1)
            places = [(float(rng.uniform(15, 130)), float(rng.uniform(5, 980))) for _ in kinds]
            regions = [region(kind, *place) for kind, place in zip(kinds, places, strict=True)]
            facts: dict[str, Any] = {"coil": "C", "start_mm": None, "mm_per_row": 0.625, "height": ROWS, "width": 1600}
            frames.append(inspected(header(number * FRAMES + frame, **facts), *regions, by=card))
        time.sleep(PACE_S)
        yield findings(*frames, now_ns=time.monotonic_ns())


def region(kind: int, start_mm: float, left_mm: float) -> Detection:
    """A small defect of a class."""
    return Detection(
        class_id=kind,
        confidence=0.9,
        start_mm=start_mm,
        end_mm=start_mm + 5.0,
        left_mm=left_mm,
        right_mm=left_mm + 5.0,
        area_mm2=20.0,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
