"""A logistic regression that separates two sets of frames, and how well it does on frames it never saw. Pure.

What cannot be separated has an area under the curve (AUC) of 0.5. Each feature stands there with its square, so that a
set which only varies more, or less, is separated too. Frames that show the same steel are held out together.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
FOLDS, ROUNDS, DRAWS = 5, 2, 300
RIDGE = 4.0
"""Penalty of a weight's square, for features of deviation 1: some hundred frames have as many features."""
STEPS = 25
COMPONENTS = 40
"""Principal components that stand for the features where there are more than thrice as many."""
LIMIT = 4.0
"""Deviations beyond which a feature counts no further: a frame of its own kind bends no weight."""


@dataclass(frozen=True, slots=True)
class Separation:
    """How well two sets are separated."""

    auc: float
    low: float
    high: float
    """Of 95 % of resampled frames."""

    def __str__(self) -> str:
        return f"{self.auc:.2f} ({self.low:.2f} to {self.high:.2f})"


def area(scores: Floats, positive: Flags) -> float:
    """Return the probability that a positive one scores higher than a negative one, ties half."""
    order = np.argsort(scores, kind="stable")
    _, index, counts = np.unique(scores[order], return_inverse=True, return_counts=True)
    ranks = np.empty(len(scores))
    ranks[order] = (np.cumsum(counts) - (counts - 1) / 2)[index]
    wins = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(wins / (positive.sum() * (~positive).sum()))


def separate(features: Floats, positive: Flags, groups: Numbers, seed: int) -> Separation:
    """Return how well a regression tells apart frames that it was not taught on.

    `features` (N, D); `groups` (N,): frames of one group are held out together. The AUC is the mean over folds and over
    ROUNDS ways to make them; its interval comes from resampled groups.
    """
    rng = np.random.default_rng(seed)
    names = np.unique(groups)
    fold_of, scores = np.empty((ROUNDS, len(features)), int), np.empty((ROUNDS, len(features)))
    for number in range(ROUNDS):
        fold_of[number] = _folds(groups, positive, rng)
        for fold in range(FOLDS):
            out = fold_of[number] == fold
            scores[number, out] = fit(features[~out], positive[~out]).score(features[out])
    members = [np.flatnonzero(groups == name) for name in names]
    drawn = [
        _mean_area(
            scores, fold_of, positive, np.concatenate([members[at] for at in rng.integers(len(names), size=len(names))])
        )
        for _ in range(DRAWS)
    ]
    every = np.arange(len(features))
    low, high = np.nanquantile(drawn, (0.025, 0.975))
    return Separation(_mean_area(scores, fold_of, positive, every), float(low), float(high))


def _mean_area(scores: Floats, fold_of: Numbers, positive: Flags, chosen: Numbers) -> float:
    """Scores of two folds are not of one scale: areas are, and their mean is taken."""
    areas = []
    for of_round, folds in zip(scores, fold_of, strict=True):
        for fold in range(FOLDS):
            held = chosen[folds[chosen] == fold]
            if 0 < positive[held].sum() < len(held):
                areas.append(area(of_round[held], positive[held]))
    return float(np.mean(areas))


def _folds(groups: Numbers, positive: Flags, rng: np.random.Generator) -> Numbers:
    """Deal groups out to folds, each of which gets its share of both sets."""
    fold_of = np.empty(len(groups), int)
    for side in (False, True):
        names = rng.permutation(np.unique(groups[positive == side]))
        dealt = dict(zip(names.tolist(), (np.arange(len(names)) % FOLDS).tolist(), strict=True))
        chosen = np.flatnonzero(positive == side)
        fold_of[chosen] = [dealt[group] for group in groups[chosen].tolist()]
    return fold_of


@dataclass(frozen=True, slots=True)
class Regression:
    """What was fitted: `score` is above 0 for what is more like the positive set."""

    middle: Floats
    spread: Floats
    axes: Floats
    """(D, K) principal components in their own deviations, or one a feature."""
    weights: Floats
    """(2 K,): of components, then of their squares."""
    offset: float

    def score(self, features: Floats) -> Floats:
        """Return (N,) log-odds of features (N, D)."""
        scaled = (features - self.middle) / self.spread
        found: Floats = _expanded(scaled @ self.axes) @ self.weights + self.offset
        return found


def fit(features: Floats, positive: Flags) -> Regression:
    """Fit by Newton's steps (iteratively reweighted least squares), both sets of equal weight."""
    middle, spread = features.mean(0), features.std(0) + 1e-9
    scaled = (features - middle) / spread
    axes = _principal(scaled) if features.shape[1] > 3 * COMPONENTS else np.eye(features.shape[1])
    design = np.column_stack([_expanded(scaled @ axes), np.ones(len(features))])
    balance = np.where(positive, 0.5 / positive.mean(), 0.5 / (~positive).mean())
    penalty = np.full(design.shape[1], RIDGE)
    penalty[-1] = 1e-6
    weights = np.zeros(design.shape[1])
    for _ in range(STEPS):
        chance = 1 / (1 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (balance * (positive - chance)) - penalty * weights
        curve = (design * (balance * np.maximum(chance * (1 - chance), 1e-6))[:, None]).T @ design
        step = np.linalg.solve(curve + np.diag(penalty), slope)
        weights += step
        if np.abs(step).max() < 1e-4:
            break
    return Regression(middle, spread, axes, weights[:-1], float(weights[-1]))


def _principal(scaled: Floats) -> Floats:
    """Return the axes (D, K) of most variance, each in its own deviations."""
    _, singular, axes = np.linalg.svd(scaled, full_matrices=False)
    kept = min(COMPONENTS, len(scaled) // 4)
    found: Floats = axes[:kept].T / (singular[:kept] / np.sqrt(len(scaled)))
    return found


def _expanded(scaled: Floats) -> Floats:
    bounded = np.clip(scaled, -LIMIT, LIMIT)
    return np.column_stack([bounded, (bounded**2 - 1) / np.sqrt(2)])
