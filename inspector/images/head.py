"""What an image says of itself before any pixel is decoded, and the rules that all formats share.

Knows: sizes, depths, colours, limits and their words. Must not know: any format, files, sockets.

Laws: 8 bits are taken as they are; more bits only through a stated window, otherwise they are refused. Colour becomes
luminance (ITU-R BT.601) and is reported. Pixels stay as stored: an EXIF orientation turns nothing and is reported.
"""

from __future__ import annotations

import re

import msgspec
import numpy as np
import numpy.typing as npt

from inspector.errors import ImageError
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Window

MAX_SIDE_PX = 65535
"""What a JPEG can say; OpenCV stops at 2^20."""
MAX_DECODED_BYTES = 2**29
"""A recipe's largest frame (16 384 x 16 384) in 16 bits."""
BAND_PX = 2**22
"""Pixels that are taken through a window at once."""
AS_STORED = 1
"""EXIF orientation of an image that is shown as it is stored."""

Size = tuple[int, int]
"""Width and height, pixels."""

Samples = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]
"""(H, W) samples as an image holds them."""


class ImageHead(msgspec.Struct, frozen=True, kw_only=True):
    """What an image's container says, once it has been walked to its end."""

    kind: str
    """`png`, `jpeg`, `bmp` or `tiff`."""
    width: int
    height: int
    """Pixels, as stored."""
    depth: int
    """Bits a sample."""
    channels: int
    """1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha, or CMYK in a JPEG."""
    palette: bool = False
    """Whether samples are indices of colours."""
    orientation: int = AS_STORED
    """EXIF's 1..8."""

    def oddities(self) -> tuple[str, ...]:
        """Return what was done to the image that its owner should know, in words."""
        found = []
        if self.channels > 2 or self.palette:
            found.append("is stored in colour; its luminance is used")
        if self.orientation != AS_STORED:
            found.append(f"has EXIF orientation {self.orientation}; pixels are used as stored, not turned")
        return tuple(found)


def check_size(head: ImageHead, size: Size | None) -> None:
    """Refuse what no frame can be, and whatever is not of `size`.

    Raises: ImageError with reason `size`, or `too_large` above the limits or above `size`.
    """
    if size and (head.width, head.height) != size:
        is_larger = head.width > size[0] or head.height > size[1]
        wrong = f"is {head.width} x {head.height} px; expected {size[0]} x {size[1]}"
        raise ImageError("too_large" if is_larger else "size", wrong)
    if head.width < 1 or head.height < 1:
        raise ImageError("size", f"is {head.width} x {head.height} px; expected at least one pixel")
    decoded = head.width * head.height * head.channels * -(-head.depth // 8)
    if max(head.width, head.height) > MAX_SIDE_PX or decoded > MAX_DECODED_BYTES:
        raise ImageError(
            "too_large",
            f"is {head.width} x {head.height} px, {decoded / 1e6:.0f} MB decoded; expected at most {MAX_SIDE_PX} px a "
            f"side and {MAX_DECODED_BYTES / 1e6:.0f} MB. Cut it into frames.",
        )


def check_depth(head: ImageHead, window: Window | None) -> None:
    """Refuse more than 8 bits without a window.

    Raises: ImageError with reason `decode`.
    """
    if head.depth > 8 and window is None:
        raise ImageError(
            "decode",
            f"has {head.depth} bits a sample; expected 8, or a window that says which levels are black and white, as "
            "0-4095. State the window, or save it with 8 bits.",
        )


def parse_window(text: str) -> Window:
    """Read `BLACK-WHITE`, as 0-4095.

    Raises: ValueError: it is something else, or not two levels of 16 bits in that order.
    """
    match = re.fullmatch(r"(\d{1,5})-(\d{1,5})", text, re.ASCII)
    black, white = map(int, match.groups()) if match else (0, 0)
    if not black < white < 2**16:
        raise ValueError(f"{text}: expected BLACK-WHITE, two levels below 65536, the lower first, as 0-4095")
    return Window(black, white)


def scale(samples: Samples, window: Window | None) -> Bytes2D:
    """Return samples (H, W) as grey levels uint8: 8 bits as they are, 16 through the window.

    Raises: ImageError with reason `decode` for a window that is upside down.
    """
    if samples.dtype == np.uint8:
        return np.asarray(samples, np.uint8)
    assert window is not None, "check_depth comes first"
    if window.white <= window.black:
        raise ImageError("decode", f"window {window}: expected black below white, as 0-4095")
    # A table of all levels: exact, and faster than arithmetic on every pixel.
    levels = (np.arange(65536) - window.black) * (255 / (window.white - window.black))
    table = np.clip(np.rint(levels), 0, 255).astype(np.uint8)
    grey: Bytes2D = np.empty(samples.shape, np.uint8)
    step = max(1, BAND_PX // samples.shape[1])
    for first in range(0, len(samples), step):  # to look up in it takes eight bytes for each pixel
        grey[first : first + step] = table[samples[first : first + step]]
    return grey
