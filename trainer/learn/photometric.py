"""The light of a crop, changed a little: exposure, black level, response, sensor noise.

Knows tensors of bytes; must not know frames or chance. Whatever the device, the numbers are the same but for rounding,
and a crop's depend on its own light and key alone, not on the batch it travels in: hence noise from a hash of the
pixel's place, not from a generator, which each device has its own of.
"""

from __future__ import annotations

import math
from typing import Final

import torch
from torch import Tensor

LIGHT = 4
"""Numbers that make a crop's light: gain, offset (grey levels), exponent, noise (standard deviation, grey levels)."""
MIX: Final = 0x45D9F3B
"""Odd multiplier of a 32-bit hash, Th. Mueller's, found by search; two rounds of it change half of all bits."""


def change_light(pixels: Tensor, light: Tensor, key: Tensor) -> Tensor:
    """Return grey levels (N, 1, H, W) float32 in 0..255 of pixels (N, 1, H, W) uint8 in another light, on their device.

    `light` is (N, 4) float32, as `LIGHT` says, `key` (N,) int32, which noise it is. H x W must be even.
    """
    gain, offset_grey, exponent, noise_grey = light[:, :, None, None, None].unbind(1)
    lit = pixels.float().div_(255).pow_(exponent).mul_(gain * 255).add_(offset_grey).clamp_(0, 255)
    return lit.addcmul_(normal_noise(key, *pixels.shape[-2:]), noise_grey).clamp_(0, 255)


def normal_noise(key: Tensor, height: int, width: int) -> Tensor:
    """Return (N, 1, height, width) float32 of mean 0 and deviation 1, up to 4.7, from key (N,) int32.

    Box & Muller's transform (1958) of two numbers of 16 bits, both from one hash of the pair's place.
    """
    bits = torch.arange(height * width // 2, dtype=torch.int32, device=key.device) ^ key[:, None]
    for _ in range(2):
        bits ^= _upper(bits)
        bits *= MIX  # wraps, as int32 does on every device
    bits ^= _upper(bits)
    radius = _upper(bits).add_(1).float().div_(2**16 + 1).log_().mul_(-2).sqrt_()
    angle = (bits & 0xFFFF).float().mul_(2 * math.pi / 2**16)
    return torch.cat([radius * angle.cos(), radius * angle.sin()], 1).view(-1, 1, height, width)


def _upper(bits: Tensor) -> Tensor:
    return (bits >> 16) & 0xFFFF
