import numpy as np
import pytest
import torch

from trainer.loss import cross_entropy_dice, soft_dice_loss


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
