"""Every metric this program has, in one registry. Names are `inspector_<noun>_<unit>[_total]`, base units.

Laws: at any scrape received = inspected + dropped + rejected + in flight, for each camera. Counting never
slows the line: one short lock a batch. Must not know: who scrapes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inspector.records import Batch, Defect, Frame, Judged, Missed, Report

T = TypeVar("T")
U = TypeVar("U")

STAGE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
LATENCY_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10)
"""0.05 and 0.2 are the budgets mills name for an answer (no answer within 50-200 ms is a reject)."""
STATES = ("normal", "unacknowledged", "acknowledged", "returned")


class FrameAccount(Collector):
    """Counts frames in and out under one lock, so that a scrape never sees one without the other."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._received: Tally[str] = Tally({camera: 0 for camera in cameras})
        self._ended: Tally[tuple[str, str, str]] = Tally()

    def enter(self, batch: Batch) -> Batch:
        """Count what intake took off the socket."""
        with self._lock:
            for arrival in batch.arrivals:
                if isinstance(arrival, Frame):
                    self._received[arrival.header.camera] += 1
                elif arrival.end != "missing":
                    self._received[arrival.camera] += arrival.count
        return batch

    def leave(self, report: Report) -> None:
        """Count how frames ended."""
        with self._lock:
            for inspected in report.inspected:
                self._ended[inspected.frame.header.camera, "inspected", ""] += 1
            for loss in report.losses:
                self._ended[loss.camera, loss.end, loss.reason] += loss.count

    def in_flight(self) -> int:
        """Frames taken off the socket that have not ended yet."""
        with self._lock:
            ended = sum(count for (_, end, _), count in self._ended.items() if end != "missing")
            return sum(self._received.values()) - ended

    def __str__(self) -> str:
        with self._lock:
            ends = Tally[str]()
            for (_, end, _), count in self._ended.items():
                ends[end] += count
        return ", ".join(f"{ends[end]} {end}" for end in ("inspected", "dropped", "rejected", "missing"))

    def collect(self) -> Iterator[Metric]:
        """Yield the frame metrics; all of one moment."""
        with self._lock:
            received, ended = dict(self._received), dict(self._ended)
        total = CounterMetricFamily("inspector_frames_received", "Frames taken off the socket.", labels=["camera"])
        flight = GaugeMetricFamily("inspector_frames_in_flight", "Frames being worked on.", labels=["camera"])
        ends = {
            "inspected": CounterMetricFamily("inspector_frames_inspected", "Frames judged, recorded and told.", labels=["camera"]),
            "dropped": CounterMetricFamily("inspector_frames_dropped", "Good frames given up.", labels=["camera", "reason"]),
            "rejected": CounterMetricFamily("inspector_frames_rejected", "Bad frames.", labels=["camera", "reason"]),
            "missing": CounterMetricFamily("inspector_frames_missing", "Frames that never arrived.", labels=["camera"]),
        }
        for camera, count in received.items():
            total.add_metric([camera], count)
            done = sum(n for (name, end, _), n in ended.items() if name == camera and end != "missing")
            flight.add_metric([camera], count - done)
            for end in ("inspected", "missing"):
                one = sum(n for (name, what, _), n in ended.items() if name == camera and what == end)
                ends[end].add_metric([camera], one)
        for (camera, end, reason), count in ended.items():
            if end in ("dropped", "rejected"):
                ends[end].add_metric([camera, reason], count)
        yield from (total, flight, *ends.values())


class Metrics:
    """The registry and all that is in it."""

    def __init__(self, cameras: Iterable[str], classes: Iterable[str]) -> None:
        cameras = list(cameras)
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        self.frames = FrameAccount(cameras)
        registry.register(self.frames)
        self._stage = Histogram(
            "inspector_stage_seconds",
            "Time one batch spends in a stage; `infer` counts from the hand-over, so the wait for the engine too.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=registry,
        )
        self._latency = Histogram(
            "inspector_capture_to_event_seconds",
            "From the capture of the frame that completed a defect to its event being published.",
            ["camera"],
            buckets=LATENCY_SECONDS,
            registry=registry,
        )
        self._batch = Histogram(
            "inspector_batch_frames", "Frames in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64), registry=registry
        )
        self._queue = Gauge("inspector_queue_batches", "Batches that wait for a stage.", ["stage"], registry=registry)
        self._defects = Counter("inspector_defects", "Defects told.", ["camera", "class"], registry=registry)
        self._alarms = Gauge("inspector_alarms", "Alarms by their state.", ["state"], registry=registry)
        self._inspected = Counter("inspector_strip_inspected_metres", "Strip inspected.", ["camera"], registry=registry)
        self._missed = Counter("inspector_strip_missed_metres", "Strip not inspected.", ["camera"], registry=registry)
        self._seen = Gauge(
            "inspector_camera_last_frame_timestamp_seconds", "Capture time of the last frame.", ["camera"], registry=registry
        )
        self._events = Counter("inspector_events", "Events recorded and published.", ["topic"], registry=registry)
        self.recipe = Info("inspector_recipe", "The recipe that judges, and its engine.", registry=registry)
        self.ready = Gauge("inspector_ready", "1 when warmed up and taking frames.", registry=registry)
        self._reload_success = Gauge(
            "inspector_last_reload_success", "1 when the configuration in force is the last one asked for.", registry=registry
        )
        self._reload_time = Gauge("inspector_last_reload_timestamp_seconds", "When that was.", registry=registry)
        for camera in cameras:  # a series that is there from the start makes rate() see the first increase
            self._inspected.labels(camera)
            self._missed.labels(camera)
            self._latency.labels(camera)
            for name in classes:
                self._defects.labels(camera, name)
        for root in ("defect", "alarm", "coil", "missed", "health"):
            self._events.labels(root)

    def watch_queue(self, stage: str, depth: Callable[[], int]) -> None:
        """Show the length of a queue as it is at each scrape."""
        self._queue.labels(stage).set_function(depth)

    def timed(self, stage: str, work: Callable[[T], U]) -> Callable[[T], U]:
        """Wrap a stage's work so that the time of each call is observed."""
        histogram = self._stage.labels(stage)

        def work_timed(item: T) -> U:
            with histogram.time():
                return work(item)

        return work_timed

    def judged(self, judged: Judged) -> Judged:
        """Observe a batch that the engine has done with."""
        if frames := len(judged.batch.pixels):
            self._stage.labels("infer").observe((time.monotonic_ns() - judged.batch.closed_ns) / 1e9)
            self._batch.observe(frames)
            waits = [a.received_ns for a in judged.batch.arrivals if isinstance(a, Frame)]
            self._stage.labels("gather").observe((judged.batch.closed_ns - min(waits)) / 1e9)
        return judged

    def reported(self, report: Report, alarms: Iterable[str], now_unix_ns: int) -> None:
        """Count a report whose events are recorded and published."""
        self.frames.leave(report)
        for inspected in report.inspected:
            camera = inspected.frame.header.camera
            self._inspected.labels(camera).inc(inspected.length_mm / 1000)
            self._seen.labels(camera).set(inspected.frame.header.captured_ns / 1e9)
        for item in report.said:
            if isinstance(item, Missed):
                self._missed.labels(item.camera).inc((item.end_mm - item.start_mm) / 1000)
            elif isinstance(item, Defect):
                self._latency.labels(item.camera).observe((now_unix_ns - item.captured_ns) / 1e9)
                if not item.is_partial:
                    self._defects.labels(item.camera, item.name).inc()
        counts = Tally(alarms)
        for state in STATES:
            self._alarms.labels(state).set(counts[state])

    def reloaded(self, *, success: bool) -> None:
        """Note how the last reload (or the start) went."""
        self._reload_success.set(success)
        self._reload_time.set_to_current_time()

    def published(self, topic: str) -> None:
        """Count one event."""
        self._events.labels(topic.partition(".")[0]).inc()


