"""Bytes of a frame message <-> Header and pixels: the wire's frame format, version 1.

Knows: the JSON header, the three encodings, the checksum. Must not know: sockets, cameras, counting.

Laws: whatever the bytes, only FrameError comes out; nothing is decoded before its size is known to fit; raw8
pixels are copied once, from the message into the batch.
"""

from __future__ import annotations

import zlib

import cv2
import msgspec
import numpy as np

from inspector.errors import FrameError
from inspector.records.frame import Bytes2D, Header

Part = bytes | memoryview

MAX_HEADER_BYTES = 4096
"""A header with every field at its longest has under 600 bytes; the rest is room for later versions."""

_GREY = cv2.IMREAD_GRAYSCALE | cv2.IMREAD_IGNORE_ORIENTATION  # an EXIF turn would swap width and height
_JPEG_QUALITY = 95  # as Severstal's frames were saved
_PNG_EFFORT = 1  # 0..9; steel hardly compresses, more only costs time

_header = msgspec.json.Decoder(Header)


class _Version(msgspec.Struct):
    """All that every version of the header has in common."""

    v: int


_version = msgspec.json.Decoder(_Version)


def encode(header: Header, payload: Part) -> list[Part]:
    """Write a frame message: its two parts, ready for `send_multipart`."""
    return [msgspec.json.encode(header), payload]


def frame_message(
    pixels: Bytes2D,
    *,
    camera: str,
    boot: str,
    number: int,
    captured_ns: int,
    encoding: str = "raw8",
    coil: str | None = None,
    side: str | None = None,
    start_mm: float | None = None,
    mm_per_row: float | None = None,
) -> tuple[Header, bytes]:
    """Make header and payload of a frame (H, W), checksum included; `encode` writes them.

    Raises: msgspec.ValidationError when a value is outside what `Header` allows.
    """
    payload = pack(pixels, encoding)
    fields = {
        "v": 1,
        "camera": camera,
        "boot": boot,
        "number": number,
        "captured_ns": captured_ns,
        "width": pixels.shape[1],
        "height": pixels.shape[0],
        "encoding": encoding,
        "crc32": zlib.crc32(payload),
        "coil": coil,
        "side": side,
        "start_mm": start_mm,
        "mm_per_row": mm_per_row,
    }
    return msgspec.convert(fields, Header), payload


def pack(pixels: Bytes2D, encoding: str) -> bytes:
    """Write grey pixels (H, W) as the payload of an `encoding`."""
    if encoding == "raw8":
        return pixels.tobytes()
    kind, options = {
        "jpeg": (".jpg", [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]),
        "png": (".png", [cv2.IMWRITE_PNG_COMPRESSION, _PNG_EFFORT]),
    }[encoding]
    return cv2.imencode(kind, pixels, options)[1].tobytes()


def read_header(part: Part) -> Header:
    """Read the first part of a message.

    Raises: FrameError with reason `too_large`, `json`, `version` or `header`.
    """
    if len(part) > MAX_HEADER_BYTES:
        raise FrameError("too_large", f"header has {len(part)} bytes; expected at most {MAX_HEADER_BYTES}")
    try:
        return _header.decode(part)
    except msgspec.ValidationError as error:
        if (version := _version_of(part)) not in (1, None):
            wrong = f"header version is {version}; expected 1. Update this inspector first"
            raise FrameError("version", wrong) from None
        raise FrameError("header", f"{error}. Compare it with schemas/frame.schema.json") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("json", f"header is not JSON: {error}; found {bytes(part[:32])!r}") from None


def unpack(header: Header, payload: Part, out: Bytes2D) -> None:
    """Check the second part of a message against its header and write its pixels into `out` (H, W) uint8.

    When it raises, `out` may hold anything.

    Raises: FrameError with reason `size`, `crc`, `too_large` or `decode`.
    """
    height, width = out.shape
    if (header.width, header.height) != (width, height):
        found, wanted = f"{header.width} x {header.height}", f"{width} x {height}"
        raise FrameError("size", f"frame is {found} px; expected {wanted} px, as in the recipe")
    if header.encoding == "raw8" and len(payload) != out.size:
        raise FrameError("size", f"raw8 payload has {len(payload)} bytes; expected {width} x {height}")
    if (crc32 := zlib.crc32(payload)) != header.crc32:
        wrong = f"crc32 of the payload is {crc32}; expected {header.crc32}, as in the header"
        raise FrameError("crc", f"{wrong}. Damaged on its way?")
    if header.encoding == "raw8":
        out[:] = np.frombuffer(payload, np.uint8).reshape(out.shape)
    else:
        _decode(header.encoding, payload, out)


def _version_of(part: Part) -> int | None:
    """Version of a header that this program cannot read; None when it does not even say that."""
    try:
        return _version.decode(part).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _decode(encoding: str, payload: Part, out: Bytes2D) -> None:
    height, width = out.shape
    size = _png_size(payload) if encoding == "png" else _jpeg_size(payload)
    if size is None:
        raise FrameError("decode", f"payload is no {encoding} image; it begins with {bytes(payload[:8])!r}")
    if size != (width, height):
        reason = "too_large" if size[0] > width or size[1] > height else "size"
        raise FrameError(reason, f"{encoding} image is {size[0]} x {size[1]} px; expected {width} x {height}")
    try:
        pixels = cv2.imdecode(np.frombuffer(payload, np.uint8), _GREY)
    except cv2.error as error:
        raise FrameError("decode", f"{encoding} image cannot be decoded: {error.err}") from None
    if pixels is None or pixels.shape != out.shape:
        raise FrameError("decode", f"{encoding} image of {len(payload)} bytes cannot be decoded. Cut off?")
    out[:] = pixels


def _png_size(payload: Part) -> tuple[int, int] | None:
    """Width and height that a PNG asks for (PNG 3rd edition, 11.2.1 IHDR); None when it is no PNG."""
    if len(payload) < 24 or bytes(payload[:8]) != b"\x89PNG\r\n\x1a\n" or bytes(payload[12:16]) != b"IHDR":
        return None
    return int.from_bytes(payload[16:20], "big"), int.from_bytes(payload[20:24], "big")


def _jpeg_size(payload: Part) -> tuple[int, int] | None:
    """Width and height that a JPEG asks for (ITU-T T.81, B.2.2 frame header); None when there is none."""
    if bytes(payload[:3]) != b"\xff\xd8\xff":
        return None
    at = 2
    while at + 9 <= len(payload) and payload[at] == 0xFF:
        marker = payload[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
        elif 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):  # SOFn, but DHT, JPG and DAC
            height, width = payload[at + 5 : at + 7], payload[at + 7 : at + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        elif marker < 0xC0 or 0xD0 <= marker <= 0xDA:  # no segment, or the scan begins with no frame header
            return None
        else:
            at += 2 + int.from_bytes(payload[at + 2 : at + 4], "big")
    return None
