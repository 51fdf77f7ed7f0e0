"""The strip under the cameras: where each frame lies on its coil, and what was seen of it. Pure, stateful.

Laws: on every coil, for each camera, the stretches inspected and those told as missed follow one another from
the head (0 mm) to the farthest frame without hole or overlap; strip that comes by again counts once. A coil
starts with its first frame and ends when the last camera has left it. What passes a configured camera that is dead
is missed like anything else. Clocks are passed in (in the batches); sockets and engines are unknown here.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.events import CoilReport, Data, Defect, Missed
from inspector.records.frame import Header
from inspector.records.stages import Analysed, Inspected, Loss, Report
from inspector.strip.merge import Merge

UNNAMED = "unnamed"
"""The coil of frames whose header names none."""
TELL_AFTER_NS = 1_000_000_000
"""A stretch that is still being missed is told at the latest after this time."""
SILENT_NS = 10_000_000_000
"""A camera that has sent nothing for so long while others went on sending, one of them on the next coil, is taken for
dead; on a line that stands nobody is."""
SLACK = 0.01
"""A frame that begins this near to the end of the last, as a share of its length, begins right there:
positions come rounded to millimetres, and the travel per row is known no better."""


class _Lane(msgspec.Struct):
    """One camera's way along one coil."""

    coil: str
    merge: Merge
    boot: str
    number: int
    """Of the last frame that found its place, seen or lost."""
    last_mm: float = 0.0
    """End of that frame."""
    placed_mm: float = 0.0
    """Farthest end of a frame."""
    told_mm: float = 0.0
    """Up to here the strip is inspected or told as missed; from here to `placed_mm` it is lost, untold."""
    reasons: dict[str, int] = {}
    """Losses since the last inspected frame that are not told yet: reason -> frames."""
    lost_since_ns: int = 0
    heard_ns: int = 0
    """When the batch with its last frame was closed."""


class _Totals(msgspec.Struct):
    """One coil's sums over all cameras."""

    cameras: set[str] = msgspec.field(default_factory=set)
    """That are on the coil now."""
    visitors: set[str] = msgspec.field(default_factory=set)
    """That are on it or were."""
    farthest_mm: float = 0.0
    """End of the farthest frame of any camera."""
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
                said += self._inspect(arrival, analysed.closed_ns)
        for camera, lane in self._lanes.items():
            if lane.placed_mm > lane.told_mm and analysed.closed_ns - lane.lost_since_ns >= TELL_AFTER_NS:
                said.append(self._miss(camera, lane, lane.placed_mm))
        for camera in self._silent(SILENT_NS):
            totals = self._coils[self._lanes[camera].coil]
            if totals.cameras < totals.visitors:  # another has left this coil
                said += self._leave(camera, is_silent=True)
        reached_mm = {(lane.coil, camera): lane.last_mm for camera, lane in self._lanes.items()}
        return Report(tuple(said), tuple(inspected), tuple(losses), reached_mm, analysed.closed_ns)

    def close(self, now_ns: int) -> Report:
        """End of the stream: complete what is open and let every coil end."""
        said: list[Data] = []
        silent = self._silent(TELL_AFTER_NS)
        for camera in list(self._lanes):
            said += self._leave(camera, is_silent=camera in silent)
        return Report(tuple(said), (), (), {}, now_ns)

    def _inspect(self, arrival: Inspected, now_ns: int) -> Iterator[Data]:
        header = arrival.frame.header
        lane, start_mm = yield from self._place(header, now_ns)
        if start_mm > lane.told_mm or "restart" in lane.reasons:
            yield self._miss(header.camera, lane, start_mm)
        totals = self._coils[lane.coil]
        totals.inspected_mm += lane.placed_mm - lane.told_mm
        totals.frames += 1
        lane.told_mm, lane.reasons = lane.placed_mm, {}
        yield from self._count(lane.merge.add(arrival, start_mm))

    def _lose(self, loss: Loss, now_ns: int) -> Iterator[Data]:
        """Remember a loss until the stretch it belongs to is known."""
        lane = self._lanes.get(loss.camera)
        if loss.header is not None and loss.reason != "order":  # such a number had its place before
            lane, _ = yield from self._place(loss.header, now_ns)
        if lane is None:
            return  # before the camera's first frame: that frame's position tells what was missed
        if not lane.reasons:
            lane.lost_since_ns = now_ns
        lane.reasons[loss.reason] = lane.reasons.get(loss.reason, 0) + loss.count
        if loss.reason != "order":
            yield from self._count(lane.merge.close())

    def _silent(self, for_ns: int) -> list[str]:
        """Cameras that were last heard so long before another."""
        last_ns = max((lane.heard_ns for lane in self._lanes.values()), default=0)
        return [camera for camera, lane in self._lanes.items() if last_ns - lane.heard_ns >= for_ns]

    def _place(self, header: Header, now_ns: int) -> Generator[Data, None, tuple[_Lane, float]]:
        """Take the camera's lane to the frame's end, and return it with where on the coil the frame begins.

        That is where the encoder says, else it follows from the frames before.
        """
        lane = yield from self._lane(header)
        length_mm = header.height * (header.mm_per_row or self._cameras[header.camera].mm_per_row)
        if header.start_mm is not None:
            start_mm = header.start_mm
        elif header.boot == lane.boot:
            start_mm = lane.last_mm + (header.number - lane.number - 1) * length_mm
        else:  # nobody knows what the camera missed while it restarted
            start_mm = lane.last_mm
            lane.reasons["restart"] = 0
        end_mm = start_mm + length_mm
        if abs(start_mm - lane.last_mm) <= SLACK * length_mm:
            start_mm = lane.last_mm
        if start_mm != lane.last_mm or "restart" in lane.reasons:
            yield from self._count(lane.merge.close())
        if start_mm < lane.placed_mm and lane.placed_mm > lane.told_mm:  # set back behind a loss
            yield self._miss(header.camera, lane, lane.placed_mm)
        lane.boot, lane.number, lane.last_mm = header.boot, header.number, end_mm
        lane.placed_mm = max(lane.placed_mm, end_mm)
        lane.heard_ns = now_ns
        totals = self._coils[lane.coil]
        totals.farthest_mm = max(totals.farthest_mm, end_mm)
        return lane, start_mm

    def _miss(self, camera: str, lane: _Lane, to_mm: float) -> Missed:
        """Tell that the strip up to `to_mm` was not inspected."""
        end_mm = max(to_mm, lane.told_mm)
        missed = self._missed(camera, lane.coil, lane.told_mm, end_mm, lane.reasons)
        lane.told_mm, lane.reasons = end_mm, {}
        return missed

    def _missed(self, camera: str, coil: str, start_mm: float, end_mm: float, reasons: dict[str, int]) -> Missed:
        self._coils[coil].missed_mm += end_mm - start_mm
        return Missed(camera=camera, coil=coil, start_mm=round(start_mm, 1), end_mm=round(end_mm, 1), reasons=reasons)

    def _lane(self, header: Header) -> Generator[Data, None, _Lane]:
        """The camera's lane on the header's coil; it may have to leave another coil first."""
        coil, start_mm = header.coil or UNNAMED, header.start_mm
        lane = self._lanes.get(header.camera)
        # where coils have no names, another one has come when the position begins again
        is_next = lane and not header.coil and start_mm is not None and max(start_mm, 0) < lane.placed_mm / 2
        if lane is not None and lane.coil == coil and not is_next:
            return lane
        if lane is not None:
            yield from self._leave(header.camera)
        if coil not in self._coils:
            self._coils[coil] = _Totals()
            yield CoilReport(state="started", coil=coil, inspected_m=0.0, missed_m=0.0, frames=0, defects={})
        self._coils[coil].cameras.add(header.camera)
        self._coils[coil].visitors.add(header.camera)
        side = header.side or self._cameras[header.camera].side
        lane = _Lane(coil, Merge(header.camera, coil, side), header.boot, header.number - 1)
        self._lanes[header.camera] = lane
        return lane

    def _leave(self, camera: str, *, is_silent: bool = False) -> Iterator[Data]:
        """End a camera's way along its coil, and the coil with the last camera.

        What others saw of the coil and a silent camera did not is missed; so is all of it where a camera never came.
        """
        lane = self._lanes.pop(camera)
        yield from self._count(lane.merge.close())
        totals = self._coils[lane.coil]
        if is_silent and lane.placed_mm < totals.farthest_mm:
            lane.placed_mm = totals.farthest_mm
            lane.reasons["silent"] = 0
        if lane.reasons:
            yield self._miss(camera, lane, lane.placed_mm)
        totals.cameras.discard(camera)
        if not totals.cameras:
            for absent in sorted(self._cameras.keys() - totals.visitors):
                yield self._missed(absent, lane.coil, 0.0, totals.farthest_mm, {"silent": 0})
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
