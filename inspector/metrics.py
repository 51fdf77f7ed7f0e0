"""Every metric this program has, in one registry. Names are `inspector_<noun>_<unit>[_total]`, base units.

Laws: at any scrape received = inspected + dropped + rejected + in flight, for each camera. Counting never
slows the line: one short lock a batch. Must not know: who scrapes.
"""

from __future__ import annotations

import threading
import time
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
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
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inspector.access.folder import ROLES, Role
from inspector.engines.screening import Screening
from inspector.records.events import (
    ROOTS,
    CameraFault,
    Crowded,
    Defect,
    Entrance,
    IsaState,
    Missed,
    RecipeFault,
    RefusalReason,
)
from inspector.records.stages import ArchiveAccount, Batch, Findings, Frame, Inferred, JournalAccount

P = ParamSpec("P")
T = TypeVar("T")
Refusals = Mapping[tuple[Entrance, RefusalReason], int]

STAGE_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)
LATENCY_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2.5, 5, 10)
"""0.05 and 0.2 are the budgets mills name for an answer (no answer within 50-200 ms is a reject)."""
BATCH_FRAMES = (1, 2, 4, 8, 16, 32, 64)
FRAMES = {
    "received": ("Frames taken off the socket.", ["camera"]),
    "inspected": ("Frames inspected, recorded and reported.", ["camera"]),
    "dropped": ("Good frames given up.", ["camera", "reason"]),
    "rejected": ("Bad frames.", ["camera", "reason"]),
    "missing": ("Frames that never arrived.", ["camera"]),
}
"""What is counted of frames: meaning and labels."""


class FrameAccount(Collector):
    """Counts frames in and out under one lock, so that a scrape never sees one without the other."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._received: Tally[str] = Tally(dict.fromkeys(cameras, 0))
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

    def leave(self, findings: Findings) -> None:
        """Count how frames ended."""
        with self._lock:
            for inspected in findings.inspected:
                self._ended[inspected.frame.header.camera, "inspected", ""] += 1
            for loss in findings.losses:
                self._ended[loss.camera, loss.end, loss.reason] += loss.count

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
        flight = GaugeMetricFamily("inspector_frames_in_flight", "Frames being worked on.", labels=["camera"])
        counters = {
            end: CounterMetricFamily(f"inspector_frames_{end}", words, labels=labels)
            for end, (words, labels) in FRAMES.items()
        }
        for camera, count in received.items():
            ends = Tally[str]()
            for (name, end, reason), number in ended.items():
                if name == camera:
                    ends[end] += number
                    if "reason" in FRAMES[end][1]:
                        counters[end].add_metric([camera, reason], number)
            counters["received"].add_metric([camera], count)
            counters["inspected"].add_metric([camera], ends["inspected"])
            counters["missing"].add_metric([camera], ends["missing"])
            flight.add_metric([camera], count - ends["inspected"] - ends["dropped"] - ends["rejected"])
        yield from (flight, *counters.values())


def _registry() -> CollectorRegistry:
    """Return a registry with what every process has: memory, open files, the interpreter's version."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return registry


class _DeviceMemory(Collector):
    """Asks for the memory of the engine's device."""

    def __init__(self, taken: Callable[[], dict[str, int]]) -> None:
        self._taken = taken

    def describe(self) -> Iterator[Metric]:
        """Name the metric without asking for it: at the start there is no engine yet."""
        yield self._family()

    def collect(self) -> Iterator[Metric]:
        """Yield it, without samples where there is no such device."""
        family = self._family()
        for kind, count in self._taken().items():
            family.add_metric([kind], count)
        yield family

    @staticmethod
    def _family() -> GaugeMetricFamily:
        words = "GPU memory: in all, used by all programs, and by this process where the driver can tell."
        return GaugeMetricFamily("inspector_gpu_memory_bytes", words, labels=["kind"])


class _DoubtfulFrames(Collector):
    """Asks how many frames' maps could not be relied on."""

    def __init__(self, pairs: Sequence[tuple[str, RecipeFault]], frames: Callable[[str, RecipeFault], int]) -> None:
        self._pairs, self._frames = pairs, frames

    def collect(self) -> Iterator[Metric]:
        """Yield one counter."""
        family = CounterMetricFamily(
            "inspector_frames_doubtful", "Frames whose maps say nothing reliable.", labels=["camera", "fault"]
        )
        for pair in self._pairs:
            family.add_metric(list(pair), self._frames(*pair))
        yield family


class _Screen(Collector):
    """Asks how the recipe's screen is doing."""

    def __init__(self, account: Callable[[], Screening | None]) -> None:
        self._account = account

    def describe(self) -> Iterator[Metric]:
        """Name the metrics without asking: at the start there is no engine yet."""
        yield from self._families()

    def collect(self) -> Iterator[Metric]:
        """Yield them, without samples where there is no screen."""
        frames, missed, ratio, blind = self._families()
        if (screening := self._account()) is not None:
            for outcome in ("held_back", "audited", "passed"):
                frames.add_metric([outcome], getattr(screening, outcome))
            missed.add_metric([], screening.missed)
            ratio.add_metric([], screening.missed_ratio)
            blind.add_metric([], screening.is_blind)
        yield from (frames, missed, ratio, blind)

    @staticmethod
    def _families() -> tuple[CounterMetricFamily, CounterMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
        return (
            CounterMetricFamily(
                "inspector_screen_frames",
                "Frames by what the recipe's screen did: held back as sound, held back but assessed all the same to "
                "audit it, or passed to the recipe. They count from the last reload.",
                labels=["outcome"],
            ),
            CounterMetricFamily("inspector_screen_missed", "Audited frames in which the recipe found something."),
            GaugeMetricFamily(
                "inspector_screen_missed_ratio",
                "Share of the defective frames that the screen holds back, estimated from the audited ones.",
            ),
            GaugeMetricFamily("inspector_screen_blind", "1 when it misses so much that every frame passes."),
        )


class _Archive(Collector):
    """Asks what became of the archive's crops."""

    def __init__(self, account: Callable[[], ArchiveAccount]) -> None:
        self._account = account

    def collect(self) -> Iterator[Metric]:
        """Yield the archive's metrics."""
        now = self._account()
        crops = CounterMetricFamily(
            "inspector_archive_crops",
            "Crops for the archive: written, or dropped: too many waited, the disk took none, its frame had too many.",
            labels=["outcome"],
        )
        for outcome in ("written", "dropped_full", "dropped_disk", "dropped_frame"):
            crops.add_metric([outcome], getattr(now, outcome))
        yield crops
        yield GaugeMetricFamily("inspector_archive_bytes", "Disk space of the archive.", value=now.bytes)
        words = "1 while the archive's disk takes no crops."
        yield GaugeMetricFamily("inspector_archive_failing", words, value=now.is_failing)


class _Access(Collector):
    """Asks who was refused, and who may come in."""

    def __init__(self, refusals: Callable[[], Refusals], keys: Callable[[], Mapping[Role, int]]) -> None:
        self._refusals, self._keys = refusals, keys

    def collect(self) -> Iterator[Metric]:
        """Yield both, with a series for each socket and reason that there can be."""
        refused = CounterMetricFamily(
            "inspector_access_refused",
            "Connections, messages and requests that no key or token admits.",
            labels=["socket", "reason"],
        )
        counts = self._refusals()
        for entrance in get_args(Entrance):
            for reason in get_args(RefusalReason):
                if (entrance == "http") == (reason == "token") and (reason != "impostor" or entrance == "intake"):
                    refused.add_metric([entrance, reason], counts.get((entrance, reason), 0))
        yield refused
        keys, admitted = GaugeMetricFamily("inspector_access_keys", "Keys in force.", labels=["role"]), self._keys()
        for role in ROLES:
            keys.add_metric([role], admitted.get(role, 0))
        yield keys


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
        self._queue = gauge("inspector_queue_batches", "Batches that wait for a stage.", ["stage"])
        self._defects = counter("inspector_defects", "Defects reported.", ["camera", "class"])
        self._crowded = counter(
            "inspector_frames_crowded", "Frames inspected with more regions than can be defects.", ["camera"]
        )
        self._alarms = gauge("inspector_alarms", "Alarms by their state.", ["state"])
        self._inspected = counter(
            "inspector_strip_inspected_metres", "Strip inspected; what comes by again counts once.", ["camera"]
        )
        self._missed = counter("inspector_strip_missed_metres", "Strip not inspected.", ["camera"])
        self._position = gauge(
            "inspector_strip_position_metres", "How far the coil under the camera has come, from its head.", ["camera"]
        )
        self._seen = gauge(
            "inspector_camera_last_frame_timestamp_seconds", "Capture time of the last frame.", ["camera"]
        )
        self._faults = gauge("inspector_camera_fault", "1 while the camera has the fault.", ["camera", "fault"])
        self._recipe_faults = gauge(
            "inspector_recipe_fault", "1 while the recipe cannot be relied on for this camera.", ["camera", "fault"]
        )
        self._events = counter("inspector_events", "Events recorded and published.", ["topic"])
        self._journal_written = gauge("inspector_journal_written", "0 while the journal's disk takes nothing.")
        self._journal_waiting = gauge("inspector_journal_waiting_events", "Events that wait in memory for the disk.")
        self._journal_bytes = gauge("inspector_journal_bytes", "Disk space of the journal.")
        self._journal_limit = gauge("inspector_journal_limit_bytes", "What the journal may take.")
        self._journal_free = gauge("inspector_journal_disk_free_bytes", "Free where the journal is.")
        self.recipe = Info("inspector_recipe", "The recipe in force, and its engine.", registry=registry)
        self.engine = Info("inspector_engine", "The engine in force, and what it runs on.", registry=registry)
        self.rebuilding = gauge("inspector_engine_rebuilding", "1 while an engine is being built and verified.")
        self.ready = gauge("inspector_ready", "1 when warmed up and taking frames.")
        self._reload_success = gauge(
            "inspector_last_reload_success", "1 when the configuration in force is the last one asked for."
        )
        self._reload_time = gauge("inspector_last_reload_timestamp_seconds", "When that was.")
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
            "The part of that which the engine takes: from a frame being received to its maps being there.",
            ["camera"],
            buckets=LATENCY_SECONDS,
        )
        self._batch = histogram("inspector_batch_frames", "Frames in a batch.", buckets=BATCH_FRAMES)

    def _begin_series(self, cameras: Iterable[str], classes: Iterable[str]) -> None:
        """Let each series be there from the start: then rate() sees its first increase."""
        names = tuple(classes)
        for camera in cameras:
            for family in (self._inspected, self._missed, self._latency, self._engine, self._crowded):
                family.labels(camera)
            for name in names:
                self._defects.labels(camera, name)
        for root in ROOTS:
            self._events.labels(root.rstrip("."))

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
        self.registry.register(_DoubtfulFrames(pairs, frames))

    def watch_memory(self, taken: Callable[[], dict[str, int]]) -> None:
        """Show the device memory that is taken, by kind, as it is at each scrape; nothing where there is none."""
        self.registry.register(_DeviceMemory(taken))

    def watch_screen(self, account: Callable[[], Screening | None]) -> None:
        """Show how the recipe's screen is doing at each scrape; nothing where it has none."""
        self.registry.register(_Screen(account))

    def watch_journal(self, account: Callable[[], JournalAccount]) -> None:
        """Ask at each scrape how the journal and its disk do."""
        for gauge, name in (
            (self._journal_written, "is_written"),
            (self._journal_waiting, "waiting"),
            (self._journal_bytes, "bytes"),
            (self._journal_limit, "limit_bytes"),
            (self._journal_free, "free_bytes"),
        ):
            gauge.set_function(partial(_read, account, name))

    def watch_archive(self, account: Callable[[], ArchiveAccount]) -> None:
        """Show what became of the archive's crops at each scrape."""
        self.registry.register(_Archive(account))

    def watch_access(self, refusals: Callable[[], Refusals], keys: Callable[[], Mapping[Role, int]]) -> None:
        """Show who was refused, by socket and reason, and how many keys are in force, by role, as at each scrape."""
        self.registry.register(_Access(refusals, keys))

    def timed(self, stage: str, work: Callable[P, T]) -> Callable[P, T]:
        """Wrap a stage's work so that the time of each call is observed."""
        histogram = self._stage.labels(stage)

        def work_timed(*args: P.args, **options: P.kwargs) -> T:
            with histogram.time():
                return work(*args, **options)

        return work_timed

    def inferred(self, inferred: Inferred) -> Inferred:
        """Observe a batch that the engine has done with."""
        if frames := len(inferred.batch.planes):
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
