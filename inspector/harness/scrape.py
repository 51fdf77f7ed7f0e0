"""What an inspector answers over HTTP: whether it is ready, and its metrics.

Knows: /ready, /metrics and the names in it. Must not know: who asks, and why.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import msgspec
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from inspector.harness.ports import HOST

TIMEOUT_S = 30.0
"""A busy machine leaves a healthy inspector unheard for seconds."""


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Frames by how they ended, and strip, over all cameras, since the inspector started."""

    received: int = 0
    inspected: int = 0
    dropped: int = 0
    rejected: int = 0
    missing: int = 0
    inspected_m: float = 0.0
    missed_m: float = 0.0

    @property
    def ended(self) -> int:
        """Frames taken off the socket and done with, one way or another."""
        return self.inspected + self.dropped + self.rejected

    def since(self, before: Counts) -> Counts:
        """What was counted after `before`."""
        return Counts(**{name: getattr(self, name) - getattr(before, name) for name in self.__struct_fields__})


NAMES = {
    "inspector_frames_received_total": "received",
    "inspector_frames_inspected_total": "inspected",
    "inspector_frames_dropped_total": "dropped",
    "inspector_frames_rejected_total": "rejected",
    "inspector_frames_missing_total": "missing",
    "inspector_strip_inspected_metres_total": "inspected_m",
    "inspector_strip_missed_metres_total": "missed_m",
}


def not_ready(port: int) -> str:
    """Say why the inspector takes no frames yet; empty when it does."""
    try:
        status, words = get(port, "/ready")
    except OSError:
        return "starting"
    return "" if status == http.client.OK else words.strip()


def counts(port: int) -> Counts:
    """Read the counts of frames and strip.

    Raises: OSError when no answer comes.
    """
    totals: dict[str, float] = {}
    for sample in _samples(port):
        if field := NAMES.get(sample.name):
            totals[field] = totals.get(field, 0.0) + sample.value
    return msgspec.convert(totals, Counts, strict=False)


def values(port: int, name: str, **labels: str) -> list[float]:
    """Read a metric's samples that carry these labels; empty when there are none.

    Raises: OSError when no answer comes.
    """
    wanted = labels.items()
    return [sample.value for sample in _samples(port) if sample.name == name and wanted <= sample.labels.items()]


def get(port: int, path: str) -> tuple[int, str]:
    """Ask for a path; return status and text.

    Raises: OSError when no answer comes.
    """
    connection = http.client.HTTPConnection(HOST, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()


def _samples(port: int) -> Iterator[Sample]:
    _, text = get(port, "/metrics")
    for family in text_string_to_metric_families(text):
        yield from family.samples
