"""What a line's metrics say of it now: speed, metre, frames a second, latency, engine. Pure.

Knows: names of metrics, and what follows from two scrapes. Must not know: HTTP, events.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from itertools import pairwise

import msgspec
from prometheus_client.parser import text_string_to_metric_families

WINDOW_S = 30.0
"""Latencies are those of so long."""
SPEED_S = 5.0
"""Speed is the mean of so long: positions come in steps of a batch."""
WANTED = {
    "inspector_strip_position_metres",
    "inspector_frames_inspected_total",
    "inspector_frames_dropped_total",
    "inspector_frames_in_flight",
    "inspector_received_to_inferred_seconds_bucket",
    "inspector_capture_to_event_seconds_bucket",
    "inspector_ready",
    "inspector_recipe_info",
    "inspector_engine_info",
    "inspector_camera_fault",
    "inspector_last_reload_success",
}


class Scrape(msgspec.Struct, frozen=True):
    """One answer of /metrics, as far as it is shown."""

    at_s: float
    """Monotonic clock."""
    values: Mapping[tuple[str, tuple[tuple[str, str], ...]], float]
    """By name and labels."""

    def by(self, name: str, label: str) -> dict[str, float]:
        """Sums of a metric by one of its labels."""
        found: dict[str, float] = {}
        for (metric, labels), value in self.values.items():
            if metric == name:
                word = dict(labels).get(label, "")
                found[word] = found.get(word, 0.0) + value
        return found

    def info(self, name: str) -> dict[str, str]:
        """Labels of an info metric."""
        return next((dict(labels) for (metric, labels) in self.values if metric == name), {})


class Gauges(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of a line besides its events."""

    position_m: dict[str, float] = {}
    """How far the coil under each camera has come."""
    speed_mps: float | None = None
    """Metres of strip a second, of the fastest camera; null where nothing shows it."""
    frames_per_s: float | None = None
    """Of all cameras together; null before the second scrape."""
    dropped_per_s: float | None = None
    latency_ms: float | None = None
    """From a frame's arrival to its result, median of the last half minute; null where nothing came."""
    latency_p99_ms: float | None = None
    recipe: str = ""
    engine: str = ""
    device: str = ""
    is_ready: bool = False
    faults: dict[str, tuple[str, ...]] = {}
    """What is wrong with each camera now."""


def read(text: str, at_s: float) -> Scrape:
    """Read an answer of /metrics.

    Raises: ValueError when it is none.
    """
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name in WANTED:
                values[sample.name, tuple(sorted(sample.labels.items()))] = sample.value
    return Scrape(at_s, values)


class Meter:
    """Keeps the scrapes of the last half minute."""

    def __init__(self) -> None:
        self._scrapes: deque[Scrape] = deque()

    def take(self, scrape: Scrape) -> Gauges:
        """Take in a scrape; return what is shown now."""
        name = "inspector_frames_inspected_total"
        if self._scrapes and sum(self._scrapes[-1].by(name, "").values()) > sum(scrape.by(name, "").values()):
            self._scrapes.clear()  # another process answers: it counts from 0
        self._scrapes.append(scrape)
        while len(self._scrapes) > 1 and scrape.at_s - self._scrapes[0].at_s > WINDOW_S:
            self._scrapes.popleft()
        lately = [earlier for earlier in self._scrapes if scrape.at_s - earlier.at_s <= SPEED_S]
        median, worst = self._latency()
        recipe, engine = scrape.info("inspector_recipe_info"), scrape.info("inspector_engine_info")
        return Gauges(
            position_m=scrape.by("inspector_strip_position_metres", "camera"),
            speed_mps=_speed(lately),
            frames_per_s=_rate(lately[0], scrape, name),
            dropped_per_s=_rate(lately[0], scrape, "inspector_frames_dropped_total"),
            latency_ms=median,
            latency_p99_ms=worst,
            recipe="@".join(filter(None, (recipe.get("name", ""), recipe.get("version", "")))),
            engine=engine.get("kind", ""),
            device=engine.get("device", ""),
            is_ready=scrape.by("inspector_ready", "").get("", 0.0) == 1.0,
            faults=_faults(scrape),
        )

    def _latency(self) -> tuple[float | None, float | None]:
        name = "inspector_received_to_inferred_seconds_bucket"
        now, before = self._scrapes[-1].by(name, "le"), self._scrapes[0].by(name, "le")
        counts = {float(bound): count - before.get(bound, 0.0) for bound, count in now.items()}
        return quantile_ms(counts, 0.5), quantile_ms(counts, 0.99)


def quantile_ms(counts: Mapping[float, float], share: float) -> float | None:
    """A quantile of a cumulative histogram by its bounds in seconds, as Prometheus estimates it; None when empty."""
    bounds = sorted(counts)
    total = counts[bounds[-1]] if bounds else 0.0
    if total <= 0:
        return None
    low, below = 0.0, 0.0
    for bound in bounds:
        if counts[bound] >= share * total:
            if bound == float("inf"):
                return 1000 * low
            inside = counts[bound] - below
            return 1000 * (low + (bound - low) * ((share * total - below) / inside if inside else 1.0))
        low, below = bound, counts[bound]
    return 1000 * low


def _speed(scrapes: Sequence[Scrape]) -> float | None:
    """Speed of the fastest camera; two scrapes between which another coil began, from 0 on, say nothing of it."""
    name = "inspector_strip_position_metres"
    metres, seconds = defaultdict[str, float](float), defaultdict[str, float](float)
    for before, now in pairwise(scrapes):
        was, is_now = before.by(name, "camera"), now.by(name, "camera")
        for camera in was.keys() & is_now.keys():
            if is_now[camera] >= was[camera]:
                metres[camera] += is_now[camera] - was[camera]
                seconds[camera] += now.at_s - before.at_s
    return max((metres[camera] / lasted for camera, lasted in seconds.items() if lasted > 0), default=None)


def _rate(before: Scrape, now: Scrape, name: str) -> float | None:
    seconds = now.at_s - before.at_s
    return max(0.0, _total(now, name) - _total(before, name)) / seconds if seconds > 0 else None


def _total(scrape: Scrape, name: str) -> float:
    return sum(scrape.by(name, "camera").values())


def _faults(scrape: Scrape) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for (name, labels), value in scrape.values.items():
        if name == "inspector_camera_fault":
            words = dict(labels)
            standing = found.setdefault(words.get("camera", ""), [])
            if value:
                standing.append(words.get("fault", ""))
    return {camera: tuple(sorted(faults)) for camera, faults in found.items()}
