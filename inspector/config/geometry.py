"""What each camera of a line sees across the strip, resolved once: seams, holes and overlaps.

Laws: where two cameras of one side overlap, each answers for the half of the overlap that is nearer to its middle, so
that no pixel of strip counts twice; a defect on the seam is joined, and its parts may be small. What no camera sees is
reported in millimetres. Cameras whose place is not configured answer for all they see, and a remark says so.

Knows: cameras' sections, the recipe's size. Must not know: frames, what is seen.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.recipe import Recipe

SCALED = 3.0
"""A camera's millimetres this many times off the recipe's are hardly meant."""

APART = 10.0
"""Two cameras' millimetres this many times apart are hardly meant."""

TOUCH_MM = 2.0
"""What lies this close across belongs together whatever the gap: a few pixels, as the maps' edges are uncertain, and as
cameras' places are."""

ROUNDING_MM = 1e-3
"""Millimetres that are added up are right to this."""

SIDES = ("top", "bottom")
"""Of the strip, in the order in which records number them."""
Seams = tuple[bool, bool]
"""Whether another camera answers for what lies just beyond, on the left and on the right."""


class Span(msgspec.Struct, frozen=True):
    """What one camera sees across; millimetres."""

    camera: str
    side: str
    left_mm: float
    right_mm: float


class Field(Span, frozen=True):
    """And the part of it that it answers for."""

    own_left_mm: float
    own_right_mm: float
    seams: Seams = (False, False)


def fields(cameras: Iterable[CameraSection], recipe: Recipe) -> dict[str, Field]:
    """Return each camera's field by its name."""
    found: dict[str, Field] = {}
    for row in _sides(cameras, recipe):
        seams_mm = [_seam_mm(near, far) for near, far in pairwise(row)]
        for field, left_mm, right_mm in zip(row, [None, *seams_mm], [*seams_mm, None], strict=True):
            found[field.camera] = msgspec.structs.replace(
                field,
                own_left_mm=field.left_mm if left_mm is None else max(field.left_mm, left_mm),
                own_right_mm=field.right_mm if right_mm is None else min(field.right_mm, right_mm),
                seams=(left_mm is not None, right_mm is not None),
            )
    return found


def _seam_mm(near: Span, far: Span) -> float | None:
    """Where one camera's part of the strip ends and the next one's begins; None where a hole parts them."""
    if _alike(near, far) or far.left_mm - near.right_mm > TOUCH_MM:
        return None
    return (near.right_mm + far.left_mm) / 2


def spans(cameras: Iterable[CameraSection], recipe: Recipe) -> tuple[Span, ...]:
    """Return what each camera sees, in no particular order."""
    return tuple(fields(cameras, recipe).values())


def as_named(cameras: Iterable[Span], sides: Mapping[str, Collection[str]]) -> tuple[Span, ...]:
    """Return what each camera sees on the sides that its frames named; on its own where they named none."""
    found = (
        msgspec.structs.replace(span, side=side)
        for span in cameras
        for side in SIDES
        if side in (sides.get(span.camera) or (span.side,))
    )
    return tuple(dict.fromkeys(found))  # what was read back of a coil has a camera of two sides twice


def widths_mm(cameras: Iterable[CameraSection], recipe: Recipe) -> dict[str, float]:
    """Return how much of the strip the cameras of each side see across; what two see counts once."""
    found: dict[str, float] = {}
    for field in fields(cameras, recipe).values():
        found[field.side] = found.get(field.side, 0.0) + field.own_right_mm - field.own_left_mm
    return found


def faults(cameras: Iterable[CameraSection], recipe: Recipe) -> Iterator[str]:
    """Overlaps that cannot be: a camera that sees nothing but what its neighbours see."""
    for row in _sides(cameras, recipe):
        for place, field in enumerate(row):
            for earlier in row[:place]:
                overlap_mm = min(earlier.right_mm, field.right_mm) - field.left_mm
                least_mm = min(earlier.right_mm - earlier.left_mm, field.right_mm - field.left_mm)
                if overlap_mm >= least_mm and not _alike(earlier, field):
                    yield (
                        f"cameras {earlier.camera} and {field.camera} on the {field.side} side overlap by "
                        f"{overlap_mm:g} mm; expected less than a frame, {least_mm:g} mm. Correct their offset_mm, "
                        "mm_per_px, width or side."
                    )


def remarks(cameras: Sequence[CameraSection], recipe: Recipe) -> list[str]:
    """Say where cameras of one side leave a hole, and what else can hardly be."""
    scales = [*_scales(cameras, recipe)] or [*_unlike(cameras)]
    places = [*_unplaced(cameras, recipe), *_overlaps(cameras, recipe), *_holes(cameras, recipe)]
    return [*places, *_edges(cameras, recipe), *scales]


def _alike(near: Span, far: Span) -> bool:
    """Whether two cameras see the same from 0 on, as without configured places: each answers for all of it."""
    return near.left_mm == far.left_mm == 0 and near.right_mm == far.right_mm


def _unplaced(cameras: Iterable[CameraSection], recipe: Recipe) -> Iterator[str]:
    """Cameras whose place is not configured; their frames may still name another side each."""
    for row in _sides(cameras, recipe):
        for near, far in pairwise(row):
            if _alike(near, far):
                yield (
                    f"cameras {near.camera} and {far.camera} see the same strip of the {near.side} side, from 0 to "
                    f"{near.right_mm:g} mm: what both see is reported twice, unless their frame headers name another "
                    "side each. Correct side or offset_mm of one of them."
                )


def _overlaps(cameras: Iterable[CameraSection], recipe: Recipe) -> Iterator[str]:
    """Cameras that see mostly the same: of two sides, perhaps, which only their frame headers name."""
    for row in _sides(cameras, recipe):
        for near, far in pairwise(row):
            overlap_mm = near.right_mm - far.left_mm
            least_mm = min(near.right_mm - near.left_mm, far.right_mm - far.left_mm)
            if overlap_mm > least_mm / 2 and not _alike(near, far):
                yield (
                    f"cameras {near.camera} and {far.camera} overlap by {overlap_mm:g} mm on the {near.side} side, "
                    "more than half of what one of them sees, and each answers for half of that. Correct their "
                    "offset_mm, or side, where they look at another each."
                )


def _edges(cameras: Sequence[CameraSection], recipe: Recipe) -> Iterator[str]:
    """Edges of the strip beyond which another camera looks for strip."""
    watching = {camera.name: camera for camera in cameras}
    for row in _sides(cameras, recipe):
        for place, field in enumerate(row):
            for edge, beyond in (("left", row[:place]), ("right", row[place + 1 :])):
                if beyond and watching[field.camera].watches(edge):  # type: ignore[arg-type]
                    yield (
                        f"camera {field.camera} watches the strip's {edge} edge, and camera {beyond[0].camera} looks "
                        f"beyond it on the {field.side} side. Correct edges, offset_mm or side."
                    )


def _scales(cameras: Sequence[CameraSection], recipe: Recipe) -> Iterator[str]:
    """Scales far from the one that the recipe was taught on."""
    for camera in cameras:
        for name in () if camera.scale or not recipe.mm_per_px else ("mm_per_px", "mm_per_row"):
            times = getattr(camera, name) / recipe.mm_per_px
            if times and not 1 / SCALED <= times <= SCALED:
                yield (
                    f"camera {camera.name}: {name} is {getattr(camera, name):g}, and recipe {recipe} was taught on "
                    f"{recipe.mm_per_px:g}: defects look {max(times, 1 / times):.3g} times off in size. Correct it, or "
                    "set scale = true."
                )


def _unlike(cameras: Sequence[CameraSection]) -> Iterator[str]:
    """Scales far from each other."""
    for name in ("mm_per_px", "mm_per_row"):
        fine = min(cameras, key=lambda camera: getattr(camera, name))
        coarse = max(cameras, key=lambda camera: getattr(camera, name))
        times = getattr(coarse, name) / getattr(fine, name)
        if times > APART:
            yield (
                f"cameras {fine.name} and {coarse.name}: {name} is {getattr(fine, name):g} and "
                f"{getattr(coarse, name):g}, {times:.3g} times apart. Correct one of them."
            )


def _holes(cameras: Iterable[CameraSection], recipe: Recipe) -> list[str]:
    return [
        f"cameras {near.camera} and {far.camera} leave a hole of {far.left_mm - near.right_mm:g} mm on the "
        f"{near.side} side, from {near.right_mm:g} to {far.left_mm:g} mm across: no camera sees it. Correct their "
        "offset_mm, or move them."
        for row in _sides(cameras, recipe)
        for near, far in pairwise(row)
        if far.left_mm - near.right_mm > ROUNDING_MM
    ]


def _sides(cameras: Iterable[CameraSection], recipe: Recipe) -> list[Sequence[Field]]:
    """Fields of each side, from left to right."""
    rows: dict[str, list[Field]] = {}
    for camera in cameras:
        left_mm, right_mm = camera.offset_mm, camera.offset_mm + camera.width_mm(recipe)
        rows.setdefault(camera.side, []).append(Field(camera.name, camera.side, left_mm, right_mm, left_mm, right_mm))
    return [sorted(row, key=lambda field: (field.left_mm, field.right_mm)) for row in rows.values()]
