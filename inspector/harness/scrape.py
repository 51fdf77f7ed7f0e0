"""What an inspector says over HTTP: whether it is ready, and its counts.

Knows: /ready, /metrics and the names in it. Must not know: who asks, and why.
"""

from __future__ import annotations

import http.client

import msgspec
from prometheus_client.parser import text_string_to_metric_families

TIMEOUT_S = 5.0


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


def not_ready(host: str, port: int) -> str:
    """Say why the inspector takes no frames yet; empty when it does."""
    try:
        status, words = _get(host, port, "/ready")
    except OSError:
        return "starting"
    return "" if status == http.client.OK else words.strip()


def counts(host: str, port: int) -> Counts:
    """Read the counts off /metrics.

    Raises: OSError when nobody answers.
    """
    found = {NAMES[name]: value for name, value in sums(host, port).items() if name in NAMES}
    return msgspec.convert(found, Counts, strict=False)


def sums(host: str, port: int) -> dict[str, float]:
    """Read /metrics: each sample's name with the sum of its values over all labels.

    Raises: OSError when nobody answers.
    """
    _, text = _get(host, port, "/metrics")
    totals: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            totals[sample.name] = totals.get(sample.name, 0.0) + sample.value
    return totals


def _get(host: str, port: int, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except http.client.HTTPException as error:
        raise ConnectionError(str(error)) from error
    finally:
        connection.close()
