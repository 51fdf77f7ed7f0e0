"""Defects, not detections: pieces for each planted defect before and after joining, and what the strip stage bears.

`python -m tests.bench.pieces COILS` looks at that many procedural coils (default: 200), and then lets the shipped
recipe look at a few metres of simulated steel.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector import recipe as recipes
from inspector.analysis.analyse import FrameDefects, detect
from inspector.config.camera import CameraSection, Footprint
from inspector.config.joins import USUAL, JoinGap
from inspector.engines.openvino import OpenVino
from inspector.records.events import Data, Defect
from inspector.records.extent import Extent
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Recipe
from inspector.records.stages import Findings, Frame, Inspected
from inspector.simulator.sheet import Planted, Sheet
from inspector.strip.settings import DefectSection
from inspector.strip.strip import Strip
from tests.frames import header, recipe

COILS, FRAMES = 200, 60
ROWS, WIDTH, MM = 256, 1600, 0.625
"""A frame and its pixels, as Severstal's."""
PLANTED = 24
"""Defects planted on a coil of 9.6 m."""
ALONG_MM, ACROSS_MM = 20.0, 10.0
"""The gap that is configured for every class, and that planted defects are kept farther apart than."""
NAMES = ("scratch", "patch")
LEAST_MM2 = 60.0
"""An area that a recipe asks for: every planted defect has it, and most of a scratch's pieces have not."""
WIDEST = JoinGap(max(ALONG_MM, USUAL.along_mm), max(ACROSS_MM, USUAL.across_mm))
"""What is detected is joined by several gaps here, none wider."""
LOAD, METRES = 200_000, 2000
"""The field's heaviest coils (FIELD: 200 000 events a coil)."""
SECTIONS = tuple(DefectSection(name, ALONG_MM, ACROSS_MM) for name in NAMES)
TOUCHING = tuple(DefectSection(name, 0.0, 0.0) for name in NAMES)


class Shape(msgspec.Struct):
    """A planted defect as the network shows it: in fragments."""

    class_id: int
    mask: Bytes2D
    """(rows, px): 1 where it is seen, 0 elsewhere."""
    top: int = 0
    left: int = 0

    @property
    def extent(self) -> Extent:
        """Where it lies, and what of it is seen."""
        rows, px = self.mask.shape
        return Extent(
            start_mm=self.top * MM,
            end_mm=(self.top + rows) * MM,
            left_mm=self.left * MM,
            right_mm=(self.left + px) * MM,
            area_mm2=int(self.mask.sum()) * MM * MM,
        )


def main(coils: int = COILS) -> None:
    """Print pieces for each planted defect, joined defects, and the strip stage's rate and memory."""
    print(f"{coils} coils of {FRAMES * ROWS * MM / 1000:.1f} m, gap {ALONG_MM:g} x {ACROSS_MM:g} mm")
    print("| | planted | pieces for each, touching only | with the gap (wanted: 1.05) | planted defects", end="")
    print(f" joined | with the gap, of {LEAST_MM2:g} mm2 at least | of their area |")
    print("|---|---|---|---|---|---|---|")
    for name, found in counted(coils).items():
        print(f"| {name} | {found.planted} | {found.touching / found.planted:.2f} |", end="")
        print(f" {found.gap / found.planted:.3f} | {found.joined} |", end="")
        print(f" {found.large / found.planted:.3f} | {found.large_mm2 / found.planted_mm2:.4f} |")
    _network()
    _load()


# --- procedural coils -------------------------------------------------------------------------------------------


class Counted(msgspec.Struct):
    """What was planted of a class, and how many defects were made of it."""

    planted: int = 0
    planted_mm2: float = 0.0
    touching: int = 0
    """Where only what touches is joined."""
    gap: int = 0
    joined: int = 0
    """Defects of several planted ones."""
    large: int = 0
    """By a recipe that asks for an area."""
    large_mm2: float = 0.0


def counted(coils: int) -> dict[str, Counted]:
    """Count the defects of that many coils, by class."""
    counts = {name: Counted() for name in NAMES}
    for seed in range(coils):
        shapes = _planted(np.random.default_rng(seed))
        plain, asking = (
            [_inspected(labels, number, by) for number, labels in enumerate(_frames(shapes))]
            for by in (recipe(*NAMES), recipe(*NAMES, min_area_mm2=LEAST_MM2))
        )
        ways = _defects(plain, TOUCHING), _defects(plain, SECTIONS), _defects(asking, SECTIONS)
        for class_id, (name, count) in enumerate(counts.items(), 1):
            mine = [shape.extent for shape in shapes if shape.class_id == class_id]
            touching, whole, large = ([defect for defect in way if defect.name == name] for way in ways)
            count.planted += len(mine)
            count.planted_mm2 += sum(extent.area_mm2 for extent in mine)
            count.touching += len(touching)
            count.gap += len(whole)
            count.joined += _joined(mine, whole)
            count.large += len(large)
            count.large_mm2 += sum(defect.area_mm2 for defect in large)
    return counts


def _planted(rng: np.random.Generator) -> list[Shape]:
    """Strew shapes over a coil so that the pixels of no two are within the gap."""
    shapes: list[Shape] = []
    room = np.zeros((FRAMES * ROWS, WIDTH), np.uint8)
    grow = np.ones((2 * int(ALONG_MM / MM) + 3, 2 * int(ACROSS_MM / MM) + 3), np.uint8)
    while len(shapes) < PLANTED:
        shape = _scratch(rng) if rng.random() < 0.6 else _patch(rng)
        rows, px = shape.mask.shape
        shape.top, shape.left = int(rng.integers(0, FRAMES * ROWS - rows)), int(rng.integers(0, WIDTH - px))
        y, x = grow.shape[0] // 2, grow.shape[1] // 2
        wide = cv2.dilate(np.pad(shape.mask, ((y, y), (x, x))), grow)
        top, left = max(0, shape.top - y), max(0, shape.left - x)
        taken = room[top : shape.top + rows + y, left : shape.left + px + x]
        wide = wide[top - shape.top + y :, left - shape.left + x :][: taken.shape[0], : taken.shape[1]]
        if not (taken & wide.astype(np.uint8)).any():
            room[shape.top : shape.top + rows, shape.left : shape.left + px] |= shape.mask
            shapes.append(shape)
    return shapes


def _scratch(rng: np.random.Generator) -> Shape:
    """A slanted, wandering line of 0.1 to 4 m, interrupted by up to the gap every few centimetres."""
    rows = int(np.exp(rng.uniform(np.log(160), np.log(6400))))
    slant = rng.uniform(-0.15, 0.15) * rows
    x = slant * np.linspace(0, 1, 40) + np.cumsum(rng.normal(0, 1.5, 40))
    x += 8 - x.min()
    mask = np.zeros((rows, min(int(x.max()) + 9, WIDTH - 1)), np.uint8)
    points = np.stack((x, np.linspace(0, rows - 1, 40)), axis=1).round().astype(np.int32)
    cv2.polylines(mask, [points], isClosed=False, color=1, thickness=int(rng.integers(2, 6)))
    row = int(rng.exponential(80))
    while row < rows:
        gap = int(rng.uniform(1, ALONG_MM / MM - 3))
        mask[max(1, row) : min(row + gap, rows - 1)] = 0
        row += gap + 4 + int(rng.exponential(80))
    return Shape(1, mask)


def _patch(rng: np.random.Generator) -> Shape:
    """A blob of some centimetres, torn into shreds by cracks narrower than the gap."""
    rows, px = int(rng.integers(60, 400)), int(rng.integers(60, 300))
    mask = np.zeros((rows, px), np.uint8)
    cv2.ellipse(mask, (px // 2, rows // 2), (px // 2 - 1, rows // 2 - 1), 0, 0, 360, 1, -1)
    for _ in range(int(rng.integers(0, 6))):
        ends = [(int(rng.integers(0, px)), int(rng.integers(0, rows))) for _ in range(2)]
        cv2.line(mask, ends[0], ends[1], 0, int(rng.integers(1, int(ACROSS_MM / MM / 2))))
    return Shape(2, mask)


def _frames(shapes: Sequence[Shape]) -> Iterator[Bytes2D]:
    """Yield the label map of each frame of a coil."""
    for number in range(FRAMES):
        labels = np.zeros((ROWS, WIDTH), np.uint8)
        for shape in shapes:
            first, last = max(0, number * ROWS - shape.top), min(len(shape.mask), (number + 1) * ROWS - shape.top)
            if first < last:
                row = shape.top + first - number * ROWS
                window = labels[row : row + last - first, shape.left : shape.left + shape.mask.shape[1]]
                window[shape.mask[first:last] > 0] = shape.class_id
        yield labels


def _defects(seen: Sequence[Inspected], sections: Sequence[DefectSection]) -> list[Defect]:
    """Send a coil's frames through the strip stage; return the defects that are counted."""
    strip, events = _strip(sections), list[Data]()
    for arrival in seen:
        events += strip(_one(arrival)).events
    events += strip(Findings(closed_ns=0, is_last=True)).events
    return [event for event in events if isinstance(event, Defect) and event.is_whole]


def _strip(sections: Sequence[DefectSection]) -> Strip:
    return Strip([CameraSection(name="top", mm_per_px=MM, mm_per_row=MM)], sections)


def _inspected(
    labels: Bytes2D, number: int, by: Recipe, confidence: Bytes2D | None = None, presence: object = None
) -> Inspected:
    strong = np.where(labels, 255, 0).astype(np.uint8) if confidence is None else confidence
    share = np.ones(len(by.classes), np.float32) if presence is None else np.asarray(presence)
    gaps = dict.fromkeys((kind.name for kind in by.classes), WIDEST)
    seen = detect(labels, strong, share, by, Footprint(MM, MM, 0.0, "top", ROWS * MM), max_regions=400, gaps=gaps)
    of = header(number, coil="C", width=WIDTH, height=ROWS, start_mm=number * ROWS * MM)
    assert isinstance(seen, FrameDefects)
    return Inspected(Frame(of, 0), seen.detections, by, outline=seen.outline)


def _joined(planted: Sequence[Extent], found: Sequence[Defect]) -> int:
    """Defects with more area than any one planted defect in their box can have given them."""
    count = 0
    for defect in found:
        near = [extent.area_mm2 for extent in planted if _overlap(extent, defect)]
        count += not near or defect.area_mm2 > max(near) + 1.0
    return count


def _overlap(first: Extent, second: Extent) -> bool:
    return (
        first.start_mm < second.end_mm + 1
        and second.start_mm < first.end_mm + 1
        and first.left_mm < second.right_mm + 1
        and second.left_mm < first.right_mm + 1
    )


# --- the network ------------------------------------------------------------------------------------------------


def _network(seeds: Sequence[int] = (7, 11, 13), frames: int = 60) -> None:
    """Let the shipped recipe look at simulated steel: pieces for each planted defect that was found."""
    card, model = recipes.load(recipes.find("steel-r34", Path()))
    engine = OpenVino(card, model)
    totals = np.zeros(3, np.intp)
    for seed in seeds:
        sheet = Sheet(seed)
        arrivals = []
        for number in range(frames):
            engine.submit(sheet.frame(number).pixels[None])
            maps = engine.result()
            arrivals.append(_inspected(maps.labels[0], number, card, maps.confidence[0], maps.presence[0]))
        planted = sheet.planted(0, frames * ROWS * MM)
        for place, sections in enumerate((TOUCHING, (), SECTIONS)):
            named = [
                msgspec.structs.replace(section, name=kind.name) for section in sections[:1] for kind in card.classes
            ]
            whole = _defects(arrivals, named)
            totals[place] += sum(_pieces(target, whole, card) for target in planted)
            if place == 0:
                found = sum(_pieces(target, whole, card) > 0 for target in planted)
                print(f"\ncoil {seed} by {card}: {found} of {len(planted)} planted found", end="")
    print(
        f"\npieces of all planted: {totals[0]} touching only, {totals[1]} with the default gap, {totals[2]} with this"
    )


def _one(arrival: Inspected) -> Findings:
    return Findings(arrivals=(arrival,), closed_ns=0)


def _pieces(target: Planted, found: Sequence[Defect], by: Recipe) -> int:
    name = by.classes[target.class_id - 1].name
    return sum(defect.name == name and _overlap(target, defect) for defect in found)


# --- load -------------------------------------------------------------------------------------------------------


def _load() -> None:
    """Print how many detections a second the strip stage takes in, and what memory it needs."""
    by = recipe(*NAMES)
    frames = round(METRES * 1000 / (ROWS * MM))
    each = LOAD // frames
    rng = np.random.default_rng(1)
    maps = []
    for _ in range(40):
        labels = np.zeros((ROWS, WIDTH), np.uint8)
        for place in range(each):
            middle = 40 + 100 * place % (WIDTH - 80) + int(rng.integers(0, 40)), int(rng.integers(0, ROWS))
            axes = int(rng.integers(2, 14)), int(rng.integers(2, 20))
            cv2.ellipse(labels, middle, axes, int(rng.integers(0, 180)), 0, 360, 1 + place % 2, -1)
        maps.append(_inspected(labels, 0, by))
    strip, spent_s, state_s, detections, events = _strip(SECTIONS), 0.0, 0.0, 0, 0
    before_mb, most = resident_mb(), 0
    for number in range(frames):
        sample = maps[number % len(maps)]
        of = header(number, coil="C", width=WIDTH, height=ROWS, start_mm=number * ROWS * MM)
        findings = _one(msgspec.structs.replace(sample, frame=Frame(of, 0)))
        began = time.thread_time()
        events += len(strip(findings).events)
        spent_s += time.thread_time() - began
        began = time.thread_time()
        most = max(most, len(strip.state()))
        state_s += time.thread_time() - began
        detections += len(sample.detections)
    rate, whole = detections / spent_s, detections / (spent_s + state_s)
    print(f"\n{detections} detections on {METRES} m, {events} events:", end=" ")
    print(f"strip stage {rate:.0f} detections/s of one core (wanted: 10 000), {whole:.0f} with its state written down;")
    print(f"largest state {most / 1000:.0f} kB, {resident_mb() - before_mb:.0f} MB more resident (wanted: 200)")


def resident_mb() -> float:
    """Memory of this process now."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1000


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else COILS)
