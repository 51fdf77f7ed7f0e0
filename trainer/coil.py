"""A recipe run down a procedural coil by the line's own rules: the daemon's engine, analysis, merging and scoring.

What the trainer promises of a recipe is counted here exactly as the line will count it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache

import msgspec
import numpy as np

from inspector.analyse import Analyse
from inspector.config import CameraSection
from inspector.engines import Segmenter
from inspector.records import (
    Batch,
    Bytes3D,
    Defect,
    Frame,
    Header,
    Judged,
    Maps,
    Recipe,
)
from inspector.simulator.score import Score, score
from inspector.simulator.sheet import MM_PER_PX, ROWS, Planted, Sheet
from inspector.strip import Strip

CAMERA = "trainer"
BATCH = 4
NO_PIXELS: Bytes3D = np.empty((0, 0, 0), np.uint8)


class Coil(msgspec.Struct, frozen=True):
    """The first `frames` frames of the procedural coil drawn from `seed`."""

    seed: int
    frames: int
    defects_per_m: float = 1.5

    def sheet(self) -> Sheet:
        """Return the steel itself."""
        return Sheet(self.seed, defects_per_m=self.defects_per_m)

    @property
    def metres(self) -> float:
        """Its length."""
        return self.frames * ROWS * MM_PER_PX / 1000


def judge(engine: Segmenter, coil: Coil) -> Iterator[Maps]:
    """Yield the maps of every frame, each of shape (1, H, W), two batches in flight."""
    sheet = coil.sheet()
    waiting = 0
    for first in range(0, coil.frames, BATCH):
        indices = range(first, min(first + BATCH, coil.frames))
        engine.submit(np.stack([sheet.frame(index).pixels for index in indices]))
        waiting += 1
        if waiting == engine.in_flight:
            yield from _single(engine.result())
            waiting -= 1
    for _ in range(waiting):
        yield from _single(engine.result())


def report(maps: Sequence[Maps], card: Recipe, coil: Coil) -> list[Defect]:
    """Return the defects that the line would report of these maps."""
    camera = CameraSection(name=CAMERA, mm_per_px=MM_PER_PX, mm_per_row=MM_PER_PX)
    analyse, strip = Analyse([camera]), Strip([camera])
    reports = [strip(analyse(_judged(card, one, number))) for number, one in enumerate(maps)]
    reports.append(strip.close(0))
    return [item for one in reports for item in one.said if isinstance(item, Defect)]


def score_coil(defects: Iterable[Defect], card: Recipe, coil: Coil) -> Score:
    """Count reported defects against what was planted."""
    return score(defects, _planted(coil), card.classes, coil.metres)


@lru_cache(maxsize=64)  # it paints every defect, and a sweep over settings asks for the same ones each time
def _planted(coil: Coil) -> tuple[Planted, ...]:
    return coil.sheet().planted(0.0, 1000 * coil.metres)


def _single(maps: Maps) -> Iterator[Maps]:
    for i in range(len(maps.labels)):
        yield Maps(maps.labels[i : i + 1], maps.confidence[i : i + 1], maps.presence[i : i + 1])


def _judged(card: Recipe, maps: Maps, number: int) -> Judged:
    header = Header(
        v=1,
        camera=CAMERA,
        boot=CAMERA,
        number=number,
        captured_ns=0,
        width=card.width,
        height=card.height,
        encoding="raw8",
        crc32=0,
        coil="procedural",
    )
    return Judged(Batch((Frame(header, 0),), NO_PIXELS, 0), card, maps)
