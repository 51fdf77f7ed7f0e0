"""Which parts of a batch's frames are copied for the archive, while their pixels are at hand. Pure.

Laws: what is kept is a copy: a crop never holds a batch's memory. What it costs is bounded for each frame, and nothing
is copied while the archive has no room. Chance is passed in.

Knows: a frame's pixels and detections. Must not know: coils, files, who keeps the crops.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from random import Random

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.config.camera import CameraSection, Footprint
from inspector.records.extent import Extent
from inspector.records.frame import Bytes2D
from inspector.records.stages import Batch, Crop, CropDrop, Detection, Findings, Frame, Inspected

MARGIN_PX = 16
"""Strip around a defect."""
LEAST_PX, MOST_PX = 64, 512
"""Sides of a crop, where the frame has as many."""
SOUND_PX = 256
"""Sides of a crop of sound strip."""
SOUND_TRIES = 8
"""Places of a frame that are tried for one: where all show something the next frame is asked."""
MOST_OF_FRAME = 8
"""Crops of one frame's defects; the field's heaviest coils have 16 of them in a frame."""


class Cut:
    """Adds to a batch's findings the crops that the archive is to keep."""

    name = "cut"

    def __init__(
        self,
        cameras: Iterable[CameraSection],
        sound_per_km: float,
        has_room: Callable[[], bool],
        skipped: Callable[[int, CropDrop], None],
        chance: Random,
    ) -> None:
        """`has_room`: whether the archive takes crops now; `skipped` receives how many were not made, and why."""
        self._cameras = {camera.name: camera for camera in cameras}
        self._every_mm = 1e6 / sound_per_km if sound_per_km else float("inf")
        self._due_mm = {name: self._every_mm * chance.random() for name in self._cameras}
        self._has_room, self._skipped, self._chance = has_room, skipped, chance

    def replace(self, cameras: Iterable[CameraSection]) -> None:
        """Go on with other calibrations of the same cameras; between two batches."""
        self._cameras = {camera.name: camera for camera in cameras}

    def __call__(self, batch: Batch, findings: Findings) -> Findings:
        """Copy what is of interest in a batch."""
        frames = findings.inspected
        wanted = list(self._wanted(frames))
        if beyond := sum(max(0, len(frame.detections) - MOST_OF_FRAME) for frame in frames):
            self._skipped(beyond, "frame")
        if not wanted:
            return findings
        if not self._has_room():
            self._skipped(sum(len(numbers) for _, numbers in wanted), "full")
            return findings
        crops: list[Crop] = []
        for place, numbers in wanted:
            crops += self._crops(place, frames[place], numbers, batch.picture(place))
        return msgspec.structs.replace(findings, crops=tuple(crops))

    def _wanted(self, inspected: Iterable[Inspected]) -> Iterator[tuple[int, Sequence[int | None]]]:
        """Yield what to copy: the frame's place, its detections, and None for sound strip.

        A frame with detections has that too: most of them may be specks that come to no defect.
        """
        for place, frame in enumerate(inspected):
            order = sorted(range(len(frame.detections)), key=lambda number: -frame.detections[number].area_mm2)
            is_due = frame.crowd is None and self._is_due(frame.frame)
            if order or is_due:
                yield place, (*order[:MOST_OF_FRAME], *([None] if is_due else []))

    def _is_due(self, frame: Frame) -> bool:
        """Whether enough strip has passed this camera since its last crop of sound strip."""
        header = frame.header
        self._due_mm[header.camera] -= self._cameras[header.camera].footprint(header).length_mm
        if self._due_mm[header.camera] > 0:
            return False
        self._due_mm[header.camera] = self._every_mm
        return True

    def _crops(
        self, place: int, inspected: Inspected, numbers: Iterable[int | None], pixels: Bytes2D
    ) -> Iterator[Crop]:
        header = inspected.frame.header
        camera, (rows, columns) = self._cameras[header.camera], pixels.shape
        footprint = camera.footprint(header, (rows, columns))
        if camera.mirror:  # detections lie as on the strip
            pixels = pixels[:, ::-1]
        runs = _runs(inspected, footprint)
        for number in numbers:
            window = self._sound(runs, pixels.shape) if number is None else _window(runs, number, pixels.shape)
            if window is None:
                self._due_mm[header.camera] = 0.0
                continue
            top, bottom, left, right = window
            yield Crop(
                frame=place,
                detection=number,
                top_px=top,
                left_px=columns - right if camera.mirror else left,
                pixels=pixels[top:bottom, left:right].copy(),
                runs=_within(runs, top, bottom, left, right),
                place=Extent(
                    start_mm=top * footprint.mm_per_row,
                    end_mm=bottom * footprint.mm_per_row,
                    left_mm=footprint.offset_mm + left * footprint.mm_per_px,
                    right_mm=footprint.offset_mm + right * footprint.mm_per_px,
                    area_mm2=(bottom - top) * footprint.mm_per_row * (right - left) * footprint.mm_per_px,
                ),
            )

    def _sound(self, runs: NDArray[np.int32], shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
        """Rows and columns at a place of chance that all runs keep clear of; None where no such is found."""
        height, width = (min(SOUND_PX, side) for side in shape)
        for _ in range(SOUND_TRIES):
            top, left = (
                self._chance.randint(0, side - length) for side, length in zip(shape, (height, width), strict=True)
            )
            window = top - MARGIN_PX, top + height + MARGIN_PX, left - MARGIN_PX, left + width + MARGIN_PX
            if not len(_within(runs, *window)):
                return top, top + height, left, left + width
        return None


def _runs(inspected: Inspected, footprint: Footprint) -> NDArray[np.int32]:
    """All in a frame that may be a defect, to the pixel: (R, 4) detection, row, first column, column after the last."""
    if inspected.outline is None:
        return _boxes(inspected.detections, footprint)
    start_mm, _, left_mm, right_mm = inspected.outline.boxes_mm.T
    across = ((mm - footprint.offset_mm) / footprint.mm_per_px for mm in (left_mm, right_mm))
    facts = np.stack([inspected.outline.of, start_mm / footprint.mm_per_row, *across], axis=1)
    runs: NDArray[np.int32] = np.rint(facts).astype(np.int32)
    return runs


def _boxes(detections: Iterable[Detection], footprint: Footprint) -> NDArray[np.int32]:
    """The same of detections that fill their boxes."""
    rows = [
        (
            number,
            row,
            round((detection.left_mm - footprint.offset_mm) / footprint.mm_per_px),
            round((detection.right_mm - footprint.offset_mm) / footprint.mm_per_px),
        )
        for number, detection in enumerate(detections)
        for row in range(
            round(detection.start_mm / footprint.mm_per_row), round(detection.end_mm / footprint.mm_per_row)
        )
    ]
    return np.array(rows, np.int32).reshape(-1, 4)


def _window(runs: NDArray[np.int32], number: int, shape: tuple[int, ...]) -> tuple[int, int, int, int]:
    """Rows and columns of a crop around a detection; where it is more than a crop, around its longest run."""
    own = runs[runs[:, 0] == number]
    row, left, right = own[:, 1], own[:, 2], own[:, 3]
    longest = own[int(np.argmax(right - left))]
    top, bottom = _side(int(row.min()), int(row.max()) + 1, int(longest[1]), shape[0])
    first, last = _side(int(left.min()), int(right.max()), int(longest[2] + longest[3]) // 2, shape[1])
    return top, bottom, first, last


def _side(begin: int, end: int, middle: int, limit: int) -> tuple[int, int]:
    """Where a crop begins and ends along one side of the frame."""
    begin, end = begin - MARGIN_PX, end + MARGIN_PX
    if end - begin > MOST_PX:
        begin, end = middle - MOST_PX // 2, middle + MOST_PX // 2
    elif end - begin < LEAST_PX:
        begin = (begin + end - LEAST_PX) // 2
        end = begin + LEAST_PX
    shift = max(0, -begin) - max(0, end - limit)
    return max(0, begin + shift), min(limit, end + shift)


def _within(runs: NDArray[np.int32], top: int, bottom: int, left: int, right: int) -> NDArray[np.int32]:
    """The runs that lie in a crop, as far as they do."""
    moved = runs - np.array((0, top, left, left), np.int32)
    np.clip(moved[:, 2:], 0, right - left, out=moved[:, 2:])
    kept: NDArray[np.int32] = moved[(moved[:, 1] >= 0) & (moved[:, 1] < bottom - top) & (moved[:, 3] > moved[:, 2])]
    return kept
