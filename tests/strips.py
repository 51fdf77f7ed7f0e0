"""Arrivals for a strip, and what its events say: for tests of the coil."""

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.events import CoilReport, Data, Missed
from inspector.records.stages import Detection, Inspected
from inspector.strip.strip import Strip
from tests.coils import CAMERAS, LENGTH_MM, Arrival
from tests.frames import LAST, findings, header, inspected


def totals(reported: Iterable[Data]) -> list[float]:
    """Metres inspected and missed on all coils; of one that went on after its end the last end holds."""
    ended = list[CoilReport]()
    for item in reported:
        if isinstance(item, CoilReport) and item.state == "ended":
            ended.append(item)
        elif isinstance(item, CoilReport) and item.inspected_m + item.missed_m > 0:
            ended = [report for report in ended if report.coil != item.coil]
    return [sum(item.inspected_m for item in ended), sum(item.missed_m for item in ended)]


def say(*arrivals: Arrival, strip: Strip | None = None, now_ns: int = 0) -> tuple[Data, ...]:
    """What is reported of these arrivals, on a line with one camera unless a strip is given."""
    return (strip or Strip(CAMERAS[:1]))(findings(*arrivals, now_ns=now_ns)).events


def arrival_camera(arrival: Arrival) -> str:
    """Which camera it is of; empty where nobody can know."""
    return arrival.frame.header.camera if isinstance(arrival, Inspected) else arrival.camera


def comes_again(arrivals: Iterable[Arrival]) -> bool:
    """Whether frames name a coil that others were named after."""
    heads = (arrival.frame.header if isinstance(arrival, Inspected) else arrival.header for arrival in arrivals)
    names = [name for name, _ in groupby(head.coil for head in heads if head)]
    return len(names) > len(set(names))


def run(arrivals: Sequence[Arrival], sizes: Sequence[int] = (), cameras: Sequence[CameraSection] = ()) -> list[Data]:
    """Send arrivals through a strip in batches of these sizes, to its end; return all that is reported."""
    names = {arrival_camera(arrival) for arrival in arrivals}
    strip, reported, at = Strip(cameras or [camera for camera in CAMERAS if camera.name in names]), list[Data](), 0
    for size in [*sizes, len(arrivals)]:
        reported += strip(findings(*arrivals[at : at + size])).events
        at += size
    return reported + list(strip(LAST).events)


def seen(number: int, *regions: Detection, coil: str | None = "C", **facts: Any) -> Inspected:
    """An inspected frame; on an encoder line where `start_mm` is given."""
    return inspected(header(number, coil=coil, **facts), *regions)


def missed(start_mm: float, end_mm: float, coil: str = "C", **reasons: int) -> Missed:
    """Say that strip was missed under the camera on top."""
    return Missed(camera="top", coil=coil, start_mm=start_mm, end_mm=end_mm, reasons=reasons)


def coils(reported: Iterable[Data]) -> list[tuple[str, str]]:
    """Coils that started and ended."""
    return [(item.coil, item.state) for item in reported if isinstance(item, CoilReport)]


def gaps(reported: Iterable[Data]) -> list[Missed]:
    """Stretches that were missed; whether they are estimated is another question."""
    return [msgspec.structs.replace(item, is_estimated=False) for item in reported if isinstance(item, Missed)]


THROUGH = Detection(
    class_id=1,
    start_mm=0.0,
    end_mm=LENGTH_MM,
    left_mm=0.0,
    right_mm=2.0,
    area_mm2=20.0,
    confidence=0.9,
)
"""A scratch from a frame's first row to its last."""


SPOT = Detection(class_id=1, start_mm=4.0, end_mm=6.0, left_mm=3.0, right_mm=5.0, area_mm2=4.0, confidence=0.9)
"""A spot in the middle of a frame."""


def missed_by(camera: str, reported: Iterable[Data], together: Sequence[Data]) -> list[Missed]:
    """What a camera missed while it was there, beyond what was reported before it came `together` with others."""
    silent_to_mm = {item.coil: item.end_mm for item in gaps(together) if _is_silent(item, camera)}
    return [
        msgspec.structs.replace(item, start_mm=max(item.start_mm, silent_to_mm.get(item.coil, 0.0)))
        for item in gaps(reported)
        if item.camera == camera and not _is_silent(item, camera) and item.end_mm > silent_to_mm.get(item.coil, 0.0)
    ]


def _is_silent(item: Missed, camera: str) -> bool:
    return item.camera == camera and "silent" in item.reasons


def positions(first: int, starts: Iterable[float | None], *regions: Detection, coil: str = "C") -> list[Inspected]:
    """Frames that name these positions."""
    return [seen(number, *regions, coil=coil, start_mm=start_mm) for number, start_mm in enumerate(starts, first)]
