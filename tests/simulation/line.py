"""One inspector without threads, sockets and network: the daemon's parts, each moved by a step of the schedule.

Order and hand-overs are those of `inspector/intake/push.py`, `credit.py`, `inspector/infer.py` and
`inspector/service/daemon.py`; what does the work is the product's own.

Knows: the parts. Must not know: what must hold of them (accounts.py), what cameras do.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from inspector.alarms.alarms import Alarms
from inspector.alarms.settings import AlarmSection
from inspector.analysis.analyse import Analyse
from inspector.config.camera import CameraSection, Raster
from inspector.demand import Demand
from inspector.events.journal import Journal
from inspector.intake.accept import Accept
from inspector.intake.batching import BatchTiming
from inspector.intake.deadline import Deadline
from inspector.intake.gathering import PlaneShare
from inspector.intake.grants import Grants, Mail
from inspector.intake.overload import policies
from inspector.intake.receipts import Receipts
from inspector.intake.settings import IntakeSection
from inspector.records.commands import Asked, Command
from inspector.records.events import Data
from inspector.records.recipe import Maps, Recipe
from inspector.records.stages import Batch, Detection, Findings, Frame, Inferred, Inspected, Loss, Stage
from inspector.service.recorder import RecordedFindings, Recorder
from inspector.strip.repeats import Repeats
from inspector.strip.settings import RepeatSection
from inspector.strip.strip import Strip
from inspector.triggers.settings import TriggerSection
from inspector.triggers.triggers import Triggers
from tests.frames import HEIGHT, WIDTH
from tests.simulation.cameras import grey_of

MS = 1_000_000
TICK_MS = 250
IN_FLIGHT = 2
DEFECT_EVERY = 5
"""One frame in N has a defect."""


class Clocks:
    """The clocks of one machine: a monotonic one, and one that people set."""

    def __init__(self) -> None:
        self.now_ms = 10_000
        self.set_ms = 1_795_000_000_000
        """What the calendar is ahead of the monotonic clock."""

    def monotonic_ns(self) -> int:
        """Nanoseconds that only go on."""
        return self.now_ms * MS

    def monotonic_s(self) -> float:
        """The same in seconds."""
        return self.now_ms / 1000

    def unix_ns(self) -> int:
        """The calendar's nanoseconds."""
        return (self.now_ms + self.set_ms) * MS

    def utc(self) -> datetime:
        """The calendar."""
        return datetime.fromtimestamp((self.now_ms + self.set_ms) / 1000, UTC)


class Setup(msgspec.Struct, frozen=True):
    """How an inspector is configured."""

    cameras: tuple[CameraSection, ...]
    intake: IntakeSection
    max_frames: int
    wait_ms: int
    shared: int
    """Number of frames that share a plane."""
    gather_ms: int
    credit_frames: int
    """0: no credit mode."""
    alarms: tuple[AlarmSection, ...]
    recipe: Recipe
    journal_mb: int
    triggers: tuple[TriggerSection, ...]
    has_maps: bool
    """Whether what is seen comes from an engine's maps by way of the analysis; else it is read off the pixels."""
    finds_repeats: bool


class Pool:
    """Decodes when a step says so."""

    def __init__(self, work: Callable[[Any], None]) -> None:
        self._work, self.waiting = work, list[Any]()

    def add(self, camera: Hashable, item: Any) -> None:
        """Have an item wait."""
        self.waiting.append(item)

    def work(self, which: int) -> None:
        """Decode one of those that wait."""
        if self.waiting:
            self._work(self.waiting.pop(which % len(self.waiting)))

    def close(self) -> None:
        """Forget what waits."""
        self.waiting.clear()


class Line:
    """One process, from its start to its end. Raises whatever a part raises."""

    def __init__(self, journal: Journal, setup: Setup, clocks: Clocks, name: str) -> None:
        """`name` is of this process alone."""
        self.setup, self.clocks, self.name = setup, clocks, name
        self.journal = journal
        self.reports = list[Data]()
        self.recorder = Recorder(self.journal, self.reports.append, self.journal.record, clocks.monotonic_s)
        self._analyse = Analyse(setup.cameras)
        self.strip = Strip(setup.cameras)
        self.alarms = Alarms(setup.alarms, unix_ns=clocks.unix_ns, monotonic_ns=clocks.monotonic_ns)
        self.triggers = Triggers(
            setup.triggers, setup.cameras, unix_ns=clocks.unix_ns, monotonic_ns=clocks.monotonic_ns
        )
        self.receipts = Receipts(setup.cameras)
        self.repeats = Repeats(REPEAT, ()) if setup.finds_repeats else None
        repeats = [self.repeats] if self.repeats else []
        triggers = [self.triggers] if setup.triggers else []
        self._behind: tuple[Stage, ...] = (self.alarms, self.receipts)
        self.stages: tuple[Stage, ...] = (self.strip, *triggers, *repeats, *self._behind)
        self._handed_on: Findings | None = None
        for stage in self.stages:
            if (state := self.journal.states.get(stage.name)) is not None:
                stage.restore(state, clocks.monotonic_ns())
        under_way = self.repeats.under_way if self.repeats else frozenset[str]()
        self.reports += self.alarms.settle(self.recorder.standing(), under_way, str(setup.recipe))
        self._open_intake()
        self.batches, self.in_flight = deque[Batch](), deque[Batch]()
        self.inferred, self.found = deque[Inferred](), deque[Findings]()
        self.recorded = deque[RecordedFindings]()
        self.asked = list[Asked]()
        self.recipe = setup.recipe

    def _open_intake(self) -> None:
        setup, clocks = self.setup, self.clocks
        self.demand = Demand(setup.intake.queue_batches)
        by_camera = policies(setup.cameras, setup.intake)
        self.pool = Pool(lambda item: None)

        def pool(work: Callable[[Any], None]) -> Pool:
            self.pool = Pool(work)
            return self.pool

        self.accept = Accept(
            setup.cameras,
            (setup.max_frames, setup.shared * HEIGHT, WIDTH),
            lambda count: np.empty((count, setup.shared * HEIGHT, WIDTH), np.uint8),
            self.demand,
            policies=by_camera,
            max_bytes=1_000_000,
            decoders=pool,
            rasters={camera.name: Raster(HEIGHT, WIDTH, HEIGHT, WIDTH) for camera in setup.cameras},
            shares={camera.name: PlaneShare(setup.shared, setup.gather_ms * MS) for camera in setup.cameras},
            known=self.receipts.known() if setup.credit_frames else None,
            clock_unix_ns=clocks.unix_ns,
        )
        self.timing = BatchTiming(setup.max_frames, setup.wait_ms * MS, TICK_MS * MS)
        self.timing.leave(clocks.monotonic_ns())
        self.grants = Grants(setup.credit_frames, self.name)
        self.deadline = Deadline(by_camera, clocks.monotonic_ns, clocks.unix_ns)

    # --- intake -----------------------------------------------------------------------------------------------

    def gathered(self) -> Batch | None:
        """A batch, where it is time for it to leave."""
        now_ns = self.clocks.monotonic_ns()
        if self.accept.is_pending:
            self.accept.collect()
        self.accept.release(now_ns)
        self.timing.follow(self.accept.planes, now_ns)
        if self.timing.left_ns(now_ns, wanted=self.demand.is_idle) or not self.demand.has_room:
            return None
        return self.leave()

    def leave(self) -> Batch:
        """Close the batch that is being filled."""
        now_ns = self.clocks.monotonic_ns()
        batch = self.accept.leave(now_ns)
        self.timing.leave(now_ns)
        self.batches.append(batch)
        return batch

    def take(self, parts: list[Any]) -> None:
        """Take a message of a camera that pushes."""
        self.accept.take(parts, len(parts), self.clocks.monotonic_ns())

    def take_granted(self, peer: bytes, parts: list[Any]) -> bool:
        """Take a frame message in credit mode; return whether it was taken, and not turned away."""
        now_ns = self.clocks.monotonic_ns()
        camera = self.grants.camera_of(peer, parts[0])
        if camera is None:
            self.accept.turn_away("", "credit", "no session", now_ns)
        elif not self.grants.has_room(camera):
            self.accept.turn_away(camera, "credit", "too many", now_ns)
        else:
            if self.accept.take(parts[1:], 2, now_ns, only=camera):
                self.grants.take(camera)
            return True
        return False

    def answers(self) -> Mail:
        """What is to be answered, as it is on disk."""
        receipts = self.demand.acknowledged()
        return self.grants.acknowledge(receipts) if self.setup.credit_frames else []

    # --- the flow ---------------------------------------------------------------------------------------------

    def begin_batch(self) -> tuple[Batch, Batch] | None:
        """Let the engine begin the next batch; return it as it waited, and as it was begun."""
        if not self.batches or len(self.in_flight) == IN_FLIGHT:
            return None
        waited = self.batches.popleft()
        self.demand.take(waited.planes())
        begun = self.deadline(waited)
        self.in_flight.append(begun)
        return waited, begun

    def finish_batch(self) -> None:
        """Let the engine finish what it began first."""
        if self.in_flight:
            self.demand.finish()
            batch = self.in_flight.popleft()
            has_maps = self.setup.has_maps and len(batch.pixels)
            self.inferred.append(Inferred(batch, self.recipe, _maps(batch) if has_maps else None))

    def analyse(self) -> Findings | None:
        """Take what was found behind the last batch through the stages, or the next batch."""
        before, self._handed_on = self._handed_on, None
        if before and self.repeats and (more := self.repeats.behind(before)) is not None:
            return self._through(more, self._behind)
        if not self.inferred:
            return None
        inferred = self.inferred.popleft()
        batch = inferred.batch
        for place, frame in enumerate(batch.frames()):
            _see_pixels(batch, frame, place)
        if inferred.maps is not None or not len(batch.pixels):
            return self._staged(self._analyse(inferred))
        arrivals = tuple(
            arrival if isinstance(arrival, Loss) else Inspected(arrival, spots_of(arrival), inferred.recipe)
            for arrival in batch.arrivals
        )
        return self._staged(Findings(arrivals=arrivals, closed_ns=batch.closed_ns, receipts=batch.receipts))

    def end(self) -> Findings:
        """Complete what is open, as at a stop."""
        return self._staged(Findings(closed_ns=self.clocks.monotonic_ns(), is_last=True))

    def record(self, most: int, reports: Sequence[Data] = ()) -> None:
        """Have the next findings recorded, up to N."""
        group = [self.found.popleft() for _ in range(min(most, len(self.found)))]
        self.recorded.append(self.recorder.record(group, reports))

    def close(self) -> None:
        """Let go of the journal, and of the folder."""
        self.accept.close()
        self.recorder.close()

    def _staged(self, findings: Findings) -> Findings:
        reports = (*self.reports,)
        self.reports.clear()
        asked, self.asked = tuple(self.asked), []
        self._handed_on = found = self._through(
            msgspec.structs.replace(findings, events=reports, asked=asked), self.stages
        )
        return found

    def _through(self, findings: Findings, stages: Iterable[Stage]) -> Findings:
        for stage in stages:
            findings = stage(findings)
        findings = msgspec.structs.replace(findings, states={stage.name: stage.state() for stage in self.stages})
        self.found.append(findings)
        return findings

    def ask(self, command: Command) -> None:
        """Have a command go with the next batch."""
        self.asked.append(Asked(len(self.asked) + 1, command))


def spots_of(frame: Frame) -> tuple[Detection, ...]:
    """What there is to be seen in a frame."""
    return (SPOT,) if grey_of(frame.header) % DEFECT_EVERY == 0 else ()


def _see_pixels(batch: Batch, frame: Frame, place: int) -> None:
    """A frame has the pixels that were taken of it."""
    picture = batch.picture(place)
    grey = grey_of(frame.header)
    assert picture.shape == (HEIGHT, WIDTH), "a frame of another size"
    assert picture[0, 0] == grey, "a frame with the pixels of another"
    assert (picture == grey).all(), "a picture holds parts of two frames"


def _maps(batch: Batch) -> Maps:
    """What an engine says of a batch, by nothing but its pixels: a spot in every frame whose grey has one."""
    pixels = batch.pixels
    shared = pixels.shape[1] // HEIGHT
    labels = (pixels % DEFECT_EVERY == 0) & np.tile(SPOTTED, (shared, 1))
    found = labels.any(axis=(1, 2))
    presence = np.stack((found * CONFIDENCE, np.zeros(len(found))), axis=1).astype(np.float32)
    return Maps(labels.astype(np.uint8), labels * np.uint8(round(CONFIDENCE * 255)), presence)


SPOTTED = np.zeros((HEIGHT, WIDTH), np.bool_)
"""Where in a frame a spot lies."""
SPOTTED[2:4, 3:5] = True
CONFIDENCE = 0.8
SPOT = Detection(class_id=1, start_mm=2.0, end_mm=4.0, left_mm=3.0, right_mm=5.0, area_mm2=4.0, confidence=CONFIDENCE)
"""The same as a detection."""
REPEAT = RepeatSection(min_period_mm=50.0, max_period_mm=200.0)
"""A single camera sees a spot each 50 mm."""
