"""How the strip runs, by how far coils have come from batch to batch. Pure, stateful; the time is that of the batches.

Laws: the strip runs under all cameras at once, so that the line is as fast as under the fastest. A camera that comes to
a coil that runs, or comes back, adds what it sees, and not what it was not there for; a dead one keeps no coil at its
head. Whether the line stands, and how fast it is, is not known before it was followed for `STANDS_NS`.

Knows: positions along coils, cameras' names. Must not know: rules, the words of expressions, states.
"""

from __future__ import annotations

from collections import deque

import msgspec

from inspector.config.motion import RunningTime
from inspector.records.stages import Findings

STANDS_NS = 2_000_000_000
"""The line stands when no camera's strip has come on for this long, and its speed is that of as much time."""
DEAD_NS = 10_000_000_000
"""A camera whose strip has not come on while another's ran for so long shows no longer how far a coil is."""
HEAD_SEEN = 2
"""A camera came at a coil's head where after two batches the coil is at most this many times as far as it has seen."""


class _Lane(msgspec.Struct, frozen=True):
    """How a coil runs under a camera."""

    reached_mm: float
    moved_ns: int
    """When it came on last."""
    running_ns: int
    """How long the line had run by then."""
    since_ns: int
    """Since when it has come on without a pause of `STANDS_NS`."""
    is_late: bool = False
    """Whether then the camera came out of nowhere: to a coil that others saw, or as it had been dead."""
    seen_mm: float = 0.0
    """What a camera that came to such a coil has seen of it, while it is late."""

    def has_run(self, now_ns: int) -> bool:
        """Whether it has come on for `STANDS_NS`; what a camera shows before that may be a leap."""
        return now_ns - self.since_ns >= STANDS_NS


class StripMotion:
    """How the strip runs, by how far it comes from batch to batch."""

    def __init__(self) -> None:
        self._lanes: dict[tuple[str, str], _Lane] = {}
        """By coil and camera."""
        self._running = RunningTime()
        """By any strip that came on."""
        self._travel_mm: dict[str, float] = {}
        """How far strip has run under each camera, on or back, as far as the camera was there for it: the frames of one
        may come in other batches than another's."""
        self._samples: deque[tuple[int, dict[str, float]]] = deque()
        """Time, and how far the strip had run by then; at least as old as `STANDS_NS` where anything is."""

    def follow(self, findings: Findings) -> None:
        """Take in how far the strip has come; what goes back, or begins, moves by what its camera shows."""
        samples, now_ns = self._samples, findings.closed_ns
        running_ns = self._running.after(now_ns, STANDS_NS)
        ends_mm = findings.reached_mm.items()
        lanes = {place: self._lane(place, reached_mm, running_ns, findings) for place, reached_mm in ends_mm}
        moved = [place for place, lane in lanes.items() if lane is not self._lanes.get(place)]
        ways_mm = {place[1]: self._way_mm(place, lanes[place], findings) for place in moved}
        self._lanes = lanes
        if moved:
            self._travel_mm = self._travel_mm | {at: self._travel_mm.get(at, 0.0) + mm for at, mm in ways_mm.items()}
            self._running.run_on(now_ns, STANDS_NS)
        samples.append((now_ns, self._travel_mm))
        while len(samples) > 1 and samples[1][0] <= now_ns - STANDS_NS:
            samples.popleft()

    def _lane(self, place: tuple[str, str], reached_mm: float, running_ns: int, findings: Findings) -> _Lane:
        """How a coil runs that has come so far now; the lane of before where it has not moved."""
        before, now_ns, seen_mm = self._lanes.get(place), findings.closed_ns, findings.inspected_mm.get(place[1], 0.0)
        if before is None:
            coils, cameras = {coil for coil, _ in self._lanes}, {camera for _, camera in self._lanes}
            is_late = place[0] in coils and place[1] not in cameras
            return _Lane(reached_mm, now_ns, running_ns, now_ns, is_late, seen_mm)
        if reached_mm == before.reached_mm:
            return before
        if now_ns - before.moved_ns < STANDS_NS:
            seen_mm = before.seen_mm + seen_mm if before.seen_mm else 0.0
            is_late = before.is_late and reached_mm > HEAD_SEEN * seen_mm
            return _Lane(reached_mm, now_ns, running_ns, before.since_ns, is_late, seen_mm)
        return _Lane(reached_mm, now_ns, running_ns, now_ns, self._is_dead(before))

    def _way_mm(self, place: tuple[str, str], lane: _Lane, findings: Findings) -> float:
        """How far a coil has come on under a camera since the last batch.

        What a camera shows first is what it saw: how fast strip ran before it came, or came back, nobody knows.
        """
        before, seen_mm = self._lanes.get(place), findings.inspected_mm.get(place[1])
        if before is None:
            is_known = any(place[0] == coil for coil, _ in self._lanes)
            return (0.0 if is_known else lane.reached_mm) if seen_mm is None else seen_mm
        way_mm = abs(lane.reached_mm - before.reached_mm)
        return way_mm if lane.has_run(findings.closed_ns) else seen_mm or way_mm

    def _is_dead(self, lane: _Lane) -> bool:
        return self._running.ran_ns - lane.running_ns >= DEAD_NS

    @property
    def stands(self) -> bool:
        """Whether nothing has moved for `STANDS_NS`; not known, and so not, in the first time after a start."""
        return self.is_known and self._samples[0][1] == self._travel_mm

    @property
    def speed_m_per_min(self) -> float:
        """Of the last `STANDS_NS`; infinite in the first time after a start, when it is not known."""
        if not self.is_known:
            return float("inf")
        (before_ns, before_mm), (now_ns, now_mm) = self._samples[0], self._samples[-1]
        way_mm = max((mm - before_mm.get(camera, 0.0) for camera, mm in now_mm.items()), default=0.0)
        return way_mm * 60e6 / (now_ns - before_ns)

    def is_at_head(self, metres: float) -> bool:
        """Whether a coil has come no farther than this under a camera that is not dead, or just back."""
        return any(
            lane.reached_mm <= metres * 1000
            and not self._is_dead(lane)
            and (lane.has_run(self._samples[-1][0]) or not lane.is_late)
            for lane in self._lanes.values()
        )

    @property
    def is_known(self) -> bool:
        """Whether it was followed for `STANDS_NS`."""
        return bool(self._samples) and self._samples[-1][0] - self._samples[0][0] >= STANDS_NS
