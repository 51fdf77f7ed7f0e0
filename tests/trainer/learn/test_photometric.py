import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from tests.trainer.frames import draw_frame
from trainer.learn.crops import CropSettings, draw_light
from trainer.learn.photometric import change_light, normal_noise

NO_GPU = pytest.mark.skipif(not torch.cuda.is_available(), reason="no NVIDIA GPU that torch can use")
DEVICES = ["cpu", pytest.param("cuda", marks=[pytest.mark.gpu, NO_GPU])]


def by_definition(pixels: Tensor, light: Tensor, key: Tensor) -> npt.NDArray[np.float64]:
    """Light and noise again, in float64 and unsigned integers, as their formulas stand in books."""
    gain, offset_grey, exponent, noise_grey = light.double().tolist()
    height, width = pixels.shape[-2:]
    bits = np.arange(height * width // 2, dtype=np.uint32) ^ np.uint32(key.item())
    for _ in range(2):
        bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x45D9F3B)
    bits ^= bits >> np.uint32(16)
    radius = np.sqrt(-2 * np.log(((bits >> np.uint32(16)) + 1.0) / 65537))
    angle = 2 * math.pi * (bits & np.uint32(0xFFFF)) / 65536
    noise = np.concatenate([radius * np.cos(angle), radius * np.sin(angle)]).reshape(height, width)
    lit = np.clip(255 * gain * (pixels[0].numpy() / 255.0) ** exponent + offset_grey, 0, 255)
    return np.clip(lit + noise_grey * noise, 0, 255)


@pytest.mark.parametrize("device", DEVICES)
def test_the_numbers_are_the_formulas_on_every_device(device: str) -> None:
    """Crops of a batch, each in its own light, differ from the definition by rounding alone."""
    drawn = [draw_light(CropSettings(), np.random.default_rng(seed)) for seed in range(6)]
    light, key = (torch.stack(part) for part in zip(*drawn, strict=True))
    pixels = torch.stack([torch.from_numpy(draw_frame(seed)[0])[None] for seed in range(6)])
    lit = change_light(pixels.to(device), light.to(device), key.to(device)).cpu()
    assert lit.dtype == torch.float32 and lit.shape == pixels.shape
    for of_crop in range(6):
        wanted = by_definition(pixels[of_crop], light[of_crop], key[of_crop])
        assert np.abs(lit[of_crop, 0].numpy() - wanted).max() < 2e-3


@given(st.integers(0, 2**32))
def test_relit_crops_stay_grey_levels(seed: int) -> None:
    """Exposure, offset, response and noise never leave 0..255, and no change at all is no change."""
    pixels = torch.from_numpy(draw_frame(1)[0])[None, None]
    light, key = draw_light(CropSettings(), np.random.default_rng(seed))
    lit = change_light(pixels, light[None], key[None])
    assert lit.min() >= 0 and lit.max() <= 255 and not torch.equal(lit, pixels.float())
    light, key = draw_light(CropSettings(gain=0, offset_grey=0, gamma=0, noise_grey=0), np.random.default_rng(seed))
    assert torch.allclose(change_light(pixels, light[None], key[None]), pixels.float(), atol=1e-3)


def test_noise_is_normal_and_of_no_pattern() -> None:
    """Mean, deviation and tails of a normal distribution; neighbours, halves and crops have nothing in common."""
    noise = normal_noise(torch.tensor([5, 6], dtype=torch.int32), 256, 512)[:, 0]
    assert abs(float(noise.mean())) < 0.01 and abs(float(noise.std()) - 1) < 0.01
    assert abs(float((noise**4).mean()) - 3) < 0.05 and noise.abs().max() < 4.8
    for noise_a, noise_b in (
        (noise[:, 1:], noise[:, :-1]),
        (noise[:, :, 1:], noise[:, :, :-1]),
        (noise[:, :128], noise[:, 128:]),
        (noise[0], noise[1]),
    ):
        assert abs(float((noise_a * noise_b).mean())) < 0.02
