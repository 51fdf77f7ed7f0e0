"""Masks and errors laid over steel: what colours stand for, and how thin and small things stay visible.

Knows planes of grey levels and of class ids; must not know pages. A class is known by its number too, not by colour
alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from inspector.drawing.canvas import Canvas, Colour, Painter, Rect, Style
from inspector.drawing.palette import INK, class_colour
from trainer.data.samples import Plane

Size = tuple[int, int]
"""Width and height, pixels of the page."""

DIMMED = 0.65
"""Share of its brightness that steel keeps below a mask."""
SOLID = 0.82
"""How much of what is below a mask it covers."""
TAG, TAG_PX = Style(16, INK, 650), 22
"""A class's number, and the side of the box that it stands in."""
TAGGED, SPECK_SHARE = 8, 5e-4
"""Regions of a class that carry its number, the largest; of those below this share of the frame only one."""

HIT, MISSED, INVENTED, WRONG = 1, 2, 3, 4
ERRORS: dict[int, tuple[str, Colour]] = {
    HIT: ("hit", (235, 232, 225)),
    MISSED: ("missed", (30, 40, 220)),
    INVENTED: ("invented", (255, 150, 50)),
    WRONG: ("wrong class", (0, 190, 255)),
}
"""Distinct with any of the three kinds of colour blindness; a test computes it."""


def errors(truth: Plane, found: Plane) -> Plane:
    """Return (H, W) uint8: 0 where both say sound, else HIT, MISSED, INVENTED or WRONG."""
    both, only_true, only_found = (truth > 0) & (found > 0), (truth > 0) & (found == 0), (truth == 0) & (found > 0)
    kinds = np.select([both & (truth == found), both, only_true, only_found], [HIT, WRONG, MISSED, INVENTED], 0)
    return kinds.astype(np.uint8)


def draw_steel(pixels: Plane, size: Size, brightness: float = 1.0) -> Canvas:
    """Return grey levels as a picture of this size."""
    interpolation = cv2.INTER_AREA if size[0] < pixels.shape[1] else cv2.INTER_CUBIC
    grey = cv2.resize(pixels, size, interpolation=interpolation)
    return np.repeat((grey * brightness).astype(np.uint8)[..., None], 3, axis=2)


def draw_errors(pixels: Plane, kinds: Plane, size: Size) -> Canvas:
    """Return what `errors` says over dimmed steel."""
    picture = draw_steel(pixels, size, DIMMED)
    for kind, (_, colour) in ERRORS.items():
        _paint(picture, kinds == kind, colour)
    return picture


def draw_classes(pixels: Plane, labels: Plane, size: Size) -> Canvas:
    """Return masks over dimmed steel, with the numbers of their classes at the larger regions."""
    picture = draw_steel(pixels, size, DIMMED)
    classes = [int(class_id) for class_id in np.unique(labels) if class_id]
    for class_id in classes:
        _paint(picture, labels == class_id, class_colour(class_id))
    painter = Painter(picture)
    small = np.asarray(cv2.resize(labels, size, interpolation=cv2.INTER_NEAREST), np.uint8)
    taken: list[Rect] = []
    for class_id in classes:
        for box, innermost in _regions(labels == class_id, size[0] / labels.shape[1]):
            if place := _place_tag(box, innermost, small, class_id, taken):
                taken.append(place)
                draw_tag(painter, (place.left, place.top), class_id)
    return picture


def draw_tag(painter: Painter, at: tuple[int, int], class_id: int) -> None:
    """Draw a class's number in its colour, TAG_PX wide and high."""
    box = Rect(at[0], at[1], at[0] + TAG_PX, at[1] + TAG_PX)
    painter.fill(box, class_colour(class_id))
    painter.box(box, INK)
    words = str(class_id)
    painter.text((at[0] + (TAG_PX - painter.width(words, TAG)) // 2, at[1] + 17), words, TAG)


def _paint(picture: Canvas, where: npt.NDArray[np.bool_], colour: Colour) -> None:
    """Lay a colour over part of a picture, its edges soft; what is thinner than a pixel of the page stays visible."""
    size = picture.shape[1], picture.shape[0]
    interpolation = cv2.INTER_AREA if size[0] < where.shape[1] else cv2.INTER_LINEAR
    cover = cv2.resize(where.astype(np.float32), size, interpolation=interpolation)
    strength = (SOLID * np.minimum(1.0, 2 * cover))[..., None]
    picture[:] = picture * (1 - strength) + np.array(colour) * strength


def _regions(mask: npt.NDArray[np.bool_], scale: float) -> Iterator[tuple[Rect, tuple[int, int]]]:
    """Yield where a class's largest regions lie in its picture, and their innermost points; of specks one only."""
    _, numbers, boxes, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
    areas = boxes[1:, cv2.CC_STAT_AREA]
    for rank, region in enumerate(np.argsort(-areas, kind="stable")[:TAGGED] + 1):
        x, y, width, height, area = boxes[region].tolist()
        if rank == 0 or area >= SPECK_SHARE * mask.size:
            padded = np.pad((numbers[y : y + height, x : x + width] == region).astype(np.uint8), 1)
            row, column = divmod(int(cv2.distanceTransform(padded, cv2.DIST_L2, 3).argmax()), width + 2)
            left, top, right, bottom = (round(value * scale) for value in (x, y, x + width, y + height))
            yield Rect(left, top, right, bottom), (round((x + column - 1) * scale), round((y + row - 1) * scale))


def _place_tag(
    region: Rect, innermost: tuple[int, int], small: Plane, class_id: int, taken: Sequence[Rect]
) -> Rect | None:
    """Return where a region's number hides least: within it where that is all its own, else next to it.

    `small` are the labels in the size of the picture. None where every place meets another number.
    """
    frame = Rect(0, 0, small.shape[1], small.shape[0])
    x, y = innermost[0] - TAG_PX // 2, innermost[1] - TAG_PX // 2
    best, least = None, float("inf")
    for left, top in (
        (x, y),
        (region.right + 6, y),
        (region.left - TAG_PX - 6, y),
        (x, region.top - TAG_PX - 4),
        (x, region.bottom + 4),
    ):
        box = Rect(left, top, left + TAG_PX, top + TAG_PX)
        if box.within(frame) != box or any(box.meets(tag.grown(1)) for tag in taken):
            continue
        around = box.grown(TAG_PX // 4).within(frame)
        is_own = bool((small[around.top : around.bottom, around.left : around.right] == class_id).all())
        hidden = 0.0 if is_own else float(np.count_nonzero(small[box.top : box.bottom, box.left : box.right]))
        if hidden < least:
            best, least = box, hidden
    return best
