"""Frames that show the same steel twice: a perceptual hash proposes pairs, the texture of their thumbnails decides.

Strip looks alike at a glance. Measured on 152 real frames of strip: 16 % of all pairs have difference hashes within 10
bits, none has cosine hashes (pHash) within 12; of their copies that were recompressed, relit (gain 0.7 to 1.2, gamma
0.8) or halved, 99 % do. Procedural frames of one coil come that near too, for they share its edges and illumination: so
what every row or column has in common is taken away before thumbnails are correlated. Pairs of different frames within
12 bits reached 0.77, the copies 0.87 and more (less only where the brightening saturated). Mirrored and turned copies
are found too; those that were shifted along the strip are not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
APART = 0.6
"""Least correlation of what is left of them without what all frames share; near 0 for frames of different steel."""
MANY = 12
"""Frames from which on what they share says something of the camera."""
TURNS = ((1, 1, ALIKE), (1, -1, 0.95), (-1, 1, 0.95), (-1, -1, 0.95))
"""Steps through rows and columns and the least correlation: as it is, mirrored either way, and turned by half.

The strip's one edge is like its other mirrored: frames of them reached 0.90, mirrored copies 0.99.
"""
BLOCK = 1024
"""Frames compared with all others at once: 100 MB for 12 568 frames."""

Indices = npt.NDArray[np.intp]
Hashes = npt.NDArray[np.uint64]
Thumbnails = npt.NDArray[np.float32]


def near_duplicates(frames: Frames) -> list[tuple[int, ...]]:
    """Return the groups of two or more frames that show the same steel, exact copies too, by index in order.

    Frames without a file (procedural steel) are never looked at. Groups are joined through a common member, however
    different their ends are: were they not, a split that keeps groups whole could still part a pair.

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
    rows = near_rows(np.array(thumbnails, np.float32).reshape(-1, SIDE_PX, SIDE_PX))
    return [tuple(indices[at] for at in group) for group in join(len(indices), rows)]


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


def near_rows(thumbnails: Thumbnails) -> Iterator[tuple[int, Indices]]:
    """Yield thumbnails (N, SIDE_PX, SIDE_PX), each with the later ones that show the same, where there are any.

    One may be turned by half, or mirrored: as a copy made to have more to learn from is.
    """
    first_like: dict[bytes, int] = {}
    same = np.array([first_like.setdefault(thumbnail.tobytes(), at) for at, thumbnail in enumerate(thumbnails)])
    usual = _usual(thumbnails)
    own, left = _normal(thumbnails), _normal(thumbnails - usual)
    hashes = _hash_all(thumbnails)
    turned = [
        (least, _hash_all(turn), _normal(turn), _normal(turn - usual))
        for down, right, least in TURNS
        for turn in (thumbnails[:, ::down, ::right],)
    ]
    for start in range(0, len(thumbnails), BLOCK):
        block = slice(start, start + BLOCK)
        alike = np.zeros((len(hashes[block]), len(thumbnails) - start), bool)
        for least, turn_hashes, turn_own, turn_left in turned:
            near = np.triu(np.bitwise_count(hashes[block, None] ^ turn_hashes[None, start:]) <= NEAR_BITS, 1)
            rows, columns = np.flatnonzero(near.any(axis=1)), np.flatnonzero(near.any(axis=0))
            some, later = rows + start, columns + start
            # What all frames share, as a speck on the lens, makes no two of them the same.
            like = (own[some] @ turn_own[later].T >= least) & (left[some] @ turn_left[later].T >= APART)
            alike[np.ix_(rows, columns)] |= near[np.ix_(rows, columns)] & like
        # Frames without texture have nothing to correlate; they are alike if they are the same.
        alike |= np.triu(same[block, None] == same[None, start:], 1)
        for row in np.flatnonzero(alike.any(axis=1)).tolist():
            yield start + row, np.flatnonzero(alike[row]) + start


def _usual(thumbnails: Thumbnails) -> Thumbnails:
    """Return what the frames share (SIDE_PX, SIDE_PX): their median, which few copies move; 0 of few frames."""
    if len(thumbnails) < MANY:
        return np.zeros((SIDE_PX, SIDE_PX), np.float32)
    return np.asarray(np.median(thumbnails, axis=0), np.float32)


def _normal(thumbnails: Thumbnails) -> Thumbnails:
    """Return the textures of thumbnails (N, SIDE_PX ** 2), of length 1, or 0 where there is none."""
    textures = thumbnails - thumbnails.mean(axis=1, keepdims=True)
    textures -= textures.mean(axis=2, keepdims=True)
    textures = textures.reshape(-1, SIDE_PX * SIDE_PX)
    lengths = np.linalg.norm(textures, axis=1, keepdims=True)
    return np.asarray(np.divide(textures, lengths, out=np.zeros_like(textures), where=lengths > 0), np.float32)


def _hash_all(thumbnails: Thumbnails) -> Hashes:
    return np.array([hash_thumbnail(np.ascontiguousarray(thumbnail)) for thumbnail in thumbnails], np.uint64)


def join(count: int, rows: Iterable[tuple[int, Indices]]) -> list[tuple[int, ...]]:
    """Return groups of two or more of 0..count-1 that the rows connect, each in order, by their first member."""
    root = np.arange(count)
    for first, copies in rows:
        roots = np.unique(root[[first, *copies]])
        if len(roots) > 1:
            root[np.isin(root, roots)] = roots[0]
    groups: dict[int, list[int]] = {}
    for index, of_group in enumerate(root.tolist()):
        groups.setdefault(of_group, []).append(index)
    return [tuple(group) for group in groups.values() if len(group) > 1]
