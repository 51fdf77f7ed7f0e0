"""Every metric this program has, in one registry. Names are `inspector_<noun>_<unit>[_total]`, base units.

Laws: at any scrape received = inspected + dropped + rejected + in flight, for each camera. Counting never
slows the line: one short lock a batch. Must not know: who scrapes.
"""

from __future__ import annotations

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import ParamSpec, TypeVar, get_args

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    PlatformCollector,
    ProcessCollector,
)

from inspector.access.folder import Role
from inspector.collectors import (
    AccessFigures,
    ArchiveFigures,
    DeviceMemory,
    DoubtfulFrames,
    FrameAccount,
    Refusals,
    ScreenFigures,
)
from inspector.engines.screening import Screening
from inspector.records.events import (
    ROOTS,
    CameraFault,
    Crowded,
    Defect,
    Doubtful,
    IsaState,
    Missed,
    RecipeFault,
)
from inspector.records.stages import ArchiveAccount, Findings, Inferred, JournalAccount

P = ParamSpec("P")
T = TypeVar("T")

STAGE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
LATENCY_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 2.5, 5, 10)
"""0.05 and 0.2 are the budgets mills name for an answer (no answer within 50-200 ms is a reject); 2 is where an alert
of deploy/prometheus begins: between two bounds a quantile is a guess."""
BATCH_FRAMES = (1, 2, 4, 8, 16, 32, 64)


def _registry() -> CollectorRegistry:
    """Return a registry with what every process has: memory, open files, the interpreter's version."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


def _read(account: Callable[[], JournalAccount], name: str) -> float:
    return float(getattr(account(), name))


class Metrics:
    """The registry and all that is in it."""

    def __init__(self, cameras: Iterable[str], classes: Iterable[str]) -> None:
        cameras = list(cameras)
        self.registry = registry = _registry()
        self.frames = FrameAccount(cameras)
        registry.register(self.frames)
        counter, gauge = partial(Counter, registry=registry), partial(Gauge, registry=registry)
        self._open_times(partial(Histogram, registry=registry))
        self._open_strip(counter, gauge)
        self._queue = gauge("inspector_queue_batches", "Batches that wait for a stage, as at the scrape.", ["stage"])
        self._defects = counter("inspector_defects", "Defects reported.", ["camera", "class"])
        self._crowded = counter(
            "inspector_frames_crowded", "Frames inspected with more regions than can be defects.", ["camera"]
        )
        self._alarms = gauge("inspector_alarms", "Alarms in each state of ISA-18.2.", ["state"])
        self._seen = gauge(
            "inspector_camera_last_frame_timestamp_seconds", "Capture time of the last frame.", ["camera"]
        )
        self._faults = gauge("inspector_camera_fault", "1 while the camera has the fault.", ["camera", "fault"])
        self._recipe_faults = gauge(
            "inspector_recipe_fault", "1 while the recipe cannot be relied on for this camera.", ["camera", "fault"]
        )
        self._events = counter("inspector_events", "Events recorded and published.", ["topic"])
        self.subscriber_full = counter(
            "inspector_subscriber_full", "Times that a subscriber's queue ran full: it lost events until it read again."
        )
        self._journal_written = gauge("inspector_journal_written", "0 while the journal's disk takes nothing.")
        self._journal_waiting = gauge("inspector_journal_waiting_events", "Events that wait in memory for the disk.")
        self._journal_bytes = gauge("inspector_journal_bytes", "Disk space of the journal.")
        self._journal_limit = gauge("inspector_journal_limit_bytes", "Disk space that the journal may take.")
        words = "Times since the start that files of the journal were found damaged or gone."
        self._journal_damaged = gauge("inspector_journal_damaged", words)
        self._journal_free = gauge("inspector_journal_disk_free_bytes", "Free disk space where the journal is.")
        self.recipe = Info("inspector_recipe", "The recipe in force, and its engine.", registry=registry)
        self.engine = Info("inspector_engine", "The engine in force, and what it runs on.", registry=registry)
        self.rebuilding = gauge("inspector_engine_rebuilding", "1 while an engine is being built and verified.")
        self.ready = gauge("inspector_ready", "1 when warmed up and taking frames.")
        self._reload_success = gauge(
            "inspector_last_reload_success", "1 when the configuration in force is the last one asked for."
        )
        self._reload_time = gauge(
            "inspector_last_reload_timestamp_seconds", "When the configuration was last asked for."
        )
        self._begin_series(cameras, classes)

    def _open_times(self, histogram: Callable[..., Histogram]) -> None:
        """Open what is observed of each batch: how long it takes, and how many frames it has."""
        self._stage = histogram(
            "inspector_stage_seconds",
            "Time of a batch in a stage; `infer` counts from the hand-over, with the wait for the engine.",
            ["stage"],
            buckets=STAGE_SECONDS,
        )
        self._latency = histogram(
            "inspector_capture_to_event_seconds",
            "From the capture of the frame that completed a defect to its event being published.",
            ["camera"],
            buckets=LATENCY_SECONDS,
        )
        self._engine = histogram(
            "inspector_received_to_inferred_seconds",
            "From a frame being received to its maps being there: what batching and the engine take of the whole way.",
            ["camera"],
            buckets=LATENCY_SECONDS,
        )
        self._batch = histogram("inspector_batch_frames", "Frames in a batch.", buckets=BATCH_FRAMES)

    def _open_strip(self, counter: Callable[..., Counter], gauge: Callable[..., Gauge]) -> None:
        """Open what is known of strip under each camera."""
        self._inspected = counter(
            "inspector_strip_inspected_metres", "Strip inspected; what comes by again counts once.", ["camera"]
        )
        self._missed = counter("inspector_strip_missed_metres", "Strip not inspected.", ["camera"])
        self._doubtful = counter(
            "inspector_strip_doubtful_metres",
            "Strip inspected and not surely seen, with what was missed meanwhile; stretches may overlap.",
            ["camera"],
        )
        self._position = gauge(
            "inspector_strip_position_metres", "How far the coil under the camera has come, from its head.", ["camera"]
        )

    def _begin_series(self, cameras: Iterable[str], classes: Iterable[str]) -> None:
        """Let each series be there from the start: then rate() sees its first increase."""
        names = tuple(classes)
        for camera in cameras:
            for family in (self._inspected, self._missed, self._doubtful, self._latency, self._engine, self._crowded):
                family.labels(camera)
            for name in names:
                self._defects.labels(camera, name)
        for root in ROOTS:
            self._events.labels(root.rstrip("."))
        for good in (self._journal_written, self._reload_success):  # a start that takes long is no fault
            good.set(1)

    def watch_queue(self, stage: str, depth: Callable[[], int]) -> None:
        """Show the length of a queue as it is at each scrape."""
        self._queue.labels(stage).set_function(depth)

    def watch_cameras(self, cameras: Iterable[str], is_standing: Callable[[str, CameraFault], bool]) -> None:
        """Show the faults of cameras as they are at each scrape."""
        for camera in cameras:
            for fault in get_args(CameraFault):
                self._faults.labels(camera, fault).set_function(partial(is_standing, camera, fault))

    def watch_recipe(
        self,
        cameras: Iterable[str],
        faults: Iterable[RecipeFault],
        is_standing: Callable[[str, RecipeFault], bool],
        frames: Callable[[str, RecipeFault], int],
    ) -> None:
        """Show how far the recipe can be relied on, and how many frames spoke against it, as at each scrape."""
        pairs = [(camera, fault) for camera in cameras for fault in faults]
        for camera, fault in pairs:
            self._recipe_faults.labels(camera, fault).set_function(partial(is_standing, camera, fault))
        self.registry.register(DoubtfulFrames(pairs, frames))

    def watch_memory(self, taken: Callable[[], dict[str, int]]) -> None:
        """Show the device memory that is taken, by kind, as it is at each scrape; nothing where there is none."""
        self.registry.register(DeviceMemory(taken))

    def watch_screen(self, account: Callable[[], Screening | None]) -> None:
        """Show how the recipe's screen is doing at each scrape; nothing where it has none."""
        self.registry.register(ScreenFigures(account))

    def watch_journal(self, account: Callable[[], JournalAccount]) -> None:
        """Ask at each scrape how the journal and its disk do."""
        for gauge, name in (
            (self._journal_written, "is_written"),
            (self._journal_waiting, "waiting"),
            (self._journal_bytes, "bytes"),
            (self._journal_limit, "limit_bytes"),
            (self._journal_free, "free_bytes"),
            (self._journal_damaged, "damaged"),
        ):
            gauge.set_function(partial(_read, account, name))

    def watch_archive(self, account: Callable[[], ArchiveAccount]) -> None:
        """Show what became of the archive's crops at each scrape."""
        self.registry.register(ArchiveFigures(account))

    def watch_access(self, refusals: Callable[[], Refusals], keys: Callable[[], Mapping[Role, int]]) -> None:
        """Show who was refused, by socket and reason, and how many keys are in force, by role, as at each scrape."""
        self.registry.register(AccessFigures(refusals, keys))

    def timed(self, stage: str, work: Callable[P, T]) -> Callable[P, T]:
        """Wrap a stage's work so that the time of each call is observed."""
        histogram = self._stage.labels(stage)

        def work_timed(*args: P.args, **options: P.kwargs) -> T:
            with histogram.time():
                return work(*args, **options)

        return work_timed

    def inferred(self, inferred: Inferred) -> Inferred:
        """Observe a batch that the engine has done with."""
        if frames := len(inferred.batch.patches):
            self._stage.labels("infer").observe((time.monotonic_ns() - inferred.batch.closed_ns) / 1e9)
            self._batch.observe(frames)
            first_ns, now_ns = next(inferred.batch.frames()).received_ns, time.monotonic_ns()
            self._stage.labels("gather").observe((inferred.batch.closed_ns - first_ns) / 1e9)
            for frame in inferred.batch.frames():
                self._engine.labels(frame.header.camera).observe((now_ns - frame.received_ns) / 1e9)
        return inferred

    def reported(self, findings: Findings, alarms: Iterable[str], now_unix_ns: int) -> None:
        """Count findings whose events are recorded and published."""
        self.frames.leave(findings)
        for inspected in findings.inspected:
            header = inspected.frame.header
            self._seen.labels(header.camera).set(header.captured_ns / 1e9)
        for camera, new_mm in findings.inspected_mm.items():
            self._inspected.labels(camera).inc(new_mm / 1000)
        for (_, camera), reached_mm in findings.reached_mm.items():
            self._position.labels(camera).set(reached_mm / 1000)
        for event in findings.events:
            if isinstance(event, Missed):
                self._missed.labels(event.camera).inc((event.end_mm - event.start_mm) / 1000)
            elif isinstance(event, Doubtful):
                self._doubtful.labels(event.camera).inc((event.end_mm - event.start_mm) / 1000)
            elif isinstance(event, Defect | Crowded):
                self._latency.labels(event.camera).observe(max(0, now_unix_ns - event.captured_ns) / 1e9)
                if isinstance(event, Crowded):
                    self._crowded.labels(event.camera).inc()
                elif event.is_whole:
                    self._defects.labels(event.camera, event.name).inc()
        counts = Tally(alarms)
        for state in get_args(IsaState):
            self._alarms.labels(state).set(counts[state])

    def reloaded(self, *, success: bool) -> None:
        """Note how the last reload (or the start) went."""
        self._reload_success.set(success)
        self._reload_time.set_to_current_time()

    def published(self, topic: str) -> None:
        """Count one event."""
        self._events.labels(topic.partition(".")[0]).inc()


def of_no_line() -> Metrics:
    """Return all the metrics that an inspector can have, without a line behind them: for what lists them."""
    metrics = Metrics(["top"], ["scratches"])
    metrics.watch_archive(ArchiveAccount)
    metrics.watch_memory(dict)
    metrics.watch_screen(lambda: None)
    metrics.watch_recipe((), (), lambda camera, fault: False, lambda camera, fault: 0)
    metrics.watch_access(dict, dict)
    return metrics
