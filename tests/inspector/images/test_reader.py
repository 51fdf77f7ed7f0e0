from __future__ import annotations

import os
import re
import struct
import tracemalloc
import zlib
from pathlib import Path

import cv2
import numpy as np
import pytest
import simplejpeg

from inspector.errors import ImageError
from inspector.images import head
from inspector.images import png as png_file
from inspector.images.head import parse_window, scale
from inspector.images.reader import decode, decode_labels, inspect, read
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
    tagged_tiff,
    turned,
    turned_tiff,
)

PIXELS = strip()
STREAM = zlib.compress(rows(PIXELS))
JPEG = encode(PIXELS, ".jpg", cv2.IMWRITE_JPEG_QUALITY, 95)
PROGRESSIVE = encode(PIXELS, ".jpg", cv2.IMWRITE_JPEG_PROGRESSIVE, 1)
DEEP = np.tile(np.linspace(0, 4095, WIDTH).astype(np.uint16), (HEIGHT, 1))
CURVED = encode(DEEP, ".png")

REFUSED = {
    "empty": (b"", "is no png, jpeg, bmp or tiff image"),
    "text": (b"ImageId,ClassId", "is no png, jpeg, bmp or tiff image"),
    "png: cut off": (encode(PIXELS, ".png")[:-20], "cut off"),
    "png: a chunk of 4 GB": (png(header())[:-12] + struct.pack(">I", 2**32 - 16) + b"IDAT" + bytes(4), "cut off or"),
    "png: CRC": (png(header(), chunk(b"IDAT", STREAM)[:-1] + b"?"), "wrong CRC in chunk IDAT"),
    "png: animated": (png(header(), chunk(b"acTL", bytes(8)), chunk(b"IDAT", STREAM)), "is animated"),
    "png: unknown chunk": (png(header(), chunk(b"vpAg", bytes(9)), chunk(b"IDAT", STREAM)), "not known to be harmless"),
    "png: no pixels": (png(header()), "in an order that no PNG has"),
    "png: pixels in two places": (
        png(header(), chunk(b"IDAT", STREAM[:9]), chunk(b"tEXt"), chunk(b"IDAT", STREAM[9:])),
        "in an order that no PNG has",
    ),
    "png: two headers": (png(header(), header(), chunk(b"IDAT", STREAM)), "in an order that no PNG has"),
    "png: header last": (png(chunk(b"IDAT", STREAM), header()), "begins with chunk IDAT"),
    "png: interlaced": (png(header(interlace=1), chunk(b"IDAT", STREAM)), "is interlaced"),
    "png: depth of none": (png(header(depth=3), chunk(b"IDAT", STREAM)), "an IHDR that no PNG has"),
    "png: too few rows": (png(header(height=HEIGHT + 1), chunk(b"IDAT", STREAM)), "holds fewer pixels"),
    "png: too many rows": (png(header(height=HEIGHT - 1), chunk(b"IDAT", STREAM)), "holds more pixels"),
    "png: bomb": (png(header(), chunk(b"IDAT", zlib.compress(bytes(10**8)))), "holds more pixels"),
    "png: damaged stream": (png(header(), chunk(b"IDAT", STREAM[:40] + b"????" + STREAM[44:])), "damaged stream"),
    "png: checksum of the stream": (png(header(), chunk(b"IDAT", STREAM[:-1] + b"?")), "damaged stream"),
    "png: filter of none": (
        png(header(), chunk(b"IDAT", zlib.compress(b"\x07" + rows(PIXELS)[1:]))),
        "a filter that no PNG has",
    ),
    "png: palette missing": (png(header(colour=3), chunk(b"IDAT", STREAM)), "a palette of 0 bytes"),
    "png: index without colour": (
        png(header(colour=3), chunk(b"PLTE", bytes(9)), chunk(b"IDAT", STREAM)),
        "in a palette of 3 colours",
    ),
    "png: trailing bytes": (encode(PIXELS, ".png") + b"PK", "2 bytes behind its end"),
    "png: more chunks than bytes": (png(header(), *[chunk(b"tEXt")] * 9999, chunk(b"IDAT", STREAM)), "more chunks"),
    "png: stitched coil": (png(header(8192, 200_000), chunk(b"IDAT", STREAM)), "Cut it into frames"),
    "png: 16 bits": (CURVED, "has 16 bits a sample"),
    "jpeg: cut off, but with its end": (JPEG[: len(JPEG) * 4 // 10] + b"\xff\xd9", "is damaged"),
    "jpeg: cut off": (JPEG[: len(JPEG) * 4 // 10], "is cut off"),
    "jpeg: without its end": (JPEG[:-2], "is cut off"),
    "jpeg: a hole": (JPEG[: len(JPEG) // 2] + b"\x55" * 60 + JPEG[len(JPEG) // 2 + 60 :], "is damaged"),
    "jpeg: trailing bytes": (JPEG + JPEG, "bytes behind its end"),
    "jpeg: only an end": (b"\xff\xd8\xff\xd9", "ends without an image"),
    "jpeg: scan first": (b"\xff\xd8\xff\xda" + bytes(99), "Cut off"),
    "jpeg: two frames": (
        JPEG.replace(b"\xff\xc4", segment(0xC0, struct.pack(">BHHB", 8, 8, 8, 1) + b"\1\x11\0") + b"\xff\xc4", 1),
        "two frame headers",
    ),
    "jpeg: arithmetic": (JPEG.replace(b"\xff\xc0", b"\xff\xc9"), "in a way"),
    "jpeg: 12 bits": (JPEG.replace(b"\xff\xc0\0\x0b\x08", b"\xff\xc1\0\x0b\x0c"), "has 12 bits"),
    "jpeg: many scans": (many_scans(1000), "more than 20 scans"),
    "jpeg: many segments": (JPEG[:2] + segment(0xFE, b"") * 1000 + JPEG[2:], "more than 600 segments"),
    "bmp: cut off": (encode(PIXELS, ".bmp")[:-1], "is cut off"),
    "tiff: cut off": (encode(PIXELS, ".tif")[:-1], "is cut off"),
    "tiff: 16 bits": (encode(DEEP, ".tif"), "has 16 bits a sample"),
    "tiff: float": (encode(DEEP.astype(np.float32), ".tif"), "expected grey"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_sound_frame_is_refused_in_words(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Damage, tricks and forms without a rule end in one error with its reason, and nothing on stderr."""
    content, words = REFUSED[name]
    with pytest.raises(ImageError, match=re.escape(words)) as caught:
        decode(content)
    assert caught.value.reason == ("too_large" if "coil" in name else "decode")
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif"])
def test_lossless_formats_come_back_to_the_last_pixel(suffix: str) -> None:
    """What was written is what is read, as grey levels and as labels."""
    content = encode(PIXELS, suffix)
    assert np.array_equal(decode(content).pixels, PIXELS)
    assert np.array_equal(decode_labels(content).pixels, PIXELS)
    assert inspect(content).oddities() == ()


@pytest.mark.parametrize("content", [JPEG, PROGRESSIVE, many_scans(19)])
def test_jpeg_is_decoded_as_opencv_does(content: bytes) -> None:
    """Baseline and progressive, up to the bound of scans, give OpenCV's pixels."""
    expected = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert expected is not None and np.array_equal(decode(content).pixels, expected)


def test_inks_become_grey_in_little_memory() -> None:
    """A JPEG of four inks, inverted as Adobe's programs write them, takes its own pixels and a band of others."""
    inks = np.dstack([strip(seed, 960, 1000) for seed in range(4)])
    content = simplejpeg.encode_jpeg(inks, 100, "CMYK")
    stored = simplejpeg.decode_jpeg(content, "CMYK")
    tracemalloc.start()
    try:
        grey = decode(content).pixels
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    light = stored[..., :3].astype(float) * stored[..., 3:] / 255
    assert np.abs(grey - light @ [0.299, 0.587, 0.114]).max() < 0.51
    assert peak < 2 * stored.nbytes


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".tif", ".jpg"])
@pytest.mark.parametrize("channels", [3, 4])
def test_colour_becomes_luminance_and_is_reported(suffix: str, channels: int) -> None:
    """One rule for colour, whatever the format; alpha is left out."""
    colour = np.dstack([strip(seed) for seed in range(channels)])
    is_jpeg = suffix == ".jpg"
    picture = decode(encode(colour[..., :3] if is_jpeg else colour, suffix, *((1, 100) if is_jpeg else ())))
    expected = cv2.cvtColor(np.ascontiguousarray(colour[..., :3]), cv2.COLOR_BGR2GRAY)
    assert np.abs(picture.pixels.astype(int) - expected).max() <= (3 if is_jpeg else 0)
    assert picture.head.oddities() == ("is stored in colour; its luminance is used",)


def test_a_palette_is_colour_in_a_frame_and_values_in_a_mask() -> None:
    """An index mask with a palette for people's eyes is read as it is meant."""
    indices = (PIXELS % 3).astype(np.uint8)
    colours = bytes([0, 0, 0, 255, 0, 0, 0, 0, 255])
    content = png(header(colour=3), chunk(b"PLTE", colours), chunk(b"IDAT", zlib.compress(rows(indices))))
    assert np.array_equal(decode_labels(content).pixels, indices)
    assert np.array_equal(decode(content).pixels, np.array([0, 76, 29], np.uint8)[indices])


def test_greys_of_a_bmp_are_those_of_its_table() -> None:
    """Index 7 is grey 7 in most files; others turn the greys round, or list only those that occur."""
    bmp = encode(PIXELS, ".bmp")
    assert bmp[54:62] == bytes([0, 0, 0, 0, 1, 1, 1, 0])
    for greys in (range(255, -1, -1), np.roll(range(256), 9)):
        content = bmp[:54] + bytes(part for grey in greys for part in (grey, grey, grey, 0)) + bmp[54 + 1024 :]
        assert np.array_equal(decode(content).pixels, np.array(greys, np.uint8)[PIXELS])
        assert np.array_equal(decode_labels(content).pixels, PIXELS)


def test_one_bit_is_black_and_white_in_a_frame_and_0_and_1_in_a_mask() -> None:
    """A mask of one bit is the index mask of one class."""
    content = encode((PIXELS > 128).astype(np.uint8) * 255, ".png", cv2.IMWRITE_PNG_BILEVEL, 1)
    assert inspect(content).depth == 1
    assert np.array_equal(decode(content).pixels, (PIXELS > 128) * 255)
    assert np.array_equal(decode_labels(content).pixels, PIXELS > 128)


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_sixteen_bits_pass_through_the_stated_window(suffix: str) -> None:
    """Black and white are where the window says, linear between, cut off beyond."""
    picture = decode(encode(DEEP, suffix), window=Window(1000, 3000))
    expected = np.clip(np.rint((DEEP.astype(float) - 1000) * 255 / 2000), 0, 255)
    assert np.array_equal(picture.pixels, expected)
    assert np.array_equal(decode(encode(PIXELS, suffix), window=Window(1000, 3000)).pixels, PIXELS)


@pytest.mark.parametrize("text", ["", "4095", "4095-0", "7-7", "0-65536", "0 - 4095", "-1-4"])
def test_a_window_that_is_none_is_refused(text: str) -> None:
    """The message shows a right one."""
    with pytest.raises(ValueError, match="as 0-4095"):
        parse_window(text)


@pytest.mark.parametrize(
    "content",
    [
        turned(JPEG, 3),
        png(header(), chunk(b"eXIf", exif(3)), chunk(b"IDAT", STREAM)),
        png(header(), chunk(b"IDAT", STREAM), chunk(b"eXIf", exif(3))),
    ],
)
def test_an_orientation_turns_nothing_and_is_reported(content: bytes) -> None:
    """Masks are drawn on pixels as stored: so they stay."""
    head, pixels = decode(content)
    assert np.abs(pixels.astype(int) - PIXELS).mean() < 3
    assert head.oddities() == ("has EXIF orientation 3; pixels are used as stored, not turned",)


@pytest.mark.parametrize("orientation", range(10))
def test_a_tiff_is_read_as_stored_whatever_its_orientation(orientation: int) -> None:
    """libtiff would mirror 2 to 4, and OpenCV give up at 5 to 8; 0 and 9 mean nothing."""
    for pixels in (PIXELS, DEEP):
        head, decoded = decode(turned_tiff(encode(pixels, ".tif"), orientation), window=Window(0, 255 * 16))
        assert np.array_equal(decoded, pixels if pixels is PIXELS else np.rint(DEEP / 16).clip(0, 255))
        assert bool(head.oddities()) == (2 <= orientation <= 8)


@pytest.mark.parametrize("meant", range(3))
@pytest.mark.parametrize("depth", [np.uint8, np.uint16])
def test_alpha_darkens_no_tiff(meant: int, depth: type[np.unsignedinteger]) -> None:
    """libtiff multiplies colours by an alpha that the file calls unassociated (2): it is left out, as of a PNG."""
    grey = PIXELS.astype(depth)
    content = encode(np.dstack([grey, grey, grey, grey // 2]), ".tif")
    picture = decode(tagged_tiff(content, 338, meant), window=Window(0, 255))
    assert np.array_equal(picture.pixels, PIXELS)


@pytest.mark.parametrize("block", [b"", b"II", exif(9), exif(3)[:-9], b"MM\0*\xff\xff\xff\xff" + bytes(8)])
def test_exif_that_cannot_be_read_says_nothing(block: bytes) -> None:
    """A broken block in a whole image is not the image's fault."""
    content = JPEG[:2] + segment(0xE1, b"Exif\0\0" + block) + JPEG[2:]
    assert decode(content).head.oddities() == ()


def test_no_tag_of_a_tiff_takes_more_memory_than_the_file() -> None:
    """Hundreds of tags that share one long list, none of them known, are passed over."""
    content = encode(PIXELS, ".tif")
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    behind = len(content) + 2 + 12 * (count + 400) + 4
    entries = content[at + 2 : at + 2 + 12 * count]
    entries += b"".join(struct.pack("<HHII", 50_000 + tag, 4, 10_000, behind) for tag in range(400))
    directory = struct.pack("<H", count + 400) + entries + bytes(4)
    shared = content[:4] + struct.pack("<I", len(content)) + content[8:] + directory + b"\1" * 40_000
    tracemalloc.start()
    try:
        inspect(shared)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 10 * len(shared)
    assert np.array_equal(decode(shared).pixels, PIXELS)


def test_size_and_kind_are_refused_before_pixels() -> None:
    """A line's frame has one size and one encoding; all else has a reason of its own."""
    content = encode(PIXELS, ".png")
    for size, reason in (((WIDTH, HEIGHT + 1), "size"), ((WIDTH - 1, HEIGHT), "too_large")):
        with pytest.raises(ImageError, match=f"is {WIDTH} x {HEIGHT} px; expected") as caught:
            decode(content, size)
        assert caught.value.reason == reason
    with pytest.raises(ImageError, match="is no jpeg image"):
        decode(content, kind="jpeg")
    with pytest.raises(ImageError, match="no image of 48 x 32 px needs them") as caught:
        decode(content + bytes(10**6), (WIDTH, HEIGHT))
    assert caught.value.reason == "too_large"


@pytest.mark.parametrize(
    ("content", "words"),
    [(JPEG, "is a JPEG"), (encode(DEEP, ".png"), "is 16-bit"), (encode(np.dstack([PIXELS] * 3), ".png"), "3 channels")],
)
def test_what_holds_no_labels_is_refused(content: bytes, words: str) -> None:
    """Values that were altered or mean colours are no classes."""
    with pytest.raises(ImageError, match=words):
        decode_labels(content)


def test_padding_behind_the_end_is_no_damage() -> None:
    """Cameras that send blocks of a fixed size fill them with zeros."""
    for content in (JPEG, encode(PIXELS, ".png")):
        assert decode(content + bytes(100)).pixels.shape == PIXELS.shape


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    """Missing, empty, a folder, and what never ends or never begins, are distinguished."""
    (tmp_path / "a.png").touch()
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    for name, words in (
        ("b.png", "is missing"),
        ("a.png", "is empty"),
        ("", "directory"),
        ("pipe.png", "is a pipe or a device"),
        ("zero.png", "is a pipe or a device"),
    ):
        path = tmp_path / name
        with pytest.raises(ImageError, match=words):
            read(path)


@pytest.mark.parametrize(
    ("colour", "depth"), [(kind, depth) for kind in png_file.CHANNELS for depth in png_file.DEPTHS[kind]]
)
def test_a_large_png_is_decoded_in_bands(colour: int, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever filters its rows have, which look back over the edge of a band, the samples are those of the whole."""
    width, height, channels = 13, 40, png_file.CHANNELS[colour]
    row_bytes = -(-width * channels * depth // 8)
    made = np.random.default_rng(depth).integers(0, 256, (height, 1 + row_bytes), np.uint8)
    made[:, 0] %= 5
    palette = [chunk(b"PLTE", bytes(range(256)) * 3)] if colour == 3 else []
    folded = zlib.compress(made.tobytes())
    content = png(header(width, height, depth, colour), *palette, chunk(b"IDAT", folded))
    whole = png_file.decode(png_file.walk(content))
    for rows_at_once in (1, 7, 20):
        monkeypatch.setattr(png_file, "BAND_BYTES", rows_at_once * (1 + row_bytes))
        monkeypatch.setattr(png_file, "FOLDED_BYTES", 30)
        assert np.array_equal(png_file.decode(png_file.walk(content)), whole)
    for wrong in (made[:-1], np.concatenate((made, made[:1]))):
        content = png(header(width, height, depth, colour), *palette, chunk(b"IDAT", zlib.compress(wrong.tobytes())))
        with pytest.raises(ImageError, match="pixels than its size needs"):
            png_file.decode(png_file.walk(content))


def test_a_file_larger_than_any_image_is_not_read(tmp_path: Path) -> None:
    """Its size alone refuses it."""
    with (path := tmp_path / "coil.png").open("wb") as file:
        file.truncate(10**12)
    with pytest.raises(ImageError, match="takes 1000000 MB; no image that can be used takes more than 570 MB"):
        read(path)


def test_a_large_picture_goes_through_its_window_in_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    """As at once."""
    samples = np.random.default_rng(1).integers(0, 2**16, (40, 13), np.uint16)
    at_once = scale(samples, Window(100, 4095))
    monkeypatch.setattr(head, "BAND_PX", 30)
    assert np.array_equal(scale(samples, Window(100, 4095)), at_once)
