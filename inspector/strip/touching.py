"""Which shapes lie within reach of each other, and what is connected by that. Pure: boxes in, groups out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float64]
"""(R, 4): start, end, left, right, millimetres on the coil."""


class Touchable(NamedTuple):
    """What of a defect others may touch, and how near they must come."""

    class_id: int
    boxes: Boxes
    along_mm: float
    across_mm: float


def connected(shapes: Sequence[Touchable], begun: int) -> list[list[int]]:
    """Group shapes that are connected, where each group has one of those from `begun` on; places in order."""
    hulls = _hulls([shape.boxes for shape in shapes])
    first = list(range(len(shapes)))

    def root(place: int) -> int:
        while first[place] != place:
            first[place] = place = first[first[place]]
        return place

    for new, old in _pairs(shapes, hulls, begun):
        root_of_new, root_of_old = root(new), root(old)
        if root_of_new == root_of_old:
            continue
        _, boxes, along_mm, across_mm = shapes[new]
        near = _within(shapes[old].boxes, hulls[new], along_mm, across_mm)
        if _is_near(_within(boxes, hulls[old], along_mm, across_mm), near, along_mm, across_mm):
            first[max(root_of_new, root_of_old)] = min(root_of_new, root_of_old)
    groups: dict[int, list[int]] = {}
    for place in range(len(shapes)):
        groups.setdefault(root(place), []).append(place)
    return [group for group in groups.values() if group[-1] >= begun]


def _hulls(shapes: Sequence[Boxes]) -> Boxes:
    """The box around each shape."""
    begins = np.cumsum([0, *map(len, shapes[:-1])])
    boxes = np.concatenate(shapes)
    least, most = np.minimum.reduceat(boxes, begins), np.maximum.reduceat(boxes, begins)
    return np.stack((least[:, 0], most[:, 1], least[:, 2], most[:, 3]), axis=1)


def _pairs(shapes: Sequence[Touchable], hulls: Boxes, begun: int) -> Iterable[tuple[int, int]]:
    """Pairs of a new shape and any other of its class whose hulls lie close enough."""
    new, every = hulls[begun:, None], hulls[None]
    facts = np.array([(shape.class_id, shape.along_mm, shape.across_mm) for shape in shapes])
    kind, along_mm, across_mm = facts[begun:, :, None].transpose(1, 0, 2)
    is_close = (
        (kind == facts[:, 0])
        & (np.maximum(every[..., 0] - new[..., 1], new[..., 0] - every[..., 1]) <= along_mm)
        & (np.maximum(every[..., 2] - new[..., 3], new[..., 2] - every[..., 3]) <= across_mm)
    )
    rows, columns = np.nonzero(is_close)
    kept = columns < rows + begun
    return zip((rows[kept] + begun).tolist(), columns[kept].tolist(), strict=True)


def _is_near(shape: Boxes, near: Boxes, along_mm: float, across_mm: float) -> bool:
    """Whether any box of one shape lies close enough to any of the other."""
    a, b = shape[:, None], near[None]
    is_near: NDArray[np.bool_] = (np.maximum(b[..., 0] - a[..., 1], a[..., 0] - b[..., 1]) <= along_mm) & (
        np.maximum(b[..., 2] - a[..., 3], a[..., 2] - b[..., 3]) <= across_mm
    )
    return bool(is_near.any())


def _within(shape: Boxes, hull: Boxes, along_mm: float, across_mm: float) -> Boxes:
    """Boxes of a shape that lie close enough to a hull."""
    inside: NDArray[np.bool_] = (
        (shape[:, 0] - hull[1] <= along_mm)
        & (hull[0] - shape[:, 1] <= along_mm)
        & (shape[:, 2] - hull[3] <= across_mm)
        & (hull[2] - shape[:, 3] <= across_mm)
    )
    return shape[inside]
