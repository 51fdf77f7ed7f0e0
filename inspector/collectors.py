"""What is asked at each scrape instead of being counted on the way: frames, device memory, screen, archive, access.

Laws: at any scrape received = inspected + dropped + rejected + in flight, for each camera. Asking never waits.
Knows: what is asked, and the metrics' names. Must not know: the registry, who scrapes.
"""

from __future__ import annotations

import threading
from collections import Counter as Tally
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import get_args

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from inspector.access.folder import ROLES, Role
from inspector.engines.screening import Screening
from inspector.records.events import Entrance, RecipeFault, RefusalReason
from inspector.records.stages import ArchiveAccount, Batch, CropDrop, Drop, Findings, Frame, Rejection, SwathDrop

Refusals = Mapping[tuple[Entrance, RefusalReason], int]

FRAMES = {
    "received": ("Frames taken off the socket.", ["camera"]),
    "inspected": ("Frames inspected, recorded and reported.", ["camera"]),
    "dropped": ("Good frames given up, by reason as below.", ["camera", "reason"]),
    "rejected": ("Bad frames, by reason as below.", ["camera", "reason"]),
    "missing": ("Frames that never arrived.", ["camera"]),
}
"""What is counted of frames: meaning and labels."""


class FrameAccount(Collector):
    """Counts frames in and out under one lock, so that a scrape never sees one without the other."""

    def __init__(self, cameras: Iterable[str]) -> None:
        self._lock = threading.Lock()
        self._received: Tally[str] = Tally(dict.fromkeys(cameras, 0))
        self._ended: Tally[tuple[str, str, str]] = Tally()
        for camera in self._received:  # each series is there from the start: then rate() sees its first increase
            self._ended.update({(camera, "dropped", reason): 0 for reason in get_args(Drop)})
            self._ended.update({(camera, "rejected", reason): 0 for reason in get_args(Rejection)})

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


class DeviceMemory(Collector):
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


class DoubtfulFrames(Collector):
    """Asks how many frames showed a fault of the recipe, whether it was raised or not; none of a camera's is in it."""

    def __init__(self, pairs: Sequence[tuple[str, RecipeFault]], frames: Callable[[str, RecipeFault], int]) -> None:
        self._pairs, self._frames = pairs, frames

    def collect(self) -> Iterator[Metric]:
        """Yield one counter."""
        family = CounterMetricFamily(
            "inspector_frames_doubtful",
            "Frames that showed a fault of the recipe, raised or not; none of a camera's is in it.",
            labels=["camera", "fault"],
        )
        for pair in self._pairs:
            family.add_metric(list(pair), self._frames(*pair))
        yield family


class ScreenFigures(Collector):
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
                "audit it, or passed to the recipe. They count from the last reload that brought another recipe or "
                "screen.",
                labels=["outcome"],
            ),
            CounterMetricFamily(
                "inspector_screen_missed", "Frames held back and audited in which the recipe found something."
            ),
            GaugeMetricFamily(
                "inspector_screen_missed_ratio",
                "Share of the defective frames that the screen holds back, estimated from the audited ones.",
            ),
            GaugeMetricFamily("inspector_screen_blind", "1 when the screen misses so much that every frame passes."),
        )


class ArchiveFigures(Collector):
    """Asks what became of the archive's crops."""

    def __init__(self, account: Callable[[], ArchiveAccount]) -> None:
        self._account = account

    def collect(self) -> Iterator[Metric]:
        """Yield the archive's metrics."""
        now = self._account()
        crops = CounterMetricFamily(
            "inspector_archive_crops",
            "Crops for the archive: written, or dropped: too many waited (full), the disk took none (disk), its frame "
            "had too many defects (frame), its defect too many crops (defect), or came to nothing that is reported "
            "(unreported).",
            labels=["outcome"],
        )
        crops.add_metric(["written"], now.written)
        for why in get_args(CropDrop):
            crops.add_metric([f"dropped_{why}"], now.dropped.get(why, 0))
        yield crops
        yield GaugeMetricFamily("inspector_archive_bytes", "Disk space of the archive.", value=now.bytes)
        frames = CounterMetricFamily(
            "inspector_archive_strip_frames",
            "Inspected frames for the archive's strip picture: drawn, or dropped: the line was behind and pictures "
            "gave way (behind), too many waited (full), the disk took none (disk), or their place is unknown, as of "
            "strip that runs back (unplaced).",
            labels=["outcome"],
        )
        frames.add_metric(["drawn"], now.drawn)
        for reason in get_args(SwathDrop):
            frames.add_metric([f"dropped_{reason}"], now.undrawn.get(reason, 0))
        yield frames
        words = "Disk space of the archive's strip picture."
        yield GaugeMetricFamily("inspector_archive_strip_bytes", words, value=now.strip_bytes)
        words = "1 while the archive's disk takes no pictures."
        yield GaugeMetricFamily("inspector_archive_failing", words, value=now.is_failing)


class AccessFigures(Collector):
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
