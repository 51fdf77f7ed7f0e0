"""The strip under the cameras: where each frame lies on its coil, and what was seen of it. Pure, stateful.

Laws: on every coil, for each camera, the stretches inspected and those reported as missed follow one another from
the head (0 mm) to the farthest frame without hole or overlap; strip that comes by again counts once. A coil
starts with its first frame and ends when the last camera has left it. What passes a configured camera that is dead
is missed like anything else. All this holds over a restart of the inspector: what passed while it was down is missed,
with the reason `down`, and nothing else is. A coil that was ended by a stop, or by a
frame with a wrong name, and goes on is started again with its sums; one of its name that begins at its head, and that
no frame showed run back there, is another.
Clocks are passed in (in the batches); sockets and engines are unknown here.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inspector.config.camera import CameraSection
from inspector.config.motion import begins_again
from inspector.config.severity import SeveritySection
from inspector.records.events import Defect
from inspector.records.frame import Header
from inspector.records.stages import COMES_AGAIN, Findings, Inspected, Loss, Placed
from inspector.strip import doubtful, welds
from inspector.strip.account import StripState, Turn, crowded, reached, settled
from inspector.strip.coils import PAUSE_NS, come_back, is_late, nameless, newest, remember, silent
from inspector.strip.defects import Assembly, Joins
from inspector.strip.geometry import Place, expected_mm, place, runs_back
from inspector.strip.leaps import Stretch, leap
from inspector.strip.ledger import CoilLane, CoilSums
from inspector.strip.refused import assume, hand_on, refuse, shown_mm, why_absent
from inspector.strip.setback import comes_again, ran_ns, set_on
from inspector.strip.settings import DefectSection, gaps

REPORT_AFTER_NS = 1_000_000_000
"""A stretch that is still being missed is reported at the latest after this time."""


class Strip:
    """The stage that knows the coil."""

    name = "strip"

    def __init__(
        self,
        cameras: Iterable[CameraSection],
        defects: Iterable[DefectSection] = (),
        severities: Iterable[SeveritySection] = (),
    ) -> None:
        self._cameras = {camera.name: camera for camera in cameras}
        self._joins = Joins(gaps(defects), tuple(severities))
        self._state = StripState()

    def replace(self, cameras: Iterable[CameraSection]) -> None:
        """Go on with other calibrations of the same cameras; between two batches."""
        self._cameras = {camera.name: camera for camera in cameras}

    def __call__(self, findings: Findings) -> Findings:
        """Place every arrival of a batch on the strip."""
        turn = Turn(findings.closed_ns)
        if findings.is_screen_blind:
            doubtful.find_blind(self._state, turn)
        for arrival in findings.arrivals:
            if isinstance(arrival, Loss):
                self._lose(arrival, turn)
            else:
                self._inspect(arrival, turn)
        self._report_lasting_losses(turn)
        self._leave_the_dead(turn)
        settled_mm = settled(self._state)
        if findings.is_last:
            self._stop(turn)
        return msgspec.structs.replace(
            findings,
            events=(*findings.events, *turn.events),
            inspected_mm=turn.inspected_mm,
            settled_mm=settled_mm,
            left_mm=turn.left_mm,
            placed=tuple(turn.placed),
            joined=turn.joined,
            reached_mm=reached(self._state),
        )

    def state(self) -> bytes:
        """Lanes and coils as they stand."""
        return msgspec.json.encode(self._state)

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the lanes and coils of a state; cameras that are no longer configured leave once another comes.

        Raises: ValueError when it cannot be read.
        """
        self._state = msgspec.json.decode(state, type=StripState)
        self._state.restart(now_ns)
        for camera in self._lanes:
            assume(self._state, camera)

    # --- a batch ----------------------------------------------------------------------------------------------

    def _inspect(self, arrival: Inspected, turn: Turn) -> None:
        header = arrival.frame.header
        lane, at = self._place(header, turn)
        turn.placed.append(Placed(lane.coil, lane.side, at.start_mm))
        coil = self._coils[lane.coil]
        if at.start_mm > lane.accounted_mm or not lane.reasons.keys().isdisjoint(("restart", "reset")):
            self._miss(header.camera, lane, at.start_mm, turn)
        crowd = arrival.crowd
        known = lane.known(arrival.detections if crowd is None else (crowd,), at.start_mm)
        lane.see_again(at.start_mm, at.end_mm)
        doubtful.see(arrival, lane, turn)
        new_mm = lane.track.placed_mm - lane.accounted_mm
        coil.inspected_mm += new_mm
        coil.frames += 1
        coil.recipes.add(str(arrival.recipe))
        turn.inspected_mm[header.camera] = turn.inspected_mm.get(header.camera, 0.0) + new_mm
        lane.accounted_mm, lane.reasons = lane.track.placed_mm, {}
        assembly = self._assembly(lane)
        if crowd is None:
            defects = assembly.add(arrival, at.start_mm, at.end_mm, self._joins, joined=turn.joined, known=known)
            self._count(defects, turn)
            return
        self._count(assembly.reach(header.camera, at.end_mm, self._joins), turn)
        if not known:
            coil.crowded += 1
            turn.events.append(crowded(arrival, crowd, lane, at))

    def _lose(self, loss: Loss, turn: Turn) -> None:
        """Remember a loss until the stretch it belongs to is known."""
        if loss.reason in COMES_AGAIN:
            return
        lane = self._lanes.get(loss.camera)
        if loss.header is not None and loss.reason != "order":  # such a number had its place before
            lane, _ = self._place(loss.header, turn)
        is_placeless = loss.header is None and loss.end != "missing" and loss.reason != "order"
        if lane is None:  # before the camera's first frame: that frame's position tells what was missed
            refuse(self._state, loss.camera, {loss.reason: loss.count}, turn.now_ns)
            return
        lane.lose(loss.reason, loss.count, turn.now_ns)
        lane.track.missing += loss.count if loss.end == "missing" else 0
        if is_placeless:
            lane.track.placeless += loss.count

    def _report_lasting_losses(self, turn: Turn) -> None:
        for camera, lane in self._lanes.items():
            if turn.now_ns - lane.lost_since_ns >= REPORT_AFTER_NS:
                assume(self._state, camera, shown_mm(self._state, lane, turn.now_ns - REPORT_AFTER_NS))
                if lane.is_losing:
                    later = lane.take(lane.track.placeless)
                    self._miss(camera, lane, lane.track.placed_mm, turn)
                    lane.reasons, lane.lost_since_ns = later, turn.now_ns

    def _leave_the_dead(self, turn: Turn) -> None:
        unknown = self._lanes.keys() - self._cameras.keys()
        for camera in sorted(unknown) if len(unknown) < len(self._lanes) else ():
            self._leave(camera, turn)
        for camera in silent(self._state):
            coil = self._coils[self._lanes[camera].coil]
            if coil.cameras < coil.visitors:  # another has left this coil
                self._leave(camera, turn, is_silent=True)

    # --- places -----------------------------------------------------------------------------------------------

    def _place(self, header: Header, turn: Turn) -> tuple[CoilLane, Place]:
        """Take the camera's lane to the frame's end, and return it with where on the coil the frame lies."""
        camera = self._cameras[header.camera]
        footprint = camera.footprint(header)
        length_mm = footprint.length_mm
        self._state.running.run_on(turn.now_ns, PAUSE_NS)
        lane = self._lane(header, length_mm, turn)
        self._face(header.camera, lane, footprint.side, turn)
        if lane.is_restored:
            lane.track.recount(header, camera.numbers)
        header = set_on(lane, header, length_mm, turn.now_ns, ran_ns(self._lanes.values(), lane))
        self._look_back(lane, header, length_mm, turn)
        at = place(header, length_mm, lane.track)
        if lane.is_restored:
            self._go_on(lane, header, turn)
        if not at.is_known:
            lane.reasons["restart"] = 0
        if not at.is_known or lane.track.last_mm - at.start_mm > length_mm:
            self._count(self._assembly(lane).flush(self._joins), turn)
        if at.start_mm < lane.track.placed_mm and lane.is_losing:  # set back behind a loss
            self._miss(header.camera, lane, lane.track.placed_mm, turn)
        if header.start_mm is not None and lane.leap is None:
            explained_mm = max(expected_mm(header, length_mm, lane.track), lane.track.placed_mm, lane.accounted_mm)
            lane.leap = leap(lane.accounted_mm, at.start_mm, explained_mm, length_mm, lane.reasons)
            if lane.leap is not None:
                lane.accounted_mm = lane.track.placed_mm = at.start_mm
                lane.reasons = {}
        lane.track.go_on(header, at, length_mm)
        lane.received_ns, lane.running_ns = turn.now_ns, self._state.running.ran_ns
        lane.is_estimated = header.is_estimated
        self._coils[lane.coil].is_estimated |= header.is_estimated
        self._coils[lane.coil].reach(lane)
        return lane, at

    def _look_back(self, lane: CoilLane, header: Header, length_mm: float, turn: Turn) -> None:
        """See whether a frame confirms the strip that rests on one frame's position, or falls back behind it."""
        if lane.leap is None or header.start_mm is None:
            return
        if is_reversed := runs_back(header, length_mm, lane.track, lane.leap.to_mm):
            lane.leap.turn_back()
        is_confirmed = is_reversed or header.start_mm >= lane.leap.to_mm
        if not is_confirmed:
            self._count(self._assembly(lane).flush(self._joins), turn)
            back_mm = expected_mm(header, length_mm, lane.track) - header.start_mm
            lane.fall_back(min(max(back_mm, 0.0), lane.leap.to_mm - lane.leap.from_mm))
        if is_confirmed or lane.unconfirmed_mm <= length_mm:
            self._settle(header.camera, lane, turn)

    def _settle(self, camera: str, lane: CoilLane, turn: Turn) -> None:
        """Report what was held back, as it stands now."""
        assert lane.leap is not None
        stretches, lane.leap = lane.leap.stretches(), None
        for stretch in stretches:
            self._report(camera, lane, stretch, turn)
        self._coils[lane.coil].reach(lane)

    def _go_on(self, lane: CoilLane, header: Header, turn: Turn) -> None:
        """Take up a lane after a restart: frames that were numbered meanwhile passed while the inspector was down."""
        lane.is_restored = False
        passed = lane.track.passed(header)
        if passed is None or passed > 0:
            lane.lose("down", passed or 0, turn.now_ns)

    def _lane(self, header: Header, length_mm: float, turn: Turn) -> CoilLane:
        """The camera's lane on the header's coil; it may have to leave another coil first."""
        start_mm = header.start_mm
        lane = last = self._lanes.get(header.camera)
        begins = lane is not None and start_mm is not None and begins_again(start_mm + lane.set_back_mm, lane.come_mm)
        name = header.coil or nameless(self._coils, lane, header.camera, begins=begins)
        # where coils have no names, another one has come when the position begins again
        before = None
        if lane is not None and (lane.coil != name or (begins and not header.coil)):
            before = self._part(header, lane, name, turn)
            lane = None
        elif lane is not None and comes_again(lane, header, length_mm):
            for camera in sorted(self._coils[name].cameras):
                self._leave(camera, turn)
            lane = None
        coil = self._coils.get(name)
        back = come_back(coil, header) if coil and lane is None else None
        if coil is not None and coil.is_ended and not coil.cameras and back is None:
            coil = coil if is_late(self._state, coil, header, last, self._cameras) else None
        if coil is None or coil.is_ended:
            begun = newest(self._coils) + 1
            coil = self._coils[name] = coil or CoilSums(name, is_nameless=not header.coil, begun=begun)
            coil.is_ended = False
            turn.events.append(coil.report("started"))
        if lane is None:
            lane = self._lanes[header.camera] = coil.enter(header, back)
            self._state.refused.pop(header.camera, None)
            if before is not None and not coil.joined_before and back is None:
                coil.joined_before, at_mm = before
                turn.events.append(welds.head(lane, header.camera, coil.joined_before, at_mm))
        return lane

    def _part(self, header: Header, lane: CoilLane, name: str, turn: Turn) -> tuple[str, float] | None:
        """Have a camera leave a coil for the next; return where on that one it is welded, and to what, if it is."""
        camera = self._cameras[header.camera]
        at_mm = welds.weld_mm(header, camera.footprint(header).length_mm, lane)
        passed = lane.track.recount(header, camera.numbers) if lane.is_restored else None
        if passed is not None and -lane.track.skipped <= passed <= 0:
            lane.is_restored = False  # nothing passed unseen
        coil = self._coils[lane.coil]
        hand_on(self._state, header.camera, turn.now_ns)
        begins_mm = lane.track.skip_head(header.start_mm or 0.0)
        assume(self._state, header.camera)
        if header.boot == lane.track.boot and not lane.is_restored and lane.leap is None:
            coil.ends_mm[header.camera] = lane.track.placed_mm + lane.unplaced_mm(begins_mm)
        if at_mm is not None and not coil.is_ended and not coil.joined_behind:
            coil.joined_behind = name
            turn.events.append(welds.tail(lane, header.camera, name))
        self._leave(header.camera, turn, begins_mm=begins_mm)
        return None if at_mm is None else (lane.coil, at_mm)

    def _leave(self, camera: str, turn: Turn, *, is_silent: bool = False, begins_mm: float = 0.0) -> None:
        """End a camera's way along its coil, and the coil with the last camera; its next one begins there."""
        lane = self._lanes[camera]
        coil = self._coils[lane.coil]
        is_short = coil.is_ahead(lane)
        if coil.is_ended and is_short:  # as the inspector stopped it could have gone on
            coil.is_ended = False
            turn.events.append(coil.report("started"))
        if not coil.is_ended:
            if lane.is_restored and lane.track.placed_mm < coil.end_mm:
                lane.lose("down", 0, turn.now_ns)
            self._complete(camera, turn, is_silent=is_silent or is_short, begins_mm=begins_mm)
        coil.leave(camera, lane, self._state.running.ran_ns)
        turn.left_mm[coil.name, camera] = lane.track.last_mm
        del self._lanes[camera]
        if not coil.cameras:
            if not coil.is_ended:
                self._end(coil, turn)
            remember(self._coils, coil, self._cameras.keys())

    def _complete(self, camera: str, turn: Turn, *, is_silent: bool, begins_mm: float = 0.0) -> None:
        """Report what is open: defects, losses, and of a silent camera all that others saw of the coil."""
        lane = self._lanes[camera]
        if lane.leap is not None:
            lane.fall_back(lane.unconfirmed_mm)
            lane.leap.reasons["unconfirmed"] = 0
            self._settle(camera, lane, turn)
        assume(self._state, camera)
        hand_on(self._state, camera, turn.now_ns)
        self._count(self._assembly(lane).leave(camera, self._joins), turn)
        farthest_mm = self._coils[lane.coil].farthest_mm
        falls_short = is_silent and lane.track.placed_mm < farthest_mm
        if lane.reasons:
            at_most_mm = 0.0 if falls_short else lane.unplaced_mm(begins_mm)
            self._miss(camera, lane, lane.track.placed_mm, turn, at_most_mm=at_most_mm)
        if falls_short:
            lane.track.placed_mm, lane.reasons = farthest_mm, {"silent": 0}
            self._miss(camera, lane, farthest_mm, turn)
        doubtful.leave(camera, lane, turn)

    def _end(self, coil: CoilSums, turn: Turn) -> None:
        """End a coil; a camera that never came missed all of it."""
        for assembly in coil.assemblies.values():
            self._count(assembly.flush(self._joins), turn)
        for camera in sorted(self._cameras.keys() - coil.visitors):
            start_mm = coil.absent_mm.get(camera, 0.0)
            if coil.farthest_mm > start_mm:
                hand_on(self._state, camera, turn.now_ns)
                why = why_absent(self._state, camera, turn.now_ns)
                turn.events.append(coil.miss(camera, start_mm, coil.farthest_mm, why, is_estimated=coil.is_estimated))
                coil.absent_mm[camera] = coil.farthest_mm
        turn.events.append(coil.report("ended"))

    def _stop(self, turn: Turn) -> None:
        """The inspector stops: every coil ends, and all is kept for the case that it goes on after a start."""
        behind = silent(self._state, REPORT_AFTER_NS)
        for coil in self._coils.values():
            if coil.is_ended:
                continue
            for camera in [camera for camera, lane in self._lanes.items() if lane.coil == coil.name]:
                self._complete(camera, turn, is_silent=camera in behind)
            self._end(coil, turn)
            coil.is_ended = True

    def _face(self, camera: str, lane: CoilLane, side: str, turn: Turn) -> None:
        """Have a camera see the side that its frame names, and be awaited on no other."""
        lane.side = side
        for awaited, assembly in self._coils[lane.coil].assemblies.items():
            if awaited != side and camera in assembly.reached_mm:
                self._count(assembly.leave(camera, self._joins), turn)

    def _assembly(self, lane: CoilLane) -> Assembly:
        """What is under construction on the lane's side of its coil."""
        assemblies = self._coils[lane.coil].assemblies
        if (assembly := assemblies.get(lane.side)) is None:
            sides = {name: known.side for name, known in self._lanes.items() if not known.is_restored}
            expected = [name for name, camera in self._cameras.items() if sides.get(name, camera.side) == lane.side]
            assembly = assemblies[lane.side] = Assembly(lane.coil, lane.side, dict.fromkeys(expected, 0.0))
        elif not assembly.reached_mm:  # the inspector was stopped: whose lane is on the coil may go on
            assembly.reached_mm = {
                name: on.track.last_mm
                for name, on in self._lanes.items()
                if on.coil == lane.coil and on.side == lane.side and name in self._cameras
            }
        return assembly

    # --- sums -------------------------------------------------------------------------------------------------

    def _miss(self, camera: str, lane: CoilLane, to_mm: float, turn: Turn, *, at_most_mm: float = 0.0) -> None:
        """Report that the strip up to `to_mm` was not inspected."""
        stretch = lane.accounted_mm, max(to_mm, lane.accounted_mm), lane.reasons
        lane.accounted_mm, lane.reasons = stretch[1], {}
        if lane.leap is not None:
            lane.leap.later = [*lane.leap.later, stretch]
        else:
            self._report(camera, lane, stretch, turn, at_most_mm=at_most_mm)

    def _report(self, camera: str, lane: CoilLane, stretch: Stretch, turn: Turn, *, at_most_mm: float = 0.0) -> None:
        start_mm, end_mm, reasons = stretch
        if end_mm > start_mm:
            lane.miss(start_mm, end_mm)
        coil = self._coils[lane.coil]
        is_estimated = lane.is_estimated
        turn.events.append(
            coil.miss(camera, start_mm, end_mm, reasons, is_estimated=is_estimated, at_most_mm=at_most_mm)
        )

    def _count(self, defects: Iterable[Defect], turn: Turn) -> None:
        for defect in defects:
            if defect.is_whole:
                counts = self._coils[defect.coil].defects
                counts[defect.name] = counts.get(defect.name, 0) + 1
            turn.events.append(defect)

    @property
    def _lanes(self) -> dict[str, CoilLane]:
        return self._state.lanes

    @property
    def _coils(self) -> dict[str, CoilSums]:
        return self._state.coils
