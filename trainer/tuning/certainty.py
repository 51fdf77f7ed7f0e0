"""A defect's probability: fitted on strip that taught nothing, shown on other strip, and written into the recipe.

What the recipe outlines is a candidate, however small and uncertain; it is right where a true defect of its class
overlaps it. Of each class a logistic regression on log-odds of the most certain pixel, log-area and log-length says how
often such candidates are right. Platt's targets and a small ridge keep a class without a single false candidate finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

import msgspec
import numpy as np
import numpy.typing as npt

from inspector import recipe
from inspector.engines.openvino import OpenVino
from inspector.records.recipe import Certainty, DefectClass, Recipe, evidence, logistic
from trainer.assessment.bounds import LEAST_RESAMPLED
from trainer.assessment.labelled_strip import AssessedStrip, LabelledStrip, right
from trainer.errors import UserError
from trainer.recipe.export import write_recipe
from trainer.recipe.reliability import Bin, bins_of, calibration_error
from trainer.tuning.sweep import wide_open, with_certainty

Floats = npt.NDArray[np.float64]
LEAST = 10
"""Right and wrong candidates of a class, each, below which it has the regression of all classes together."""
RIDGE = 3e-4
"""Chosen by cross-validation on calibration strip, with Platt's targets and without (LOG.md)."""
ROUNDS = 50
RESAMPLINGS = 1000


class Candidates(msgspec.Struct, frozen=True):
    """Defects as a recipe outlines them, with nothing held back; N of them."""

    class_id: npt.NDArray[np.int64]
    evidence: Floats
    """(N, 3): as `inspector.records.recipe.evidence`."""
    is_right: npt.NDArray[np.bool_]
    is_reported: npt.NDArray[np.bool_]
    """Whether the recipe's own settings let it through."""
    strip: npt.NDArray[np.int64]
    """Which strip, coil or frame it is of: those of one strip are not independent."""


class DefectReliability(msgspec.Struct, frozen=True):
    """How far probabilities are what they say, on defects that were not fitted to."""

    name: str
    bins: tuple[Bin, ...]
    """`pixels` counts defects here."""
    error: float
    """Expected calibration error."""
    interval: tuple[float, float] | None
    """95 % of the resamplings of strips; None where defects are of too few strips to resample."""
    defects: int

    @property
    def words(self) -> str:
        """The error with its interval."""
        if not self.interval:
            return f"{self.error:.3f} (no interval: of fewer than {LEAST_RESAMPLED} strips)"
        low, high = self.interval
        return f"{self.error:.3f} ({low:.3f} to {high:.3f} with 95 %)"


def candidates(card: Recipe, strips: Iterable[AssessedStrip]) -> Candidates:
    """Gather the candidates of strips that were assessed with nothing held back, and no certainty fitted."""
    ids = {kind.name: kind.id for kind in card.classes}
    rows: list[tuple[int, tuple[float, float, float], bool, bool, int]] = []
    for number, strip in enumerate(strips):
        for defect, is_right in zip(strip.reported, right(strip, card.classes), strict=True):
            class_id = ids[defect.name]
            own = defect.area_mm2, defect.length_mm, defect.confidence
            is_reported = card.classes[class_id - 1].reports(*own)
            rows.append((class_id, evidence(*own), is_right, is_reported, number))
    return Candidates(
        np.array([row[0] for row in rows], np.int64),
        np.array([row[1] for row in rows], np.float64).reshape(-1, 3),
        np.array([row[2] for row in rows], bool),
        np.array([row[3] for row in rows], bool),
        np.array([row[4] for row in rows], np.int64),
    )


def fit(found: Candidates, classes: Sequence[DefectClass]) -> list[Certainty]:
    """Return each class's regression; a class with few candidates has that of all.

    Raises:
        UserError: too few candidates in all.
    """
    right, wrong = int(found.is_right.sum()), int((~found.is_right).sum())
    if right < LEAST or wrong < LEAST:
        raise UserError(
            f"{right} right and {wrong} wrong candidates; expected {LEAST} of each to tell one from the other. "
            "Give more calibration strip."
        )
    together = _regress(found.evidence, found.is_right)
    fitted = []
    for kind in classes:
        mine = found.class_id == kind.id
        own = found.is_right[mine]
        enough = min(own.sum(), (~own).sum()) >= LEAST
        fitted.append(_regress(found.evidence[mine], own) if enough else together)
    return fitted


def _regress(known: Floats, is_right: npt.NDArray[np.bool_]) -> Certainty:
    """Fit by Newton's method; targets after Platt, "Probabilistic outputs for support vector machines", 1999."""
    middle, spread = known.mean(0), known.std(0) + 1e-6
    rows = np.column_stack((np.ones(len(known)), (known - middle) / spread))
    right = int(is_right.sum())
    wrong = len(is_right) - right
    target = np.where(is_right, (right + 1) / (right + 2), 1 / (wrong + 2))
    weights, ridge = np.zeros(4), RIDGE * len(rows) * np.diag((0.0, 1.0, 1.0, 1.0))
    for _ in range(ROUNDS):
        probability = 1 / (1 + np.exp(-np.clip(rows @ weights, -30, 30)))
        slope = rows.T @ (target - probability) - ridge @ weights
        curvature = (rows * (probability * (1 - probability))[:, None]).T @ rows + ridge + 1e-9 * np.eye(4)
        step = np.linalg.solve(curvature, slope)
        weights += step / max(1.0, float(np.abs(step).max()))
    scaled = weights[1:] / spread
    constant = float(weights[0] - scaled @ middle)
    odds, area, length = (round(float(weight), 6) for weight in scaled)
    largest, longest = (math.ceil(round(float(size), 1)) for size in np.exp(known[:, 1:].max(0)))
    return Certainty(
        constant=round(constant, 6),
        log_odds=odds,
        log_area=area,
        log_length=length,
        largest_mm2=largest,
        longest_mm=longest,
    )


def fitted_to(
    card: Recipe, strips: Sequence[AssessedStrip], stay: Collection[int], say: Callable[[str], None]
) -> Recipe:
    """Return the card with defects' probabilities fitted to strips of which nothing was held back.

    A class whose settings stay, by its id in `stay`, keeps the probability that these ask for. With too few right or
    wrong outlines all keep what they have.
    """
    found = candidates(card, strips)
    right = int(found.is_right.sum())
    wrong = len(found.is_right) - right
    try:
        fitted = fit(found, card.classes)
    except UserError:
        say(
            f"defects' probabilities stay as they are: {right} right and {wrong} wrong outlines, {LEAST} of each are "
            "needed to fit them"
        )
        return card
    say(f"defects' probabilities are fitted to {right} right and {wrong} wrong outlines")
    pairs = zip(card.classes, fitted, strict=True)
    return with_certainty(
        card,
        [kind.certainty if kind.min_probability and kind.id in stay else new for kind, new in pairs],
    )


def show(
    found: Candidates, fitted: Sequence[Certainty | None], name: str, mask: npt.NDArray[np.bool_]
) -> DefectReliability:
    """Return the reliability of the candidates in `mask`; without a certainty, that of the most certain pixel."""
    pairs = zip([fitted[class_id - 1] for class_id in found.class_id], found.evidence.tolist(), strict=True)
    probability = np.array([kind.follows(*known) if kind else logistic(known[0]) for kind, known in pairs])
    probability, is_right, strip = probability[mask], found.is_right[mask], found.strip[mask]
    bins = bins_of(probability, is_right)
    interval = _interval(probability, is_right, strip)
    return DefectReliability(name, tuple(bins), calibration_error(bins) or 0.0, interval, len(is_right))


def _interval(
    probability: Floats, is_right: npt.NDArray[np.bool_], strip: npt.NDArray[np.int64]
) -> tuple[float, float] | None:
    """Return between what 95 % of the resamplings of strips have the calibration error."""
    chance, strips = np.random.default_rng(0), np.unique(strip)
    if len(strips) < LEAST_RESAMPLED:
        return None
    members = [np.flatnonzero(strip == number) for number in strips]
    errors = []
    for _ in range(RESAMPLINGS):
        drawn = np.concatenate([members[place] for place in chance.integers(0, len(strips), len(strips))])
        errors.append(calibration_error(bins_of(probability[drawn], is_right[drawn])) or 0.0)
    low, high = np.quantile(errors, (0.025, 0.975))
    return round(float(low), 4), round(float(high), 4)


def tune_certainty(
    folder: Path, calibration: LabelledStrip | None, test: LabelledStrip, say: Callable[[str], None]
) -> tuple[Recipe, list[DefectReliability]]:
    """Fit on `calibration`, show on `test`, and write both into the recipe's card; None: what it has is shown.

    Raises: RecipeError, EngineError, UserError.
    """
    card, model = recipe.load(folder)
    opened = wide_open(card)
    if calibration:
        _refuse_fitting(card, folder)
        say(f"calibration: {calibration}")
        known = candidates(card, calibration.assess(OpenVino(opened, model), opened))
        card = with_certainty(card, fit(known, card.classes))
    fitted = [kind.certainty for kind in card.classes]
    say(f"test, never fitted to: {test}")
    found = candidates(card, test.assess(OpenVino(opened, model), opened))
    every, none = np.ones(len(found.is_right), bool), [None] * len(card.classes)
    shown = [
        show(found, none, "candidates, by their most certain pixel", every),
        show(found, fitted, "candidates", every),
        show(found, none, "reported, by their most certain pixel", found.is_reported),
        show(found, fitted, "reported", found.is_reported),
        *(show(found, fitted, f"candidates, {kind.name}", found.class_id == kind.id) for kind in card.classes),
    ]
    for part in shown:
        say(f"{part.name:42} {part.defects:5}, calibration error {part.words}")
    measured = {
        "defect_calibration_error": round(shown[1].error, 4),
        "defect_calibration_error_upper95": shown[1].interval and shown[1].interval[1],
        "reported_calibration_error": round(shown[3].error, 4),
    }
    scores = card.scores | {f"{test.kind}_{name}": value for name, value in measured.items() if value is not None}
    if shown[1].interval is None:  # that of another strip is not this one's
        scores.pop(f"{test.kind}_defect_calibration_error_upper95", None)
    card = msgspec.structs.replace(card, scores=scores)
    return write_recipe(folder, model, msgspec.to_builtins(card)), shown


def _refuse_fitting(card: Recipe, folder: Path) -> None:
    asks = [kind.name for kind in card.classes if kind.min_probability]
    if asks:
        raise UserError(
            f"{folder}: {', '.join(asks)}: min_probability was chosen for the probabilities that it has; expected no "
            "--calibrate, which shows what those are worth. `trainer tune` fits and chooses both"
        )
