"""The figures of all frames together, of each fold, and how far chance may have moved them. Pure.

Intervals are percentiles of resampled sets of frames (Efron, "Bootstrap methods", Annals of Statistics 7, 1979): what
another draw of as many frames from the same mill may have given, the networks as they are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import msgspec
import numpy as np
import numpy.typing as npt

from trainer.assessment.bounds import LEAST_RESAMPLED
from trainer.crossval.assess import Assessed
from trainer.metrics import Scores

DRAWS = 1000
CONFIDENCE = 0.95
SEED = 0

Sums = npt.NDArray[np.float64]


class Figure(msgspec.Struct, frozen=True):
    """One figure; None where nothing measures it."""

    value: float | None
    low: float | None = None
    high: float | None = None
    """Of the interval that holds it with `confidence`."""


class PooledFigures(msgspec.Struct, frozen=True):
    """Figures of one way to assess a frame: as it is, or as the mean of its flips."""

    pooled: Mapping[str, Figure]
    """Keyed as in `metrics`, classes too."""
    by_fold: Sequence[Mapping[str, float | None]]


class PooledReport(msgspec.Struct, frozen=True, kw_only=True):
    """A cross-validation's outcome."""

    frames: int
    frames_by_fold: Sequence[int]
    frames_by_class: Sequence[int]
    """Frames that truly have each class."""
    plain: PooledFigures
    flips: PooledFigures | None
    edges_px: int
    edges: Mapping[str, Figure]
    """Micro Dice that lets an outline lie `edges_px` off: `dice_micro` and each class's."""
    confidence: float = CONFIDENCE
    draws: int


def pool(by_fold: Sequence[Sequence[Assessed]], draws: int = DRAWS) -> PooledReport:
    """Return the report of the folds so far; without `draws` it has no intervals."""
    frames = [frame for fold in by_fold for frame in fold]
    classes = len(frames[0].edges[0])
    has_flips = all(frame.flips is not None for frame in frames)
    return PooledReport(
        frames=len(frames),
        frames_by_fold=[len(fold) for fold in by_fold],
        frames_by_class=[sum(frame.edges[3][number] > 0 for frame in frames) for number in range(classes)],
        plain=_way([[frame.plain for frame in fold] for fold in by_fold], classes, draws),
        flips=_way([[frame.flips or [] for frame in fold] for fold in by_fold], classes, draws) if has_flips else None,
        edges_px=frames[0].edges_px,
        edges=_figures(np.array([frame.edges for frame in frames], np.float64), near_dice, draws),
        draws=draws,
    )


def _way(by_fold: Sequence[Sequence[list[float]]], classes: int, draws: int) -> PooledFigures:
    def report(sums: Sums) -> dict[str, float]:
        scores = Scores.of_sums(sums, classes)
        return {**scores.report(), **scores.report_classes()}

    of_folds = [np.array(fold) for fold in by_fold]
    return PooledFigures(
        _figures(np.concatenate(of_folds), report, draws),
        [{name: _number(value) for name, value in report(fold.sum(0)).items()} for fold in of_folds],
    )


def _figures(sums: Sums, report: Callable[[Sums], dict[str, float]], draws: int) -> dict[str, Figure]:
    """Return the figures of sums (frames, ...), with intervals over resampled frames where enough measure them."""
    figures = report(sums.sum(0))
    chance = np.random.default_rng(SEED)
    drawn: dict[str, list[float]] = {name: [] for name in figures}
    for _ in range(draws):
        weights = np.bincount(chance.integers(len(sums), size=len(sums)), minlength=len(sums))
        for name, value in report(np.tensordot(weights, sums, 1)).items():
            if not math.isnan(value):
                drawn[name].append(value)
    tail, enough = (1 - CONFIDENCE) / 2, _measured(sums, report) if draws else ()
    bounds = {name: np.quantile(drawn[name], (tail, 1 - tail)).tolist() for name in enough if drawn[name]}
    return {name: Figure(_number(value), *bounds.get(name, ())) for name, value in figures.items()}


def _measured(sums: Sums, report: Callable[[Sums], dict[str, float]]) -> Sequence[str]:
    """Return the figures that enough frames measure to resample them."""
    frames_of = dict.fromkeys(report(sums[0]), 0)
    for frame in sums:
        for name, value in report(frame).items():
            frames_of[name] += not math.isnan(value)
        if min(frames_of.values()) >= LEAST_RESAMPLED:
            break
    return [name for name, frames in frames_of.items() if frames >= LEAST_RESAMPLED]


def near_dice(areas: Sums) -> dict[str, float]:
    """Return micro Dice, pooled and by class, of `assess.near_areas` (4, C)."""

    def dice(sums: Sums) -> float:
        near_found, found, near_true, true = sums
        return float((near_found + near_true) / (found + true)) if found + true else math.nan

    by_class = {f"dice_micro_{number}": dice(areas[:, number - 1]) for number in range(1, areas.shape[1] + 1)}
    return {"dice_micro": dice(areas.sum(1)), **by_class}


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
