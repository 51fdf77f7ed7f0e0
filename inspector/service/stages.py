"""The stages of a line, from analysis to the archive: made from its configuration, and findings taken through them.

    analyse -> camera_health -> cut -> decimate -> recipe_health -> strip -> triggers -> repeats -> decisions -> alarms
    -> receipts -> archive

The search for repeats comes behind a batch that was handed on; what it finds takes the way from `decisions` on.

Laws: one thread takes findings through all of them, and what each must know over a restart is read while none is at
work. A state that cannot be read costs its stage its memory, never the line its start.

Knows: which stages there are, and their order. Must not know: queues, sockets, the journal.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from queue import SimpleQueue

import msgspec

from inspector.alarms.alarms import Alarms
from inspector.alarms.standing import Fault
from inspector.analysis.analyse import Analyse
from inspector.camera_health.watch import CameraHealth
from inspector.coil.decisions import Decisions
from inspector.flow import each, followed
from inspector.intake.receipts import Receipts
from inspector.metrics import Metrics
from inspector.recipe_health import OUTPUT_FAULTS, RecipeHealth
from inspector.records.events import Data, JournalStatus
from inspector.records.stages import Batch, Findings, Inferred, Lasting, Stage
from inspector.service.archive import Archive
from inspector.service.desk import Desk
from inspector.service.line import Config
from inspector.strip.repeats import Repeats
from inspector.strip.settings import gaps
from inspector.strip.strip import Strip
from inspector.triggers.triggers import Triggers

log = logging.getLogger("inspector")


class Stages:
    """All of a line's stages, in their order."""

    name = Analyse.name
    """Of the thread that they share."""

    def __init__(self, settings: Config, others: Iterable[Lasting] = ()) -> None:
        """`others` are no stages, and are to be known over a restart with them."""
        self._cameras = [camera.name for camera in settings.camera]
        self._analyse = Analyse(settings.camera, settings.analysis, gaps(settings.defect))
        self._camera_health = CameraHealth(settings.camera, settings.camera_health)
        is_stub = settings.engine.kind == "stub"  # it says the same of everything, and that it is one
        self._recipe_health = RecipeHealth(self._cameras, finds_constant=not is_stub)
        self._triggers = Triggers(settings.trigger, settings.camera)
        self.alarms = Alarms(settings.alarm, settings.flood)
        self.receipts = Receipts(settings.camera)
        self._strip = Strip(settings.camera, settings.defect, settings.severity)
        self._repeats = Repeats(settings.repeat, settings.roll)
        self._inbox: SimpleQueue[Config] = SimpleQueue()
        self._reached_mm: dict[tuple[str, str], float] = {}
        self._first: list[Stage] = [self._strip, self._triggers]
        self._then: list[Stage] = [Decisions(), self.alarms, self.receipts]
        health: list[Lasting] = [self._camera_health, self._recipe_health]
        self._lasting: list[Lasting] = [*health, *self._first, self._repeats, *self._then, *others]

    def watched_by(self, metrics: Metrics) -> None:
        """Show what stands now, of cameras and of the recipe, at each scrape."""
        health = self._recipe_health
        metrics.watch_cameras(self._cameras, self._camera_health.is_standing)
        metrics.watch_recipe(self._cameras, OUTPUT_FAULTS, health.is_standing, health.frames)

    def restore(self, states: Mapping[str, bytes]) -> None:
        """Let each stage go on where the process before was when it last recorded anything; before the first call."""
        for stage in self._lasting:
            state = states.get(stage.name)
            try:
                if state is not None:
                    stage.restore(state, time.monotonic_ns())
            except ValueError as error:
                log.warning("%s begins as new: what the journal kept of it cannot be read: %s", stage.name, error)

    def settle(self, journal: Iterable[JournalStatus], recipe: str) -> list[Data]:
        """Return what is to be reported after a start: the ends of what stood, and is followed by nobody any more.

        `journal` is what stands of it, `recipe` the one that is loaded; behind `restore`.
        """
        watched: list[Fault] = [*self._camera_health.standing(), *self._recipe_health.standing(recipe), *journal]
        return self.alarms.settle(watched, self._repeats.under_way, recipe)

    def replace(self, settings: Config) -> None:
        """Pass on what a reload may change; any thread may."""
        self.alarms.replace(settings.alarm, settings.flood)
        self._inbox.put(settings)

    def findings(
        self, batches: Iterable[Inferred], metrics: Metrics, desk: Desk, archive: Archive
    ) -> Iterator[Findings]:
        """Yield each batch's findings with all that the stages add, and in the end what closes what is open."""
        analysed, watched = (metrics.timed(work.name, work) for work in (self._analyse, self._camera_health))
        cut = metrics.timed("cut", archive.cut) if archive.cut else _uncut
        decimate = metrics.timed("decimate", archive.decimate) if archive.decimate else _uncut
        relied = self._recipe_health

        def seen(inferred: Inferred) -> Findings:
            self._take_over(archive)
            batch = inferred.batch
            return relied(inferred, decimate(batch, cut(batch, watched(batch, analysed(inferred)))))

        findings = each(batches, seen, _last)
        findings = each(findings, desk.attach)
        for stage in self._first:
            findings = each(findings, metrics.timed(stage.name, stage))
        findings = followed(findings, self._repeats, metrics.timed(self._repeats.name, self._repeats.behind))
        for stage in self._then:
            findings = each(findings, metrics.timed(stage.name, stage))
        findings = each(findings, metrics.timed(archive.collect.name, archive.collect))
        findings = each(findings, desk.conclude)
        return each(findings, self._with_states)

    def _take_over(self, archive: Archive) -> None:
        """Go on with what a reload brought: before a batch, so that all stages see one frame alike."""
        while not self._inbox.empty():
            settings = self._inbox.get()
            self._analyse.replace(settings.camera)
            self._strip.replace(settings.camera)
            self._triggers.replace(settings.trigger, settings.camera)
            archive.replace(settings.camera)

    def after_the_end(self, events: Iterable[Data]) -> Findings:
        """What is reported once the flow has ended, such as the last coil's record: its alarms are raised too."""
        found = Findings(closed_ns=time.monotonic_ns(), events=tuple(events), reached_mm=self._reached_mm)
        return self._with_states(self.alarms(found))

    def _with_states(self, findings: Findings) -> Findings:
        """Add what every stage would have to know to go on from here; none is at work meanwhile."""
        self._reached_mm = findings.reached_mm
        return msgspec.structs.replace(findings, states={stage.name: stage.state() for stage in self._lasting})


def _uncut(batch: Batch, findings: Findings) -> Findings:
    return findings


def _last() -> Findings:
    """What the flow ends with: every stage completes what is open."""
    return Findings(closed_ns=time.monotonic_ns(), is_last=True)
