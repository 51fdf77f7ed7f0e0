"""The strip under the cameras: where each frame lies on its coil, and what of the coil was seen. Pure, stateful.

Laws: every millimetre between a coil's head and the last frame of each camera is inspected or told as missed;
a coil starts with its first frame and ends when the last camera has left it. Clocks are passed in (in the
batches); sockets and engines are unknown here.
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


class _Lane(msgspec.Struct):
    """One camera's way along one coil."""

    coil: str
    merge: Merge
    boot: str
    origin_mm: float
    """Position of frame `origin_number`, for cameras that do not know their position."""
    origin_number: int
    covered_mm: float
    """Up to here the strip is inspected or told as missed."""
    reasons: dict[str, int] = {}
    """Losses since the last inspected frame that are not told yet: reason -> frames."""
    lost_to_mm: float = 0.0
    """Known end of those losses, or 0."""
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
            if lane.lost_to_mm and analysed.closed_ns - lane.lost_since_ns >= TELL_AFTER_NS:
                said.append(self._miss(camera, lane, lane.lost_to_mm))
        return Report(tuple(said), tuple(inspected), tuple(losses), self._reached(), analysed.closed_ns)

    def close(self, now_ns: int) -> Report:
        """End of the stream: complete what is open and let every coil end."""
        said: list[Data] = []
        for camera in list(self._lanes):
            said += self._leave(camera)
        return Report(tuple(said), (), (), {}, now_ns)

    def _reached(self) -> dict[str, float]:
        reached: dict[str, float] = {}
        for lane in self._lanes.values():
            reached[lane.coil] = max(lane.covered_mm, reached.get(lane.coil, 0.0))
        return reached

    def _inspect(self, arrival: Inspected) -> Iterator[Data]:
        header = arrival.frame.header
        lane = yield from self._lane(header)
        start_mm = self._position(lane, header)
        slack_mm = arrival.length_mm / header.height / 2
        if abs(start_mm - lane.covered_mm) > slack_mm:  # a gap, or the position was set back: nothing can go on
            yield from self._count(lane.merge.close())
        if start_mm > lane.covered_mm + slack_mm:
            yield self._miss(header.camera, lane, start_mm)
        lane.reasons, lane.lost_to_mm = {}, 0.0
        lane.covered_mm = start_mm + arrival.length_mm
        totals = self._coils[lane.coil]
        totals.inspected_mm += arrival.length_mm
        totals.frames += 1
        yield from self._count(lane.merge.add(arrival, start_mm))

    def _lose(self, loss: Loss, now_ns: int) -> Iterator[Data]:
        """Remember a loss until the stretch it belongs to is known."""
        header = loss.header
        lane = self._lanes.get(loss.camera) if header is None else (yield from self._lane(header))
        if lane is None:
            return  # before the camera's first frame: that frame's position tells what was missed
        if header is not None:
            end_mm = self._position(lane, header) + header.height * self._mm_per_row(header)
            if end_mm <= lane.covered_mm:
                return  # a repeated frame: its strip is accounted for
            lane.lost_to_mm = max(lane.lost_to_mm, end_mm)
        if not lane.reasons:
            lane.lost_since_ns = now_ns
        lane.reasons[loss.reason] = lane.reasons.get(loss.reason, 0) + loss.count

    def _miss(self, camera: str, lane: _Lane, to_mm: float) -> Missed:
        """Tell that the strip up to `to_mm` was not inspected."""
        start_mm, end_mm = lane.covered_mm, max(lane.covered_mm, to_mm)
        missed = Missed(
            camera=camera,
            coil=lane.coil,
            start_mm=round(start_mm, 1),
            end_mm=round(end_mm, 1),
            reasons=lane.reasons,
        )
        self._coils[lane.coil].missed_mm += end_mm - start_mm
        lane.covered_mm, lane.reasons, lane.lost_to_mm = end_mm, {}, 0.0
        return missed

    def _lane(self, header: Header) -> Generator[Data, None, _Lane]:
        """The camera's lane on the header's coil; it may have to leave another coil first."""
        coil = header.coil or UNNAMED
        lane = self._lanes.get(header.camera)
        if lane is not None and lane.coil == coil:
            return lane
        if lane is not None:
            yield from self._leave(header.camera)
        if coil not in self._coils:
            self._coils[coil] = _Totals()
            yield CoilReport(state="started", coil=coil, inspected_m=0.0, missed_m=0.0, frames=0, defects={})
        self._coils[coil].cameras.add(header.camera)
        side = header.side or self._cameras[header.camera].side
        lane = _Lane(coil, Merge(header.camera, coil, side), header.boot, 0.0, header.number, 0.0)
        self._lanes[header.camera] = lane
        return lane

    def _leave(self, camera: str) -> Iterator[Data]:
        """End a camera's way along its coil, and the coil with the last camera."""
        lane = self._lanes.pop(camera)
        yield from self._count(lane.merge.close())
        if lane.reasons:
            yield self._miss(camera, lane, lane.lost_to_mm)
        totals = self._coils[lane.coil]
        totals.cameras.discard(camera)
        if not totals.cameras:
            del self._coils[lane.coil]
            yield CoilReport(
                state="ended",
                coil=lane.coil,
                inspected_m=round(totals.inspected_mm / 1000, 3),
                missed_m=round(totals.missed_mm / 1000, 3),
                frames=totals.frames,
                defects=dict(sorted(totals.defects.items())),
            )

    def _count(self, defects: Iterable[Defect]) -> Iterator[Defect]:
        for defect in defects:
            if not defect.is_partial:
                counts = self._coils[defect.coil].defects
                counts[defect.name] = counts.get(defect.name, 0) + 1
            yield defect

    def _position(self, lane: _Lane, header: Header) -> float:
        """Where the frame's first row lies: what the encoder says, else counted from the coil's first frame."""
        if header.start_mm is not None:
            return header.start_mm
        if header.boot != lane.boot:  # the camera restarted: what it missed meanwhile is unknown
            lane.boot, lane.origin_number, lane.origin_mm = header.boot, header.number, lane.covered_mm
        frames = header.number - lane.origin_number
        return lane.origin_mm + frames * header.height * self._mm_per_row(header)

    def _mm_per_row(self, header: Header) -> float:
        return header.mm_per_row or self._cameras[header.camera].mm_per_row
