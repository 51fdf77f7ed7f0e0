"""TIFF of one page, its directory walked before the decoder is called.

Knows: TIFF 6.0's tags that say where pixels lie and what they are. Must not know: files, wire. A camera's message
cannot be TIFF: libtiff never sees what came over the wire.
"""

from __future__ import annotations

import struct

import cv2
import numpy as np

from inspector.errors import ImageError
from inspector.images.head import AS_STORED, ImageHead, Samples, Size, check_size

SIGNATURES = (b"II*\0", b"MM\0*")
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS = 256, 257, 258, 259, 262, 273
ORIENTATION, SAMPLES, STRIP_BYTES, PLANAR, TILE_OFFSETS, TILE_BYTES, FORMAT = 274, 277, 279, 284, 324, 325, 339
COMPRESSIONS = {1: "none", 5: "LZW", 8: "Deflate", 32946: "Deflate", 32773: "PackBits"}
UNSIGNED, BLACK_IS_ZERO, COLOUR = 1, 1, 2
EXTRA_SAMPLES, PREMULTIPLIED = 338, 1
SHORT = 3
SIZES = {1: "B", SHORT: "H", 4: "I"}
"""Of the field types that these tags have: BYTE, SHORT, LONG."""
MAX_ENTRIES, MAX_STRIPS = 512, 100_000
ORIENTATIONS = range(1, 9)
"""Any other is as good as none, as in EXIF."""
READ = frozenset({WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, OFFSETS, ORIENTATION, SAMPLES, STRIP_BYTES, PLANAR})
READ |= {TILE_OFFSETS, TILE_BYTES, FORMAT}
"""What other tags hold is never unfolded: hundreds may share one long list, and 400 kB took 2 GB."""


def walk(content: bytes | memoryview, size: Size | None = None) -> ImageHead:
    """Read a TIFF's directory and check that it is one page whose strips or tiles all lie in the file.

    Raises: ImageError with reason `decode`, `size` or `too_large`.
    """
    view = memoryview(content)
    order = "<" if bytes(view[:2]) == b"II" else ">"
    tags = _directory(view, order)
    width, height, samples = (tags.get(tag, (0,))[0] for tag in (WIDTH, HEIGHT, SAMPLES))
    depths, format_ = tags.get(BITS, (1,)), tags.get(FORMAT, (UNSIGNED,))
    turned = tags.get(ORIENTATION, (AS_STORED,))[0]
    head = ImageHead(
        kind="tiff",
        width=width,
        height=height,
        depth=max(depths),
        channels=samples or 1,
        orientation=turned if turned in ORIENTATIONS else AS_STORED,
    )
    check_size(head, size)
    kind, compression = tags.get(PHOTOMETRIC, (-1,))[0], tags.get(COMPRESSION, (1,))[0]
    fits = (kind, head.channels) in ((BLACK_IS_ZERO, 1), (COLOUR, 3), (COLOUR, 4))
    if not fits or head.depth not in (8, 16) or len(set(depths)) > 1 or set(format_) != {UNSIGNED}:
        raise ImageError(
            "decode",
            f"is a TIFF of {head.channels} channels with {head.depth} bits, sample format {format_[0]}; expected grey "
            "(black is zero) or RGB, unsigned, of 8 or 16 bits. Save it so, or as PNG.",
        )
    if compression not in COMPRESSIONS or tags.get(PLANAR, (1,))[0] != 1:
        known = ", ".join(dict.fromkeys(COMPRESSIONS.values()))
        raise ImageError("decode", f"is a TIFF of compression {compression}; expected {known}. Save it as PNG.")
    offsets = tags.get(OFFSETS) or tags.get(TILE_OFFSETS, ())
    lengths = tags.get(STRIP_BYTES) or tags.get(TILE_BYTES, ())
    if (
        not offsets
        or len(offsets) != len(lengths)
        or any(at + length > len(view) for at, length in zip(offsets, lengths, strict=True))
    ):
        raise ImageError("decode", f"is cut off after {len(view)} bytes, or damaged; copy it again")
    return head


def _directory(view: memoryview, order: str) -> dict[int, tuple[int, ...]]:
    """Return the numbers of the first directory by tag.

    Raises: ImageError: it reaches out of the file, or another page follows.
    """
    try:
        (at,) = struct.unpack_from(f"{order}I", view, 4)
        (entries,) = struct.unpack_from(f"{order}H", view, at)
        if entries > MAX_ENTRIES:
            raise ImageError(
                "decode", f"has a directory of {entries} entries; expected at most {MAX_ENTRIES}. Damaged?"
            )
        tags = {}
        for place in range(at + 2, at + 2 + 12 * entries, 12):
            tag, kind, count = struct.unpack_from(f"{order}HHI", view, place)
            if tag not in READ or kind not in SIZES or not 1 <= count <= MAX_STRIPS:
                continue
            form = f"{order}{count}{SIZES[kind]}"
            fits = struct.calcsize(form) <= 4
            tags[tag] = struct.unpack_from(form, view, place + 8 if fits else _at(view, order, place + 8))
        if _at(view, order, at + 2 + 12 * entries):
            raise ImageError("decode", "is a TIFF of several pages; expected one image a file. Save each page alone.")
    except struct.error:
        raise ImageError("decode", f"is cut off after {len(view)} bytes, or damaged; copy it again") from None
    return tags


def _at(view: memoryview, order: str, place: int) -> int:
    (number,) = struct.unpack_from(f"{order}I", view, place)
    return int(number)


def _as_stored(content: bytes | memoryview) -> bytearray:
    """Return a walked TIFF that asks for no turning, and for no alpha to darken its colours.

    libtiff turns what it decodes by the one tag, whatever OpenCV is asked for, and by the other multiplies colours of 8
    bits with their alpha, unless they are so already.
    """
    wanted = {ORIENTATION: AS_STORED, EXTRA_SAMPLES: PREMULTIPLIED}
    plain = bytearray(content)
    order = "<" if plain[:2] == b"II" else ">"
    at = _at(memoryview(content), order, 4)
    (entries,) = struct.unpack_from(f"{order}H", plain, at)
    for place in range(at + 2, at + 2 + 12 * entries, 12):
        (tag,) = struct.unpack_from(f"{order}H", plain, place)
        if tag in wanted:
            struct.pack_into(f"{order}HIHH", plain, place + 2, SHORT, 1, wanted[tag], 0)
    return plain


def decode(content: bytes | memoryview, head: ImageHead) -> Samples:
    """Return samples (H, W), or (H, W, channels) with blue first, as stored.

    Raises: ImageError with reason `decode`.
    """
    plain = np.frombuffer(_as_stored(content), np.uint8)
    # OpenCV's log would write of each damaged file on stderr; the error raised here says it.
    level = cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    try:
        samples = cv2.imdecode(plain, cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    except cv2.error as error:
        raise ImageError("decode", f"cannot be decoded: {error.err}. Copy it again.") from None
    finally:
        cv2.utils.logging.setLogLevel(level)
    depth = np.uint8 if head.depth == 8 else np.uint16
    if samples is None or samples.shape[:2] != (head.height, head.width) or samples.dtype != depth:
        raise ImageError("decode", "cannot be decoded. Damaged? Copy it again.")
    return np.asarray(samples, np.uint8) if head.depth == 8 else np.asarray(samples, np.uint16)
