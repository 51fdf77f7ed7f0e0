"""Bytes of a frame message <-> Header and pixels: the wire's frame format, version 1.

Knows: the JSON header, the three encodings, the checksum. Must not know: sockets, cameras, counting.

Laws: whatever the bytes, only FrameError comes out; nothing is decoded before its size is known to fit; raw8
pixels are copied once, from the message into the batch.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import cv2
import msgspec
import numpy as np

from inspector.errors import FrameError, ImageError
from inspector.images import reader
from inspector.records.frame import Boot, Bytes2D, Header, Number
from inspector.records.recipe import Window
from inspector.refusal import plain
from inspector.words import counted

Part = bytes | memoryview


def _fastest_crc32() -> Callable[[Part], int]:
    """Return libdeflate's CRC-32 where it is installed: the same polynomial as zlib's, in a ninth of the time."""
    try:
        from deflate import crc32
    except ImportError:
        from zlib import crc32 as slower

        return slower
    fastest: Callable[[Part], int] = crc32  # mypy knows its type only where it is installed
    return fastest


crc32 = _fastest_crc32()

MAX_HEADER_BYTES = 4096
"""A header with every field at its longest has under 600 bytes; the rest is room for later versions."""

_JPEG_QUALITY = 95  # as Severstal's frames were saved
_PNG_EFFORT = 1  # 0..9; steel hardly compresses, more only costs time

_header = msgspec.json.Decoder(Header)


class _Version(msgspec.Struct):
    """All that every version of the header has in common."""

    v: int


_version = msgspec.json.Decoder(_Version)


class _Identity(msgspec.Struct):
    """What names a frame among all of its camera."""

    boot: Boot
    number: Number


_identity = msgspec.json.Decoder(_Identity)
_BOOT = re.compile(rb'"boot"\s*:\s*("(?:[^"\\]|\\.)*")', re.DOTALL)
_NUMBER = re.compile(rb'"number"\s*:\s*(\d+)\s*[,}]')


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
        "crc32": crc32(payload),
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
        raise FrameError("too_large", f"header has {counted(len(part), 'byte')}; expected at most {MAX_HEADER_BYTES}")
    try:
        return _header.decode(part)
    except msgspec.ValidationError as error:
        if (version := _version_of(part)) not in (1, None):
            wrong = f"header version is {version}; expected 1. Update this inspector first"
            raise FrameError("version", wrong) from None
        raise FrameError("header", f"{plain(error)}. Compare it with schemas/frame.schema.json") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise FrameError("json", f"header is not JSON: {error}; found {bytes(part[:32])!r}") from None


def read_identity(part: Part) -> tuple[str, int] | None:
    """Read boot and number in a header that `read_header` refuses; None where either is not there, or more than once.

    What breaks a header stands mostly elsewhere: a quote in the coil's name, a decimal comma, a value out of range.
    """
    head = bytes(part[:MAX_HEADER_BYTES])
    boots, numbers = _BOOT.findall(head), _NUMBER.findall(head)
    if not len(boots) == len(numbers) == 1:
        return None
    try:
        found = _identity.decode(b'{"boot":%b,"number":%b}' % (boots[0], numbers[0]))
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return found.boot, found.number


def unpack(header: Header, payload: Part, out: Bytes2D, window: Window | None = None) -> tuple[str, ...]:
    """Check the second part of a message against its header and write its pixels into `out` (H, W) uint8.

    `window` turns more than 8 bits into grey; without it they are refused. Returns what was done to the image that its
    owner should know, in words. When it raises, `out` may hold anything.

    Raises: FrameError with reason `size`, `crc`, `too_large` or `decode`.
    """
    check(header, payload, (out.shape[0], out.shape[1]))
    pixels, oddities = read_pixels(header, payload, window)
    out[:] = pixels
    return oddities


def check(header: Header, payload: Part, shape: tuple[int, int]) -> None:
    """Check the second part of a message against its header and the expected `shape` (H, W), its checksum included.

    Raises: FrameError with reason `size` or `crc`.
    """
    height, width = shape
    if (header.width, header.height) != (width, height):
        found, wanted = f"{header.width} x {header.height}", f"{width} x {height}"
        raise FrameError("size", f"frame is {found} px; expected {wanted} px, as in the recipe")
    if header.encoding == "raw8" and len(payload) != height * width:
        raise FrameError("size", f"raw8 payload has {counted(len(payload), 'byte')}; expected {width} x {height}")
    if (checksum := crc32(payload)) != header.crc32:
        wrong = f"crc32 of the payload is {checksum}; expected {header.crc32}, as in the header"
        raise FrameError("crc", f"{wrong}. Damaged on its way?")


def read_pixels(header: Header, payload: Part, window: Window | None = None) -> tuple[Bytes2D, tuple[str, ...]]:
    """Return the pixels (H, W) of a payload that `check` has passed, and what was done to them, in words.

    Those of raw8 lie in the payload's own memory. Any other takes milliseconds, and no lock.

    Raises: FrameError with reason `size`, `too_large` or `decode`.
    """
    size = header.width, header.height
    if header.encoding == "raw8":
        return np.frombuffer(payload, np.uint8).reshape(size[::-1]), ()
    try:
        head, pixels = reader.decode(payload, size=size, window=window, kind=header.encoding)
    except ImageError as error:
        raise FrameError(error.reason, f"{header.encoding} image {error}") from None
    return pixels, head.oddities()


def _version_of(part: Part) -> int | None:
    """Version of a header that this program cannot read; None when it does not even say that."""
    try:
        return _version.decode(part).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
