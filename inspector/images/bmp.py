"""BMP without compression, read here: rows of bytes need no decoder.

Knows: Windows' bitmap headers of 40 bytes and more. Must not know: files, wire. BMP holds no orientation.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import cv2
import numpy as np

from inspector.errors import ImageError
from inspector.images.head import ImageHead, Samples, Size, check_size
from inspector.records.frame import Bytes2D

SIGNATURE = b"BM"
HEADERS = (40, 52, 56, 64, 108, 124)
"""Bytes of BITMAPINFOHEADER and what grew out of it."""
INDEX_BITS, COLOUR_BITS = 8, (24, 32)
BITFIELDS, USUAL_MASKS = 3, (0xFF0000, 0xFF00, 0xFF)
"""A compression that is none: it says where red, green and blue lie; here, where they always do."""
AS_GREY = bytes(level for level in range(256) for _ in range(3))
"""Blue, green and red of 256 colours that are each its own index."""


@dataclass(frozen=True, slots=True)
class WalkedBmp:
    """A BMP whose pixels are all there."""

    head: ImageHead
    first: int
    """Where its pixels begin, bytes."""
    row_bytes: int
    is_upright: bool
    """Whether its first row is the upper one."""
    colours: bytes
    """Blue, green, red, 0 of each index, where samples are indices."""


def walk(content: bytes | memoryview, size: Size | None = None) -> WalkedBmp:
    """Read a BMP's headers and check that its pixels are all there.

    Raises: ImageError with reason `decode`, `size` or `too_large`.
    """
    view = memoryview(content)
    if len(view) < 54:
        raise ImageError("decode", f"is cut off after {len(view)} bytes; copy it again")
    first, header = struct.unpack_from("<II", view, 10)
    width, height, planes, bits, compression = struct.unpack_from("<iiHHI", view, 18)
    (used,) = struct.unpack_from("<I", view, 46)
    if (
        compression == BITFIELDS
        and bits == 32
        and struct.unpack_from("<III", view[:66].tobytes().ljust(66), 54) == USUAL_MASKS
    ):
        compression = 0
    if header not in HEADERS or planes != 1 or compression or bits not in (INDEX_BITS, *COLOUR_BITS):
        raise ImageError("decode", f"is a BMP of {bits} bits a pixel, compression {compression}; save it as PNG")
    is_index = bits == INDEX_BITS
    head = ImageHead(
        kind="bmp", width=width, height=abs(height), depth=8, channels=1 if is_index else bits // 8, palette=False
    )
    check_size(head, size)
    row_bytes = -(-width * bits // 32) * 4
    colours = bytes(view[14 + header : 14 + header + 4 * (used or 256)]) if is_index else b""
    if first < 14 + header + len(colours) or first + row_bytes * abs(height) > len(view) or len(colours) % 4:
        raise ImageError("decode", f"is cut off after {len(view)} bytes, or damaged; copy it again")
    # Most programs write grey 7 as index 7. Some sort the greys, or turn them round: then the table decides.
    is_table = is_index and np.frombuffer(colours, np.uint8).reshape(-1, 4)[:, :3].tobytes() != AS_GREY
    return WalkedBmp(
        ImageHead(kind="bmp", width=width, height=abs(height), depth=8, channels=head.channels, palette=is_table),
        first,
        row_bytes,
        height < 0,
        colours,
    )


def decode(content: bytes | memoryview, walked: WalkedBmp) -> Samples:
    """Return samples (H, W), or (H, W, channels) with blue first, as stored: indices stay indices."""
    head = walked.head
    rows = np.frombuffer(content, np.uint8, walked.row_bytes * head.height, walked.first)
    rows = rows.reshape(head.height, walked.row_bytes)[:, : head.width * head.channels]
    upright = rows if walked.is_upright else rows[::-1]
    shape = (head.height, head.width, head.channels) if head.channels > 1 else (head.height, head.width)
    return np.ascontiguousarray(upright).reshape(shape)


def palette_grey(walked: WalkedBmp, indices: Bytes2D) -> Bytes2D:
    """Return the luminance of the colours that indices (H, W) stand for.

    Raises: ImageError with reason `decode` for an index without a colour.
    """
    colours = np.frombuffer(walked.colours, np.uint8).reshape(-1, 1, 4)
    if indices.max() >= len(colours):
        raise ImageError("decode", f"has the index {indices.max()} in a palette of {len(colours)} colours. Damaged?")
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_BGRA2GRAY), np.uint8).ravel()[indices]
