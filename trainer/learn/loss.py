"""The training loss; knows logits and labels, nothing of the network."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from trainer.data.samples import UNKNOWN
from trainer.settings import Loss


def training_loss(name: Loss, logits: Tensor, labels: Tensor) -> Tensor:
    """Return softmax cross-entropy, with the soft Dice or the Lovasz loss added where `name` says so.

    Args: logits (N, 1 + C, H, W) of any float type, labels (N, H, W) uint8 with 0 = sound. Returns a float32 scalar.
    Pixels that are UNKNOWN, 255, count nothing.
    """
    if name == "dice":
        return cross_entropy_dice(logits, labels)
    surprise = functional.log_softmax(logits.float(), 1)
    cross_entropy = _cross_entropy(surprise, labels)
    return cross_entropy if name == "cross_entropy" else cross_entropy + lovasz_softmax(surprise.exp(), labels)


def cross_entropy_dice(logits: Tensor, labels: Tensor, dice_weight: float = 1.0) -> Tensor:
    """Return softmax cross-entropy plus `dice_weight` times the soft Dice loss of the defect classes.

    Cross-entropy alone is content to call a rare class sound; Dice weighs every class alike, whatever its area.

    Args: logits (N, 1 + C, H, W) of any float type, labels (N, H, W) uint8 with 0 = sound. Returns a float32 scalar.
    """
    surprise = functional.log_softmax(logits.float(), 1)
    return _cross_entropy(surprise, labels) + dice_weight * soft_dice_loss(surprise.exp(), labels)


def _cross_entropy(surprise: Tensor, labels: Tensor) -> Tensor:
    """Return the mean over the known pixels, 0 where there is none."""
    total = functional.nll_loss(surprise, labels.long(), ignore_index=UNKNOWN, reduction="sum")
    return total / (labels != UNKNOWN).sum().clamp_min(1)


def teacher_loss(logits: Tensor, taught: Tensor) -> Tensor:
    """Return the cross-entropy of logits with a teacher's probabilities, both (N, 1 + C, H, W); a float32 scalar.

    Hinton, Vinyals & Dean, "Distilling the knowledge in a neural network", 2015, at temperature 1.
    """
    return -(taught * functional.log_softmax(logits.float(), 1)).sum(1).mean()


def soft_dice_loss(found: Tensor, labels: Tensor) -> Tensor:
    """Return one minus soft Dice, summed over the batch for each class and averaged over the classes that are in it.

    A class absent from the batch's labels is left to the cross-entropy: its Dice could only be 0 or undefined
    (Milletari et al., "V-Net", 3DV 2016, for the soft form; squares in the denominator as there).

    Args: found (N, 1 + C, H, W) float32 probabilities, labels (N, H, W) uint8. Returns a float32 scalar, 0 for a
    batch of sound frames.
    """
    if (unknown := labels == UNKNOWN).any():
        found = found.masked_fill(unknown[:, None], 0.0)
    losses = []
    for class_id in range(1, found.shape[1]):
        truth = labels == class_id
        truth_area = truth.sum()
        if truth_area:
            of_class = found[:, class_id]
            losses.append(1 - 2 * of_class[truth].sum() / (of_class.square().sum() + truth_area))
    return torch.stack(losses).mean() if losses else found.new_zeros(())


def lovasz_softmax(found: Tensor, labels: Tensor) -> Tensor:
    """Return the Lovasz-softmax loss over the batch's pixels, averaged over the classes that are in it, sound included.

    It is the convex extension of one minus IoU: the errors of a class, greatest first, each weighed by what IoU loses
    when that pixel joins those already wrong (Berman et al., CVPR 2018, equations 8 and 11, algorithm 1).

    Args: found (N, 1 + C, H, W) float32 probabilities, labels (N, H, W) uint8. Returns a float32 scalar.
    """
    class_ids = torch.arange(found.shape[1], device=found.device)[:, None]
    known = labels.flatten() != UNKNOWN
    if not known.any():
        return found.new_zeros(())
    truth = labels.flatten()[known] == class_ids  # (1 + C, pixels)
    errors = (truth.float() - found.movedim(1, 0).flatten(1)[:, known]).abs()
    errors, order = errors.sort(dim=1, descending=True)
    truth = truth.gather(1, order)
    areas = truth.sum(1, keepdim=True)
    shared = areas - truth.cumsum(1)
    union = areas + (~truth).cumsum(1)
    lost = 1 - shared / union  # one minus IoU when the pixels up to here are wrong
    lost = torch.cat([lost[:, :1], lost.diff(dim=1)], 1)
    present = areas.squeeze(1) > 0
    return (errors * lost).sum(1)[present].mean()
