"""A recipe run down strip by the line's own rules: analysis, merging, and what they report.

What the trainer promises of a recipe is counted here exactly as the line will count it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import msgspec
import numpy as np

from inspector.analysis.analyse import Analyse
from inspector.config.camera import CameraSection
from inspector.engines.segmenter import Segmenter
from inspector.records.events import Defect
from inspector.records.frame import Bytes3D, Header
from inspector.records.recipe import Maps, Recipe
from inspector.records.stages import Batch, Findings, Frame, FramePatch, Inferred
from inspector.simulator.looks import PLAIN
from inspector.simulator.sheet import MM_PER_PX, ROWS, Planted, Rendered, Sheet
from inspector.strip.settings import DefectSection, gaps
from inspector.strip.strip import Strip

CAMERA = "trainer"
BATCH = 4
NO_PIXELS: Bytes3D = np.empty((0, 0, 0), np.uint8)


class Scale(msgspec.Struct, frozen=True):
    """How large a pixel is on the strip."""

    mm_per_px: float = MM_PER_PX
    mm_per_row: float = MM_PER_PX
    is_assumed: bool = True
    """An assumption: it is procedural steel's."""

    def __str__(self) -> str:
        size = f"{self.mm_per_px:g} mm a pixel, {self.mm_per_row:g} mm a row"
        return f"{size} (assumed: --mm-per-px, --mm-per-row)" if self.is_assumed else size


class ProceduralCoil(msgspec.Struct, frozen=True):
    """The first `frames` frames of the procedural coil drawn from `seed`."""

    seed: int
    frames: int
    defects_per_m: float = 1.5
    look: str = PLAIN

    def sheet(self) -> Sheet:
        """Return the steel itself."""
        return Sheet(self.seed, defects_per_m=self.defects_per_m, look=self.look)

    @property
    def metres(self) -> float:
        """Its length."""
        return self.frames * ROWS * MM_PER_PX / 1000

    def planted(self) -> tuple[Planted, ...]:
        """Return what was planted on it; class ids are the steel's own, in the order of `CLASSES`."""
        return _planted(self)


@lru_cache(maxsize=64)  # it paints every defect
def _planted(coil: ProceduralCoil) -> tuple[Planted, ...]:
    return coil.sheet().planted(0.0, 1000 * coil.metres)


def infer(engine: Segmenter, coil: ProceduralCoil) -> Iterator[tuple[Rendered, Maps]]:
    """Yield every frame with its maps, each of shape (1, H, W), as many batches in flight as the engine allows."""
    sheet = coil.sheet()
    waiting: list[list[Rendered]] = []
    for first in range(0, coil.frames, BATCH):
        batch = [sheet.frame(index) for index in range(first, min(first + BATCH, coil.frames))]
        engine.submit(np.stack([frame.pixels for frame in batch]))
        waiting.append(batch)
        if len(waiting) == engine.in_flight:
            yield from zip(waiting.pop(0), _single(engine.result()), strict=True)
    while waiting:
        yield from zip(waiting.pop(0), _single(engine.result()), strict=True)


def report(
    maps: Iterable[Maps], card: Recipe, scale: Scale, *, width_px: int = 0, joins: bool = True
) -> tuple[Defect, ...]:
    """Return the defects that the line would report of strip with these maps, each once, as it was reported last.

    `width_px`: of the maps, where it is not the recipe's. Without `joins` fragments that do not touch are defects of
    their own, as the regions of a labelled frame are.
    """
    camera = CameraSection(name=CAMERA, mm_per_px=scale.mm_per_px, mm_per_row=scale.mm_per_row, width=width_px)
    apart = [DefectSection(name=kind.name, join_along_mm=0.0, join_across_mm=0.0) for kind in card.classes]
    sections = [] if joins else apart
    analyse, strip = Analyse([camera], gaps=gaps(sections)), Strip([camera], sections)
    last: dict[str, Defect] = {}
    for number, frame_maps in enumerate(maps):
        found = strip(analyse(_inferred(card, frame_maps, number)))
        last |= {event.id: event for event in found.events if isinstance(event, Defect)}
    found = strip(Findings(closed_ns=0, is_last=True))
    last |= {event.id: event for event in found.events if isinstance(event, Defect)}
    return tuple(defect for defect in last.values() if not defect.part_of)


def _single(maps: Maps) -> Iterator[Maps]:
    for i in range(len(maps.labels)):
        yield Maps(maps.labels[i : i + 1], maps.confidence[i : i + 1], maps.presence[i : i + 1])


def _inferred(card: Recipe, maps: Maps, number: int) -> Inferred:
    height, width = maps.labels.shape[1:]
    header = Header(
        v=1,
        camera=CAMERA,
        boot=CAMERA,
        number=number,
        captured_ns=0,
        width=width,
        height=height,
        encoding="raw8",
        crc32=0,
        coil=CAMERA,
    )
    return Inferred(Batch((Frame(header, 0),), NO_PIXELS, (FramePatch(0, 0, height, width),), 0), card, maps)
