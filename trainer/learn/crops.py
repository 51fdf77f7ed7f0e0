"""What the network sees while it learns: random crops of frames, flipped and relit.

Knows frames and chance; must not know the network. Crop number k depends on the seed and k alone, so that a resumed
run goes on with the very crops it would have seen, in any number of loading processes.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from trainer.data.samples import UNKNOWN, Frames, Plane, Sample
from trainer.data.shapes import Shapes
from trainer.learn.paste import cut_piece, known_classes, paste, reshape

PER_FRAME = 2  # crops taken from a frame once it is read or rendered: half the reading, hardly less variety


@dataclass(frozen=True, slots=True)
class CropSettings:
    """How far crops stray from their frames; the defaults keep what a camera could have seen."""

    height_px: int = 256
    width_px: int = 512
    defect_share: float = 0.6
    """Share of the crops that are placed on a defect; the rest lie anywhere."""
    class_shares: tuple[float, ...] = ()
    """How common each class is, as the share of frames that have it: a crop prefers its frame's rarest.
    Empty: all alike."""
    own_frames: int | None = None
    """Frames before those of another origin; None: all."""
    extra_share: float = 0.0
    """Share of the crops that are cut from those after."""
    paste_share: float = 0.0
    """Share of the crops that get a defect of another frame; needs `class_shares`."""
    scale_jitter: float = 0.0
    """Size: the height and width shown, times a factor each between 1 / (1 + this) and 1 + this, as far as the frame
    goes: a crop as high as its frame is enlarged along it, never made smaller."""
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
    """A crop whose light `photometric` is still to change; a tuple, so that torch can make batches of it."""

    pixels: Tensor
    """(1, H, W) uint8 grey levels."""
    labels: Tensor
    """(H, W) uint8 class ids."""
    light: Tensor
    """(4,) float32: gain, offset, exponent and noise."""
    key: Tensor
    """() int32: which noise."""


class Crops(Dataset[RawCrop]):
    """Crops by number. `shapes`: outlines that pasted defects take on, where one of them fits."""

    def __init__(self, frames: Frames, count: int, seed: int, look: CropSettings, shapes: Shapes | None = None) -> None:
        self._frames = frames
        self._shapes = shapes
        self._count = count
        self._seed = seed
        self._look = look
        own = len(frames) if look.own_frames is None else look.own_frames
        ranges = (range(own), range(own, len(frames)))
        self._parts = [_Places(frames, indices) for indices in ranges if indices]
        self._last = _Last()

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, number: int) -> RawCrop:
        sample = self._sample(number // self._look.per_frame)
        chance = np.random.default_rng((self._seed, 1, number))
        pixels, labels = crop(sample, self._look, chance)
        if self._look.paste_share and chance.random() < self._look.paste_share:
            self._paste(pixels, labels, chance)
        return RawCrop(torch.from_numpy(pixels)[None], torch.from_numpy(labels), *draw_light(self._look, chance))

    def _paste(self, pixels: Plane, labels: Plane, chance: np.random.Generator) -> None:
        """Put a defect of another frame of the run's own onto a crop, in place, where there is room."""
        donor = self._frames[self._parts[0].draw(1.0, chance)]
        if classes := known_classes(donor.labels):
            rarity = 1 / np.asarray([self._look.class_shares[class_id - 1] for class_id in classes])
            class_id = int(chance.choice(classes, p=rarity / rarity.sum()))
            most_px = self._look.height_px, self._look.width_px
            piece = cut_piece(donor.pixels, donor.labels, class_id, most_px, chance)
            outline = self._shapes.draw(class_id, chance) if self._shapes else None
            shaped = None if outline is None else reshape(piece, outline, most_px)
            paste(pixels, labels, shaped or piece, chance)

    def _sample(self, draw: int) -> Sample:
        if self._last.draw != draw:
            chance = np.random.default_rng((self._seed, 0, draw))
            is_extra = len(self._parts) > 1 and chance.random() < self._look.extra_share
            index = self._parts[is_extra].draw(self._look.defect_share, chance)
            self._last = _Last(draw, self._frames[index])
        assert self._last.sample is not None
        return self._last.sample


class _Places:
    """Frames of one origin, and which of them have each class."""

    def __init__(self, frames: Frames, indices: range) -> None:
        self._indices = indices
        of_class: dict[int, list[int]] = {}
        for index in indices:
            for class_id in sorted(frames.classes(index) or ()):
                of_class.setdefault(class_id, []).append(index)
        self._of_class = [of_class[class_id] for class_id in sorted(of_class)]

    def draw(self, defect_share: float, chance: np.random.Generator) -> int:
        """Return a frame of a class drawn first, all alike, with probability `defect_share`; else any frame."""
        if self._of_class and chance.random() < defect_share:
            return int(chance.choice(self._of_class[chance.integers(len(self._of_class))]))
        return self._indices[int(chance.integers(len(self._indices)))]


@dataclass(frozen=True, slots=True)
class _Last:
    """The frame most recently read, and by which draw."""

    draw: int = -1
    sample: Sample | None = field(default=None, repr=False)


def crop(sample: Sample, look: CropSettings, chance: np.random.Generator) -> tuple[Plane, Plane]:
    """Cut a window (height_px, width_px) out of a frame and flip each axis with probability 0.5 (the paper's).

    With probability `defect_share`, and if the frame has a defect, a pixel of one lies somewhere in the window's
    middle half. A frame smaller than the window is padded with 0 (black, sound), as beyond the strip's edge. With
    `scale_jitter` the window is smaller or, as far as the frame goes, larger, and then brought to its size.

    Returns pixels and labels, uint8, contiguous.
    """
    if look.scale_jitter:
        return _stretched(sample, look, chance)
    pixels, labels = sample.pixels, sample.labels
    height, width = pixels.shape
    missing = max(0, look.height_px - height), max(0, look.width_px - width)
    if any(missing):
        pixels, labels = (np.pad(plane, ((0, missing[0]), (0, missing[1]))) for plane in (pixels, labels))
        height, width = pixels.shape
    top = int(chance.integers(height - look.height_px + 1))
    left = int(chance.integers(width - look.width_px + 1))
    present = np.flatnonzero(np.bincount(labels.ravel(), minlength=UNKNOWN + 1)[1:UNKNOWN]) + 1
    if chance.random() < look.defect_share and len(present):
        rarity = 1 / np.asarray(look.class_shares)[present - 1] if look.class_shares else np.ones(len(present))
        places = np.flatnonzero(labels == np.uint8(chance.choice(present, p=rarity / rarity.sum())))
        row, column = divmod(int(chance.choice(places)), width)
        top = _around(row, look.height_px, height, chance)
        left = _around(column, look.width_px, width, chance)
    window = np.s_[top : top + look.height_px, left : left + look.width_px]
    flips = np.s_[:: chance.choice((-1, 1)), :: chance.choice((-1, 1))]
    return pixels[window][flips].copy(), labels[window][flips].copy()  # torch takes no part of a kept frame


def _stretched(sample: Sample, look: CropSettings, chance: np.random.Generator) -> tuple[Plane, Plane]:
    """Return a crop that shows more or less of the frame than its size."""
    size_px = look.height_px, look.width_px
    factors = np.exp(chance.uniform(-1, 1, 2) * np.log1p(look.scale_jitter))
    window_px = [
        max(1, min(round(side_px * float(factor)), max(side_px, limit_px)))
        for side_px, factor, limit_px in zip(size_px, factors, sample.pixels.shape, strict=True)
    ]
    window = replace(look, height_px=window_px[0], width_px=window_px[1], scale_jitter=0.0)
    pixels, labels = crop(sample, window, chance)
    shrinks = all(side >= wanted for side, wanted in zip(pixels.shape, size_px, strict=True))
    way = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    to = size_px[::-1]
    return (
        np.asarray(cv2.resize(pixels, to, interpolation=way), np.uint8),
        np.asarray(cv2.resize(labels, to, interpolation=cv2.INTER_NEAREST_EXACT), np.uint8),
    )


def _around(pixel: int, length: int, limit: int, chance: np.random.Generator) -> int:
    """Return the first pixel of a window within 0..limit that has `pixel` in its middle half, where there is room."""
    first = pixel - int(chance.integers(length // 4, max(length // 4 + 1, length * 3 // 4)))
    return min(max(first, 0), limit - length)


def draw_light(look: CropSettings, chance: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Draw a crop's light (4,) float32, a little off 1, 0, 1 and no noise, and the noise's key () int32."""
    gain, offset_grey, gamma = chance.uniform(-1, 1, 3) * (look.gain, look.offset_grey, look.gamma)
    light = 1 + gain, offset_grey, 1 + gamma, chance.uniform(0, look.noise_grey)
    return torch.tensor(light, dtype=torch.float32), torch.tensor(chance.integers(2**31), dtype=torch.int32)
