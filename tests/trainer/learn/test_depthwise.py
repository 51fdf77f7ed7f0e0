"""Gradients of depthwise convolutions, against torch's own."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from trainer.learn.depthwise import FastDepthwise, input_gradient, weight_gradient
from trainer.learn.loss import training_loss
from trainer.learn.unet import UNet


@pytest.mark.parametrize(
    ("side", "stride", "padding", "height"),
    [case for case in product((3, 5), (1, 2), (0, 1, 2), (15, 16)) if case[2] < case[0]],
)
def test_gradients_are_those_of_torch(side: int, stride: int, padding: int, height: int) -> None:
    """Kernels, strides, padding and odd sizes."""
    chance = torch.Generator().manual_seed(0)
    pixels = torch.randn(2, 6, height, 17, generator=chance, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(6, 1, side, side, generator=chance, dtype=torch.float64, requires_grad=True)
    there = functional.conv2d(pixels, weights, None, stride, padding, 1, 6)
    gradient = torch.randn(there.shape, generator=chance, dtype=torch.float64)
    wanted = torch.autograd.grad(there, (pixels, weights), gradient)
    with torch.no_grad():
        torch.testing.assert_close(input_gradient(gradient, pixels, weights, stride, padding), wanted[0])
        torch.testing.assert_close(weight_gradient(gradient, pixels, weights, stride, padding), wanted[1])


def gradients(network: nn.Module, pixels: Tensor, labels: Tensor) -> list[Tensor]:
    """Return those of the loss by all weights, computed in bfloat16."""
    with torch.autocast("cpu", torch.bfloat16):
        logits = network(pixels)
    wanted = list(network.parameters())
    return list(torch.autograd.grad(training_loss("dice", logits, labels), wanted))


def test_a_network_learns_the_same() -> None:
    """Its gradients point where torch's do."""
    torch.manual_seed(0)
    unet = UNet("efficientnet-lite0", 2, (8, 8, 8, 8)).train()
    pixels, labels = torch.rand(2, 1, 96, 64) * 255, torch.randint(0, 3, (2, 96, 64), dtype=torch.uint8)
    before = {name: value.clone() for name, value in unet.state_dict().items()}
    plain = gradients(unet, pixels, labels)
    unet.load_state_dict(before)
    with FastDepthwise():
        ours = gradients(unet, pixels, labels)
    # bfloat16 has eight bits, and both ways round in another order: as close as float32 comes to the plain ones.
    away = [
        float((found - wanted).norm() / wanted.norm().clamp_min(1e-9))
        for found, wanted in zip(ours, plain, strict=True)
    ]
    assert sorted(away)[len(away) // 2] < 0.1
    alike = functional.cosine_similarity(
        torch.cat([gradient.flatten() for gradient in ours]),
        torch.cat([gradient.flatten() for gradient in plain]),
        dim=0,
    )
    assert alike > 0.99


def test_only_what_autocast_computes_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """In float32, and for convolutions that join channels, torch's own are as fast."""
    taken: list[int] = []

    def noted(gradient: Tensor, pixels: Tensor, weights: Tensor, stride: int, padding: int) -> Tensor:
        taken.append(stride)
        return input_gradient(gradient, pixels, weights, stride, padding)

    monkeypatch.setattr("trainer.learn.depthwise.input_gradient", noted)
    conv = nn.Conv2d(4, 4, 3, 2, 1, groups=4, bias=False)
    other = nn.Conv2d(4, 4, 3, 1, 1, bias=False)
    pixels = torch.rand(1, 4, 8, 8, requires_grad=True)
    with FastDepthwise():
        other(conv(pixels)).sum().backward()
        assert not taken
        with torch.autocast("cpu", torch.bfloat16):
            there = other(conv(pixels))
        there.float().sum().backward()
    assert taken == [2]
