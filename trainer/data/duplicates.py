"""Frames that show the same steel twice: a perceptual hash proposes pairs, the texture of their thumbnails decides.

Strip looks alike at a glance. Measured on 152 real frames of strip: 16 % of all pairs have difference hashes within 10
bits, none has cosine hashes (pHash) within 12; of their copies that were recompressed, relit (gain 0.7 to 1.2, gamma
0.8) or halved, 99 % do. Procedural frames of one coil come that near too, for they share its edges and illumination: so
what every row or column has in common is taken away before thumbnails are correlated. Pairs of different frames within
12 bits reached 0.77, the copies 0.87 and more (less only where the brightening saturated).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from trainer.data.samples import Frames, Plane
from trainer.errors import DataError

SIDE_PX = 32
"""Thumbnails are square, whatever the frame's shape."""
NEAR_BITS = 12
"""Largest Hamming distance of hashes that is looked into."""
ALIKE = 0.85
"""Least correlation of the textures of near-duplicates."""
BLOCK = 1024
"""Frames compared with all others at once: 100 MB for 12 568 frames."""

Hashes = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.float32]


def near_duplicates(frames: Frames) -> list[tuple[int, ...]]:
    """Return the groups of two or more frames that show the same steel, exact copies too, by index in order.

    Frames without a file (procedural steel) are never looked at. Groups are joined through a common member.

    Raises:
        DataError: an image that cannot be read; all of them.
    """
    indices: list[int] = []
    thumbnails: list[Thumbnails] = []
    faults: list[str] = []
    for index in range(len(frames)):
        if frames.image(index) is None:
            continue
        try:
            thumbnails.append(shrink(frames.grey(index)))
            indices.append(index)
        except DataError as error:
            faults += error.faults
    if faults:
        raise DataError(*faults)
    pairs = near_pairs(np.array(thumbnails, np.float32).reshape(-1, SIDE_PX, SIDE_PX))
    return [tuple(indices[at] for at in group) for group in join(len(indices), pairs)]


def shrink(pixels: Plane) -> Thumbnails:
    """Return a frame's thumbnail (SIDE_PX, SIDE_PX) float32, grey levels."""
    small = cv2.resize(pixels.astype(np.float32), (SIDE_PX, SIDE_PX), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.float32)


def hash_thumbnail(thumbnail: Thumbnails) -> np.uint64:
    """Return the 64-bit pHash: which of the 8 x 8 lowest cosine coefficients, but the mean, exceed their median.

    C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010.
    """
    lowest = cv2.dct(thumbnail)[:8, :8].ravel()
    lowest[0] = 0.0
    return np.uint64(np.packbits(lowest > np.median(lowest)).view(np.uint64)[0])


def near_pairs(thumbnails: Thumbnails) -> Iterator[tuple[int, int]]:
    """Yield the pairs of thumbnails (N, SIDE_PX, SIDE_PX) that show the same, the lower index first."""
    hashes = np.array([hash_thumbnail(thumbnail) for thumbnail in thumbnails], np.uint64)
    textures = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    textures -= textures.mean(axis=2, keepdims=True)
    textures = textures.reshape(-1, SIDE_PX * SIDE_PX)
    lengths = np.linalg.norm(textures, axis=1)
    for first, second in _near_hashes(hashes):
        both = float(lengths[first] * lengths[second])
        # Frames without texture have nothing to correlate; they are alike if they are the same.
        if (both > 0 and float(textures[first] @ textures[second]) >= ALIKE * both) or np.array_equal(
            thumbnails[first], thumbnails[second]
        ):
            yield first, second


def _near_hashes(hashes: Hashes) -> Iterator[tuple[int, int]]:
    """Yield the pairs of hashes within NEAR_BITS; all pairs are compared, which takes two seconds for 12 568."""
    for start in range(0, len(hashes), BLOCK):
        block = hashes[start : start + BLOCK, None]
        near = np.bitwise_count(block ^ hashes[None, start:]) <= NEAR_BITS
        rows, columns = np.nonzero(np.triu(near, 1))
        yield from zip((rows + start).tolist(), (columns + start).tolist(), strict=True)


def join(count: int, pairs: Iterator[tuple[int, int]] | Sequence[tuple[int, int]]) -> list[tuple[int, ...]]:
    """Return groups of two or more of 0..count-1 that the pairs connect, each in order, by their first member."""
    root = list(range(count))

    def find(index: int) -> int:
        while root[index] != index:
            root[index] = root[root[index]]
            index = root[index]
        return index

    for first, second in pairs:
        low, high = sorted((find(first), find(second)))
        root[high] = low
    groups: dict[int, list[int]] = {}
    for index in range(count):
        groups.setdefault(find(index), []).append(index)
    return [tuple(group) for group in groups.values() if len(group) > 1]
