"""Real defects put onto other steel: cut out with a soft edge, and set to the light of the place they come to.

Knows planes of pixels and labels; must not know frames, files or the network. Dwibedi, Misra & Hebert, "Cut, Paste and
Learn", ICCV 2017; Ghiasi et al., "Simple Copy-Paste", CVPR 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from trainer.data.samples import UNKNOWN, Plane

MOST_STRETCH = 2.5
"""How much longer or wider, or shorter, a piece becomes to fill another outline."""
MARGIN_PX = 8
"""Steel around a defect that comes with it, fading out: outlines are coarse, some of the defect lies outside."""
BLACK = 12
"""Grey levels up to here lie beyond the strip's edge, where nothing can be."""
TRIES = 4


@dataclass(frozen=True, slots=True)
class Piece:
    """A defect with the steel around it, all (H, W)."""

    pixels: Plane
    mask: Plane
    """1 where the defect is."""
    class_id: int
    fade_px: float = MARGIN_PX
    """How far around it the steel fades out."""


def cut_piece(
    pixels: Plane, labels: Plane, class_id: int, most_px: tuple[int, int], chance: np.random.Generator
) -> Piece:
    """Return one connected region of a class, chosen at random, with MARGIN_PX around it, at most `most_px` large.

    Of a larger region a part is taken that lies somewhere in it.
    """
    mask = (labels == class_id).astype(np.uint8)
    count, regions, boxes, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    number = int(chance.integers(1, count))
    left, top, width, height = (int(side) for side in boxes[number, :4])
    box = []
    for first, length, most, limit in (
        (top, height, most_px[0], mask.shape[0]),
        (left, width, most_px[1], mask.shape[1]),
    ):
        begin, end = max(0, first - MARGIN_PX), min(limit, first + length + MARGIN_PX)
        if end - begin > most:
            begin += int(chance.integers(end - begin - most + 1))
            end = begin + most
        box.append(slice(begin, end))
    window = tuple(box)
    return Piece(pixels[window].copy(), (regions[window] == number).astype(np.uint8), class_id)


def reshape(piece: Piece, outline: Plane, most_px: tuple[int, int]) -> Piece | None:
    """Return a piece stretched to fill another outline (H, W) uint8 of 0 and 1, that of a true defect of its class.

    People outline defects coarsely, steel between them too: what of the piece's own steel comes to lie within is as
    true. None where it would be stretched more than MOST_STRETCH, become larger than `most_px` or fill all of it.
    """
    edges = [np.flatnonzero(piece.mask.any(axis)) for axis in (1, 0)]
    if not all(len(edge) for edge in edges):
        return None
    starts, sides = [int(edge[0]) for edge in edges], [int(np.ptp(edge)) + 1 for edge in edges]
    factors = [wanted / side for wanted, side in zip(outline.shape, sides, strict=True)]
    size = [round(side * factor) for side, factor in zip(piece.mask.shape, factors, strict=True)]
    if not all(1 / MOST_STRETCH <= factor <= MOST_STRETCH for factor in factors):
        return None
    if any(side > most for side, most in zip(size, most_px, strict=True)):
        return None
    top, left = (
        min(round(start * factor), side - wanted)
        for start, factor, side, wanted in zip(starts, factors, size, outline.shape, strict=True)
    )
    mask = np.zeros(size, np.uint8)
    mask[top : top + outline.shape[0], left : left + outline.shape[1]] = outline
    if mask.all():
        return None
    pixels = cv2.resize(piece.pixels, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return Piece(np.asarray(pixels, np.uint8), mask, piece.class_id, min(1.0, *factors) * piece.fade_px)


def paste(pixels: Plane, labels: Plane, piece: Piece, chance: np.random.Generator) -> bool:
    """Put a piece, flipped at random, where there is sound steel, in place; return whether there was room.

    Its grey levels are shifted by the difference of the two places' medians, so that contrast is kept.
    """
    flips = np.s_[:: chance.choice((-1, 1)), :: chance.choice((-1, 1))]
    source, mask = piece.pixels[flips], piece.mask[flips]
    height, width = mask.shape
    if not mask.any() or mask.all():
        return False
    for _ in range(TRIES):
        top = int(chance.integers(pixels.shape[0] - height + 1))
        left = int(chance.integers(pixels.shape[1] - width + 1))
        window = np.s_[top : top + height, left : left + width]
        target = pixels[window]
        if labels[window].any() or np.median(target[mask > 0]) <= BLACK or (target <= BLACK).mean() > 0.1:
            continue
        _blend(target, source, mask, piece.fade_px)
        labels[window][mask > 0] = piece.class_id
        return True
    return False


def _blend(target: Plane, source: Plane, mask: Plane, fade_px: float) -> None:
    """Draw the source over the target, fully within the mask and fading out over `fade_px` around it."""
    distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 3)
    weight = np.clip(1 - distance / fade_px, 0, 1)
    around = (mask == 0) & (source > BLACK)
    shift = float(np.median(target)) - float(np.median(source[around]) if around.any() else np.median(source))
    blended = weight * (source + shift) + (1 - weight) * target
    target[:] = np.clip(np.rint(blended), 0, 255).astype(np.uint8)


def known_classes(labels: Plane) -> list[int]:
    """Return the defect classes in labels, in order."""
    return [class_id for class_id in np.unique(labels).tolist() if class_id not in (0, UNKNOWN)]
