"""Dice and IoU in four named conventions; knows label maps, nothing of who made them.

Dice has no meaning without its convention (FIELD.md); every figure here carries the name in its key:

kaggle   mean over (frame, class); both empty = 1. A network that finds nothing scores 0.86 on Severstal.
meter    per frame, all classes flattened into one, both empty = 1; IoU over the frames with a defect only, in mean
         (the "Meter" of the Kaggle starter kernels, which the paper's figures agree with).
micro    intersections and areas summed over the whole set: per class, and pooled over the classes.
present  mean over the (frame, class) pairs that have a defect.

`micro_mean` is the plain mean of micro over the classes that are true in some frame.
"""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import numpy.typing as npt

CONVENTIONS = ("kaggle", "meter", "micro", "micro_mean", "present")
"""By name, as keys have them behind `dice_` and `iou_`."""

Labels = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]


class Scores:
    """Sums over frames as they come; memory does not grow with them. For one thread at a time."""

    def __init__(self, classes: int) -> None:
        self._classes = classes
        self.frames = 0
        self.confusion: Counts = np.zeros((classes + 1, classes + 1), np.int64)
        """Pixels by (true class, found class), 0 = sound."""
        self._kaggle = np.zeros((2, classes))  # dice, iou, each summed
        self._meter = np.zeros(2)
        self._present = np.zeros((2, classes))
        self._present_frames = np.zeros(classes)
        self._defect_frames = 0

    def add(self, found: Labels, truth: Labels) -> None:
        """Add one frame: what was found and what is true, both (H, W) uint8 with class ids, 0 = sound.

        Raises:
            ValueError: the shapes differ, or a label is above the number of classes.
        """
        joint = _joint(found, truth, self._classes)
        counts = _areas(joint)
        self.frames += 1
        self.confusion += joint
        self._kaggle += [_dice(counts, empty=1), _iou(counts, empty=1)]
        # Flattened over classes: a pixel called by the wrong class is one miss and one false find.
        flat = counts.sum(axis=1, keepdims=True)
        self._meter[0] += _dice(flat, empty=1)[0]
        if flat[2, 0]:
            self._defect_frames += 1
            self._meter[1] += _iou(flat, empty=0)[0]
        present = counts[2] > 0
        self._present_frames += present
        self._present += np.array([_dice(counts, empty=0), _iou(counts, empty=0)]) * present

    def sums(self) -> npt.NDArray[np.float64]:
        """Return all that was summed as one vector: added to that of other frames, it is that of both."""
        parts = self.confusion, self._kaggle, self._meter, self._present, self._present_frames
        counts = self.frames, self._defect_frames
        return np.concatenate([*(np.ravel(part) for part in parts), counts]).astype(np.float64)

    @classmethod
    def of_sums(cls, sums: npt.NDArray[np.float64], classes: int) -> Self:
        """Return the scores that such a vector is of."""
        scores = cls(classes)
        ends = np.cumsum([(classes + 1) ** 2, 2 * classes, 2, 2 * classes, classes])
        confusion, kaggle, meter, present, present_frames, counts = np.split(sums, ends)
        scores.confusion = confusion.reshape(classes + 1, classes + 1).astype(np.int64)
        scores._kaggle, scores._present = kaggle.reshape(2, classes), present.reshape(2, classes)
        scores._meter, scores._present_frames = meter, present_frames
        scores.frames, scores._defect_frames = (int(count) for count in counts)
        return scores

    def report(self) -> dict[str, float]:
        """Return all figures so far, 0..1, keyed `dice_` or `iou_` and the convention; `dice_micro_2` is class 2 alone.

        `dice_micro_mean` is the plain mean of the classes' micro Dice: it falls when one class collapses. A class that
        is true in no frame is not in it: one invented pixel would turn its 1 into 0, whatever else is found. Alone,
        such a class is 0 where it is found and nan where it is not. Without frames (or, for micro_mean, present and
        meter's IoU, without defects) the figure is nan.
        """
        sums = _areas(self.confusion)
        pooled = sums.sum(axis=1, keepdims=True)
        figures: dict[str, float] = {}
        for place, (name, ratio) in enumerate((("dice", _dice), ("iou", _iou))):
            per_class = ratio(sums, empty=math.nan)
            measured = per_class[sums[2] > 0]
            meter_frames = (self.frames, self._defect_frames)[place]
            figures |= {
                f"{name}_kaggle": _mean(self._kaggle[place].sum(), self.frames * self._classes),
                f"{name}_meter": _mean(self._meter[place], meter_frames),
                f"{name}_micro": float(ratio(pooled, empty=1)[0]),
                f"{name}_micro_mean": _mean(measured.sum(), len(measured)),
                f"{name}_present": _mean(self._present[place].sum(), int(self._present_frames.sum())),
                **{f"{name}_micro_{i + 1}": float(value) for i, value in enumerate(per_class)},
            }
        return figures

    def report_classes(self) -> dict[str, float]:
        """Return each class's mean over frames so far, 0..1, keyed as `dice_kaggle_2` and `iou_present_2`, or nan."""
        figures: dict[str, float] = {}
        for place, name in enumerate(("dice", "iou")):
            for number in range(self._classes):
                present_frames = int(self._present_frames[number])
                figures |= {
                    f"{name}_kaggle_{number + 1}": _mean(self._kaggle[place, number], self.frames),
                    f"{name}_present_{number + 1}": _mean(self._present[place, number], present_frames),
                }
        return figures


def _joint(found: Labels, truth: Labels, classes: int) -> Counts:
    """Return (C + 1, C + 1): pixels by (true class, found class)."""
    if found.shape != truth.shape:
        raise ValueError(f"found labels are {found.shape}, true ones {truth.shape}; expected the same frame")
    if max(found.max(initial=0), truth.max(initial=0)) > classes:
        raise ValueError(f"a label is {max(found.max(), truth.max())}; expected class ids 0..{classes}")
    joint = np.bincount(truth.ravel().astype(np.intp) * (classes + 1) + found.ravel(), minlength=(classes + 1) ** 2)
    return joint.reshape(classes + 1, classes + 1).astype(np.int64)


def _areas(joint: Counts) -> Counts:
    """Return (3, C): pixels that both call a class, that were found, that are true."""
    return np.stack([joint.diagonal(), joint.sum(0), joint.sum(1)])[:, 1:]


def _dice(counts: Counts, empty: float) -> npt.NDArray[np.float64]:
    areas = counts[1] + counts[2]
    return np.where(areas > 0, 2 * counts[0] / np.maximum(areas, 1), empty)


def _iou(counts: Counts, empty: float) -> npt.NDArray[np.float64]:
    union = counts[1] + counts[2] - counts[0]
    return np.where(union > 0, counts[0] / np.maximum(union, 1), empty)


def _mean(total: float, count: int) -> float:
    return float(total / count) if count else float("nan")
