"""The supervisor: wires the flow, keeps it alive, reloads it, and drains it.

    intake -> [queue] -> infer -> [queue] -> analyse -> strip -> alarms -> [queue] -> journal -> publish
    (thread intake)      (thread infer)      (thread analyse)                        (main thread)

Laws: an event is on disk before anyone hears it; the watchdog is patted only when the last stage has finished
something; a bad configuration never replaces a good one.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue

import zmq

from inspector import __version__, recipe
from inspector.alarms.states import Alarms
from inspector.analysis.analyse import Analyse
from inspector.errors import EXIT_DONE, GpuLost, InspectorError
from inspector.events.journal import Journal
from inspector.events.publish import Publisher
from inspector.flow import Buffer, buffered, each
from inspector.infer import JUDGED_BATCHES, Infer, Loaded
from inspector.intake.push import Intake, shed
from inspector.metrics import Metrics
from inspector.records.events import Data, Health, HealthState
from inspector.records.frame import Bytes3D
from inspector.records.stages import Report
from inspector.service.answer import Answers
from inspector.service.line import Config
from inspector.service.reload import Options, Reload, load, prepare
from inspector.service.systemd import Notifier
from inspector.service.web import Vitals, Web
from inspector.signals import Flag
from inspector.strip.strip import Strip

log = logging.getLogger("inspector")

BEAT_NS = 1_000_000_000
PATIENCE_S = 60.0
"""While an engine is rebuilt or warmed up at a start, systemd is asked for so much more time, again and again."""
REPORTS = 64
"""Reports that may wait for the disk; one commit takes them all."""


class Daemon:
    """One inspector for one line: `startup`, `main_loop`, `shutdown`, all on the main thread.

    Raises: ConfigError, RecipeError when it cannot run as configured.
    """

    def __init__(
        self,
        path: Path,
        notifier: Notifier,
        answers: Answers | None = None,
        *,
        stop: Flag,
        hangup: Flag,
        unverified: bool = False,
    ) -> None:
        """`stop` asks it to drain and end, `hangup` to read its configuration again; any thread may set them.

        `unverified` runs a built engine that was not proven equal to the recipe's ONNX.
        """
        self._path, self._notifier = path, notifier
        self._answers = answers or Answers()
        self._settings, self._folder = prepare(path)
        self._stop, self._hangup = stop, hangup
        self._aside: SimpleQueue[Data] = SimpleQueue()
        """What is said of the inspector itself, by any thread."""
        self._vitals = Vitals()
        self._options = Options(unverified, self._tell, self._on_rebuilding, self._stop.is_set)
        self._lost: GpuLost | None = None
        self._queued: Callable[[], int] = lambda: 0
        """Batches between intake and engine."""
        self._closing: list[Callable[[], None]] = []
        """How to close what is open, in the order it was opened."""
        self._beat_ns = 0

    def run(self) -> None:
        """Start, work until told to stop, and drain.

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
        settings, card = self._settings, recipe.read_card(self._folder)
        cameras = [camera.name for camera in settings.camera]
        self._alarms = Alarms(settings.alarm)
        self._metrics = Metrics(cameras, [kind.name for kind in card.classes])
        self._web = Web(settings.http.bind, self._metrics.registry, self._vitals, self._alarms.acknowledge)
        self._closing.append(self._web.close)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        journal = settings.journal
        self._journal = Journal(
            Path(journal.path),
            journal.max_mb,
            f"/inspector/{settings.line}",
            clock_utc=lambda: datetime.now(UTC),
            new_epoch=lambda: uuid.uuid4().hex,
        )
        self._closing.append(self._journal.close)
        events = settings.events
        self._publisher = Publisher(
            self._context, events.bind, events.replay_bind, self._journal, hwm=events.send_events
        )
        self._closing.append(self._publisher.close)
        self._record = self._metrics.timed("journal", self._journal.record)
        self._publish = self._metrics.timed("publish", self._publisher.publish)
        self._vitals.not_ready = f"loading recipe {card}"
        self._notifier.status(self._vitals.not_ready)
        loaded = load(settings, self._folder, self._options)
        self._infer = Infer(loaded)
        self._metrics.watch_memory(self._memory)
        self._intake = Intake(
            self._context,
            settings.intake,
            settings.batch,
            cameras=cameras,
            height=card.height,
            width=card.width,
            stop=self._stop,
            allocate=self._buffer,
            wanted=lambda: self._infer.idle and not self._queued(),
        )
        self._reload = Reload(
            self._path, settings, loaded.recipe, self._on_reloaded, self._on_reload_failed, options=self._options
        )
        self._in_force(loaded)
        self._say("started", f"inspector {__version__} on {loaded.engine.name}")

    def main_loop(self) -> None:
        """Record and publish what the flow yields, until it ends."""
        self._finish([])
        reports = self._flow()
        self._vitals.worked()
        self._vitals.not_ready = ""
        self._metrics.ready.set(1)
        self._notifier.ready(self._status())
        log.info("ready: frames on %s, http on port %d", self._intake.address, self._web.port)
        for group in reports.groups():
            self._finish(group)
            self._vitals.worked()
            self._publisher.serve_replay()
            self._beat()
            if self._lost is not None:
                raise self._lost
            if self._hangup.is_set():
                self._reload.begin(self._on_reload_begins)

    def shutdown(self) -> None:
        """Say goodbye while there is a voice, then close in the reverse order of opening."""
        drained = self._stop.is_set() and not self._vitals.not_ready
        self._vitals.not_ready = "stopping"
        self._notifier.stopping("draining")
        try:
            if hasattr(self, "_infer"):
                self._metrics.ready.set(0)
                self._say("stopping", "drained" if drained else "ended by a fault")
                self._finish([])
        finally:
            for close in reversed(self._closing):
                close()
        log.info("stopped")

    # --- the flow -------------------------------------------------------------------------------------------

    def _flow(self) -> Buffer[Report]:
        metrics, settings = self._metrics, self._settings
        strip = Strip(settings.camera)
        give_up = shed if settings.intake.when_full == "drop" else None
        batches = buffered(each(self._intake, metrics.frames.enter), settings.intake.queue_batches, "intake", give_up)
        self._queued = batches.__len__
        judged = buffered(each(self._infer(batches), metrics.judged), JUDGED_BATCHES, "infer")
        analysed = each(judged, metrics.timed("analyse", Analyse(settings.camera)))
        placed = each(analysed, metrics.timed("strip", strip), lambda: strip.close(time.monotonic_ns()))
        reports = buffered(each(placed, metrics.timed("alarms", self._alarms)), REPORTS, "analyse")
        for buffer in (batches, judged, reports):
            metrics.watch_queue(buffer.name, buffer.__len__)
        return reports

    def _finish(self, reports: Sequence[Report]) -> None:
        """Record, then publish, then count; in this order."""
        said = [item for report in reports for item in report.said]
        while not self._aside.empty():
            said.append(self._aside.get())
        if said:
            recorded = self._record(said)
            self._publish(recorded)
            for topic, _ in recorded:
                self._metrics.published(topic)
        now_unix_ns = time.time_ns()
        for report in reports:
            self._metrics.reported(report, self._alarms.states().values(), now_unix_ns)

    def _beat(self) -> None:
        """Each second: tell subscribers and systemd that all is well; this is reached only when work was finished."""
        now_ns = time.monotonic_ns()
        if now_ns - self._beat_ns >= BEAT_NS:
            self._beat_ns = now_ns
            self._publisher.heartbeat()
            self._notifier.watchdog()
            self._notifier.status(self._status())

    # --- reload ---------------------------------------------------------------------------------------------

    def _on_reload_begins(self) -> None:
        """Nothing is read yet: a signal that comes from here on asks for another reload, and READY comes after this."""
        self._hangup.clear()
        self._answers.begin()
        self._notifier.reloading()

    def _on_reloaded(self, settings: Config, loaded: Loaded) -> None:
        self._infer.loaded = loaded
        self._alarms.replace(settings.alarm)
        self._in_force(loaded)
        in_force = f"recipe {loaded.recipe} on {loaded.engine.name}"
        self._say("reloaded", in_force)
        self._notifier.ready(self._status())
        self._answers.give(EXIT_DONE, in_force)

    def _on_reload_failed(self, error: InspectorError) -> None:
        if isinstance(error, GpuLost):  # the engine that runs has the same context: it is lost too
            self._lost = error
        self._metrics.reloaded(success=False)
        self._say("reload_failed", str(error))
        self._notifier.ready(self._status())
        self._answers.give(error.exit_code, str(error))

    def _buffer(self, frames: int) -> Bytes3D:
        """Return room for a batch, near the engine that judges now."""
        return self._infer.loaded.engine.buffer(frames)

    def _memory(self) -> dict[str, int]:
        return self._infer.loaded.engine.memory()

    def _on_rebuilding(self, yes: bool) -> None:
        self._metrics.rebuilding.set(yes)

    def _tell(self, words: str) -> None:
        """Tell everybody what takes long, or, without words, that it is over."""
        self._vitals.doing = words
        if words:
            self._notifier.status(words)
        if words and self._vitals.not_ready:  # it would put off the watchdog of a line that runs
            self._notifier.extend(PATIENCE_S)

    def _in_force(self, loaded: Loaded) -> None:
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

    def _say(self, state: HealthState, message: str) -> None:
        (log.error if state == "reload_failed" else log.info)("%s: %s", state, message)
        name = str(self._infer.loaded.recipe)
        self._aside.put(Health(state=state, message=message, recipe=name, version=__version__))

    def _status(self) -> str:
        loaded, doing = self._infer.loaded, self._vitals.doing
        return f"{loaded.recipe} on {loaded.engine.name}: {self._metrics.frames}" + (f"; {doing}" if doing else "")
