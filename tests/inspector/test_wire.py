"""Frame messages: what is written can be read, and whatever else comes is refused by the right word."""

import json
import struct
import zlib
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector import wire
from inspector.errors import FrameError
from inspector.records.frame import Bytes2D, Header
from inspector.wire import crc32
from tests.coil_names import NASTY

NAMES = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.:/-]{0,63}", fullmatch=True)
FRAME = np.random.default_rng(2).integers(0, 256, (24, 40), np.uint8)
FIELDS = {"v": 1, "camera": "top", "boot": "b1", "number": 7, "captured_ns": 9, "width": 40, "height": 24}
GOOD: dict[str, object] = {**FIELDS, "encoding": "raw8", "crc32": zlib.crc32(FRAME.tobytes())}


def message(encoding: str = "raw8", pixels: Bytes2D = FRAME) -> tuple[Header, bytes]:
    """Make a good message."""
    return wire.frame_message(pixels, camera="top", boot="b1", number=7, captured_ns=9, encoding=encoding)


def header_of(encoding: str, payload: bytes) -> Header:
    """Make the header that goes with any payload."""
    return msgspec.convert({**FIELDS, "encoding": encoding, "crc32": zlib.crc32(payload)}, Header)


def read(header: object) -> Header:
    """Read a header written by somebody else's JSON library."""
    return wire.read_header(json.dumps(header).encode())


def reason_of(header: Header, payload: bytes) -> str:
    """Say why a message is refused."""
    with pytest.raises(FrameError) as caught:
        wire.unpack(header, payload, np.empty_like(FRAME))
    return caught.value.reason


FACTS = st.fixed_dictionaries(
    {
        "camera": NAMES,
        "boot": st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
        "number": st.integers(0, 2**63 - 1),
        "captured_ns": st.integers(0, 2**63 - 1),
        "encoding": st.sampled_from(["raw8", "png"]),
    },
    optional={
        "coil": st.one_of(NAMES, st.sampled_from(NASTY)),
        "side": st.sampled_from(["top", "bottom"]),
        "start_mm": st.floats(-1e9, 1e9),
        "mm_per_row": st.floats(1e-9, 1000),
    },
)


@given(FACTS, st.tuples(st.integers(1, 40), st.integers(1, 40)), st.integers(0, 99))
def test_inverse(facts: dict[str, Any], shape: tuple[int, int], seed: int) -> None:
    """Header and pixels come out of a message exactly as they were put in."""
    pixels = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    header, payload = wire.frame_message(pixels, **facts)
    first, second = wire.encode(header, payload)
    assert wire.read_header(memoryview(first)) == header
    assert len(first) <= wire.MAX_HEADER_BYTES
    out = np.empty(shape, np.uint8)
    wire.unpack(header, memoryview(second), out)
    assert np.array_equal(out, pixels)


def test_jpeg_is_close() -> None:
    """A JPEG comes out as the picture that went in, but for what JPEG takes away."""
    ramp = np.tile(np.linspace(0, 255, 40, dtype=np.uint8), (24, 1))
    out = np.empty_like(ramp)
    wire.unpack(*message("jpeg", ramp), out)
    assert np.abs(out.astype(int) - ramp).max() <= 4


def test_unpack_writes_one_row_of_a_batch() -> None:
    """Pixels go to the place they are meant for and nowhere else."""
    batch = np.zeros((3, *FRAME.shape), np.uint8)
    wire.unpack(*message(), batch[1])
    assert np.array_equal(batch[1], FRAME)
    assert not batch[0].any()
    assert not batch[2].any()


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (b"", "json"),
        (b"\xff\xfe\x00", "json"),
        (b'{"v":1,"camera":"\xff"}', "json"),
        (b'{"later":' + b"[" * 4000, "json"),
        (b"{" + b" " * 4096 + b"}", "too_large"),
        (b"[]", "header"),
        (b"{}", "header"),
        (json.dumps({**GOOD, "v": 2}).encode(), "version"),
        (json.dumps({"v": 2, "cam": "top"}).encode(), "version"),
        (json.dumps({**GOOD, "v": "1"}).encode(), "header"),
        (json.dumps({**GOOD, "start_mm": float("nan")}).encode(), "json"),
        (json.dumps({**GOOD, "start_mm": 2e9}).encode(), "header"),
        (json.dumps({**GOOD, "boot": "\ud800"}).encode(), "json"),
        (json.dumps({**GOOD, "number": "7"}).encode(), "header"),
        (json.dumps({**GOOD, "number": -1}).encode(), "header"),
        (json.dumps({**GOOD, "width": 7.5}).encode(), "header"),
        (json.dumps({**GOOD, "encoding": "tiff"}).encode(), "header"),
        (json.dumps({**GOOD, "camera": "two words"}).encode(), "header"),
        (json.dumps({key: value for key, value in GOOD.items() if key != "crc32"}).encode(), "header"),
    ],
)
def test_bad_header(part: bytes, reason: str) -> None:
    """A header that cannot be used is refused under the word that people will look for."""
    with pytest.raises(FrameError) as caught:
        wire.read_header(part)
    assert caught.value.reason == reason
    assert len(str(caught.value)) < 300


@given(st.text(min_size=1, max_size=64), st.integers(0, 2**63 - 1), st.text(max_size=64))
def test_a_header_that_is_refused_still_names_its_frame(boot: str, number: int, coil: str) -> None:
    """Boot and number are read whatever else is wrong: a value out of range, or what makes it no JSON."""
    good = {**GOOD, "boot": boot, "number": number}
    for escapes in (True, False):
        text = json.dumps({**good, "mm_per_row": 0, "coil": coil}, ensure_ascii=escapes)
        assert wire.read_identity(text.encode()) == (boot, number)
        broken = '{"coil":"C"1",' + json.dumps({**good, "start_mm": 0}, ensure_ascii=escapes)[1:-1] + ",5}"
        assert wire.read_identity(memoryview(broken.encode())) == (boot, number)


@pytest.mark.parametrize(
    "part",
    [
        b"",
        b'{"boot":"b","number":-1}',
        b'{"boot":"b","number":"1"}',
        b'{"boot":"b","number":1.5}',
        b'{"boot":"b","number":007}',
        b'{"boot":"b","number":9223372036854775808}',
        b'{"boot":"","number":1}',
        b'{"boot":"\xff","number":1}',
        b'{"boot":"b","number":1,"number":2}',
        b'{"boot":"b"' + b" " * 4096 + b',"number":1}',
    ],
)
def test_a_frame_that_nothing_names_for_sure(part: bytes) -> None:
    """Where boot or number is missing, is none or is there twice, no frame is named: it could be another."""
    assert wire.read_identity(part) is None


def test_later_fields_are_ignored() -> None:
    """A camera may say more than this version knows."""
    assert read({**GOOD, "temperature_c": 41.5}) == read(GOOD)


def test_last_of_two_equal_keys_counts() -> None:
    """A key that stands twice does no harm: the last one counts, as in most JSON readers."""
    part = json.dumps(GOOD).encode().replace(b'"number": 7', b'"number": 6, "number": 7')
    assert wire.read_header(part) == read(GOOD)


def test_frame_of_another_size_is_refused() -> None:
    """Only frames of the recipe's size are taken, whatever the payload."""
    assert reason_of(*message(pixels=FRAME[:, :39])) == "size"
    assert reason_of(*message("png", FRAME[:23])) == "size"


@pytest.mark.parametrize("payload", [b"", FRAME.tobytes()[:-1], FRAME.tobytes() + b"\0"])
def test_raw_of_another_length_is_refused(payload: bytes) -> None:
    """A raw payload has one byte per pixel, no less and no more, even with the right checksum."""
    assert reason_of(header_of("raw8", payload), payload) == "size"


@pytest.mark.parametrize("encoding", ["raw8", "jpeg", "png"])
def test_one_flipped_bit_is_noticed(encoding: str) -> None:
    """Damage that a JPEG decoder would show as a picture is caught by the checksum."""
    header, payload = message(encoding)
    damaged = bytearray(payload)
    damaged[len(payload) // 2] ^= 1
    assert reason_of(header, bytes(damaged)) == "crc"


def bomb(width: int, height: int) -> bytes:
    """Make a PNG of a few bytes that says it is `width` x `height`."""
    ihdr = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [struct.pack(">I", 13), ihdr, struct.pack(">I", zlib.crc32(ihdr)), struct.pack(">I", 0), b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks) + struct.pack(">I", zlib.crc32(b"IEND"))


def sized(payload: bytes, width: int, height: int) -> bytes:
    """Make a JPEG's frame header say `width` x `height`."""
    at = payload.index(b"\xff\xc0")
    return payload[: at + 5] + struct.pack(">HH", height, width) + payload[at + 9 :]


@pytest.mark.parametrize(
    ("encoding", "payload", "reason"),
    [
        ("png", bomb(20_000, 20_000), "too_large"),
        ("png", bomb(2**31 - 1, 2**31 - 1), "too_large"),
        ("png", bomb(20, 24), "size"),
        ("png", bomb(40, 24), "decode"),
        ("png", wire.pack(FRAME, "png")[:100], "decode"),
        ("png", wire.pack(FRAME, "jpeg"), "decode"),
        ("png", b"", "decode"),
        ("jpeg", sized(wire.pack(FRAME, "jpeg"), 65_500, 65_500), "too_large"),
        ("jpeg", sized(wire.pack(FRAME, "jpeg"), 40, 0), "size"),
        ("jpeg", wire.pack(FRAME, "jpeg")[:60], "decode"),
        ("jpeg", b"\xff\xd8\xff\xd9", "decode"),
        ("jpeg", b"\xff\xd8\xff\xda" + bytes(99), "decode"),
        ("jpeg", b"\xff\xd8\xff\xe0\x00\x00" + bytes(99), "decode"),
    ],
)
def test_image_is_measured_before_it_is_decoded(encoding: str, payload: bytes, reason: str) -> None:
    """A small image that asks for hundreds of megapixels, or is none, costs nothing."""
    assert reason_of(header_of(encoding, payload), payload) == reason


def test_colour_comes_out_grey() -> None:
    """A camera program that saves grey as colour is understood."""
    payload = cv2.imencode(".png", cv2.cvtColor(FRAME, cv2.COLOR_GRAY2BGR))[1].tobytes()
    out = np.empty_like(FRAME)
    wire.unpack(header_of("png", payload), payload, out)
    assert np.array_equal(out, FRAME)


def test_orientation_does_not_turn_the_strip() -> None:
    """An EXIF orientation in a JPEG is ignored: rows stay rows."""
    payload = wire.pack(FRAME, "jpeg")
    tiff = b"MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"
    exif = b"\xff\xe1" + struct.pack(">H", len(tiff) + 8) + b"Exif\x00\x00" + tiff
    turned = payload[:2] + exif + payload[2:]
    straight, out = np.empty_like(FRAME), np.empty_like(FRAME)
    wire.unpack(header_of("jpeg", payload), payload, straight)
    wire.unpack(header_of("jpeg", turned), turned, out)
    assert np.array_equal(out, straight)


@given(st.binary(max_size=300))
def test_random_headers_raise_nothing_else(part: bytes) -> None:
    """Whatever the first part holds, it is a header or a FrameError."""
    try:
        wire.read_header(part)
    except FrameError as error:
        assert error.reason in {"json", "header", "version"}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON, min_size=1))
def test_random_fields_raise_nothing_else(fields: dict[str, object]) -> None:
    """Whatever JSON a field holds, it is a header or a FrameError."""
    try:
        read({**GOOD, **fields})
    except FrameError as error:
        assert error.reason in {"json", "header", "version"}


PACKED = {encoding: wire.pack(FRAME, encoding) for encoding in ("raw8", "jpeg", "png")}


@given(st.sampled_from(sorted(PACKED)), st.integers(0, 1200), st.binary(max_size=40), st.booleans())
def test_random_payloads_raise_nothing_else(encoding: str, at: int, scribble: bytes, is_whole: bool) -> None:
    """Whatever is scribbled over a payload whose checksum is right, it is a picture or a FrameError."""
    good = PACKED[encoding] if is_whole else b""
    payload = good[:at] + scribble + good[at + len(scribble) :]
    try:
        wire.unpack(header_of(encoding, payload), payload, np.empty_like(FRAME))
    except FrameError as error:
        assert error.reason in {"size", "decode", "too_large"}


def test_checksum_is_zlibs() -> None:
    """Whichever CRC-32 is installed, it is the one that every camera can compute."""
    for payload in (b"", b"123456789", bytes(range(256)) * 1600, memoryview(bytes(409_600))):
        assert crc32(payload) == zlib.crc32(payload)
    assert crc32(b"123456789") == 0xCBF43926
