import numpy as np
import pytest
import torch

from trainer.learn.loss import cross_entropy_dice, lovasz_softmax, soft_dice_loss, training_loss


def test_the_loss_is_its_formula() -> None:
    """Cross-entropy plus soft Dice over the classes that occur, written out in numpy."""
    chance = np.random.default_rng(0)
    logits = chance.normal(size=(2, 5, 3, 4))
    labels = chance.integers(0, 4, (2, 3, 4))  # class 4 does not occur
    found = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    truth = np.moveaxis(np.eye(5)[labels], -1, 1)
    cross_entropy = -np.log((found * truth).sum(1)).mean()
    over = (0, 2, 3)
    dice = 2 * (found * truth).sum(over) / ((found**2).sum(over) + truth.sum(over))
    expected = cross_entropy + (1 - dice[1:4]).mean()
    loss = cross_entropy_dice(torch.tensor(logits), torch.tensor(labels, dtype=torch.uint8))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_sound_steel_has_no_dice() -> None:
    """A batch without defects costs cross-entropy alone, and its gradient is finite."""
    logits = torch.zeros(1, 5, 2, 2, requires_grad=True)
    labels = torch.zeros(1, 2, 2, dtype=torch.uint8)
    loss = cross_entropy_dice(logits, labels)
    loss.backward()  # type: ignore[no-untyped-call]
    assert loss.item() == pytest.approx(np.log(5))
    assert logits.grad is not None and logits.grad.isfinite().all()


def test_a_perfect_answer_costs_nothing() -> None:
    """Certain and right is zero."""
    labels = torch.tensor([[[0, 1], [2, 0]]], dtype=torch.uint8)
    found = torch.nn.functional.one_hot(labels.long(), 5).movedim(-1, 1).float()
    assert soft_dice_loss(found, labels).item() == 0


def test_lovasz_is_its_definition() -> None:
    """The errors, greatest first, weighed by what IoU loses pixel by pixel: the sets counted one by one in Python."""
    chance = np.random.default_rng(1)
    found = chance.dirichlet(np.ones(4), (2, 3, 5))  # (N, H, W, 1 + C)
    labels = chance.integers(0, 3, (2, 3, 5))  # class 3 does not occur
    losses = []
    for class_id in range(3):
        truth = (labels == class_id).ravel()
        errors = np.abs(truth - found[..., class_id].ravel())
        wrong: set[int] = set()
        total = before = 0.0
        for pixel in np.argsort(-errors):
            wrong.add(int(pixel))
            called = {i for i in range(truth.size) if truth[i] != (i in wrong)}
            true = set(np.flatnonzero(truth).tolist())
            lost = 1 - len(called & true) / len(called | true)
            total += errors[pixel] * (lost - before)
            before = lost
        losses.append(total)
    loss = lovasz_softmax(torch.tensor(np.moveaxis(found, -1, 1)), torch.tensor(labels, dtype=torch.uint8))
    assert loss.item() == pytest.approx(np.mean(losses), rel=1e-5)


def test_lovasz_of_a_certain_answer_is_its_iou() -> None:
    """On the corners, where every pixel is called something for sure, the extension is one minus IoU itself."""
    labels = torch.tensor([[[0, 0, 1, 1]]], dtype=torch.uint8)
    found = torch.nn.functional.one_hot(torch.tensor([[[0, 1, 1, 1]]]), 5).movedim(-1, 1).float()
    assert lovasz_softmax(found, labels).item() == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)


def test_every_loss_teaches() -> None:
    """Each by its name: cross-entropy alone, or with one term above it, and a gradient to follow."""
    logits = torch.randn(2, 5, 8, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)
    labels = torch.arange(128).reshape(2, 8, 8).remainder(5).byte()
    plain, dice, lovasz = (training_loss(name, logits, labels) for name in ("cross_entropy", "dice", "lovasz"))
    assert plain.item() == pytest.approx(torch.nn.functional.cross_entropy(logits, labels.long()).item())
    assert 0 < dice.item() - plain.item() < 1 and 0 < lovasz.item() - plain.item() < 1
    lovasz.backward()  # type: ignore[no-untyped-call]
    assert logits.grad is not None and logits.grad.isfinite().all() and logits.grad.any()
