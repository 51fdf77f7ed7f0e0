"""Images made chunk by chunk and segment by segment, so that each can be wrong in one place."""

from __future__ import annotations

import struct
import zlib

import cv2
import numpy as np

from inspector.records.frame import Bytes2D

WIDTH, HEIGHT = 48, 32


def strip(seed: int = 0, width: int = WIDTH, height: int = HEIGHT) -> Bytes2D:
    """Return grey levels (height, width) with some texture."""
    rng = np.random.default_rng(seed)
    return np.asarray(cv2.GaussianBlur(rng.integers(0, 256, (height, width), np.uint8), (0, 0), 1.2), np.uint8)


def encode(pixels: np.ndarray, suffix: str, *options: int) -> bytes:
    """Return an image file of pixels as OpenCV writes it."""
    return cv2.imencode(suffix, pixels, options)[1].tobytes()


def chunk(name: bytes, data: bytes = b"") -> bytes:
    """Return a PNG chunk with its CRC."""
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def header(width: int = WIDTH, height: int = HEIGHT, depth: int = 8, colour: int = 0, interlace: int = 0) -> bytes:
    """Return an IHDR chunk."""
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlace))


def rows(pixels: Bytes2D) -> bytes:
    """Return what a PNG's stream unfolds to: each row after a filter byte 0."""
    return np.pad(pixels, ((0, 0), (1, 0))).tobytes()


def png(*chunks: bytes) -> bytes:
    """Return a PNG of these chunks and IEND."""
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + chunk(b"IEND")


def segment(marker: int, data: bytes) -> bytes:
    """Return a JPEG segment."""
    return bytes([0xFF, marker]) + struct.pack(">H", len(data) + 2) + data


def exif(orientation: int) -> bytes:
    """Return an EXIF block, without JPEG's head, that says an orientation."""
    return b"II*\0" + struct.pack("<IHHHIII", 8, 1, 0x0112, 3, 1, orientation, 0)


def turned(jpeg: bytes, orientation: int) -> bytes:
    """Return a JPEG with an EXIF orientation."""
    return jpeg[:2] + segment(0xE1, b"Exif\0\0" + exif(orientation)) + jpeg[2:]


def turned_tiff(tiff: bytes, orientation: int) -> bytes:
    """Return a TIFF of OpenCV's that says an orientation."""
    return tagged_tiff(tiff, 274, orientation)


def tagged_tiff(tiff: bytes, tag: int, value: int) -> bytes:
    """Return a TIFF of OpenCV's with another directory, at its end, that has a tag of one short number."""
    (at,) = struct.unpack_from("<I", tiff, 4)
    (count,) = struct.unpack_from("<H", tiff, at)
    entries = {
        struct.unpack_from("<H", tiff, place)[0]: tiff[place : place + 12]
        for place in range(at + 2, at + 2 + 12 * count, 12)
    }
    entries[tag] = struct.pack("<HHIHH", tag, 3, 1, value, 0)
    even = tiff + bytes(len(tiff) % 2)
    directory = struct.pack("<H", len(entries)) + b"".join(entries[key] for key in sorted(entries)) + bytes(4)
    return even[:4] + struct.pack("<I", len(even)) + even[8:] + directory


def many_scans(scans: int, width: int = WIDTH, height: int = HEIGHT) -> bytes:
    """Return a progressive JPEG of as many empty scans."""
    blocks = (width // 8) * (height // 8)
    first = [
        b"\xff\xd8",
        segment(0xDB, b"\0" + b"\1" * 64),
        segment(0xC2, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
        segment(0xC4, b"\0" + bytes([1] + [0] * 15) + b"\0"),
        segment(0xDA, b"\1\1\0\0\0\0") + bytes(blocks // 8 + 1),
        segment(0xC4, b"\x10" + bytes([1] + [0] * 15) + b"\xc0"),
    ]
    scan = segment(0xDA, b"\1\1\0\1\x3f\0") + bytes([0x48, 0x07])
    return b"".join(first) + scan * scans + b"\xff\xd9"
