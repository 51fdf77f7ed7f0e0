"""The sidecar of each picture of the archive: where it was taken, what the network found, how a person labels it.

Changing it breaks who reads an archive. Knows: the file's form. Must not know: how it is made or kept.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from inspector.records.extent import Extent

SOUND = "sound"
"""The label of what is no defect."""


class Region(msgspec.Struct, frozen=True, kw_only=True):
    """What the network saw in the crop: one connected region, as the line reported it."""

    name: str
    """Class, by the recipe's name."""
    class_id: int
    """Class, by the recipe's number."""
    confidence: float
    """Highest probability of any of its pixels in the frame, 0 to 1."""
    defect: str
    """Id of the defect it is a part of, as in the `defect` events."""
    is_subject: bool
    """Whether the crop was made for it."""
    box_px: tuple[int, int, int, int]
    """Left, top, width, height within the crop, pixels (COCO's `bbox`)."""
    counts: tuple[int, ...]
    """Its pixels: lengths of runs, column by column, not its own and its own alternating (COCO's uncompressed runs)."""


class Label(msgspec.Struct, frozen=True, kw_only=True):
    """What a person says that a defect is."""

    name: str
    """Class by the recipe's name, or `sound`."""
    operator: str
    """Who says so."""
    reason: str
    """Why, in the person's words."""
    time: str
    """When, RFC 3339 in UTC."""


class Sidecar(msgspec.Struct, frozen=True, kw_only=True):
    """All that is known of a crop."""

    v: Literal[1] = 1
    """Version of this form; grows when an old reader would break."""
    image: str
    """Name of the picture: a lossless 8-bit grey PNG in the same folder."""
    line: str
    """The line, as named in the configuration."""
    camera: str
    """The camera, as named in the configuration."""
    coil: str
    """The coil, as the frames named it; `unnamed` where they name none."""
    side: str
    """Side of the strip: `top` or `bottom`."""
    boot: str
    """The camera's boot, as in the frame header."""
    number: int
    """The frame's number."""
    captured_ns: int
    """Capture time of the frame, nanoseconds since the UNIX epoch."""
    time: str
    """The same, RFC 3339 in UTC."""
    box_px: tuple[int, int, int, int]
    """Left, top, width, height of the crop within the frame as the network sees it, pixels."""
    place: Extent
    """Where the crop lies, millimetres; its area is that of the whole crop."""
    mm_per_px: float
    """Millimetres across per pixel."""
    mm_per_row: float
    """Millimetres along per row."""
    defect: str
    """Id of the defect, as in the `defect` events; empty for sound strip."""
    name: str
    """Class that the network gave the defect; `sound` for sound strip."""
    class_id: int
    """The same, by the recipe's number; 0 for sound strip."""
    confidence: float
    """Highest probability of any pixel of the defect, 0 to 1; 0 for sound strip."""
    extent: Extent | None
    """Where the whole defect lies; null for sound strip."""
    recipe: str
    """Name and version of the recipe, `NAME@VERSION`."""
    classes: tuple[str, ...]
    """Names of its classes 1, 2, ..."""
    regions: tuple[Region, ...]
    """All that the network saw in the crop."""
    distance: float | None = None
    """How far the frame was from all that the recipe was taught, in units of its limit: above 1 it is unlike anything
    that the recipe's figures cover. Null where the recipe does not measure it."""
    label: Label | None = None
    """What a person says that the defect is; null where nobody labelled it."""

    @property
    def labelled(self) -> str:
        """What the defect is, as far as is known: by the person, else by the network."""
        return self.label.name if self.label else self.name
