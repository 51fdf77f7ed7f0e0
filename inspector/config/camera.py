"""A camera's section: intake, analysis and strip all take it."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.config.reader import Section, key
from inspector.records.names import Name


class CameraSection(Section, frozen=True):
    """One camera of the line; a frame of any other is rejected."""

    name: Annotated[Name, key("As in the frame header.")]
    mm_per_px: Annotated[float, key("Millimetres across the strip per pixel.", gt=0, le=100)]
    mm_per_row: Annotated[
        float, key("Millimetres along the strip per row, unless the frame header says it.", gt=0, le=1000)
    ]
    offset_mm: Annotated[
        float,
        key(
            "Position across of pixel column 0.",
            "0 when one camera sees the whole width.",
            ge=-100_000,
            le=100_000,
        ),
    ] = 0.0
    side: Annotated[Literal["top", "bottom"], key("Side of the strip, unless the frame header says it.")] = "top"
