"""JPEG, walked marker by marker, then decoded by libjpeg-turbo with its warnings as failures.

Knows: the container (ITU-T T.81) and which of its forms a frame may have. Must not know: files, wire.

Laws: one frame, 8 bits, Huffman-coded, a bounded count of scans (a progressive file of a million takes minutes), an end
and nothing behind it. What the decoder would fill with grey, saying so on stderr alone, is an error here.
"""

from __future__ import annotations

import re
import struct

import msgspec
import numpy as np
import simplejpeg

from inspector.errors import ImageError
from inspector.images import exif
from inspector.images.head import AS_STORED, ImageHead, Size, check_size
from inspector.records.frame import Bytes2D

SOI = b"\xff\xd8"
EOI, SOS, APP1 = 0xD9, 0xDA, 0xE1
FRAMES = range(0xC0, 0xD0)
TABLES = (0xC4, 0xC8, 0xCC)
"""DHT, JPG and DAC stand among the frame headers and are none."""
SEQUENTIAL, PROGRESSIVE = (0xC0, 0xC1), 0xC2
PASSED_OVER = frozenset({0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0)})
"""DHT, DQT, DRI, COM and APPn: the decoder reads the first three."""
MAX_SCANS = 20
"""libjpeg's progressive script has 10 for colour and 6 for grey; optimised ones stay below this."""
MAX_SEGMENTS = 600
"""A colour profile may take 255."""
BAND_ROWS = 64
"""Rows of inks that become grey at a time."""

_mark = re.compile(rb"\xff+([^\x00\xff])", re.DOTALL)
_behind_scan = re.compile(rb"\xff[^\x00\xd0-\xd7]", re.DOTALL)
"""The first marker behind entropy-coded data: FF 00 is a stuffed byte, FF D0 to D7 are restarts (T.81, B.1.1.2)."""


def walk(content: bytes | memoryview, size: Size | None = None) -> ImageHead:
    """Walk a JPEG from its start to its end marker; `size` refuses any other before it goes on.

    Raises: ImageError with reason `decode`, `size` or `too_large`.
    """
    view = memoryview(content)
    if bytes(view[:2]) != SOI:
        raise ImageError("decode", f"is no JPEG: it begins with {bytes(view[:8])!r}")
    at, head, scans, turned, form = 2, None, 0, AS_STORED, 0
    for _ in range(MAX_SEGMENTS):
        marker, at = _marker(view, at)
        if marker == EOI:
            break
        data, at = _segment(view, marker, at)
        if marker in FRAMES and marker not in TABLES:
            if head is not None:
                raise ImageError("decode", "has two frame headers; expected one image")
            head, form = _frame(marker, bytes(data), size), marker
        elif marker == SOS:
            scans += 1
            at = _scan(view, at, head, scans, form)
        elif marker == APP1 and bytes(data[:6]) == b"Exif\0\0":
            turned = exif.orientation(bytes(data[6:])) if turned == AS_STORED else turned
        elif marker not in PASSED_OVER:
            raise ImageError("decode", f"has a marker FF {marker:02X} at byte {at}, which none of ours has. Damaged?")
    else:
        raise ImageError("decode", f"has more than {MAX_SEGMENTS} segments; save it again")
    if head is None or not scans:
        raise ImageError("decode", "ends without an image. Cut off?")
    if bytes(view[at:]).strip(b"\0"):
        raise ImageError("decode", f"has {len(view) - at} bytes behind its end; save it again")
    return msgspec.structs.replace(head, orientation=turned)


def _marker(view: memoryview, at: int) -> tuple[int, int]:
    """Return the marker at a place, and the place behind it."""
    found = _mark.match(view, at)
    if found is None:
        if at >= len(view):
            raise ImageError("decode", f"is cut off after {len(view)} bytes, without its end marker; copy it again")
        raise ImageError("decode", f"has {bytes(view[at : at + 2])!r} at byte {at}; expected a marker. Damaged?")
    return found[1][0], found.end()


def _segment(view: memoryview, marker: int, at: int) -> tuple[memoryview, int]:
    """Return a segment's data and the place behind it."""
    length = int.from_bytes(view[at : at + 2], "big")
    if length < 2 or at + length > len(view):
        raise ImageError(
            "decode", f"has a segment FF {marker:02X} of {length} bytes at byte {at} of {len(view)}. Cut off?"
        )
    return view[at + 2 : at + length], at + length


def _frame(marker: int, data: bytes, size: Size | None) -> ImageHead:
    """Read a frame header (T.81, B.2.2)."""
    if marker not in (*SEQUENTIAL, PROGRESSIVE):
        raise ImageError(
            "decode", f"is coded in a way (FF {marker:02X}) that cameras do not use; expected baseline or progressive"
        )
    if len(data) < 6 or len(data) != 6 + 3 * data[5]:
        raise ImageError("decode", f"has a frame header of {len(data)} bytes that contradicts itself. Damaged?")
    depth, height, width, channels = struct.unpack_from(">BHHB", data)
    if depth != 8 or channels not in (1, 3, 4):
        raise ImageError("decode", f"has {depth} bits and {channels} channels; expected 8 bits and 1, 3 or 4 channels")
    factors = data[7::3]
    if any(not 1 <= part <= 4 for factor in factors for part in (factor >> 4, factor & 15)):
        raise ImageError("decode", "has sampling factors that no JPEG has. Damaged?")
    head = ImageHead(kind="jpeg", width=width, height=height, depth=depth, channels=channels)
    check_size(head, size)
    return head


def _scan(view: memoryview, at: int, head: ImageHead | None, scans: int, form: int) -> int:
    """Check that a scan may come here and return the place of the marker behind it."""
    if head is None:
        raise ImageError("decode", "has a scan before its frame header. Damaged?")
    most = MAX_SCANS if form == PROGRESSIVE else head.channels
    if scans > most:
        raise ImageError("decode", f"has more than {most} scans; save it as a baseline JPEG")
    found = _behind_scan.search(view, at)
    if found is None:
        raise ImageError("decode", f"is cut off after {len(view)} bytes, inside its pixels; copy it again")
    return found.start()


def decode(content: bytes | memoryview, head: ImageHead) -> Bytes2D:
    """Return the luminance (H, W) of a JPEG that was walked.

    Raises: ImageError with reason `decode`, also for what the decoder only warns of.
    """
    try:
        if head.channels == 4:
            return _cmyk_grey(simplejpeg.decode_jpeg(content, "CMYK"))
        pixels = simplejpeg.decode_jpeg(content, "GRAY")
    except ValueError as error:
        raise ImageError("decode", f"is damaged: {error}. Copy it again.") from None
    return np.asarray(pixels, np.uint8).reshape(head.height, head.width)


def _cmyk_grey(inks: Bytes2D) -> Bytes2D:
    """Return the luminance of inks (H, W, 4), inverted as Adobe's programs write them."""
    grey = np.empty(inks.shape[:2], np.uint8)
    for first in range(0, len(inks), BAND_ROWS):  # of the whole picture it would take six times its memory
        band = inks[first : first + BAND_ROWS]
        rgb = band[..., :3].astype(np.float32) * band[..., 3:] / 255
        grey[first : first + BAND_ROWS] = np.rint(rgb @ np.array([0.299, 0.587, 0.114], np.float32))
    return grey
