"""Reads an image into a grey frame: the one place in which a picture from outside becomes pixels.

Knows: which formats there are, and the order walk -> size -> depth -> decode. Must not know: sockets, who asks.

Laws: whatever the bytes, only ImageError comes out, and nothing reaches stderr. No decoder sees a container that was
not walked to its end. Work and memory are in proportion to the size that the head states, which is checked first.
"""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from inspector.errors import ImageError
from inspector.images import bmp, jpeg, png, tiff
from inspector.images.head import MAX_DECODED_BYTES, ImageHead, Samples, Size, check_depth, scale
from inspector.records.frame import Bytes2D
from inspector.records.recipe import Window

SUFFIXES = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff")
"""Of the files that can be read."""
MOST_BYTES = MAX_DECODED_BYTES + MAX_DECODED_BYTES // 16
"""A file that did not compress, with all that is reported about it."""
SPARE_BYTES, BYTES_PER_PX = 2**16, 8
"""A compressed frame of known size may take this and so much a pixel: RGBA of 16 bits that did not compress."""

Content = bytes | memoryview
Walked = ImageHead | png.WalkedPng | bmp.WalkedBmp


class Picture(NamedTuple):
    """An image that was decoded."""

    head: ImageHead
    pixels: Bytes2D
    """(H, W) uint8: grey levels, or the values of a label map."""


def inspect(content: Content) -> ImageHead:
    """Walk an image's container to its end and return what it says; no pixel is decoded.

    Raises: ImageError with reason `decode` or `too_large`.
    """
    walked = _walk(content)
    return walked if isinstance(walked, ImageHead) else walked.head


def decode(
    content: Content, size: Size | None = None, window: Window | None = None, kind: str | None = None
) -> Picture:
    """Decode an image into grey levels; `size` (width, height) and `kind` refuse whatever is not that.

    Raises: ImageError with reason `decode`, `size` or `too_large`.
    """
    if size and len(content) > SPARE_BYTES + BYTES_PER_PX * size[0] * size[1]:
        raise ImageError("too_large", f"takes {len(content)} bytes; no image of {size[0]} x {size[1]} px needs them")
    walked = _walk(content, size, kind)
    head = walked if isinstance(walked, ImageHead) else walked.head
    check_depth(head, window)
    if head.kind == "jpeg":
        return Picture(head, jpeg.decode(content, head))
    samples = _samples(content, walked)
    if head.palette and isinstance(walked, png.WalkedPng):
        return Picture(head, png.palette_grey(walked, np.asarray(samples, np.uint8)))
    if head.palette and isinstance(walked, bmp.WalkedBmp):
        return Picture(head, bmp.palette_grey(walked, np.asarray(samples, np.uint8)))
    if samples.ndim == 2:
        if head.depth < 8:
            samples = samples * np.uint8(255 // (2**head.depth - 1))
        return Picture(head, scale(samples, window))
    return Picture(head, scale(_luminance(samples, head), window))


def decode_labels(content: Content) -> Picture:
    """Decode a label map: the values as stored, a palette's indices too.

    Raises: ImageError for what holds no labels: colour, more than 8 bits, a JPEG, whose values are approximate.
    """
    walked = _walk(content)
    head = walked if isinstance(walked, ImageHead) else walked.head
    if head.kind == "jpeg":
        raise ImageError("decode", "is a JPEG, which keeps values only roughly; expected a PNG, BMP or TIFF mask")
    if head.channels != 1 or head.depth > 8:
        raise ImageError(
            "decode", f"is {head.depth}-bit, {head.channels} channels; expected 8-bit grey or a palette. Save it so."
        )
    return Picture(head, np.asarray(_samples(content, walked), np.uint8))


def read(path: Path) -> bytes:
    """Read an image's file.

    Raises: ImageError: it is missing, empty, larger than any image that can be decoded, or cannot be read.
    """
    try:
        if (size := path.stat().st_size) > MOST_BYTES:
            most = f"no image that can be used takes more than {MOST_BYTES / 1e6:.0f} MB"
            raise ImageError("too_large", f"takes {size / 1e6:.0f} MB; {most}. Cut it into frames.")
        if not stat.S_ISREG(mode := path.stat().st_mode) and not stat.S_ISDIR(mode):  # a pipe's end may never come
            raise ImageError("decode", "is a pipe or a device; expected an image file")
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)  # a file that grows meanwhile is read no farther either
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        raise ImageError(
            "decode", "is missing; expected an image file" if missing else f"cannot be read: {error.strerror}"
        ) from None
    if not content:
        raise ImageError("decode", "is empty; expected an image file")
    return content


def _walk(content: Content, size: Size | None = None, kind: str | None = None) -> Walked:
    start = bytes(content[:8])
    if start == png.SIGNATURE and kind in (None, "png"):
        return png.walk(content, size)
    if start[:2] == jpeg.SOI and kind in (None, "jpeg"):
        return jpeg.walk(content, size)
    if start[:4] in tiff.SIGNATURES and kind is None:
        return tiff.walk(content, size)
    if start[:2] == bmp.SIGNATURE and kind is None:
        return bmp.walk(content, size)
    expected = kind or "png, jpeg, bmp or tiff"
    raise ImageError("decode", f"is no {expected} image; it begins with {start!r}")


def _samples(content: Content, walked: Walked) -> Samples:
    if isinstance(walked, png.WalkedPng):
        return png.decode(walked)
    if isinstance(walked, bmp.WalkedBmp):
        return bmp.decode(content, walked)
    return tiff.decode(content, walked)


def _luminance(samples: npt.NDArray[Any], head: ImageHead) -> Samples:
    """Return the luminance (H, W) of samples (H, W, channels), blue first; alpha is left out."""
    if head.channels == 2:  # grey and alpha, which the decoder spreads over four
        grey = samples[..., 0]
    else:
        grey = cv2.cvtColor(samples, cv2.COLOR_BGR2GRAY if samples.shape[2] == 3 else cv2.COLOR_BGRA2GRAY)
    return np.asarray(grey, np.uint8) if samples.dtype == np.uint8 else np.asarray(grey, np.uint16)
