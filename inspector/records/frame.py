"""What cameras send: the header of a frame message, and planes of pixels. Changing it breaks cameras."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

from inspector.records.names import CoilName, Name

Bytes2D = NDArray[np.uint8]
"""One plane of bytes, shape (H, W)."""

Bytes3D = NDArray[np.uint8]
"""A stack of planes of bytes, shape (N, H, W)."""

Boot = Annotated[str, Meta(min_length=1, max_length=64)]
Number = Annotated[int, Meta(ge=0, le=2**63 - 1)]
JUST_PASSED = 64
"""A number at most so far behind the newest has been seen: the frame came twice or late."""


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First part of a frame message, as JSON; the second part is the pixels."""

    v: Literal[1]
    """Version of this header."""
    camera: Name
    """Which camera, as named in the configuration."""
    boot: Boot
    """Changes whenever the camera process restarts; `number` counts within it."""
    number: Number
    """Consecutive number of the frame within this boot; a gap means frames were lost."""
    captured_ns: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """When the last row was exposed, nanoseconds since the UNIX epoch."""
    width: Annotated[int, Meta(ge=1, le=65536)]
    """Pixels across the strip."""
    height: Annotated[int, Meta(ge=1, le=65536)]
    """Rows along the strip."""
    encoding: Literal["raw8", "jpeg", "png"]
    """How part two holds the 8-bit grey pixels; raw8 is row-major without padding."""
    crc32: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    """CRC-32 (zlib, IEEE 802.3) of part two, as sent."""
    coil: CoilName | None = None
    """Coil under the camera, where the line knows it."""
    side: Literal["top", "bottom"] | None = None
    """Side of the strip, where the line knows it."""
    start_mm: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    """Strip position of the first row from the coil's head, millimetres (encoder)."""
    mm_per_row: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """Travel per row, millimetres (encoder)."""

    @property
    def is_estimated(self) -> bool:
        """Whether no encoder stands behind its place: it follows from what is configured."""
        return self.start_mm is None and self.mm_per_row is None
