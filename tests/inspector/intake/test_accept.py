"""Messages become frames and losses: nothing is believed too early, all of them are counted, and in order."""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector import wire
from inspector.demand import Demand
from inspector.intake.accept import PICTURES_WAITING, Accept
from inspector.records.stages import Frame, Loss
from tests import frames
from tests.frames import HEIGHT, WIDTH


@contextmanager
def accept(max_frames: int = 100, *, gives_up: bool = True) -> Iterator[Accept]:
    """Give an intake without a socket, of the cameras top and bottom."""
    demand, cameras = Demand(2), [frames.camera("top"), frames.camera("bottom")]
    accept = Accept(
        cameras,
        (max_frames, HEIGHT, WIDTH),
        lambda count: np.empty((count, HEIGHT, WIDTH), np.uint8),
        demand,
        gives_up=gives_up,
        max_bytes=1_000_000,
        threads=2,
        wake=lambda: None,
    )
    try:
        yield accept
    finally:
        accept.close()


def message(of: int, encoding: str = "raw8", **facts: Any) -> list[wire.Part]:
    """Make a frame whose pixels all say its number, but for these facts of its header."""
    pixels = np.full((HEIGHT, WIDTH), of % 256, np.uint8)
    header, payload = wire.frame_message(pixels, camera="top", boot="b", number=of, captured_ns=0, encoding=encoding)
    return wire.encode(msgspec.structs.replace(header, **facts), payload)


def result(accept: Accept) -> list[object]:
    """Wait for the decoders; return frames by their number, losses by reason and count."""
    while accept.is_pending:
        accept.collect()
    accept.collect()
    arrivals = accept.leave(0).arrivals
    return [a.header.number if isinstance(a, Frame) else (a.reason, a.count) for a in arrivals]


def test_a_header_is_not_believed_before_the_checksum() -> None:
    """A message with a wild number, another boot and a wrong checksum changes nothing for the frames after it."""
    with accept() as intake:
        intake.take(message(0), 2, 0)
        intake.take(message(1, number=10**12, boot="other", coil="X", start_mm=1e9, crc32=0), 2, 0)
        for number in range(2, 30):
            intake.take(message(number), 2, 0)
        assert result(intake) == [0, ("crc", 1), *range(2, 30)]


def test_a_header_is_not_believed_before_the_picture() -> None:
    """The same for a picture whose checksum is right, and that cannot be decoded."""
    with accept() as intake:
        intake.take(message(0), 2, 0)
        junk = b"\x89PNG\r\n\x1a\n" + bytes(50)
        header = msgspec.json.decode(message(1, "png")[0])
        header.update(number=10**12, boot="other", crc32=zlib.crc32(junk))
        intake.take([msgspec.json.encode(header), junk], 2, 0)
        for number in range(2, 5):
            intake.take(message(number), 2, 0)
        assert result(intake) == [0, ("decode", 1), *range(2, 5)]


def test_pictures_above_the_camera_s_share_are_given_up() -> None:
    """Pictures that come faster than they are decoded are counted in their place, and are not missing as well."""
    with accept() as intake:
        for number in range(PICTURES_WAITING + 12):
            intake.take(message(number, "raw8" if number else "jpeg"), 2, 0)
        intake.take(message(0, camera="bottom"), 2, 0)
        assert result(intake) == [0, *range(PICTURES_WAITING), ("decoding", 12)]
        following = PICTURES_WAITING + 12
        intake.take(message(following, "jpeg"), 2, 0)
        assert result(intake) == [following]


def test_a_line_that_waits_gives_no_picture_up() -> None:
    """Where cameras are held back instead, the intake says when it can take no more, and drops nothing."""
    with accept(gives_up=False) as intake:
        for number in range(PICTURES_WAITING):
            assert intake.can_take
            intake.take(message(number, "png"), 2, 0)
        assert not intake.can_take
        assert result(intake) == list(range(PICTURES_WAITING))
        assert intake.can_take


KINDS = st.sampled_from(["raw8", "jpeg", "png", "crc", "junk", "missing", "other camera"])


@settings(max_examples=100, deadline=None)
@given(st.lists(KINDS, max_size=40))
def test_every_message_ends_once_and_in_order(kinds: list[str]) -> None:
    """Whatever comes, each frame or gap of a camera is in the batch once, in order, or counted in its place."""
    expected = list[object]()
    bad_since = 0
    with accept(gives_up=False) as intake:
        intake.take(message(0), 2, 0)
        got = result(intake)
        for number, kind in enumerate(kinds, 1):
            if kind in ("raw8", "jpeg", "png"):
                intake.take(message(number, kind), 2, 0)
                gap = number - 1 - max([n for n in expected if isinstance(n, int)], default=0) - bad_since
                expected += [("lost", gap), number] if gap else [number]
                bad_since = 0
            elif kind == "crc":
                intake.take(message(number, crc32=0), 2, 0)
                expected.append(("crc", 1))
                bad_since += 1
            elif kind == "junk":
                intake.take([b"{", b""], 2, 0)
            elif kind == "other camera":
                intake.take(message(number, camera="bottom"), 2, 0)
            while not intake.can_take:
                intake.collect()
        while intake.is_pending:
            intake.collect()
        intake.collect()
        batch = intake.leave(0)
    of_top = [a for a in batch.arrivals if (a.header.camera if isinstance(a, Frame) else a.camera) == "top"]
    got = [a.header.number if isinstance(a, Frame) else (a.reason, a.count) for a in of_top]
    assert _apart(got) == _apart(expected)
    assert kinds.count("junk") == sum(isinstance(a, Loss) and a.reason == "json" for a in batch.arrivals)
    for frame, planes in zip(batch.frames(), batch.planes, strict=True):
        assert (batch.pixels[planes.start] == frame.header.number).all() or frame.header.camera == "bottom"


def _apart(arrivals: list[object]) -> list[object]:
    """Write damaged frames that were counted together one by one."""
    apart = list[object]()
    for arrival in arrivals:
        is_crc = isinstance(arrival, tuple) and arrival[0] == "crc"
        apart += [("crc", 1)] * arrival[1] if is_crc and isinstance(arrival, tuple) else [arrival]
    return apart
