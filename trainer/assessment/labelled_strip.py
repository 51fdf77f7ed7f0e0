"""Strip with all that is truly there and all that was reported of it: what thresholds are chosen and measured on.

A strip is a whole procedural coil, its frames in a row, or one labelled frame by itself. Of a frame

- a true defect is a connected region (8-neighbourhood) of one class in its labels, however small: none is defined away;
- what is reported is what the line reports of a coil that is one frame long;
- they match as everywhere in this project (`inspector.score`): a true defect is found when a reported one of
  its class overlaps its box or lies within 5 mm of it, or 16 px where those are less, or 4 px where those are more; a
  reported defect near no true one is false.

A defect that crosses several labelled frames counts in each, for that they are neighbours is unknown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from inspector.engines.segmenter import Segmenter
from inspector.records.events import Defect
from inspector.records.frame import Bytes2D
from inspector.records.recipe import DefectClass, Maps, Recipe
from inspector.score import overlaps, tolerance_mm
from inspector.simulator.looks import PLAIN
from inspector.simulator.sheet import Planted, Rendered
from inspector.words import counted
from trainer.assessment.coil import ProceduralCoil, Scale, infer, report
from trainer.data.samples import Frames
from trainer.data.sizes import Size, cut_larger
from trainer.data.sources import steel_table
from trainer.metrics import Scores
from trainer.recipe import evaluate


class AssessedStrip(msgspec.Struct, frozen=True):
    """Strip that was assessed as a whole; positions from its first row."""

    name: str
    metres: float
    planted: tuple[Planted, ...]
    """What is truly there; class ids are the recipe's."""
    reported: tuple[Defect, ...]
    """What was reported, each defect once."""
    scale: Scale = Scale()

    def hits(self) -> npt.NDArray[np.bool_]:
        """Return whether each true defect and each reported one match (true, reported), whatever their classes."""
        along_mm, across_mm = tolerance_mm(self.scale.mm_per_row), tolerance_mm(self.scale.mm_per_px)
        found = overlaps(self.planted, self.reported, along_mm, across_mm=across_mm)
        return np.array(found, np.bool_).reshape(len(self.planted), len(self.reported))


class LabelledStrip(Protocol):
    """Labelled strip that a recipe can be run on."""

    kind: str
    """`coil` or `frame`: what one strip is."""

    @property
    def metres(self) -> float:
        """All of it."""

    def parts(self) -> Iterator[LabelledStrip]:
        """Yield it in parts that can be assessed one after the other; what a part's text says, it holds."""

    def assess(self, engine: Segmenter, card: Recipe, pixels: Scores | None = None) -> Iterator[AssessedStrip]:
        """Yield every strip as the line would report it under `card`; add its label maps to `pixels`."""

    def __str__(self) -> str: ...


class WholeCoils:
    """Procedural coils, each assessed whole: its frames follow one another."""

    kind = "coil"

    def __init__(self, coils: Sequence[ProceduralCoil], class_names: Sequence[str]) -> None:
        """Count classes as a recipe with these does, in their order; coils without a defect have any recipe's.

        Raises:
            DataError: a coil has defects of a class that is not among them.
        """
        self.coils, self._names = coils, class_names
        has_defects = any(coil.defects_per_m for coil in coils)
        self._table = steel_table(class_names) if has_defects else np.zeros(256, np.uint8)

    @property
    def metres(self) -> float:
        """All of it."""
        return sum(coil.metres for coil in self.coils)

    def parts(self) -> Iterator[LabelledStrip]:
        """Yield every coil."""
        return (WholeCoils([coil], self._names) for coil in self.coils)

    def assess(self, engine: Segmenter, card: Recipe, pixels: Scores | None = None) -> Iterator[AssessedStrip]:
        """Yield every coil."""
        for coil in self.coils:
            planted = tuple(
                msgspec.structs.replace(defect, class_id=int(self._table[defect.class_id])) for defect in coil.planted()
            )
            reported = report(self._measured(infer(engine, coil), pixels), card, Scale())
            yield AssessedStrip(f"coil {coil.seed}", coil.metres, planted, reported)

    def _measured(self, inferred: Iterator[tuple[Rendered, Maps]], pixels: Scores | None) -> Iterator[Maps]:
        """Yield the maps, and add them to `pixels` on the way."""
        for frame, maps in inferred:
            if pixels:
                pixels.add(maps.labels[0], self._table[frame.labels])
            yield maps

    def __str__(self) -> str:
        if len(self.coils) == 1:
            coil = self.coils[0]
            steel = "procedural steel" + (f" ({coil.look})" if coil.look != PLAIN else "")
            return f"coil {coil.seed}, {coil.metres:.2f} m of {steel}, {coil.defects_per_m:g} defects a metre"
        return f"{counted(len(self.coils), 'coil')}, {self.metres:.0f} m of procedural steel"


class SingleFrames:
    """Labelled frames, each assessed by itself."""

    kind = "frame"

    def __init__(self, frames: Frames, scale: Scale) -> None:
        self.frames = frames
        self.scale = scale

    @property
    def metres(self) -> float:
        """All of it."""
        return sum(self.frames.size(i)[0] for i in range(len(self.frames))) * self.scale.mm_per_row / 1000

    def parts(self) -> Iterator[LabelledStrip]:
        """Yield all frames as one: its text names none of them."""
        yield self

    def tiles(self, size_px: Size) -> SingleFrames:
        """Return what an engine of this size sees one after the other, the larger frames cut, each by itself."""
        return SingleFrames(cut_larger(self.frames, size_px), self.scale)

    def assess(self, engine: Segmenter, card: Recipe, pixels: Scores | None = None) -> Iterator[AssessedStrip]:
        """Yield every frame.

        Raises:
            ValueError: a frame that cannot be read.
        """
        for sample, maps in evaluate.infer(engine, self.frames, card):
            if pixels:
                pixels.add(maps.labels[0], sample.labels)
            yield assessed_frame(sample.name, sample.labels, maps, card, self.scale)

    def __str__(self) -> str:
        return f"{counted(len(self.frames), 'frame')}, {self.metres:.1f} m at {self.scale}"


def assessed_frame(name: str, labels: Bytes2D, maps: Maps, card: Recipe, scale: Scale) -> AssessedStrip:
    """Return a frame with its labels (H, W) uint8 and maps (1, H, W) as a strip of its own."""
    metres = len(labels) * scale.mm_per_row / 1000
    reported = report([maps], card, scale, width_px=labels.shape[1], joins=False)
    return AssessedStrip(name, metres, regions(labels, scale), reported, scale)


def right(strip: AssessedStrip, classes: Sequence[DefectClass]) -> list[bool]:
    """Say of each reported defect whether it overlaps a true one of its class."""
    ids = {kind.name: kind.id for kind in classes}
    planted = np.array([defect.class_id for defect in strip.planted], np.int64)[:, None]
    same = planted == np.array([ids[defect.name] for defect in strip.reported], np.int64)
    return [bool(is_hit) for is_hit in (strip.hits() & same).any(axis=0)]


def regions(labels: Bytes2D, scale: Scale) -> tuple[Planted, ...]:
    """Return the connected regions (8-neighbourhood) of each class in labels (H, W) uint8, 0 = sound."""
    found: list[Planted] = []
    for class_id in np.unique(labels[labels > 0]).tolist():
        mask = (labels == class_id).view(np.uint8)
        count, _, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
        for x, y, width, height, area_px in stats[1:count].tolist():
            planted = Planted(
                number=len(found),
                class_id=class_id,
                start_mm=y * scale.mm_per_row,
                end_mm=(y + height) * scale.mm_per_row,
                left_mm=x * scale.mm_per_px,
                right_mm=(x + width) * scale.mm_per_px,
                area_mm2=area_px * scale.mm_per_px * scale.mm_per_row,
            )
            found.append(planted)
    return tuple(found)
