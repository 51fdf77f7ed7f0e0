"""Depthwise convolutions whose gradients a CPU computes fast in bfloat16.

torch hands both gradients to oneDNN, which has no fast bfloat16 kernel for two of them: that of the input at a stride
of 2 (187 ms where the way there takes 4), and that of a 5 x 5 kernel's weights (112 ms, the way there 3). Both are put
together here from what it does fast. A training step of EfficientNet-Lite0 takes 0.45 of the time (LOG.md, 2026-11-28).
Knows torch alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_FAST_PX = 3
"""The largest kernel whose weights' gradient is fast."""


class FastDepthwise(TorchFunctionMode):
    """While entered, each depthwise convolution in this thread that autocast computes in bfloat16 learns by these."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:  # of whatever torch function is called
        if func is functional.conv2d and not kwargs and _is_ours(*args):
            pixels, weights, _, stride, padding = args[:5]
            dtype = torch.get_autocast_dtype(pixels.device.type)
            return _Depthwise.apply(pixels.to(dtype), weights.to(dtype), _one(stride), _one(padding))
        return func(*args, **(kwargs or {}))


def _is_ours(
    pixels: Tensor,
    weights: Tensor,
    bias: Tensor | None = None,
    *shape: Any,  # stride, padding, dilation, groups
) -> bool:
    if len(shape) != 4 or bias is not None or not torch.is_autocast_enabled(pixels.device.type):
        return False
    *steps, groups = shape
    stride, padding, dilation = map(_one, steps)
    return (
        1 < groups == pixels.shape[1] == len(weights)
        and weights.shape[2] == weights.shape[3] in (3, 5)
        and None not in (stride, padding)
        and padding < weights.shape[2]
        and dilation == 1
    )


def _one(pair: int | tuple[int, int] | str) -> Any:
    """Return the number that holds along both axes, None where there is none."""
    if isinstance(pair, tuple):
        return pair[0] if pair[0] == pair[1] else None
    return pair if isinstance(pair, int) else None


class _Depthwise(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, pixels: Tensor, weights: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(pixels, weights)
        ctx.shape = stride, padding
        return functional.conv2d(pixels, weights, None, stride, padding, 1, len(weights))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, Tensor | None, None, None]:
        pixels, weights = ctx.saved_tensors
        (gradient,) = gradients
        return (
            input_gradient(gradient, pixels, weights, *ctx.shape) if ctx.needs_input_grad[0] else None,
            weight_gradient(gradient, pixels, weights, *ctx.shape) if ctx.needs_input_grad[1] else None,
            None,
            None,
        )


def input_gradient(gradient: Tensor, pixels: Tensor, weights: Tensor, stride: int, padding: int) -> Tensor:
    """Return the loss's gradient by `pixels` (N, C, H, W), of `gradient` (N, C, H', W') by what was convolved.

    That is the convolution, at a stride of 1, of the gradient strewn among zeros with the kernel turned over.
    `weights` are (C, 1, k, k), `padding` less than k.
    """
    channels, side = len(weights), weights.shape[2]
    if stride > 1:
        height, width = (length + 2 * padding - side + 1 for length in pixels.shape[2:])
        strewn = gradient.new_zeros(len(pixels), channels, height, width).to(memory_format=torch.channels_last)
        strewn[:, :, ::stride, ::stride] = gradient
        gradient = strewn
    return functional.conv2d(gradient, weights.flip(2, 3), None, 1, side - 1 - padding, 1, channels)


def weight_gradient(gradient: Tensor, pixels: Tensor, weights: Tensor, stride: int, padding: int) -> Tensor:
    """Return the loss's gradient by `weights` (C, 1, k, k); as `input_gradient` otherwise.

    A larger kernel's is that of the 3 x 3 kernels in its corners, each of which sees the pixels that far on.
    """
    side = weights.shape[2]
    if side <= _FAST_PX:
        return _of_weights(gradient, pixels, weights, stride, padding)
    pixels = functional.pad(pixels, (padding,) * 4)
    height, width = (_FAST_PX + (length - 1) * stride for length in gradient.shape[2:])
    found = torch.empty_like(weights)
    corners = 0, side - _FAST_PX
    for top in corners:
        for left in corners:
            corner = (..., slice(top, top + _FAST_PX), slice(left, left + _FAST_PX))
            seen = pixels[:, :, top : top + height, left : left + width]
            found[corner] = _of_weights(gradient, seen, weights[corner].contiguous(), stride, 0)
    return found


def _of_weights(gradient: Tensor, pixels: Tensor, weights: Tensor, stride: int, padding: int) -> Tensor:
    asked = False, True, False
    found: Tensor = torch.ops.aten.convolution_backward(
        gradient, pixels, weights, None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weights), asked
    )[1]
    return found
