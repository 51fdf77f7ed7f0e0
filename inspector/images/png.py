"""PNG, walked chunk by chunk and inflated here; the decoder only undoes the filters of a file that we wrote.

Knows: the container (PNG 3rd edition), its checksums, and how to bound what it unfolds to. Must not know: files, wire.

Laws: nothing is inflated beyond what IHDR's size needs. OpenCV sees no byte of the sender's container, but a PNG of
three chunks that is made here, its stream stored. (Its reader crashed on malformed animation chunks, and takes 4 GB
where a chunk claims them.)
"""

from __future__ import annotations

import re
import struct
import zlib
from dataclasses import dataclass
from typing import Any

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from inspector.errors import ImageError
from inspector.images import exif
from inspector.images.head import ImageHead, Samples, Size, check_size
from inspector.records.frame import Bytes2D

SIGNATURE = b"\x89PNG\r\n\x1a\n"
HARMLESS = frozenset(
    b"bKGD cHRM cICP cLLI eXIf gAMA hIST iCCP iTXt mDCV oFFs pHYs sBIT sPLT sRGB sTER tEXt tIME tRNS zTXt".split()
)
"""Chunks that change no sample; they are passed over unread, but for eXIf's orientation."""
PIXELS = (b"IHDR", b"PLTE", b"IDAT", b"IEND")
ANIMATION = (b"acTL", b"fcTL", b"fdAT")
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
GREY, PALETTE = 0, 3
STORED = {2: [0, 3], 3: [2, 1, 0], 4: [2, 1, 0, 3]}
"""Where the decoder puts the channels that a PNG has in this order: blue first, and grey with alpha as four."""
NO_FILTER, MAX_FILTER = 0, 4
BAND_BYTES = 2**24
"""Rows are decoded in bands of so much: what a large picture takes while it is decoded is itself and little more."""
FOLDED_BYTES = 2**20
"""Of its stream, at once."""
SPARE_CHUNKS, CHUNK_BYTES = 256, 1024
"""A file may have SPARE_CHUNKS, and one more for each CHUNK_BYTES: walking stays in proportion to what came."""

_chunk_name = re.compile(rb"[A-Za-z]{4}")


@dataclass(frozen=True, slots=True)
class WalkedPng:
    """A PNG whose chunks are all there and whole; its stream is still folded."""

    head: ImageHead
    colour_type: int
    stream: bytes
    """What its IDAT chunks hold, joined."""
    colours: bytes
    """R G B of each index, where samples are indices."""


def walk(content: bytes | memoryview, size: Size | None = None) -> WalkedPng:
    """Walk a PNG from its signature to its end; `size` refuses any other before it goes on.

    Raises: ImageError with reason `decode`, `size` or `too_large`.
    """
    view = memoryview(content)
    if bytes(view[:8]) != SIGNATURE:
        raise ImageError("decode", f"is no PNG: it begins with {bytes(view[:8])!r}")
    chunks, head, colour_type = [], None, 0
    at, ended = 8, False
    while not ended:
        name, data, at = _chunk(view, at)
        chunks.append((name, data))
        if head is None:
            if name != b"IHDR":
                raise ImageError("decode", f"begins with chunk {name.decode()}; expected IHDR. Damaged?")
            head, colour_type = _head(bytes(data), size)
        if len(chunks) > SPARE_CHUNKS + len(view) // CHUNK_BYTES:
            raise ImageError("decode", "has more chunks than an image of its bytes needs; save it again")
        ended = name == b"IEND"
    if bytes(view[at:]).strip(b"\0"):
        raise ImageError("decode", f"has {len(view) - at} bytes behind its end; save it again")
    assert head is not None, "a file that ends has begun"
    _check_order([name for name, _ in chunks])
    of_kind = {name: b"".join(data for kind, data in chunks if kind == name) for name in (b"PLTE", b"IDAT", b"eXIf")}
    colours = of_kind[b"PLTE"]
    if colour_type == PALETTE and (len(colours) % 3 or not 3 <= len(colours) <= 768):
        raise ImageError("decode", f"has a palette of {len(colours)} bytes; expected 3 for each of 1 to 256 colours")
    head = msgspec.structs.replace(head, orientation=exif.orientation(of_kind[b"eXIf"]))
    return WalkedPng(head, colour_type, of_kind[b"IDAT"], colours)


def _check_order(names: list[bytes]) -> None:
    """Refuse chunks that are unknown, animated, twice, or where none may be; IHDR is first, IEND last and once."""
    for name in names:
        if name in ANIMATION:
            raise ImageError("decode", f"is animated (chunk {name.decode()}); expected one still image")
        if name not in HARMLESS and name not in PIXELS:
            raise ImageError(
                "decode", f"has a chunk {name.decode()}, which is not known to be harmless; save it without"
            )
    first = names.index(b"IDAT") if b"IDAT" in names else 0
    streams = names.count(b"IDAT")
    palettes = names.count(b"PLTE")
    if (
        not streams
        or names[first : first + streams] != [b"IDAT"] * streams
        or names.count(b"IHDR") != 1
        or palettes > 1
        or (palettes and names.index(b"PLTE") > first)
    ):
        raise ImageError("decode", "has chunks twice, or in an order that no PNG has. Damaged?")


def _chunk(view: memoryview, at: int) -> tuple[bytes, memoryview, int]:
    """Return the name and data of the chunk at a place, and the place behind it."""
    if at + 12 > len(view):
        raise ImageError("decode", f"is cut off after {len(view)} bytes, before its IEND; copy it again")
    (length,) = struct.unpack_from(">I", view, at)
    name = bytes(view[at + 4 : at + 8])
    end = at + 12 + length
    if not _chunk_name.fullmatch(name):
        raise ImageError("decode", f"has a chunk {name!r} at byte {at}; expected four letters. Damaged?")
    if end > len(view):
        raise ImageError(
            "decode", f"has a chunk {name.decode()} of {length} bytes at byte {at} of {len(view)}; cut off or damaged"
        )
    if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
        raise ImageError("decode", f"has a wrong CRC in chunk {name.decode()} at byte {at}. Damaged; copy it again")
    return name, view[at + 8 : end - 4], end


def _head(data: bytes, size: Size | None) -> tuple[ImageHead, int]:
    if len(data) != 13:
        raise ImageError("decode", f"has an IHDR of {len(data)} bytes; expected 13")
    width, height, depth, colour_type, compression, filtering, interlace = struct.unpack(">IIBBBBB", data)
    if depth not in DEPTHS.get(colour_type, ()) or compression or filtering or interlace > 1:
        raise ImageError("decode", f"has an IHDR that no PNG has: depth {depth}, colour type {colour_type}. Damaged?")
    if interlace:
        raise ImageError("decode", "is interlaced (Adam7); expected rows in order. Save it without interlacing.")
    head = ImageHead(
        kind="png",
        width=width,
        height=height,
        depth=depth,
        channels=CHANNELS[colour_type],
        palette=colour_type == PALETTE,
    )
    check_size(head, size)
    return head, colour_type


def decode(walked: WalkedPng) -> Samples:
    """Return the samples (H, W) or (H, W, channels, blue first) as stored: indices stay indices, 0/1 stays 0/1.

    Raises: ImageError with reason `decode` for a stream that unfolds to anything but these rows.
    """
    head, stream = walked.head, _Stream(walked.stream)
    row_bytes = _row_bytes(head)
    step = max(1, BAND_BYTES // (1 + row_bytes))
    samples: Samples | None = None
    above = b""
    for first in range(0, head.height, step):
        rows = stream.read(min(step, head.height - first) * (1 + row_bytes))
        if max(rows[:: 1 + row_bytes]) > MAX_FILTER:
            raise ImageError("decode", "has a row with a filter that no PNG has. Damaged; copy it again")
        stored = _unfiltered(walked, above + rows)[1 if above else 0 :]
        band = _unpacked(stored, head)
        if len(band) == head.height:
            samples = band
            break
        if samples is None:
            samples = np.empty((head.height, *band.shape[1:]), band.dtype)
        samples[first : first + len(band)] = band
        above = bytes([NO_FILTER]) + _row(stored[-1], head)
    stream.end()
    assert samples is not None, "an image has rows"
    return samples


def palette_grey(walked: WalkedPng, indices: Bytes2D) -> Bytes2D:
    """Return the luminance of the colours that indices (H, W) stand for.

    Raises: ImageError with reason `decode` for an index without a colour.
    """
    colours = np.frombuffer(walked.colours, np.uint8).reshape(-1, 1, 3)
    if indices.max() >= len(colours):
        raise ImageError("decode", f"has the index {indices.max()} in a palette of {len(colours)} colours. Damaged?")
    return np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), np.uint8).ravel()[indices]


def _unfiltered(walked: WalkedPng, rows: bytes) -> Samples:
    """Have the decoder undo the filters of rows, of which the first stands below nothing."""
    head = walked.head
    height = len(rows) // (1 + _row_bytes(head))
    # Indices are read as if they were grey, for the palette is ours to apply; samples that share a byte as that byte.
    colour_type = GREY if walked.colour_type == PALETTE else walked.colour_type
    width, depth = (_row_bytes(head), 8) if head.depth < 8 else (head.width, head.depth)
    ihdr = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    ours = SIGNATURE + _write(b"IHDR", ihdr) + _write(b"IDAT", zlib.compress(rows, 0)) + _write(b"IEND", b"")
    samples = cv2.imdecode(np.frombuffer(ours, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    if samples is None or samples.shape[:2] != (height, width):
        raise ImageError("decode", "cannot be decoded; save it again")
    return _as_samples(samples)


def _unpacked(stored: Samples, head: ImageHead) -> Samples:
    """Return the samples of rows; fewer than eight bits share a byte, the first the highest."""
    if head.depth >= 8:
        return stored
    shifts = np.arange(8 - head.depth, -1, -head.depth, dtype=np.uint8)
    samples = stored[..., None] >> shifts & (2**head.depth - 1)
    return np.asarray(samples.reshape(len(stored), -1)[:, : head.width], np.uint8)


def _row(samples: Samples, head: ImageHead) -> bytes:
    """Return the bytes of a row as a PNG has them below its filters."""
    stored = samples[..., STORED[head.channels]] if head.channels > 1 else samples
    return stored.astype(">u2" if head.depth == 16 else np.uint8).tobytes()


def _row_bytes(head: ImageHead) -> int:
    return -(-head.width * head.channels * head.depth // 8)


class _Stream:
    """Rows that are unfolded as they are read, no byte more than asked for."""

    def __init__(self, stream: bytes) -> None:
        self._unfolding, self._folded = zlib.decompressobj(), memoryview(stream)
        self._at = 0

    def read(self, wanted: int) -> bytes:
        """Return this number of bytes. Raises: ImageError where there are fewer."""
        found, size = list[bytes](), 0
        while size < wanted:
            piece = self._unfold(wanted - size)
            if not piece:
                raise ImageError("decode", "holds fewer pixels than its size needs. Damaged; copy it again")
            found.append(piece)
            size += len(piece)
        return b"".join(found)

    def end(self) -> None:
        """Raises: ImageError where there is more, or less than the stream's own checksum."""
        if self._unfold(1) or self._unfolding.unused_data or self._at < len(self._folded):
            raise ImageError("decode", "holds more pixels than its size needs. Damaged; copy it again")
        if not self._unfolding.eof:
            raise ImageError("decode", "holds fewer pixels than its size needs. Damaged; copy it again")

    def _unfold(self, wanted: int) -> bytes:
        """Return some bytes, `wanted` at most; none at the end."""
        found = b""
        try:
            while not found and not self._unfolding.eof:
                tail = self._unfolding.unconsumed_tail
                if not tail and self._at == len(self._folded):
                    break
                if not tail:
                    tail = bytes(self._folded[self._at : self._at + FOLDED_BYTES])
                    self._at += len(tail)
                found = self._unfolding.decompress(tail, wanted)
        except zlib.error as error:
            raise ImageError("decode", f"has a damaged stream of pixels ({error}); copy it again") from None
        return found


def _write(name: bytes, data: bytes) -> bytes:
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def _as_samples(samples: npt.NDArray[Any]) -> Samples:
    return np.asarray(samples, np.uint16) if samples.dtype == np.uint16 else np.asarray(samples, np.uint8)
