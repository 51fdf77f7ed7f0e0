"""A camera's section: intake, analysis and strip all take it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from inspector.config.reader import Section, key
from inspector.records.frame import Header
from inspector.records.names import Name
from inspector.records.recipe import Recipe

Overload = Literal["wait", "drop-oldest", "drop-newest"]
"""What becomes of frames that come faster than they are inspected."""


class Footprint(msgspec.Struct, frozen=True):
    """How a frame lies on the strip, by all that is known of it."""

    mm_per_px: float
    mm_per_row: float
    offset_mm: float
    """Position across of pixel column 0."""
    side: str
    length_mm: float
    """Strip that it covers along the travel."""


class Raster(msgspec.Struct, frozen=True):
    """Rows and pixels of a camera's frames: as it sends them, and as the network sees them."""

    rows: int
    px: int
    seen_rows: int
    seen_px: int

    @property
    def sent(self) -> tuple[int, int]:
        """Rows and pixels as the camera sends them."""
        return self.rows, self.px

    @property
    def seen(self) -> tuple[int, int]:
        """Rows and pixels as the network sees them."""
        return self.seen_rows, self.seen_px


class TravelSection(Section, frozen=True):
    """How fast the strip runs, where no encoder says it: positions that follow from it are marked as estimated."""

    speed_m_min: Annotated[
        float,
        key(
            "The line's speed, for cameras with `rows_per_s`; a reload (SIGHUP) takes another. 0: not known.",
            ge=0,
            le=3000,
        ),
    ] = 0.0


class CameraSection(Section, frozen=True):
    """One camera of the line; a frame of any other is rejected."""

    name: Annotated[Name, key("As in the frame header.")]
    mm_per_px: Annotated[float, key("Millimetres across the strip per pixel.", gt=0, le=100)]
    mm_per_row: Annotated[
        float, key("Millimetres along the strip per row, unless the frame header says it.", gt=0, le=1000)
    ]
    rows_per_s: Annotated[
        float,
        key(
            "Rows a second of a camera without an encoder: with `travel.speed_m_min` they take the place of "
            "`mm_per_row`; 0: not so.",
            ge=0,
            le=1_000_000,
        ),
    ] = 0.0
    width: Annotated[
        int,
        key(
            "Pixels across of its frames; 0: as many as the recipe's. A wider frame is cut into tiles, a narrower one "
            "padded.",
            ge=0,
            le=65_536,
        ),
    ] = 0
    height: Annotated[
        int,
        key(
            "Rows of its frames; 0: as many as the recipe's. Blocks of fewer rows share a plane of the network: "
            "`batch.gather_ms`.",
            ge=0,
            le=65_536,
        ),
    ] = 0
    scale: Annotated[bool, key("Scale its frames to the millimetres per pixel that the recipe was trained on.")] = False
    offset_mm: Annotated[
        float,
        key(
            "Position across of the left end of what it sees, from the operator's side.",
            "0 when one camera sees the whole width.",
            ge=-100_000,
            le=100_000,
        ),
    ] = 0.0
    station_m: Annotated[
        float,
        key(
            "Where along the line it looks, metres down the line from a point that you choose; by it a camera that "
            "comes late to a coil is one that awaited it, or was dead.",
            ge=-10_000,
            le=10_000,
        ),
    ] = 0.0
    mirror: Annotated[bool, key("Its pictures are mirrored: pixel column 0 is the right end of what it sees.")] = False
    edges: Annotated[
        Literal["none", "left", "right", "both"],
        key(
            "Edges of the strip that it sees, against a dark ground: found in each frame and followed; beyond them "
            "there is no strip. `left` is the operator's side.",
        ),
    ] = "none"
    side: Annotated[Literal["top", "bottom"], key("Side of the strip, unless the frame header says it.")] = "top"
    first_number: Annotated[int, key("The frame number that follows `last_number`.", ge=0, le=1)] = 0
    last_number: Annotated[
        int,
        key(
            "The highest frame number, after which the count goes on at `first_number`.",
            "65535 for a counter of 16 bits, 4294967295 for 32 bits.",
            ge=255,
            le=2**63 - 1,
        ),
    ] = 2**63 - 1
    overload: Annotated[
        Literal["intake", "wait", "drop-oldest", "drop-newest"],
        key("What happens to its frames when they come too fast; `intake`: as `intake.overload` says."),
    ] = "intake"
    max_age_ms: Annotated[
        int,
        key(
            "Its frames are dropped (`too_old`) rather than inspected later than this; 0: as `intake.max_age_ms`.",
            ge=0,
            le=3_600_000,
        ),
    ] = 0

    def at(self, speed_m_min: float) -> CameraSection:
        """Return it with the millimetres per row that follow from the strip's speed, where it has no encoder."""
        if not (self.rows_per_s and speed_m_min):
            return self
        return msgspec.structs.replace(self, mm_per_row=speed_m_min * 1000 / 60 / self.rows_per_s)

    @property
    def numbers(self) -> int:
        """How many frames it numbers before its count begins again."""
        return self.last_number - self.first_number + 1

    def watches(self, edge: Literal["left", "right"]) -> bool:
        """Whether it sees this edge of the strip."""
        return self.edges in (edge, "both")

    def raster(self, recipe: Recipe) -> Raster:
        """Return the size of its frames; scaled by what is configured, so that it is the same for each."""
        rows, px = self.height or recipe.height, self.width or recipe.width
        if not self.scale:
            return Raster(rows, px, rows, px)
        seen_rows = max(1, round(rows * self.mm_per_row / recipe.mm_per_px))
        return Raster(rows, px, seen_rows, max(1, round(px * self.mm_per_px / recipe.mm_per_px)))

    def width_mm(self, recipe: Recipe) -> float:
        """Return how much of the strip it sees across, millimetres; scaling does not change it."""
        return (self.width or recipe.width) * self.mm_per_px

    def footprint(self, header: Header, seen: tuple[int, int] | None = None) -> Footprint:
        """Fill in what the header of one of its frames leaves open: the one place that knows.

        `seen`: rows and pixels that the frame was scaled to; None: it is as it was sent.
        """
        mm_per_row = header.mm_per_row or self.mm_per_row
        rows, px = seen or (header.height, header.width)
        return Footprint(
            mm_per_px=self.mm_per_px * header.width / px,
            mm_per_row=mm_per_row * header.height / rows,
            offset_mm=self.offset_mm,
            side=header.side or self.side,
            length_mm=header.height * mm_per_row,
        )
