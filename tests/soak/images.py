"""Damaged and hostile images and headers: `python -m tests.soak.images [COUNT] [SEED]`; none crashes or grows.

Every mutation is made from the seed and its number alone. Children decode them, so that a crash is seen and named.
"""

from __future__ import annotations

import json
import random
import resource
import struct
import subprocess
import sys
import time
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np

from inspector import wire
from inspector.errors import FrameError, ImageError
from inspector.images import reader
from inspector.records.frame import Header
from inspector.records.recipe import Window
from tests.images import (
    HEIGHT,
    WIDTH,
    chunk,
    encode,
    exif,
    header,
    many_scans,
    png,
    rows,
    segment,
    strip,
    turned,
    turned_tiff,
)

A_CHILD = 10_000
"""Mutations that one process decodes."""
MAX_GROWTH_MB = 50
LARGE_EVERY = 100
"""Of this number of pictures one is of a line's size: it takes the longest to decode."""
NUMBERS = (0, 1, 2, 4, 8, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1)
VALUES: tuple[Any, ...] = (None, True, -1, 0, 1, 2**31, 2**63, 1e308, 0.5, "", "x", "a" * 5000, [], {}, "png", "raw8")


class SoakResult(msgspec.Struct):
    """What a child found."""

    reasons: dict[str, int]
    """Mutations by what came of them; `decoded` for those that are still images."""
    growth_mb: float
    """Resident memory at its highest, against that after the first of each kind."""
    longest_ms: float
    """Processor time of the longest decode."""
    longest: int
    """Its number."""


def bases() -> list[bytes]:
    """Return whole images of every kind that is read, and of some that are refused."""
    grey, deep = strip(), strip().astype(np.uint16) * 257
    colour = np.dstack([strip(seed) for seed in range(3)])
    stream = zlib.compress(rows(grey))
    palette = chunk(b"PLTE", bytes(range(256)) * 3)
    control = chunk(b"acTL", struct.pack(">II", 2, 0))
    frame = chunk(b"fcTL", struct.pack(">IIIIIHHBB", 0, WIDTH, HEIGHT, 0, 0, 1, 10, 0, 0))
    pieces = [chunk(b"IDAT", stream[at : at + 99]) for at in range(0, len(stream), 99)]
    later = chunk(b"fdAT", struct.pack(">I", 2) + stream)
    jpegs = [
        encode(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_PROGRESSIVE, progressive, *restart)
        for pixels in (grey, colour)
        for quality in (5, 95)
        for progressive in (0, 1)
        for restart in ((), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2))
    ]
    return [
        *(encode(grey, ".png", cv2.IMWRITE_PNG_COMPRESSION, effort) for effort in (0, 1, 9)),
        *(encode(pixels, ".png") for pixels in (colour, deep, np.dstack([colour, grey]))),
        encode((grey > 99).astype(np.uint8) * 255, ".png", cv2.IMWRITE_PNG_BILEVEL, 1),
        png(header(colour=3), palette, chunk(b"IDAT", stream)),
        png(header(), control, frame, chunk(b"IDAT", stream), frame, later),
        png(header(), chunk(b"eXIf", exif(3)), *pieces),
        *jpegs,
        turned(jpegs[0], 6),
        many_scans(15),
        jpegs[0][:2] + segment(0xFE, bytes(99)) + jpegs[0][2:],
        encode(grey, ".bmp"),
        encode(colour, ".bmp"),
        encode(grey, ".tif"),
        encode(deep, ".tif"),
        turned_tiff(encode(grey, ".tif"), 6),
    ]


def large_bases() -> list[bytes]:
    """Return images of a line's size."""
    pixels = strip(1, 1600, 256)
    return [
        encode(pixels, ".png", cv2.IMWRITE_PNG_COMPRESSION, 1),
        encode(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95),
        encode(pixels, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
        many_scans(20, 1600, 256),
    ]


def mutate(content: bytes, chance: random.Random) -> bytes:
    """Return an image with some bytes changed, left out, put in or cut off; a PNG mostly with its CRCs made right."""
    changed = bytearray(content)
    for _ in range(chance.choice((1, 1, 2, 5, 20))):
        at = chance.randrange(len(changed)) if changed else 0
        way = chance.random()
        if way < 0.5 and changed:
            changed[at] ^= 1 << chance.randrange(8)
        elif way < 0.65:
            changed[at : at + 4] = struct.pack(chance.choice("<>") + "I", chance.choice(NUMBERS))
        elif way < 0.75:
            changed[at : at + chance.randrange(1, 9)] = b""
        elif way < 0.85:
            changed[at:at] = chance.randbytes(chance.randrange(1, 9))
        elif way < 0.92:
            source = chance.randrange(len(changed)) if changed else 0
            changed[at:at] = changed[source : source + chance.randrange(1, 40)]
        else:
            del changed[at:]
    return mend(bytes(changed)) if chance.random() < 0.8 else bytes(changed)


def mend(content: bytes) -> bytes:
    """Make the CRCs of a PNG's chunks right, as far as its lengths allow: else nothing behind them is tried."""
    if content[:4] != b"\x89PNG":
        return content
    at, mended = 8, bytearray(content)
    while at + 12 <= len(mended):
        end = at + 12 + int.from_bytes(mended[at : at + 4], "big")
        if end > len(mended):
            break
        mended[end - 4 : end] = struct.pack(">I", zlib.crc32(mended[at + 4 : end - 4]))
        at = end
    return bytes(mended)


def unfold_and_mutate(content: bytes, chance: random.Random) -> bytes:
    """Return a PNG whose rows were changed and folded again: what reaches the filters is as hostile as can be."""
    pixels = bytearray(rows(strip()))
    for _ in range(chance.randrange(1, 50)):
        pixels[chance.randrange(len(pixels))] = chance.randrange(256)
    for at in range(0, len(pixels), WIDTH + 1):
        pixels[at] = chance.choice((0, 1, 2, 3, 4, 4, 4, chance.choice((0, 5, 255))))
    return png(header(), chunk(b"IDAT", zlib.compress(bytes(pixels[: chance.choice((len(pixels), len(pixels) - 1))]))))


def mutate_header(chance: random.Random) -> bytes:
    """Return a frame's header with bytes or values changed."""
    fields: dict[str, Any] = {"v": 1, "camera": "top", "boot": "b", "number": 1, "captured_ns": 1, "width": WIDTH}
    fields |= {"height": HEIGHT, "encoding": "png", "crc32": 0, "coil": "C", "start_mm": 1.5}
    for _ in range(chance.randrange(4)):
        fields[chance.choice(list(fields))] = chance.choice(VALUES)
    part = json.dumps(fields).encode()
    return part if chance.random() < 0.5 else mutate(part, chance)


def try_one(number: int, seed: int, small: list[bytes], large: list[bytes]) -> str:
    """Decode mutation `number` as daemon and trainer do; return what came of it."""
    chance = random.Random(f"{seed} {number}")
    if number % 10 == 9:
        try:
            wire.read_header(mutate_header(chance))
        except FrameError as error:
            return f"header: {error.reason}"
        return "header: read"
    is_large = number % LARGE_EVERY == 0
    base = chance.choice(large if is_large else small)
    content = (unfold_and_mutate if number % 10 == 8 else mutate)(base, chance)
    width, height = (1600, 256) if is_large else (WIDTH, HEIGHT)
    is_jpeg = base[:2] == b"\xff\xd8"
    head = Header(
        v=1,
        camera="top",
        boot="b",
        number=1,
        captured_ns=1,
        width=width,
        height=height,
        encoding="jpeg" if is_jpeg else "png",
        crc32=zlib.crc32(content),
    )
    try:
        wire.unpack(head, content, np.empty((height, width), np.uint8))
        outcome = "decoded"
    except FrameError as error:
        outcome = error.reason
    try:
        reader.decode(content, window=Window(0, 4095))
        reader.decode_labels(content)
    except ImageError:
        pass
    return outcome


def child(first: int, count: int, seed: int) -> SoakResult:
    """Decode mutations; each one's number is on stdout before it is tried."""
    small, large = bases(), large_bases()
    reasons: Counter[str] = Counter()
    longest_s, longest = 0.0, first
    began_mb = 0.0
    for number in range(first, first + count):
        if number == first + 2 * LARGE_EVERY:
            began_mb = peak_mb()
        sys.stdout.write(f"{number}\n")
        sys.stdout.flush()
        began_s = time.thread_time()
        reasons[try_one(number, seed, small, large)] += 1
        if (took_s := time.thread_time() - began_s) > longest_s:
            longest_s, longest = took_s, number
    return SoakResult(dict(reasons), peak_mb() - began_mb, 1000 * longest_s, longest)


def peak_mb() -> float:
    """Return the most memory that this process had, 10^6 bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def soak(count: int, seed: int) -> SoakResult:
    """Decode `count` mutations in children; return all that they found.

    Raises: AssertionError: a child crashed, wrote on stderr, or grew; the mutation's number says which.
    """
    reasons: Counter[str] = Counter()
    growth_mb, longest_ms, longest = 0.0, 0.0, 0
    for first in range(0, count, A_CHILD):
        some = min(A_CHILD, count - first)
        words = [sys.executable, "-m", "tests.soak.images", "child", str(first), str(some), str(seed)]
        ran = subprocess.run(words, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
        lines = ran.stdout.splitlines()
        where = f"exit {ran.returncode} at mutation {lines[-1:]} of seed {seed}"
        assert ran.returncode == 0, f"{where}: {ran.stderr[-999:]}"
        assert not ran.stderr, f"on stderr, seed {seed}: {ran.stderr[:999]}"
        found = msgspec.json.decode(lines[-1], type=SoakResult)
        assert found.growth_mb <= MAX_GROWTH_MB, f"grew by {found.growth_mb:.0f} MB at {first} of seed {seed}"
        reasons.update(found.reasons)
        growth_mb = max(growth_mb, found.growth_mb)
        if found.longest_ms > longest_ms:
            longest_ms, longest = found.longest_ms, found.longest
    return SoakResult(dict(reasons), growth_mb, longest_ms, longest)


if __name__ == "__main__":
    if sys.argv[1:2] == ["child"]:
        print(msgspec.json.encode(child(*map(int, sys.argv[2:]))).decode())
    else:
        count, seed = (int(word) for word in [*sys.argv[1:], "200000", "1"][:2]) if sys.argv[1:] else (200_000, 1)
        found = soak(count, seed)
        reported = ", ".join(f"{reason} {number}" for reason, number in sorted(found.reasons.items()))
        print(f"{count} mutations of seed {seed}: 0 crashes, grew {found.growth_mb:.1f} MB at most; {reported}")
        print(f"longest: {found.longest_ms:.1f} ms of processor time, mutation {found.longest}")
