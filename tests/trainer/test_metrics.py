import math
import warnings

import numpy as np
import pytest
import torch
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
        found, true = (np.stack(side) for side in zip(*whole, strict=True))
        figures[f"{name}_micro"] = dice_iou(found, true, 1)[i]
        figures |= {f"{name}_micro_{c + 1}": dice_iou(*whole[c], empty=math.nan)[i] for c in range(CLASSES)}
        figures[f"{name}_micro_mean"] = mean([dice_iou(f, t, 1)[i] for f, t in whole if t.any()])
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


def test_a_class_that_is_nowhere_true_is_no_part_of_the_mean() -> None:
    """One stray pixel of a class that no frame has must not decide which network is kept."""
    truth = np.array([[1, 1, 1, 0]], np.uint8)
    clean, stray = (np.array([row], np.uint8) for row in ([1, 1, 0, 0], [1, 1, 0, 2]))
    reports = []
    for found in (clean, stray):
        scores = Scores(2)
        scores.add(found, truth)
        reports.append(scores.report())
    assert [report["dice_micro_mean"] for report in reports] == [0.8, 0.8]
    assert math.isnan(reports[0]["dice_micro_2"]) and reports[1]["dice_micro_2"] == 0
    assert reports[1]["dice_micro"] < reports[0]["dice_micro"]


def test_a_label_beyond_the_classes_is_refused() -> None:
    """A fifth class of four is a fault of the caller's, not background."""
    with pytest.raises(ValueError, match=r"a label is 5; expected class ids 0\.\.4"):
        Scores(CLASSES).add(np.full((2, 2), 5, np.uint8), np.zeros((2, 2), np.uint8))


def batch_of(chance: np.random.Generator, frames: int = 5) -> tuple[Labels, Labels]:
    """Random found and true labels (N, 16, 24), alike in part; class 3 is in some frames only, class 4 in none."""
    truth = chance.integers(0, 4, (frames, 16, 24), np.uint8)
    truth[::2][truth[::2] == 3] = 0
    found = np.where(chance.random(truth.shape) < 0.3, chance.integers(0, 4, truth.shape), truth).astype(np.uint8)
    return found, truth


def ours(found: Labels, truth: Labels) -> dict[str, float]:
    """Our figures of these frames."""
    scores = Scores(CLASSES)
    for inferred, actual in zip(found, truth, strict=True):
        scores.add(inferred, actual)
    return scores.report()


# Its dice_score warns of a default that is given here.
@pytest.mark.filterwarnings("ignore:dice_score metric currently defaults:UserWarning")
@pytest.mark.parametrize("seed", range(5))
def test_torchmetrics_agrees(seed: int) -> None:
    """Pooled, by class, in mean and by frame, its Dice and Jaccard of the same masks are ours to 1e-6."""
    functional = pytest.importorskip("torchmetrics.functional", reason="torchmetrics comes with .[dev]")
    segmentation = pytest.importorskip("torchmetrics.functional.segmentation")
    found, truth = batch_of(np.random.default_rng(seed))
    report = ours(found, truth)
    hot = [torch.nn.functional.one_hot(torch.from_numpy(m).long(), CLASSES + 1).movedim(-1, 1) for m in (found, truth)]
    whole = [masks.movedim(1, 0).flatten(1)[None] for masks in hot]  # the set as one frame, (1, 1 + C, pixels)
    no_sound = {"num_classes": CLASSES + 1, "include_background": False}
    by_class = segmentation.dice_score(*whole, average="none", **no_sound)[0]
    iou_by_class = functional.jaccard_index(
        *map(torch.from_numpy, (found, truth)), task="multiclass", num_classes=CLASSES + 1, average="none"
    )[1:]
    for class_id in (1, 2, 3):
        assert float(by_class[class_id - 1]) == pytest.approx(report[f"dice_micro_{class_id}"], abs=1e-6)
        assert float(iou_by_class[class_id - 1]) == pytest.approx(report[f"iou_micro_{class_id}"], abs=1e-6)
    pooled = segmentation.dice_score(*whole, average="micro", **no_sound)
    assert float(pooled) == pytest.approx(report["dice_micro"], abs=1e-6)
    defects = [masks[:, 1:].flatten().int() for masks in hot]
    assert float(functional.jaccard_index(*defects, task="binary")) == pytest.approx(report["iou_micro"], abs=1e-6)
    by_frame = segmentation.dice_score(*hot, average="micro", **no_sound)
    assert float(by_frame.mean()) == pytest.approx(report["dice_meter"], abs=1e-6)
    pairs = segmentation.dice_score(*hot, average="none", **no_sound)
    present = hot[1][:, 1:].flatten(2).any(2)
    assert float(pairs[present].mean()) == pytest.approx(report["dice_present"], abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_segmentation_models_pytorch_agrees(seed: int) -> None:
    """Its functional metrics in every reduction that is one of our conventions, empty masks too, to 1e-6."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the packages that it imports
        smp = pytest.importorskip("segmentation_models_pytorch.metrics", reason="it comes with .[bench]")
    found, truth = batch_of(np.random.default_rng(seed))
    report = ours(found, truth)
    hot = [np.stack([labels == c for c in range(1, CLASSES + 1)], 1) for labels in (found, truth)]
    stats = smp.get_stats(*(torch.from_numpy(masks).long() for masks in hot), mode="multilabel")  # each (N, C)
    whole = [masks.sum(0, keepdim=True) for masks in stats]
    frames = [masks.sum(1, keepdim=True) for masks in stats]
    for name, score in (("dice", smp.f1_score), ("iou", smp.iou_score)):
        figures = {
            "kaggle": score(*stats, reduction="macro-imagewise", zero_division=1.0),
            "micro": score(*stats, reduction="micro", zero_division=1.0),
            "micro_mean": score(*(sums[:, :3] for sums in stats), reduction="macro", zero_division=1.0),
            "meter": score(*frames, reduction="none", zero_division=1.0).mean(),
            **{f"micro_{c + 1}": share for c, share in enumerate(score(*whole, zero_division=1.0)[0][:3])},
        }
        for convention, figure in figures.items():
            assert float(figure) == pytest.approx(report[f"{name}_{convention}"], abs=1e-6), (name, convention)
