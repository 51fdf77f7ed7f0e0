"""Two engines on the same frames, held against each other and, where it is known, against the truth.

Pure: takes loaded engines and frames, returns figures; knows no files, no bounds and not which engine is which.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import cycle, islice
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from deploy.reported import ReportedRegions
from inspector.engines.nvidia.manifest import Parity
from inspector.engines.segmenter import Segmenter
from inspector.records.confidence import Encoding, log_odds, probabilities
from inspector.records.frame import Bytes2D, Bytes3D
from inspector.records.recipe import Maps, Recipe

FRAMES_OF_A_SIZE = 16
"""Each batch size by itself is compared on this number of frames at most."""


class ComparedFrame(msgspec.Struct, frozen=True):
    """A frame for both: `pixels` (H, W) uint8 and, where known, its true `labels` (H, W) uint8."""

    pixels: Bytes2D
    labels: Bytes2D | None = None


def compare(
    engine: Segmenter,
    reference: Segmenter,
    frames: Iterable[ComparedFrame],
    batches: Sequence[int],
    names: Sequence[str],
    *,
    source: str,
    masks: str = "",
    date: str,
    card: Recipe | None = None,
) -> tuple[Parity, ...]:
    """Run both on all `frames`, in batches of the sizes `batches` in rotation, and return how alike they are.

    After that come the figures of each single size that the engine takes, from the least of `batches` to the largest,
    on the frames of which the reference found most: all together hide a size that is wrong among those that are not,
    and few frames fill no large batch.

    `names` are the classes' in the order of their ids. `card` says how confidence is meant and which regions are
    reported, else that is 255 p, and none are counted. Dice is given where all labels are known and some are defects.

    Raises: ValueError without frames; EngineError.
    """
    sums, richest = Differences(len(names), card), list[_Assessed]()
    for batch in _batches(frames, batches):
        pixels = np.stack([frame.pixels for frame in batch])
        engine.submit(pixels)
        reference.submit(pixels)
        found, expected = engine.result(), reference.result()
        sums.add(found, expected, _truth(batch))
        richest += [_Assessed(frame, _only(expected, place)) for place, frame in enumerate(batch)]
        richest = sorted(richest, key=lambda assessed: -np.count_nonzero(assessed.maps.labels))[:FRAMES_OF_A_SIZE]
    if not richest:
        raise ValueError("no frames to compare; expected at least one")
    whole = Parity(
        date=date,
        engine=engine.name,
        reference=reference.name,
        source=source,
        masks=masks,
        frames=sums.frames,
        batches=tuple(batches),
        **sums.figures(names),
    )
    sizes = range(batches[0], batches[-1] + 1)
    single = [(size, _compare_size(size, engine, richest, Differences(len(names), card))) for size in sizes]
    return whole, *(
        msgspec.structs.replace(whole, frames=len(richest), batches=(size,), **sums.figures(names))
        for size, sums in single
    )


class _Assessed(msgspec.Struct, frozen=True):
    """A frame, and what the reference says of it: maps of one."""

    frame: ComparedFrame
    maps: Maps


def _compare_size(size: int, engine: Segmenter, assessed: Sequence[_Assessed], sums: Differences) -> Differences:
    """Run the engine on all frames in batches of one size, the last filled with the first frames again."""
    for start in range(0, len(assessed), size):
        batch = list(islice(cycle(assessed), start, start + size))
        frames, maps = [entry.frame for entry in batch], [entry.maps for entry in batch]
        expected = Maps(
            labels=np.concatenate([planes.labels for planes in maps]),
            confidence=np.concatenate([planes.confidence for planes in maps]),
            presence=np.concatenate([planes.presence for planes in maps]),
        )
        engine.submit(np.stack([frame.pixels for frame in frames]))
        sums.add(engine.result(), expected, _truth(frames))
    return sums


def _only(maps: Maps, place: int) -> Maps:
    """Return a copy of one frame's maps of a batch."""
    one = slice(place, place + 1)
    return Maps(maps.labels[one].copy(), maps.confidence[one].copy(), maps.presence[one].copy())


def _truth(batch: Sequence[ComparedFrame]) -> Bytes3D | None:
    """Return the true labels (N, H, W) of frames; None where some are not known."""
    known = [frame.labels for frame in batch if frame.labels is not None]
    return np.stack(known) if len(known) == len(batch) else None


class Differences:
    """Sums over frames as they come; memory does not grow with them."""

    def __init__(self, classes: int, card: Recipe | None) -> None:
        """`card` as for `compare`."""
        encoding: Encoding = card.confidence if card else "linear"
        self.frames = self.pixels = self.agreeing = 0
        self.both, self.either = [0] * classes, [0] * classes
        """Pixels that both, or at least one of the two, give to each class."""
        self._probabilities, self._log_odds = probabilities(encoding), log_odds(encoding)
        self._apart, self._highest_apart = np.zeros(classes), np.zeros(classes)
        """Sums of differences of log-odds by class: of pixels that both give to it, and of its highest in a frame."""
        self._frames_of = np.zeros(classes, np.int64)
        """Frames in which both give some pixel to each class."""
        self.confidence = self.presence = self.distance = 0.0
        """Largest differences: of probability where both see the same class, of presence, and of distance."""
        self.not_finite = 0
        """Frames in which a presence or distance of either is no finite number; no difference is taken of such."""
        self._regions = ReportedRegions(card) if card else None
        self._hits, self._claimed = [0, 0], [0, 0]
        self._true: int | None = 0

    def add(self, found: Maps, expected: Maps, truth: Bytes3D | None) -> None:
        """Add one batch; `truth` (N, H, W) uint8, None where it is not known."""
        alike = found.labels == expected.labels
        self.frames += len(alike)
        self.pixels += alike.size
        self.agreeing += int(np.count_nonzero(alike))
        for place in range(len(self.both)):
            ours, theirs = found.labels == place + 1, expected.labels == place + 1
            self.both[place] += int(np.count_nonzero(ours & theirs))
            self.either[place] += int(np.count_nonzero(ours | theirs))
        apart = np.abs(self._probabilities[found.confidence] - self._probabilities[expected.confidence])
        self.confidence = max(self.confidence, float(apart.max(where=alike, initial=0)))
        self._add_confidence(found, expected, alike)
        self._add_presence(found.presence, expected.presence)
        if self._regions:
            self._regions.add(found, expected)
        self._add_truth((found.labels, expected.labels), truth)

    def _add_confidence(self, found: Maps, expected: Maps, alike: NDArray[np.bool_]) -> None:
        """Add what the confidence of a class differs by, where both say that it is there."""
        classes, of = len(self.both), self._log_odds
        labels, apart = found.labels[alike], np.abs(of[found.confidence[alike]] - of[expected.confidence[alike]])
        self._apart += np.bincount(labels, apart, minlength=classes + 1)[1 : classes + 1]
        for place in range(classes):
            ours, theirs = found.labels == place + 1, expected.labels == place + 1
            in_both = ours.any(axis=(1, 2)) & theirs.any(axis=(1, 2))
            highest = [
                of[maps.confidence.max(axis=(1, 2), where=where, initial=0)]
                for maps, where in ((found, ours), (expected, theirs))
            ]
            self._highest_apart[place] += np.abs(highest[0] - highest[1])[in_both].sum()
            self._frames_of[place] += np.count_nonzero(in_both)

    def _add_presence(self, found: NDArray[np.float32], expected: NDArray[np.float32]) -> None:
        """Add presences (N, C), or (N, C + 1): the distance after the classes is no probability."""
        finite = np.isfinite(found).all(axis=1) & np.isfinite(expected).all(axis=1)
        self.not_finite += int(np.count_nonzero(~finite))
        found, expected = found[finite], expected[finite]
        classes, apart = len(self.both), np.abs(found - expected)
        self.presence = max(self.presence, float(np.minimum(apart[:, :classes], 1).max(initial=0)))
        relative = apart[:, classes:] / np.maximum(expected[:, classes:], 1)
        self.distance = max(self.distance, float(relative.max(initial=0)))

    def figures(self, names: Sequence[str]) -> dict[str, Any]:
        """Return what `Parity` has of them; `names` are the classes'."""
        counted = list(zip(names, self.both, self.either, strict=True))
        apart = list(zip(names, self._apart, self.both, self._highest_apart, self._frames_of, strict=True))
        return {
            "label_agreement": self.agreeing / self.pixels,
            "iou": {name: both / either for name, both, either in counted if either},
            "class_pixels": {name: either for name, _, either in counted if either},
            "confidence_difference": self.confidence,
            "confidence_apart": {name: float(total) / pixels for name, total, pixels, _, _ in apart if pixels},
            "highest_apart": {name: float(total) / int(frames) for name, _, _, total, frames in apart if frames},
            "presence_difference": self.presence,
            "distance_difference": self.distance,
            **(self._regions.figures() if self._regions else {}),
            "not_finite": self.not_finite,
            "dice": self.dice(0),
            "reference_dice": self.dice(1),
        }

    def _add_truth(self, labels: tuple[Bytes3D, Bytes3D], truth: Bytes3D | None) -> None:
        if truth is None or self._true is None:
            self._true = None
            return
        defect: NDArray[np.bool_] = truth > 0
        self._true += int(np.count_nonzero(defect))
        for place, plane in enumerate(labels):
            self._hits[place] += int(np.count_nonzero((plane == truth) & defect))
            self._claimed[place] += int(np.count_nonzero(plane))

    def dice(self, place: int) -> float | None:
        """Micro Dice of the engine (0) or its reference (1), pooled over classes; None without true defects.

        2 |A and B| / (|A| + |B|), a pixel counting for its class.
        """
        return 2 * self._hits[place] / (self._claimed[place] + self._true) if self._true else None


def _batches(frames: Iterable[ComparedFrame], sizes: Sequence[int]) -> Iterator[list[ComparedFrame]]:
    """Yield frames in lists of the sizes given, in rotation; the last list may be shorter."""
    left = iter(frames)
    for size in cycle(sizes):
        batch = list(islice(left, size))
        if not batch:
            return
        yield batch
