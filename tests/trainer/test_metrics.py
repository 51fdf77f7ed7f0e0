import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trainer.metrics import Labels, Scores

CLASSES = 4
LABELS = arrays(np.uint8, (3, 5), elements=st.integers(0, CLASSES), fill=st.just(0))
FRAMES = st.lists(st.tuples(LABELS, LABELS), min_size=1, max_size=4)


def dice_iou(found: np.ndarray, truth: np.ndarray, empty: float) -> tuple[float, float]:
    """Compute Dice and IoU of two masks; `empty` where both are."""
    shared, union = (found & truth).sum(), (found | truth).sum()
    total = found.sum() + truth.sum()
    return (2 * shared / total, shared / union) if total else (empty, empty)


def mean(values: list[float]) -> float:
    """Compute a mean, nan of nothing."""
    return sum(values) / len(values) if values else math.nan


def by_definition(frames: list[tuple[Labels, Labels]]) -> dict[str, float]:
    """The four conventions again, word by word from FIELD.md, on one-hot masks."""
    hot = [tuple(np.stack([m == c for c in range(1, CLASSES + 1)]) for m in pair) for pair in frames]
    pairs = [(f[c], t[c]) for f, t in hot for c in range(CLASSES)]
    whole = [(np.stack([f[c] for f, _ in hot]), np.stack([t[c] for _, t in hot])) for c in range(CLASSES)]
    figures = {}
    for i, name in enumerate(("dice", "iou")):
        figures[f"{name}_kaggle"] = mean([dice_iou(f, t, 1)[i] for f, t in pairs])
        figures[f"{name}_present"] = mean([dice_iou(f, t, 1)[i] for f, t in pairs if t.any()])
        figures[f"{name}_meter"] = mean([dice_iou(f, t, 1)[i] for f, t in hot if name == "dice" or t.any()])
        figures[f"{name}_micro"] = dice_iou(*(np.stack(side) for side in zip(*whole, strict=True)), empty=1)[i]
        figures |= {f"{name}_micro_{c + 1}": dice_iou(*whole[c], empty=1)[i] for c in range(CLASSES)}
        figures[f"{name}_micro_mean"] = mean([dice_iou(*one, empty=1)[i] for one in whole])
    return figures


@given(FRAMES)
def test_every_convention_is_its_definition(frames: list[tuple[Labels, Labels]]) -> None:
    """Streamed sums give what the definitions give on all frames at once."""
    scores = Scores(CLASSES)
    for found, truth in frames:
        scores.add(found, truth)
    assert scores.report() == pytest.approx(by_definition(frames), nan_ok=True)


def test_finding_nothing_scores_high_in_kaggles_convention_only() -> None:
    """Why a figure without its convention says nothing: an empty answer to one defect of one class."""
    scores = Scores(CLASSES)
    scores.add(np.zeros((4, 4), np.uint8), np.eye(4, dtype=np.uint8))
    report = scores.report()
    assert report["dice_kaggle"] == 0.75
    assert report["dice_meter"] == report["dice_micro"] == report["dice_present"] == 0


def test_a_label_beyond_the_classes_is_refused() -> None:
    """A fifth class of four is a fault of the caller's, not background."""
    with pytest.raises(ValueError, match=r"a label is 5; expected class ids 0\.\.4"):
        Scores(CLASSES).add(np.full((2, 2), 5, np.uint8), np.zeros((2, 2), np.uint8))
