"""The strip under the cameras: where each frame lies on its coil, and what of the coil was seen. Pure, stateful.

Laws: along each camera's way over a coil, from the head to its last frame, one stretch follows the other
without a hole and without overlap, and each is inspected or told as missed; only where the camera's own
position is set back does a stretch begin before the end of the last. A coil starts with its first frame and
ends when the last camera has left it. Clocks are passed in (in the batches); sockets and engines are unknown
here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import msgspec

from inspector.config import CameraSection
from inspector.merge import Merge
from inspector.records import Analysed, CoilReport, Data, Defect, Header, Inspected, Loss, Missed, Report

UNNAMED = "unnamed"
"""The coil of frames whose header names none."""
TELL_AFTER_NS = 1_000_000_000
"""A stretch that is still being missed is told at the latest after this time."""
SLACK = 0.01
"""A frame that begins this near the end of the last, as a share of its length, begins there: encoders are read
to the millimetre, and no better than to one percent of what the rows add up to."""


class _Lane(msgspec.Struct):
    """One camera's way along one coil."""

    coil: str
    merge: Merge
    boot: str
    number: int
    """Of the last frame that has its place here, seen or lost."""
    told_mm: float = 0.0
    """Up to here the strip is inspected or told as missed."""
    placed_mm: float = 0.0
    """Up to here frames have their places; what lies between is lost, and not told yet."""
    reasons: dict[str, int] = {}
    """Losses since the last inspected frame that are not told yet: reason -> frames."""
    lost_since_ns: int = 0


class _Totals(msgspec.Struct):
    """One coil's sums over all cameras."""

    cameras: set[str] = msgspec.field(default_factory=set)
    inspected_mm: float = 0.0
    missed_mm: float = 0.0
    frames: int = 0
    defects: dict[str, int] = {}


class Strip:
    """The stage: analysed batches in, reports out."""

    def __init__(self, cameras: Iterable[CameraSection]) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._lanes: dict[str, _Lane] = {}
        self._coils: dict[str, _Totals] = {}

    def __call__(self, analysed: Analysed) -> Report:
        """Place every arrival of a batch on the strip."""
        said: list[Data] = []
        inspected: list[Inspected] = []
        losses: list[Loss] = []
        for arrival in analysed.arrivals:
            if isinstance(arrival, Loss):
                losses.append(arrival)
                said += self._lose(arrival, analysed.closed_ns)
            else:
                inspected.append(arrival)
                said += self._inspect(arrival)
        for camera, lane in self._lanes.items():
            if lane.placed_mm > lane.told_mm and analysed.closed_ns - lane.lost_since_ns >= TELL_AFTER_NS:
                said.append(self._miss(camera, lane, lane.placed_mm))
        reached_mm = {(lane.coil, camera): lane.placed_mm for camera, lane in self._lanes.items()}
        return Report(tuple(said), tuple(inspected), tuple(losses), reached_mm, analysed.closed_ns)

    def close(self, now_ns: int) -> Report:
        """End of the stream: complete what is open and let every coil end."""
        said: list[Data] = []
        for camera in list(self._lanes):
            said += self._leave(camera)
        return Report(tuple(said), (), (), {}, now_ns)

    def _inspect(self, arrival: Inspected) -> Iterator[Data]:
        header = arrival.frame.header
        lane, start_mm = yield from self._place(header)
        is_counted = header.start_mm is None  # then whatever was lost took up strip, known or not
        if start_mm > lane.told_mm or (lane.reasons and is_counted):
            yield from self._count(lane.merge.close())
            yield self._miss(header.camera, lane, start_mm)
        totals = self._coils[lane.coil]
        totals.inspected_mm += lane.placed_mm - start_mm
        totals.frames += 1
        lane.told_mm, lane.reasons = lane.placed_mm, {}
        yield from self._count(lane.merge.add(arrival, start_mm))

    def _lose(self, loss: Loss, now_ns: int) -> Iterator[Data]:
        """Remember a loss until the stretch it belongs to is known."""
        header, lane = loss.header, self._lanes.get(loss.camera)
        if loss.reason == "order" and lane is not None and header is not None:
            header = ...
        if header is not None:
            lane, _ = yield from self._place(header)
        if lane is None:
            return  # before the camera's first frame: that frame's position tells what was missed
        if not lane.reasons:
            lane.lost_since_ns = now_ns
        lane.reasons[loss.reason] = lane.reasons.get(loss.reason, 0) + loss.count
