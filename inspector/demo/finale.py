"""The end of a demo: what was planted and what was found, as a table, as a picture, as one report for each coil.

Knows: what is left behind, and where. Must not know: how the strip passed.
"""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector.demo import ribbon
from inspector.demo.plan import COILS, WIDTH_PX
from inspector.demo.received import Received
from inspector.demo.screen import StatusScreen
from inspector.demo.setup import DemoSetup
from inspector.demo.summary import Figures, subtitle, summary
from inspector.demo.tally import Tally
from inspector.drawing import coil_map
from inspector.errors import InspectorError
from inspector.harness import station
from inspector.harness.child import Child
from inspector.harness.scrape import Counts
from inspector.records.events import CoilRecord, Defect
from inspector.records.extent import Extent
from inspector.simulator import planted
from inspector.simulator.sheet import CLASSES, MM_PER_PX, Planted
from inspector.simulator.thumbnail import SHRINK
from inspector.words import counted


class DemoRun(msgspec.Struct, frozen=True):
    """How the strip passed."""

    sent: int
    """Frames that the camera put on the socket."""
    seconds: float
    """Time that took."""
    counts: Counts
    """The inspector's count of them."""
    engine_ms: float
    """Mean time of a batch from its closing to the engine's answer."""
    lost_events: int
    seed: int


class Finale:
    """What is shown when the strip has passed."""

    def __init__(self, setup: DemoSetup, received: Received, screen: StatusScreen, *, colour: bool) -> None:
        self._setup, self._received, self._screen, self._colour = setup, received, screen, colour

    def show(self, run: DemoRun) -> None:
        """Score, draw, write the reports and name them.

        Raises: InspectorError when a file is missing or a report fails.
        """
        folder, say = self._setup.folder, self._screen.line
        tally = Tally(planted.read(folder / "planted.csv"), self._received, self._setup.recipe)
        figures = self._figures(tally, run)
        self._draw_map(tally, figures, run.seed)
        for words in ribbon.draw(whole(tally), self._screen.columns, self._colour):
            say(words)
        say(f"  {ribbon.MISSED} planted and not found   {ribbon.NOT_SEEN} not inspected")
        say()
        say(summary(figures))
        say()
        for coil in tally.lengths_mm:
            say(f"  report      {self._report(coil)}")
        say(f"  map         {folder / 'coil.png'}: what was planted and what was found, on the strip itself")
        if station.is_installed():
            say(f"  pages       {command()} station {self._setup.config}")
        say(f"  ask more    {command()} defects --coil {COILS[0]} --config {self._setup.config} --csv")
        say(f"              to compare: what was planted stands in {folder / 'planted.csv'}")

    def _figures(self, tally: Tally, run: DemoRun) -> Figures:
        return Figures(
            recipe=str(self._setup.recipe),
            passed_m=tally.strip_mm / 1000,
            seconds=run.seconds,
            sent=run.sent,
            counts=run.counts,
            latencies_ms=self._received.latencies_ms,
            engine_ms=run.engine_ms,
            lost_events=run.lost_events,
            pieces=tally.pieces(),
            placed=tally.placed(),
            scores=tally.scores,
            total=tally.strip_score(),
            colour=self._colour,
        )

    def _draw_map(self, tally: Tally, figures: Figures, seed: int) -> None:
        folder = self._setup.folder
        thumbnail = cv2.imread(str(folder / "strip.png"), cv2.IMREAD_GRAYSCALE)
        if thumbnail is None:
            raise InspectorError(f"{folder / 'strip.png'}: the camera left no picture of the strip. See replay.log.")
        drawn = coil_map.CoilMap(
            title=f"Coils {' and '.join(tally.lengths_mm)}",
            subtitle=subtitle(figures, datetime.now(UTC)),
            foot=f"Procedural steel, a simulation (seed {seed}). {coil_map.READING}",
            thumbnail=thumbnail.astype(np.uint8, copy=False),
            mm_per_row=SHRINK * MM_PER_PX,
            mm_per_px=SHRINK * MM_PER_PX,
            score=figures.total,
            missed=tally.strip_missed(),
            heads=tuple(tally.behind_mm.items()),
        )
        coil_map.save(drawn, folder / "coil.png")

    def _report(self, coil: str) -> str:
        """Have a coil's report written by its command; return where it lies and what it says."""
        folder = self._setup.folder
        page, record = folder / f"{coil}.html", folder / f"{coil}.record.json"
        words = ["report", coil, "--config", str(self._setup.config), "--html", str(page)]
        words += ["--note", "Procedural steel, a simulation."]
        with Child(words, record, folder / "report.log") as child:
            child.wait()
            child.runs()
        made = msgspec.json.decode(record.read_bytes(), type=CoilRecord)
        return f"{page}: {made.grade}, {counted(made.defects, 'defect')}. Open it in a browser."


def mark(extent: Defect | Planted, behind_mm: float, class_id: int | None = None) -> ribbon.RibbonMark:
    """Something on a coil as a mark on the strip."""
    number = class_id if class_id is not None else CLASSES.index(extent.name) + 1 if isinstance(extent, Defect) else 0
    place = {name: getattr(extent, name) for name in Extent.__struct_fields__}
    return ribbon.RibbonMark(Extent(**place).moved(behind_mm), number)


def whole(tally: Tally) -> ribbon.RibbonStrip:
    """The strip with what was found on it, and what was not."""
    score = tally.strip_score()
    found = [mark(defect, 0.0) for defect in (*score.found, *score.false)]
    away = [mark(outcome.planted, 0.0) for outcome in score.outcomes if outcome.verdict in ("missed", "confused")]
    return ribbon.RibbonStrip(
        length_mm=tally.strip_mm,
        width_mm=WIDTH_PX * MM_PER_PX,
        reached_mm=tally.strip_mm,
        heads=tuple(tally.behind_mm.items()),
        marks=found + away,
        missed=[(gap.start_mm, gap.end_mm) for gap in tally.strip_missed()],
    )


def command() -> str:
    """How this program is called from where the user stands: a path where it is not installed for all."""
    installed = Path(sys.executable).with_name("inspector")
    found = shutil.which("inspector")
    return "inspector" if found or not installed.is_file() else os.path.relpath(installed)
