"""What the network sees while it learns: random crops of frames, flipped and relit.

Knows frames and chance; must not know the network. Crop number k depends on the seed and k alone, so that a resumed
run goes on with the very crops it would have seen, in any number of loading processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer.samples import CLASS_NAMES, Frames, Plane, Sample

PER_FRAME = 2  # crops taken from a frame once it is read or rendered: half the reading, hardly less variety


@dataclass(frozen=True, slots=True)
class Look:
    """How far crops stray from their frames; the defaults keep what a camera could have seen."""

    height_px: int = 256
    width_px: int = 512
    defect_share: float = 0.6
    """Share of the crops that are placed on a defect; the rest lie anywhere."""
    class_shares: tuple[float, ...] = (1.0,) * len(CLASS_NAMES)
    """How common each class is, as the share of frames that have it: a crop prefers its frame's rarest."""
    per_frame: int = PER_FRAME
    gain: float = 0.15
    """Exposure: grey levels times 1 +- this."""
    offset_grey: float = 8.0
    """Black level: grey levels +- this."""
    gamma: float = 0.15
    """Response: exponent 1 +- this on the 0..1 scale."""
    noise_grey: float = 3.0
    """Sensor noise: standard deviation up to this, grey levels."""


class Crops(Dataset[tuple[Tensor, Tensor]]):
    """Crops by number: pixels (1, H, W) float32 in grey levels, labels (H, W) uint8."""

    def __init__(self, frames: Frames, count: int, seed: int, look: Look) -> None:
        self._frames = frames
        self._count = count
        self._seed = seed
        self._look = look
        self._of_class = [
            [i for i in range(len(frames)) if class_id in (frames.classes(i) or ())]
            for class_id in range(1, len(CLASS_NAMES) + 1)
        ]
        self._last = _Last()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> tuple[Tensor, Tensor]:
        sample = self._sample(number // self._look.per_frame)
        chance = np.random.default_rng((self._seed, 1, number))
        pixels, labels = crop(sample, self._look, chance)
        relit = relight(pixels, self._look, chance)
        return torch.from_numpy(relit)[None], torch.from_numpy(labels)

    def _sample(self, draw: int) -> Sample:
        if self._last.draw != draw:
            chance = np.random.default_rng((self._seed, 0, draw))
            present = [of_class for of_class in self._of_class if of_class]
            if present and chance.random() < self._look.defect_share:
                index = int(chance.choice(present[chance.integers(len(present))]))
            else:
                index = int(chance.integers(len(self._frames)))
            self._last = _Last(draw, self._frames[index])
        assert self._last.sample is not None
        return self._last.sample


@dataclass(frozen=True, slots=True)
class _Last:
    """The frame most recently read, and by which draw."""

    draw: int = -1
    sample: Sample | None = field(default=None, repr=False)


def crop(sample: Sample, look: Look, chance: np.random.Generator) -> tuple[Plane, Plane]:
    """Cut a window (height_px, width_px) out of a frame and flip each axis with probability 0.5 (the paper's).

    With probability `defect_share`, and if the frame has a defect, a pixel of one lies somewhere in the window's
    middle half. A frame smaller than the window is padded with 0 (black, sound), as beyond the strip's edge.

    Returns pixels and labels, uint8, contiguous.
    """
    pixels, labels = sample.pixels, sample.labels
    height, width = pixels.shape
    missing = max(0, look.height_px - height), max(0, look.width_px - width)
    if any(missing):
        pixels, labels = (np.pad(plane, ((0, missing[0]), (0, missing[1]))) for plane in (pixels, labels))
        height, width = pixels.shape
    top = int(chance.integers(height - look.height_px + 1))
    left = int(chance.integers(width - look.width_px + 1))
    if chance.random() < look.defect_share and labels.any():
        present = np.unique(labels[labels > 0])
        rarity = 1 / np.asarray(look.class_shares)[present - 1]
        rows, columns = np.nonzero(labels == chance.choice(present, p=rarity / rarity.sum()))
        at = chance.integers(len(rows))
        top = _around(int(rows[at]), look.height_px, height, chance)
        left = _around(int(columns[at]), look.width_px, width, chance)
    window = np.s_[top : top + look.height_px, left : left + look.width_px]
    flips = np.s_[:: chance.choice((-1, 1)), :: chance.choice((-1, 1))]
    return np.ascontiguousarray(pixels[window][flips]), np.ascontiguousarray(labels[window][flips])


def _around(pixel: int, length: int, limit: int, chance: np.random.Generator) -> int:
    """Return the first pixel of a window within 0..limit that has `pixel` in its middle half, where there is room."""
    first = pixel - int(chance.integers(length // 4, max(length // 4 + 1, length * 3 // 4)))
    return min(max(first, 0), limit - length)


def relight(pixels: Plane, look: Look, chance: np.random.Generator) -> npt.NDArray[np.float32]:
    """Change exposure, black level, response and noise a little; return grey levels 0..255 as float32."""
    gain, offset, gamma = chance.uniform(-1, 1, 3) * (look.gain, look.offset_grey, look.gamma)
    table = np.clip(255 * (np.arange(256) / 255) ** (1 + gamma) * (1 + gain) + offset, 0, 255).astype(np.float32)
    noise_grey = chance.uniform(0, look.noise_grey)
    noisy: npt.NDArray[np.float32] = table[pixels]
    noisy += chance.standard_normal(pixels.shape, np.float32) * np.float32(noise_grey)
    np.clip(noisy, 0, 255, out=noisy)
    return noisy
