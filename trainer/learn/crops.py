"""What the network sees while it learns: random crops of frames, flipped and relit.

Knows frames and chance; must not know the network. Crop number k depends on the seed and k alone, so that a resumed
run goes on with the very crops it would have seen, in any number of loading processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer.data.samples import Frames, Plane, Sample

PER_FRAME = 2  # crops taken from a frame once it is read or rendered: half the reading, hardly less variety


@dataclass(frozen=True, slots=True)
class Look:
    """How far crops stray from their frames; the defaults keep what a camera could have seen."""

    height_px: int = 256
    width_px: int = 512
    defect_share: float = 0.6
    """Share of the crops that are placed on a defect; the rest lie anywhere."""
    class_shares: tuple[float, ...] = ()
    """How common each class is, as the share of frames that have it: a crop prefers its frame's rarest.
    Empty: all alike."""
    per_frame: int = PER_FRAME
    gain: float = 0.15
    """Exposure: grey levels times 1 +- this."""
    offset_grey: float = 8.0
    """Black level: grey levels +- this."""
    gamma: float = 0.15
    """Response: exponent 1 +- this on the 0..1 scale."""
    noise_grey: float = 3.0
    """Sensor noise: standard deviation up to this, grey levels."""


class RawCrop(NamedTuple):
    """A crop whose light `trainer.learn.relight` is still to change; a tuple, so that torch can make batches of it."""

    pixels: Tensor
    """(1, H, W) uint8 grey levels."""
    labels: Tensor
    """(H, W) uint8 class ids."""
    light: Tensor
    """(4,) float32: gain, offset, exponent and noise."""
    key: Tensor
    """() int32: which noise."""


class Crops(Dataset[RawCrop]):
    """Crops by number."""

    def __init__(self, frames: Frames, count: int, seed: int, look: Look) -> None:
        self._frames = frames
        self._count = count
        self._seed = seed
        self._look = look
        self._of_class = [
            [i for i in range(len(frames)) if class_id in (frames.classes(i) or ())]
            for class_id in range(1, len(frames.class_names) + 1)
        ]
        self._last = _Last()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> RawCrop:
        sample = self._sample(number // self._look.per_frame)
        chance = np.random.default_rng((self._seed, 1, number))
        pixels, labels = crop(sample, self._look, chance)
        return RawCrop(torch.from_numpy(pixels)[None], torch.from_numpy(labels), *draw_light(self._look, chance))

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
        present = np.flatnonzero(np.bincount(labels.ravel(), minlength=2)[1:]) + 1
        rarity = 1 / np.asarray(look.class_shares)[present - 1] if look.class_shares else np.ones(len(present))
        places = np.flatnonzero(labels == np.uint8(chance.choice(present, p=rarity / rarity.sum())))
        row, column = divmod(int(chance.choice(places)), width)
        top = _around(row, look.height_px, height, chance)
        left = _around(column, look.width_px, width, chance)
    window = np.s_[top : top + look.height_px, left : left + look.width_px]
    flips = np.s_[:: chance.choice((-1, 1)), :: chance.choice((-1, 1))]
    return pixels[window][flips].copy(), labels[window][flips].copy()  # torch takes no part of a kept frame


def _around(pixel: int, length: int, limit: int, chance: np.random.Generator) -> int:
    """Return the first pixel of a window within 0..limit that has `pixel` in its middle half, where there is room."""
    first = pixel - int(chance.integers(length // 4, max(length // 4 + 1, length * 3 // 4)))
    return min(max(first, 0), limit - length)


def draw_light(look: Look, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw a crop's light (4,) float32, a little off 1, 0, 1 and no noise, and the noise's key () int32."""
    gain, offset_grey, gamma = chance.uniform(-1, 1, 3) * (look.gain, look.offset_grey, look.gamma)
    light = 1 + gain, offset_grey, 1 + gamma, chance.uniform(0, look.noise_grey)
    return torch.tensor(light, dtype=torch.float32), torch.tensor(chance.integers(2**31), dtype=torch.int32)
