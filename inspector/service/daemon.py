"""The supervisor: wires the flow, keeps it alive, reloads it, and drains it.

    intake => infer => analyse -> camera_health -> cut -> strip -> repeats -> alarms -> archive => journal => publish
    thread    thread   thread analyse                                                             thread     main
    intake    infer                         => is a bounded queue                                 journal    thread

The archive's thread writes what the stage `archive` offers it, or drops it.

Laws: an event is on disk before anyone receives it; the watchdog is patted only when the last stage has finished
something; a bad configuration never replaces a good one. The main thread waits for nothing but the flow, and for that
a moment at a time: it notices a stop, a reload and a heartbeat that is due whatever the stages do. All threads end
before `run` returns; one that does not (a driver that hangs) is reported by `is_stuck`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import zmq

from inspector import __version__, recipe
from inspector.alarms.alarms import Alarms
from inspector.analysis.analyse import Analyse
from inspector.archive.collect import Collect
from inspector.archive.cut import Cut
from inspector.archive.keeper import Keeper
from inspector.archive.store import Store
from inspector.camera_health.watch import CameraHealth
from inspector.coil.decisions import Decisions
from inspector.demand import Demand
from inspector.engines.screening import ScreenAccount, Screening
from inspector.errors import EXIT_DONE, GpuLost, InspectorError, Stuck
from inspector.flow import Buffer, buffered, each
from inspector.infer import INFERRED_BATCHES, Infer, Loaded
from inspector.intake.credit import CreditIntake
from inspector.intake.deadline import Deadline
from inspector.intake.overload import policies
from inspector.intake.push import Intake
from inspector.intake.receipts import Receipts
from inspector.metrics import Metrics
from inspector.recipe_health import OUTPUT_FAULTS, RecipeHealth
from inspector.records.events import CameraState, CoilReport, Health, HealthState, Ne107, RecipeStatus
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Recipe
from inspector.records.stages import Batch, Findings, Lasting, Stage
from inspector.service.desk import Desk
from inspector.service.event_sink import EventSink, Recorded
from inspector.service.line import Config
from inspector.service.liveness import Liveness
from inspector.service.prepare import Load, Options, load, prepare, remarks
from inspector.service.records import Records
from inspector.service.reload import Reload
from inspector.service.reload_answer import ReloadAnswers
from inspector.service.systemd import Notifier
from inspector.service.web import Web
from inspector.signals import Flag
from inspector.strip.repeats import Repeats
from inspector.strip.strip import Strip

log = logging.getLogger("inspector")

BEAT_NS = 1_000_000_000
LOOK_S = 0.05
"""The longest that the main thread waits before it looks around."""
PATIENCE_S = 60.0
"""While an engine is rebuilt or warmed up at a start, systemd is asked for so much more time, again and again."""
FINDINGS = 64
"""Batches' findings that may wait for the disk; one commit takes them all."""
GROUPS = 4
"""Recorded groups that may wait for the main thread."""
CLOSE_S = 5.0
"""How long a thread may take to end, besides the batch that is under way."""
HUNG_S = 1.0
"""The same where something hangs."""


class Daemon:
    """One inspector for one line: `startup`, `main_loop`, `shutdown`, all on the thread that calls `run`.

    Raises: ConfigError, RecipeError when it cannot run as configured.
    """

    def __init__(
        self,
        path: Path,
        notifier: Notifier,
        answers: ReloadAnswers | None = None,
        *,
        stop: Flag,
        hangup: Flag,
        unverified: bool = False,
        load: Load = load,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """`stop` asks it to drain and end, `hangup` to read its configuration again; any thread may set them.

        `unverified` runs a built engine that was not proven equal to the recipe's ONNX. `clock_ns` is monotonic.
        """
        self._path, self._notifier = path, notifier
        self._answers = answers or ReloadAnswers()
        self._settings, self._folder = prepare(path)
        self._stop, self._hangup = stop, hangup
        self._load, self._clock_ns = load, clock_ns
        self._liveness = Liveness(clock_ns)
        self._options = Options(unverified, self._tell, self._on_rebuilding, self._stop.is_set)
        self._lost: GpuLost | None = None
        self._demand = Demand(self._settings.intake.queue_batches)
        self._opened = ExitStack()
        """How to close what is open, in the reverse order."""
        self._beat_ns = 0
        self._blind: ScreenAccount | None = None
        """The screen that was last reported to be blind."""
        self._hung: set[str] = set()
        """Threads that did not end."""
        self._cut: Cut | None = None
        """Copies crops for the archive, where there is one."""

    @property
    def is_stuck(self) -> bool:
        """Whether a thread did not end: then the process must end without it."""
        return bool(self._hung)

    def run(self) -> None:
        """Start, work until asked to stop, and drain.

        Raises: InspectorError when something that the line cannot do without fails.
        """
        self._answers.give(EXIT_DONE, "started")
        try:
            self.startup()
            self.main_loop()
        finally:
            self.shutdown()

    # --- life -----------------------------------------------------------------------------------------------

    def startup(self) -> None:
        """Open what can refuse first; warm up; take frames last."""
        settings, card, opened = self._settings, recipe.read_card(self._folder), self._opened
        cameras = [camera.name for camera in settings.camera]
        self._alarms = Alarms(settings.alarm, settings.flood)
        self._camera_health = CameraHealth(settings.camera, settings.camera_health)
        self._receipts = Receipts(settings.camera)
        self._stages: list[Stage] = [
            Strip(settings.camera, settings.defect, settings.severity),
            Repeats(settings.repeat, settings.roll),
            Decisions(),
            self._alarms,
            self._receipts,
        ]
        is_stub = settings.engine.kind == "stub"  # it says the same of everything, and that it is one
        self._recipe_health = RecipeHealth(cameras, finds_constant=not is_stub)
        self._lasting: list[Lasting] = [self._camera_health, self._recipe_health, *self._stages]
        self._metrics = Metrics(cameras, [kind.name for kind in card.classes])
        self._web = Web(settings.http.bind, self._metrics.registry, self._liveness, self._acknowledge)
        opened.callback(self._web.close)
        context = self._open_sockets(settings)
        self._open_archive()
        self._restore()
        self._liveness.not_ready = f"loading recipe {card}"
        self._notifier.status(self._liveness.not_ready)
        loaded = self._load(settings, self._folder, self._options)
        fresh = Deadline(policies(settings.camera, settings.intake), time.monotonic_ns, time.time_ns)
        self._infer = Infer(loaded, self._demand, fresh)
        opened.callback(self._close_engine)
        self._metrics.watch_memory(self._memory)
        self._metrics.watch_cameras(cameras, self._camera_health.is_standing)
        self._metrics.watch_recipe(cameras, OUTPUT_FAULTS, self._recipe_health.is_standing, self._recipe_health.frames)
        self._metrics.watch_screen(self._screening)
        self._intake = self._open_intake(context, card)
        opened.callback(self._close_intake)
        self._reload = Reload(
            self._path,
            settings,
            loaded.recipe,
            self._on_reloaded,
            self._on_reload_failed,
            options=self._options,
            load=self._load,
        )
        self._in_force(loaded)
        self._say("started", f"inspector {__version__} on {loaded.engine.name}")
        self._sink.publish(self._sink.record(()))
        opened.callback(self._say_goodbye)
        self._records = Records(settings, card, self._desk.report)
        opened.callback(self._end_records)
        opened.callback(self._end_reload)

    def _open_intake(self, context: zmq.Context[zmq.Socket[bytes]], card: Recipe) -> Intake:
        section = self._settings.intake
        is_credit = section.transport == "credit"
        kind = CreditIntake if is_credit else Intake
        rasters = {camera.name: camera.raster(card) for camera in self._settings.camera}
        return kind(
            context,
            section,
            self._settings.batch,
            cameras=self._settings.camera,
            height=max(raster.seen_rows for raster in rasters.values()),
            width=max(raster.seen_px for raster in rasters.values()),
            stop=self._stop,
            demand=self._demand,
            allocate=self._buffer,
            window=card.window,
            rasters=rasters,
            known=self._receipts.known() if is_credit else None,
        )

    def _open_sockets(self, settings: Config) -> zmq.Context[zmq.Socket[bytes]]:
        """Open the journal, and the sockets of events and commands; return their context."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._opened.callback(self._end, context)
        self._sink = EventSink(context, settings, self._metrics)
        self._opened.callback(self._close_sink)
        self._desk = Desk(context, settings.commands, settings.line, lambda: self._liveness.not_ready)
        self._opened.callback(self._desk.close)
        return context

    def main_loop(self) -> None:
        """Publish what the flow yields, until it ends."""
        recorded = self._flow()
        self._liveness.worked()
        self._liveness.not_ready = ""
        self._metrics.ready.set(1)
        self._notifier.ready(self._status())
        for remark in remarks(self._settings, self._infer.loaded.recipe):
            log.warning("%s", remark)
        log.info("ready: frames on %s, http on port %d", self._intake.address, self._web.port)
        for group in recorded.groups(LOOK_S):
            for item in group:
                self._publish(item)
            if group:
                self._liveness.worked()
            self._look()

    def shutdown(self) -> None:
        """End the threads, say goodbye while events still go out, then close in the reverse order of opening."""
        self._drained = self._stop.is_set() and not self._liveness.not_ready
        self._liveness.not_ready = "stopping"
        self._stop.set()  # for whatever still loads
        self._notifier.stopping("draining")
        self._opened.close()
        log.info("stopped")

    # --- the flow -------------------------------------------------------------------------------------------

    def _flow(self) -> Buffer[Recorded]:
        metrics, settings = self._metrics, self._settings
        batches = buffered(each(self._intake, metrics.frames.enter), settings.intake.queue_batches, "intake")
        inferred = buffered(each(self._infer(batches), metrics.inferred), INFERRED_BATCHES, "infer")
        analyse = Analyse(settings.camera, settings.analysis)
        analysed, watched = (metrics.timed(work.name, work) for work in (analyse, self._camera_health))
        cut = metrics.timed("cut", self._cut) if self._cut else _uncut
        relied = self._recipe_health
        findings = each(
            inferred,
            lambda inferred: relied(inferred, cut(inferred.batch, watched(inferred.batch, analysed(inferred)))),
            _last,
        )
        findings = each(findings, self._desk.attach)
        for stage in self._stages:
            findings = each(findings, metrics.timed(stage.name, stage))
        findings = each(findings, metrics.timed(self._collect.name, self._collect))
        findings = each(findings, self._desk.conclude)
        found = buffered(each(findings, self._with_states), FINDINGS, analyse.name)
        recorded = buffered(self._sink.recorded(found), GROUPS, "journal")
        buffers: tuple[Buffer[Any], ...] = (batches, inferred, found, recorded)
        for buffer in buffers:
            metrics.watch_queue(buffer.name, buffer.__len__)
        self._opened.callback(self._end_flow, buffers)
        return recorded

    def _open_archive(self) -> None:
        """Have the archive take crops, where there is one."""
        section, cameras = self._settings.archive, self._settings.camera
        keeper = None
        if section.path:
            store = Store(section, self._settings.line, lambda: datetime.now(UTC))
            keeper = Keeper(store, self._desk.report)
            self._opened.callback(self._close_archive, keeper)
            self._metrics.watch_archive(keeper.account)
            self._cut = Cut(cameras, section.sound_per_km, keeper.has_room, keeper.skipped, Random())
        self._collect = Collect(keeper, section.crops_per_defect)

    def _restore(self) -> None:
        """Let each stage go on where the process before was when it last recorded anything."""
        for stage in self._lasting:
            state = self._sink.states.get(stage.name)
            try:
                if state is not None:
                    stage.restore(state, time.monotonic_ns())
            except ValueError as error:
                log.warning("%s begins as new: what the journal kept of it cannot be read: %s", stage.name, error)

    def _with_states(self, findings: Findings) -> Findings:
        """Add what every stage would have to know to go on from here; none is at work meanwhile."""
        return msgspec.structs.replace(findings, states={stage.name: stage.state() for stage in self._lasting})

    def _publish(self, recorded: Recorded) -> None:
        """Publish, then count, what is on disk."""
        self._sink.publish(recorded)
        now_unix_ns = time.time_ns()
        for findings in recorded.group:
            self._desk.answer(findings)
            self._demand.acknowledge(findings.receipts)
            self._metrics.reported(findings, self._alarms.states().values(), now_unix_ns)
            for event in findings.events:
                if isinstance(event, CoilReport) and event.state == "ended":
                    self._records.ended(event.coil)

    def _look(self) -> None:
        """See to what is due besides the flow: heartbeat, watchdog, reload, and a stop that does not come about.

        Raises: GpuLost; Stuck when a stop was asked for and nothing is finished any more.
        """
        now_ns, liveness = self._clock_ns(), self._liveness
        self._sink.look()
        if now_ns - self._beat_ns >= BEAT_NS:
            self._beat_ns = now_ns
            if liveness.alive():
                self._sink.heartbeat()
            if liveness.to_be_patted():
                self._notifier.watchdog()
            self._notifier.status(self._status())
        if self._lost is not None:
            raise self._lost
        self._look_at_screen()
        if self._hangup.is_set():
            self._reload.begin(self._on_reload_begins)
        if self._stop.is_set() and not liveness.alive():
            raise Stuck(
                f"asked to stop, but no stage has finished anything for {liveness.idle_s():.0f} s "
                f"({self._metrics.frames}). Engine or disk hang: see the log, `dmesg` and the driver."
            )

    def _look_at_screen(self) -> None:
        """Report a screen that has gone blind, once; one that takes its place returns it."""
        screen, blind = self._infer.loaded.screen, self._blind
        if blind is not None and screen is not blind:
            self._blind = None
            self._say_of_screen("returned", "normal", "another screen, or none, is in force")
        if screen is not None and screen.is_blind and self._blind is None:
            self._blind = screen
            self._say_of_screen("raised", "maintenance_required", str(screen.now()))

    def _say_of_screen(self, state: CameraState, status: Ne107, message: str) -> None:
        (log.error if state == "raised" else log.info)("screen_blind %s: %s", state, message)
        name = str(self._infer.loaded.recipe)
        self._desk.report(RecipeStatus(fault="screen_blind", state=state, status=status, message=message, recipe=name))

    # --- the end --------------------------------------------------------------------------------------------

    def _end_flow(self, buffers: Sequence[Buffer[Any]]) -> None:
        self._demand.close()
        for buffer in buffers:
            buffer.cancel()
        for buffer in reversed(buffers):
            if not buffer.close(self._patience_s()):
                self._hung.add(buffer.name)

    def _close_intake(self) -> None:
        """Close an intake whose thread never began; else the thread has closed it."""
        if "intake" not in self._hung:
            self._intake.close()

    def _end_reload(self) -> None:
        if not self._reload.close(self._patience_s()):
            self._hung.add("reload")

    def _end_records(self) -> None:
        if not self._records.close(self._patience_s()):
            log.warning("a coil's record was not finished: it is made at the next start")

    def _patience_s(self) -> float:
        """How long a thread may take to end: the batch that is under way, unless something hangs anyway."""
        limit_s = self._liveness.limit_s()
        return HUNG_S if self._hung or self._liveness.idle_s() > limit_s else CLOSE_S + limit_s

    def _say_goodbye(self) -> None:
        self._metrics.ready.set(0)
        if "journal" not in self._hung:
            for data in self._desk.left():
                self._sink.say(data)
            self._say("stopping", "drained" if self._drained else "ended by a fault")
            self._sink.publish(self._sink.record(()))

    def _close_sink(self) -> None:
        self._sink.close(journal="journal" not in self._hung)

    def _close_archive(self, keeper: Keeper) -> None:
        if not keeper.close(self._patience_s()):
            log.warning("the archive's disk hangs: crops that waited for it are lost")
            self._hung.add("archive")

    def _close_engine(self) -> None:
        if "infer" not in self._hung:
            self._infer.close()

    def _end(self, context: zmq.Context[zmq.Socket[bytes]]) -> None:
        if "intake" not in self._hung:  # it owns a socket
            context.destroy()

    # --- reload ---------------------------------------------------------------------------------------------

    def _on_reload_begins(self) -> None:
        """Nothing is read yet: a signal that comes from here on asks for another reload, and READY comes after this."""
        self._hangup.clear()
        self._answers.begin()
        self._notifier.reloading()

    def _on_reloaded(self, settings: Config, loaded: Loaded) -> None:
        self._infer.loaded = loaded
        self._alarms.replace(settings.alarm, settings.flood)
        self._records.replace(settings, loaded.recipe)
        self._in_force(loaded)
        in_force = f"recipe {loaded.recipe} on {loaded.engine.name}"
        self._report("reloaded", in_force)
        self._notifier.ready(self._status())
        self._answers.give(EXIT_DONE, in_force)

    def _on_reload_failed(self, error: InspectorError) -> None:
        if isinstance(error, GpuLost):  # the engine that runs has the same context: it is lost too
            self._lost = error
        self._metrics.reloaded(success=False)
        self._report("reload_failed", str(error))
        self._notifier.ready(self._status())
        self._answers.give(error.exit_code, str(error))

    def _buffer(self, frames: int) -> Bytes3D:
        """Return room for a batch, near the engine in force."""
        return self._infer.loaded.engine.buffer(frames)

    def _memory(self) -> dict[str, int]:
        return self._infer.loaded.engine.memory()

    def _screening(self) -> Screening | None:
        screen = self._infer.loaded.screen
        return screen.now() if screen else None

    def _on_rebuilding(self, yes: bool) -> None:
        self._metrics.rebuilding.set(yes)

    def _tell(self, words: str) -> None:
        """Tell everybody what takes long, or, without words, that it is over."""
        self._liveness.doing = words
        if words:
            self._notifier.status(words)
        if words and self._liveness.not_ready:  # it would put off the watchdog of a line that runs
            self._notifier.extend(PATIENCE_S)

    def _in_force(self, loaded: Loaded) -> None:
        self._liveness.batch_s = loaded.batch_s
        self._metrics.reloaded(success=True)
        self._metrics.engine.info(loaded.engine.facts)
        self._metrics.recipe.info(
            {
                "name": loaded.recipe.name,
                "version": loaded.recipe.version,
                "sha256": loaded.recipe.sha256,
                "engine": loaded.engine.name,
            }
        )

    def _acknowledge(self, alarm: str, operator: str) -> bool:
        """Pass on what came over HTTP; False when there is no such alarm. Raises: ValueError for what is no name."""
        is_known = alarm in self._alarms.states()
        if is_known:
            self._desk.acknowledge(alarm, operator)
        return is_known

    def _say(self, state: HealthState, message: str) -> None:
        """Speak outside the flow."""
        self._sink.say(self._health(state, message))

    def _report(self, state: HealthState, message: str) -> None:
        """Speak within the flow: alarms may depend on it."""
        self._desk.report(self._health(state, message))

    def _health(self, state: HealthState, message: str) -> Health:
        (log.error if state == "reload_failed" else log.info)("%s: %s", state, message)
        return Health(state=state, message=message, recipe=str(self._infer.loaded.recipe), version=__version__)

    def _status(self) -> str:
        loaded, doing = self._infer.loaded, self._liveness.doing
        return f"{loaded.recipe} on {loaded.engine.name}: {self._metrics.frames}" + (f"; {doing}" if doing else "")


def _uncut(batch: Batch, findings: Findings) -> Findings:
    return findings


def _last() -> Findings:
    """What the flow ends with: every stage completes what is open."""
    return Findings(closed_ns=time.monotonic_ns(), is_last=True)
