"""The supervisor: wires the flow, keeps it alive, reloads it, and drains it.

    intake => infer => analyse -> camera_health -> cut -> strip -> triggers -> alarms -> archive => journal => publish
    thread    thread   thread analyse                                                               thread     main
    intake    infer                         => is a bounded queue                                   journal    thread

The search for repeats comes behind a batch that was handed on; what it finds takes the way from alarms on.
The archive's thread writes what the stage `archive` offers it, or drops it. The stages from `analyse` to `archive`
stand in `stages.py`, in their order.

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
from functools import partial
from pathlib import Path
from typing import Any

import zmq

from inspector import __version__
from inspector.access.gate import Gate
from inspector.access.refusals import Refusals
from inspector.coil.passage import meant
from inspector.demand import Demand
from inspector.engines.screening import ScreenAccounts
from inspector.errors import EXIT_DONE, GpuLost, InspectorError, Stuck
from inspector.flow import Buffer, buffered, each
from inspector.infer import INFERRED_BATCHES, Infer, Loaded
from inspector.intake.deadline import Deadline
from inspector.intake.overload import policies
from inspector.metrics import Metrics
from inspector.records.events import CoilReport, Data, Health, HealthState
from inspector.service import places
from inspector.service.archive import Archive
from inspector.service.coil_records import CoilRecords
from inspector.service.desk import Desk
from inspector.service.engine import Load, Options, load
from inspector.service.event_sink import EventSink
from inspector.service.in_force import InForce
from inspector.service.intake import open_intake
from inspector.service.line import Config
from inspector.service.liveness import Liveness
from inspector.service.prepare import prepare, read_secrets, remarks
from inspector.service.recorder import RecordedFindings
from inspector.service.reload import Reload
from inspector.service.reload_answer import ReloadAnswers
from inspector.service.screen_watch import ScreenWatch
from inspector.service.settings import own_address
from inspector.service.stages import Stages
from inspector.service.systemd import Notifier
from inspector.service.threads import Threads
from inspector.service.web import Post, Web
from inspector.signals import Flag

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
        credentials: Path | None = None,
        load: Load = load,
        clock_ns: Callable[[], int] = time.monotonic_ns,
        settle: Callable[[], None] = lambda: None,
    ) -> None:
        """`stop` asks it to drain and end, `hangup` to read its configuration again; any thread may set them.

        `unverified` runs a built engine that was not proven equal to the recipe's ONNX. `credentials` is the service
        manager's folder of secrets. `clock_ns` is monotonic. `settle` is called once, when all is loaded.
        """
        self._path, self._notifier = path, notifier
        self._answers = answers or ReloadAnswers()
        self._prepared = prepare(path)
        self._settings = self._prepared.settings
        self._secrets = read_secrets(path, self._settings, credentials)  # once: at a reload they may be out of reach
        self._refusals = Refusals(clock_ns)
        self._stop, self._hangup, self._screens = stop, hangup, ScreenAccounts()
        self._load, self._clock_ns, self._settle = load, clock_ns, settle
        self._liveness = Liveness(clock_ns)
        self._threads = Threads(self._liveness)
        self._options = Options(unverified, self._tell, self._on_rebuilding, stop.is_set, accounts=self._screens)
        self._lost: GpuLost | None = None
        self._demand = Demand(self._settings.intake.queue_batches)
        self._opened = ExitStack()
        """How to close what is open, in the reverse order."""
        self._beat_ns = 0

    @property
    def is_stuck(self) -> bool:
        """Whether a thread did not end: then the process must end without it."""
        return self._threads.any_hangs()

    def run(self) -> None:
        """Start, work until asked to stop, and drain.

        Raises: InspectorError when something that the line cannot do without fails.
        """
        self._answers.give(EXIT_DONE, "started")
        self._opened.callback(self._threads.watch())
        try:
            self.startup()
            self.main_loop()
        finally:
            self.shutdown()

    # --- life -----------------------------------------------------------------------------------------------

    def startup(self) -> None:
        """Open what can refuse first; warm up; take frames last."""
        settings, card, opened = self._settings, self._prepared.full.card, self._opened
        places.see_mounted(settings)
        cameras = [camera.name for camera in settings.camera]
        self._stages = Stages(settings, [self._screens])
        self._metrics = Metrics(cameras, [kind.name for kind in card.classes])
        post = Post(self._secrets.token, partial(self._refusals.add, "http", "token"))
        self._web = Web(settings.http.bind, self._metrics.registry, self._liveness, self._acknowledge, post)
        opened.callback(self._web.close)
        context = self._open_sockets(settings)
        self._archive = Archive(settings, self._desk.report)
        self._metrics.watch_journal(self._sink.account)
        if self._archive.keeper is not None:
            self._metrics.watch_archive(self._archive.keeper.account)
        opened.callback(self._end_archive)
        self._screen = ScreenWatch(self._desk.report)
        self._stages.restore(self._sink.states)
        for over in self._stages.settle(self._sink.standing(), str(card)):
            self._desk.report(over)
        self._liveness.not_ready = f"loading recipe {card}"
        self._notifier.status(self._liveness.not_ready)
        loaded = self._load(self._prepared, self._options)
        del self._prepared  # the models: an engine keeps what it needs of them
        fresh = Deadline(policies(settings.camera, settings.intake), time.monotonic_ns, time.time_ns)
        self._infer = Infer(loaded, self._demand, fresh)
        opened.callback(self._threads.close, "infer", self._infer.close)
        self._in_force = InForce(self._infer)
        self._in_force.watched_by(self._metrics)
        self._stages.watched_by(self._metrics)
        self._intake = open_intake(
            context,
            settings,
            card,
            stop=self._stop,
            demand=self._demand,
            allocate=self._in_force.buffer,
            receipts=self._stages.receipts,
            gate=self._gate,
        )
        opened.callback(self._threads.close, "intake", self._intake.close)
        self._reload = self._open_reload(loaded)
        self._take_over(loaded)
        self._say("started", f"inspector {__version__} on {loaded.engine.name}")
        self._sink.publish(self._sink.record(()))
        opened.callback(self._say_goodbye)
        self._records = CoilRecords(settings, card, self._desk.report)
        opened.callback(self._end_records)
        opened.callback(self._threads.end, "reload", self._reload.close)

    def _open_sockets(self, settings: Config) -> zmq.Context[zmq.Socket[bytes]]:
        """Open the journal, and the sockets of events and commands; return their context."""
        context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self._opened.callback(self._threads.close, "intake", context.destroy)  # it owns a socket
        self._gate = Gate(context, self._secrets.keys, self._refusals)
        self._opened.callback(self._gate.close)
        self._metrics.watch_access(self._refusals.counts, self._gate.keys_by_role)
        self._sink = EventSink(context, settings, self._metrics, self._on_journal, self._gate)
        self._opened.callback(self._close_sink)
        own = own_address(settings.journal.path)
        door = self._gate.door("commands", settings.commands.bind or own)
        self._desk = Desk(
            context,
            settings.commands,
            settings.line,
            lambda: self._liveness.not_ready,
            own=own,
            door=door,
            meant=partial(meant, Path(settings.journal.path)),
        )
        self._opened.callback(self._desk.close)
        return context

    def _open_reload(self, loaded: Loaded) -> Reload:
        done, failed = self._on_reloaded, self._on_reload_failed
        return Reload(self._path, self._settings, loaded, done, failed, options=self._options, load=self._load)

    def main_loop(self) -> None:
        """Publish what the flow yields, until it ends."""
        self._settle()
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

    def _flow(self) -> Buffer[RecordedFindings]:
        metrics, settings = self._metrics, self._settings
        batches = buffered(each(self._intake, metrics.frames.enter), settings.intake.queue_batches, "intake")
        inferred = buffered(each(self._infer(batches), metrics.inferred), INFERRED_BATCHES, "infer")
        self._archive.give_way(lambda: len(inferred) >= INFERRED_BATCHES)
        findings = self._stages.findings(inferred, metrics, self._desk, self._archive)
        found = buffered(findings, FINDINGS, self._stages.name)
        recorded = buffered(self._sink.recorded(found), GROUPS, "journal")
        buffers: tuple[Buffer[Any], ...] = (batches, inferred, found, recorded)
        for buffer in buffers:
            metrics.watch_queue(buffer.name, buffer.__len__)
        self._opened.callback(self._end_flow, buffers)
        return recorded

    def _publish(self, recorded: RecordedFindings) -> None:
        """Publish, then count, what is on disk."""
        self._sink.publish(recorded)
        now_unix_ns = time.time_ns()
        for findings in recorded.group:
            self._desk.answer(findings)
            self._demand.acknowledge(findings.receipts)
            self._metrics.reported(findings, self._stages.alarms.states().values(), now_unix_ns)
            for event in findings.events:
                if isinstance(event, CoilReport) and event.state == "ended":
                    self._records.ended(event.coil)

    def _look(self) -> None:
        """See to what is due besides the flow: heartbeat, watchdog, reload, and a stop that does not come about.

        Raises: GpuLost; what ended a thread; Stuck when a stop was asked for and nothing is finished any more.
        """
        self._threads.look()
        now_ns, liveness = self._clock_ns(), self._liveness
        for refused in self._refusals.reports():
            self._desk.report(refused)
        if now_ns - self._beat_ns >= BEAT_NS:
            self._beat_ns = now_ns
            if liveness.alive():
                self._sink.heartbeat()
            if liveness.to_be_patted():
                self._notifier.watchdog()
            self._notifier.status(self._status())
        if self._lost is not None:
            raise self._lost
        self._screen.look(self._infer.loaded)
        if self._hangup.is_set():
            self._reload.begin(self._on_reload_begins)
        if self._stop.is_set() and not liveness.alive():
            raise Stuck(
                f"asked to stop, but no stage has finished anything for {liveness.idle_s():.0f} s "
                f"({self._metrics.frames}). Engine or disk hang: see the log, `dmesg` and the driver."
            )

    # --- the end --------------------------------------------------------------------------------------------

    def _end_flow(self, buffers: Sequence[Buffer[Any]]) -> None:
        self._demand.close()
        for buffer in buffers:
            buffer.cancel()
        for buffer in reversed(buffers):
            self._threads.end(buffer.name, buffer.close)

    def _end_records(self) -> None:
        if not self._records.close(self._threads.patience_s()):
            log.warning("a coil's record was not finished: it is made at the next start")

    def _say_goodbye(self) -> None:
        self._metrics.ready.set(0)
        if not self._threads.hangs("journal"):
            left, is_stuck = self._desk.left(), self._threads.hangs(self._stages.name)
            for data in left if is_stuck else ():
                self._sink.say(data)
            self._say("stopping", "drained" if self._drained else "ended by a fault")
            self._sink.publish(self._sink.record(() if is_stuck else (self._stages.after_the_end(left),)))

    def _close_sink(self) -> None:
        self._sink.close(journal=not self._threads.hangs("journal"))

    def _end_archive(self) -> None:
        if not self._threads.end("archive", self._archive.close):
            log.warning("the archive's disk hangs: crops that waited for it are lost")

    # --- reload ---------------------------------------------------------------------------------------------

    def _on_reload_begins(self) -> None:
        """Nothing is read yet: a signal that comes from here on asks for another reload, and READY comes after this."""
        self._hangup.clear()
        log.info("reloading: the line runs on with what it has until a new recipe is warmed up")
        self._answers.begin()
        self._notifier.reloading()

    def _on_reloaded(self, settings: Config, loaded: Loaded) -> None:
        self._infer.loaded = loaded
        self._stages.replace(settings)
        self._records.replace(settings, loaded.recipe)
        self._take_over(loaded)
        in_force = f"recipe {self._in_force}"
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

    def _on_rebuilding(self, yes: bool) -> None:
        self._metrics.rebuilding.set(yes)

    def _tell(self, words: str) -> None:
        """Tell everybody what takes long, or, without words, that it is over."""
        self._liveness.doing = words
        if words:
            self._notifier.status(words)
        if words and self._liveness.not_ready:  # it would put off the watchdog of a line that runs
            self._notifier.extend(PATIENCE_S)

    def _take_over(self, loaded: Loaded) -> None:
        self._liveness.batch_s = loaded.batch_s
        self._metrics.reloaded(success=True)
        self._in_force.named_in(self._metrics)

    def _acknowledge(self, alarm: str, operator: str) -> bool:
        """Pass on what came over HTTP; False when there is no such alarm. Raises: ValueError for what is no name."""
        is_known = alarm in self._stages.alarms.states()
        if is_known:
            self._desk.acknowledge(alarm, operator)
        return is_known

    def _on_journal(self, status: Data) -> None:
        self._desk.report(status)

    def _say(self, state: HealthState, message: str) -> None:
        """Speak outside the flow."""
        self._sink.say(self._health(state, message))

    def _report(self, state: HealthState, message: str) -> None:
        """Speak within the flow: alarms may depend on it."""
        self._desk.report(self._health(state, message))

    def _health(self, state: HealthState, message: str) -> Health:
        (log.error if state == "reload_failed" else log.info)("%s: %s", state, message)
        return Health(state=state, message=message, recipe=self._in_force.recipe, version=__version__)

    def _status(self) -> str:
        doing = self._liveness.doing
        fault = f"events wait for the disk: {self._sink.fault}" if self._sink.fault else ""
        return "; ".join(words for words in (f"{self._in_force}: {self._metrics.frames}", doing, fault) if words)
