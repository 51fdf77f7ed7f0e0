"""The simulated mill: cameras, an inspector that is killed and started again, a disk and clocks, one step at a time.

Knows: what each step does, and whom to ask whether all holds after it. Must not know: what a schedule is drawn from.
"""

from __future__ import annotations

import random

import msgspec

from inspector.errors import JournalError
from inspector.events.message import Message
from inspector.records import commands
from inspector.records.commands import Command
from inspector.records.credit import Hello
from inspector.records.envelope import read_event
from inspector.records.events import Data, Health
from inspector.records.stages import Batch, Findings, Frame
from tests.frames import recipe
from tests.simulation.accounts import Violation, require
from tests.simulation.cameras import Camera, Post
from tests.simulation.life import Life
from tests.simulation.line import MS, Clocks
from tests.simulation.schedule import RULES, Step

MOST_BEHIND = 16
"""Messages that may wait behind a picture: fewer than a camera may have waiting, which the intake's tests exceed."""
SUPPRESSIONS = commands.Suppress, commands.Unsuppress, commands.Unshelve
ORDERS = (commands.Acknowledge, commands.Acknowledge, commands.Reset, *SUPPRESSIONS, commands.TakeOut, commands.PutBack)
SETTLED = 60
"""Rounds of flow that bring everything to its end."""


class World(Life):
    """One mill. Raises: Violation, and whatever the inspector raises that it must not."""

    # --- steps ------------------------------------------------------------------------------------------------

    def do(self, step: Step) -> None:
        """Let something happen."""
        self.clocks.now_ms += 1 + step.amount % 5
        getattr(self, f"_{step.kind}")(step)
        now_ns = self.clocks.monotonic_ns()
        for camera in self.cameras:
            camera.tend(now_ns)

    def _camera(self, step: Step) -> Camera:
        return self.cameras[step.who % len(self.cameras)]

    def _shoot(self, step: Step) -> None:
        """The strip goes on, under all cameras."""
        for number in range(1 + step.amount % 4):
            for place, camera in enumerate(self.cameras):
                is_picture = (step.amount >> 8 * place) % 32 == number
                camera.pass_under(self._captured_ns(), self.clocks.monotonic_ns(), is_picture)

    def _captured_ns(self) -> int:
        """The time by the cameras' clocks, which nobody sets."""
        return (self.clocks.now_ms + Clocks().set_ms) * MS

    def _lose(self, step: Step) -> None:
        """The next frames of a camera never come."""
        self._camera(step).loses += 1 + step.amount % 4

    def _outage(self, step: Step) -> None:
        """The same of more frames than a repeat outlasts without its mark."""
        self._camera(step).loses += 30 + step.amount % 20

    def _damage(self, step: Step) -> None:
        """The next frame of a camera is damaged on its way."""
        self._camera(step).damage = "bad header" if step.amount % 3 == 0 else "bad crc"

    def _copy(self, step: Step) -> None:
        """A message arrives twice."""
        sent = self._camera(step).sent
        if sent and sent[-1].shot and not sent[-1].is_copy and sent[-1].shot.kind == "good":
            sent.append(msgspec.structs.replace(sent[-1], is_copy=True))

    def _swap(self, step: Step) -> None:
        """A message overtakes another."""
        sent = self._camera(step).sent
        if len(sent) < 2 or self._plan.line.is_credit:
            return
        earlier, later = sent[-2].shot, sent[-1].shot
        if earlier and later and earlier.boot == later.boot and {earlier.kind, later.kind} <= {"good", "picture"}:
            sent[-2], sent[-1] = sent[-1], sent[-2]

    def _take(self, step: Step) -> None:
        """The intake takes what has come, each camera in its turn."""
        for number in range(1 + step.amount % 12):
            self._gather()
            if not self.line.accept.can_take or not any(camera.sent for camera in self.cameras):
                return
            camera = self.cameras[(step.who + number) % len(self.cameras)]
            if camera.sent:
                self._receive(camera.sent.popleft())

    def _receive(self, post: Post) -> None:
        line = self.line
        self._behind = self._behind + 1 if line.pool.waiting else 0
        if self._behind > MOST_BEHIND:
            self._decode_all()
        if post.shot is None:
            hello = msgspec.json.decode(post.parts[0], type=Hello)
            line.grants.greet(post.peer, hello.camera, again=hello.again)
            self._answer(post.peer, line.grants.granted(hello.camera))
        elif not self._plan.line.is_credit:
            line.take(post.parts)
            self.account.take(post)
        else:
            known = line.grants.camera_of(post.peer, post.parts[0])
            if line.take_granted(post.peer, post.parts):
                self.account.take(post)
            else:
                self.account.turn_away(known or "")

    def _gather(self) -> bool:
        """See whether a batch is to leave."""
        batch = self.line.gathered()
        if batch is not None:
            self._left(batch)
        return batch is not None

    def _left(self, batch: Batch) -> None:
        accept = self.line.accept
        self.account.leave(batch, self._setup.max_frames, is_pending=accept.is_pending or accept.is_gathering)

    def _decode_all(self) -> None:
        while self.line.pool.waiting:
            self.line.pool.work(0)
        self.line.accept.collect()
        self._behind = 0

    def _decode(self, step: Step) -> None:
        self.line.pool.work(step.amount)
        self._gather()

    def _wait(self, step: Step) -> None:
        self.clocks.now_ms += step.amount % 120
        while self._gather():  # what finds no place in a full batch is in the next
            pass
        self._see_who_waits()

    def _see_who_waits(self) -> None:
        """A batch for which the engine has room does not wait longer than it may."""
        line = self.line
        waited_ms = (self.clocks.monotonic_ns() - line.timing.oldest_ns) // MS
        may_leave = line.demand.is_idle and line.demand.has_room and line.accept.planes
        require(not may_leave or waited_ms <= self._setup.wait_ms, f"a batch waits for {waited_ms} ms")
        has_room = line.accept.planes < self._setup.max_frames
        is_late = line.accept.is_gathering and not line.accept.gathering_ns(self.clocks.monotonic_ns(), 0)
        require(not (has_room and is_late), "frames wait for longer than they may for others, and there is room")

    def _silence(self, step: Step) -> None:
        """For seconds a camera sends nothing, while the strip goes on."""
        camera = self._camera(step)
        for _ in range(1 + step.amount % 14):
            self.clocks.now_ms += 1000
            camera.loses += 1
            self._shoot(Step("shoot", 0, 0))
            self._take(Step("take", step.who, 6))
            self._flow(step)

    def _engine(self, step: Step) -> None:
        if step.amount % 2:
            self.line.finish_batch()
        if (begun := self.line.begin_batch()) is not None:
            self._see_deadline(*begun)

    def _see_deadline(self, waited: Batch, begun: Batch) -> None:
        """Frames that are too old are given up, and no others."""
        max_age_ms = self._setup.intake.max_age_ms
        for before, after in zip(waited.arrivals, begun.arrivals, strict=True):
            if not isinstance(before, Frame):
                continue
            age_ms = (self.clocks.unix_ns() - before.header.captured_ns) / MS
            age_ms = max(age_ms, (self.clocks.monotonic_ns() - before.received_ns) / MS)
            is_late = bool(max_age_ms) and age_ms > max_age_ms
            if isinstance(after, Frame) == is_late:
                became = "begun" if is_late else "given up"
                raise Violation(f"a frame {age_ms:.1f} ms old, of at most {max_age_ms}, was {became}")

    def _flow(self, step: Step) -> None:
        """Everything goes on to the next part, as far as it can."""
        self._gather()
        self._engine(Step("engine", 0, 0))
        self.line.finish_batch()
        while (findings := self.line.analyse()) is not None:
            self._found(findings)
        self._put_on_record(64)
        self._publish()

    def _found(self, findings: Findings) -> None:
        self._follow(findings, self._setup.triggers)
        self._compare(findings.events)
        if self.line.repeats:
            self.repeats.compare(self.line.repeats.under_way)

    def _record(self, step: Step) -> None:
        while (findings := self.line.analyse()) is not None:
            self._found(findings)
        self._put_on_record(1 + step.amount % 3)
        if step.amount % 2:
            self._publish()

    def _put_on_record(self, most: int, reports: tuple[Data, ...] = ()) -> None:
        if not (self.line.found or reports or self.line.recorder.fault or self.disk.is_full):
            return
        self.record.give([*self.line.found][:most], reports)
        self.line.record(most, reports)

    def _publish(self) -> None:
        """Publish what is on disk, and acknowledge it."""
        while self.line.recorded and not self._dies():
            recorded = self.line.recorded.popleft()
            for message in recorded.messages:
                self._see_published(message)
            for findings in recorded.group:
                self.line.demand.acknowledge(findings.receipts)
        if not self._dies():
            for peer, answer in self.line.answers():
                self._answer(peer, answer)

    def _see_published(self, message: Message) -> None:
        event = read_event(message.payload)
        require(event.seq not in self.record.published, f"event {event.seq} was published twice")
        require(event.seq - 1 in self.record.published or event.seq == 1, f"event {event.seq} left one out")
        require(event.data == self.record.events[event.seq - 1], f"event {event.seq} is not the one that was given")
        self.record.published[event.seq] = message.payload

    def _answer(self, peer: bytes, answer: object) -> None:
        for camera in self.cameras:
            if camera.peer == peer:
                camera.answers.append(answer)  # type: ignore[arg-type]

    def _say(self, step: Step) -> None:
        """The inspector reports something long of itself."""
        health = Health(state="started", message="x" * (step.amount % 24_000), recipe="r", version="1")
        self._put_on_record(0, (health,))
        self._publish()

    def _order(self, step: Step) -> None:
        """An operator asks for something."""
        alarm = self._setup.alarms[step.who % len(self._setup.alarms)].name
        which = step.amount % (len(ORDERS) + 1)
        command: Command = (
            commands.Shelve(alarm=alarm, operator="Kim", minutes=0.01)
            if which == len(ORDERS)
            else ORDERS[which](alarm=alarm, operator="Kim")
        )
        self.line.ask(command)

    def _reload(self, step: Step) -> None:
        """Other rules of alarms, and another recipe."""
        alarms = tuple(rule for number, rule in enumerate(RULES) if step.amount >> number & 1) or RULES[:1]
        self._setup = msgspec.structs.replace(
            self._setup, alarms=alarms, recipe=recipe("dark", "bright", version=str(step.amount % 3))
        )
        triggers = self._setup.triggers[step.amount >> 8 & 1 :]
        self._setup = msgspec.structs.replace(self._setup, triggers=triggers)
        self.line.alarms.replace(alarms)
        self.line.triggers.replace(triggers, self._setup.cameras)
        self.line.recipe = self._setup.recipe

    def _restart(self, step: Step) -> None:
        """A camera's program begins again."""
        self._camera(step).restart(self.clocks.monotonic_ns(), keeps=step.amount % 4 > 0)

    def _greet(self, step: Step) -> None:
        """A camera asks for another session."""
        self._camera(step).ask_again()

    def _full(self, step: Step) -> None:
        """The disk is full for a while, or has room again."""
        self.disk.is_full = not self.disk.is_full

    def _clock(self, step: Step) -> None:
        """Somebody sets the machine's clock, by years or by a moment."""
        by_ms = (step.amount % 2001) - 1000
        self.clocks.set_ms += by_ms * (1 if step.who % 2 else 300_000)

    # --- ends and starts --------------------------------------------------------------------------------------

    def _pass_unseen(self, step: Step) -> None:
        """Strip goes on while nobody looks."""
        self.clocks.now_ms += step.amount % 3000
        for _ in range(step.amount % 4):
            for camera in self.cameras:
                camera.loses += not self._plan.line.is_credit
                camera.pass_under(self._captured_ns(), self.clocks.monotonic_ns())

    def _stop(self, step: Step) -> None:
        """The inspector drains, ends what is open, and is started again."""
        self._settle()
        self._found(self.line.end())
        self._put_on_record(64)
        self._publish()
        try:
            self.line.close()
        except JournalError:
            if not self.disk.is_full:
                raise
        self.disk.is_full = False
        self._disconnect()
        self._pass_unseen(step)
        self._start()

    def _kill(self, step: Step) -> None:
        """The inspector is killed, perhaps while it writes, and started again."""
        self._die(step)
        self._pass_unseen(step)
        self._start()

    def _cut(self, step: Step) -> None:
        """The machine loses its power, perhaps while it writes, and is started again."""
        self._die(step)
        self.cuts += 1
        self.disk.cut(random.Random(step.amount))
        self._pass_unseen(step)
        self._start()

    def _die(self, step: Step) -> None:
        if not step.who:  # what is on disk by then is not published, nor acknowledged
            self._take(step)
            self._engine(Step("engine", 0, 0))
            self.line.finish_batch()
            self._record(Step("record", 0, 2))
        else:
            self.disk.dies_after = 1 + (step.amount >> 4) % (4 << step.who)
            try:
                self._flow(step)
            except Exception:
                if not self._dies():
                    raise
        self.disk.kill()
        self.disk.is_full = False
        self._end()

    # --- the end of a schedule --------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Have everything that is under way come to its end."""
        for number in range(SETTLED):
            if number and self._is_settled():
                return
            self.clocks.now_ms += 50
            now_ns = self.clocks.monotonic_ns()
            for camera in self.cameras:
                camera.tend(now_ns)
            self._take(Step("take", number, 11))
            self._decode_all()
            self._flow(Step("flow", 0, 0))

    def _is_settled(self) -> bool:
        line = self.line
        under_way = (line.batches, line.in_flight, line.inferred, line.found, line.recorded, line.pool.waiting)
        waits = line.accept.planes or line.accept.is_pending or line.accept.is_gathering
        is_quiet = not any(under_way) and not waits and not line.reports
        return is_quiet and not any(camera.sent or camera.answers or len(camera.kept) for camera in self.cameras)

    def finish(self) -> None:
        """Let all come in, stop, start once more, and see what became of every shot."""
        self.disk.is_full = False
        self.clocks.now_ms += 1000
        for _ in range(4):
            self._settle()
            self.clocks.now_ms += 2000
            if self._is_settled():
                break
        if self._plan.stops:
            self._stop(Step("stop", 0, 0))
            self._settle()
        self.faults.settle(self.line.recorder.fault)
        if self._plan.line.is_credit:
            self._see_all_ended()

    def _see_all_ended(self) -> None:
        """In credit mode every shot that a camera did not lose has its end on disk, and no camera keeps any."""
        known = self.ends.inspected | self.ends.given_up
        for camera in self.cameras:
            require(not len(camera.kept), f"{camera.name} still keeps {len(camera.kept)} shots")
            mine = {shot.id for shot in self.shots if shot.camera == camera.name and shot.kind in ("good", "picture")}
            lost = mine - known - camera.given_up
            require(not lost, f"{camera.name}: shots {sorted(lost)[:9]} were sent, and have no end")
