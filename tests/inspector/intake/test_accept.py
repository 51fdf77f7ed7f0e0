"""Messages become frames and losses: nothing is believed too early, all of them are counted, and in order."""

import logging
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector import wire
from inspector.config.camera import Overload
from inspector.demand import Demand
from inspector.intake.accept import PICTURES_WAITING, Accept
from inspector.intake.decoding import Decoders
from inspector.intake.overload import policies
from inspector.intake.receipts import Known
from inspector.intake.settings import IntakeSection
from inspector.records.stages import Frame, Loss
from tests import frames
from tests.frames import HEIGHT, WIDTH


@contextmanager
def accept(
    max_frames: int = 100, *, top: Overload = "drop-newest", bottom: Overload = "drop-newest", **facts: Any
) -> Iterator[Accept]:
    """Give an intake without a socket, of the cameras top and bottom."""
    demand, is_credit = facts.pop("demand", Demand(2)), facts.pop("is_credit", False)
    cameras = [frames.camera("top", overload=top, **facts), frames.camera("bottom", overload=bottom)]
    accept = Accept(
        cameras,
        (max_frames, HEIGHT, WIDTH),
        lambda count: np.empty((count, HEIGHT, WIDTH), np.uint8),
        demand,
        policies=policies(cameras, IntakeSection(bind="tcp://127.0.0.1:*")),
        max_bytes=1_000_000,
        decoders=lambda work: Decoders(2, work, lambda: None),
        known=Known(cameras) if is_credit else None,
        clock_unix_ns=lambda: 0,
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


def test_a_message_refused_behind_a_full_batch_is_counted() -> None:
    """It stands behind a picture that takes the last place: it is in that batch, and does not wait for another picture.

    It once did, and a camera that then sent nothing more had a message that never ended.
    """
    with accept(max_frames=1, top="wait") as intake:
        intake.take(message(0, "png"), 2, 0)
        intake.take(message(1, "png", crc32=0), 2, 0)
        assert result(intake) == [0, ("crc", 1)]


def test_pictures_above_the_camera_s_share_are_given_up() -> None:
    """Pictures that come faster than they are decoded are counted in their place, and are not missing as well."""
    with accept() as intake:
        for number in range(PICTURES_WAITING + 12):
            intake.take(message(number, "raw8" if number else "jpeg"), 2, 0)
        intake.take(message(0, camera="bottom"), 2, 0)
        assert result(intake) == [0, *range(PICTURES_WAITING), *[("decoding", 1)] * 12]
        following = PICTURES_WAITING + 12
        intake.take(message(following, "jpeg"), 2, 0)
        assert result(intake) == [following]


def test_a_line_that_waits_gives_no_picture_up() -> None:
    """Where cameras are held back instead, the intake says when it can take no more, and drops nothing."""
    with accept(top="wait", bottom="wait") as intake:
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
    with accept(top="wait", bottom="wait") as intake:
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
    for frame, patch in zip(batch.frames(), batch.patches, strict=True):
        assert (batch.pixels[patch.plane] == frame.header.number).all() or frame.header.camera == "bottom"


def _apart(arrivals: list[object]) -> list[object]:
    """Write damaged frames that were counted together one by one."""
    apart = list[object]()
    for arrival in arrivals:
        is_crc = isinstance(arrival, tuple) and arrival[0] == "crc"
        apart += [("crc", 1)] * arrival[1] if is_crc and isinstance(arrival, tuple) else [arrival]
    return apart


def test_a_whole_frame_above_the_share_is_no_frame_of_an_unknown_place() -> None:
    """Of raw pixels that find no room among the pictures the number counts, and a frame that came before stays one."""
    with accept() as intake:
        intake.take(message(0, "jpeg"), 2, 0)
        for number in range(1, PICTURES_WAITING):
            intake.take(message(number), 2, 0)
        after = PICTURES_WAITING + 3
        for number in (after, after - 5, after + 1):
            intake.take(message(number, start_mm=10.0 * number), 2, 70 + number)
        while intake.is_pending:
            intake.collect()
        intake.collect()
        losses = list(intake.leave(0).losses())
    lost = [(loss.reason, loss.count, loss.header and loss.header.number) for loss in losses]
    assert lost == [("lost", 3, None), ("decoding", 1, after), ("order", 1, None), ("decoding", 1, after + 1)]
    assert [loss.received_ns for loss in losses if loss.header] == [70 + after, 71 + after]


def busy() -> Demand:
    """Make the demand of an engine that takes nothing, before which the queue is full."""
    demand = Demand(2)
    demand.hand_over()
    demand.hand_over()
    return demand


def test_the_oldest_or_the_newest_is_given_up() -> None:
    """Where there is no room the camera's policy says which of its frames is: all are counted, and in order."""
    for overload, expected in (
        ("drop-oldest", [("overload", 1)] * 3 + [3, 4]),
        ("drop-newest", [0, 1] + [("overload", 1)] * 3),
    ):
        with accept(2, top=overload, demand=busy()) as intake:  # type: ignore[arg-type]
            for number in range(5):
                intake.take(message(number), 2, 70 + number)
            batch = intake.leave(0)
        got = [a.header.number if isinstance(a, Frame) else (a.reason, a.count) for a in batch.arrivals]
        assert got == expected
        planes = [batch.pixels[patch.plane].max() for patch in batch.patches]
        assert planes == [frame.header.number for frame in batch.frames()]
        assert [loss.header and 70 + loss.header.number == loss.received_ns for loss in batch.losses()] == [True] * 3


def test_the_oldest_picture_is_given_up_that_still_waits() -> None:
    """A camera that would lose its oldest loses it before it is decoded; the newest is inspected."""
    count = PICTURES_WAITING + 40
    with accept(top="drop-oldest") as intake:
        for number in range(count):
            intake.take(message(number, "png"), 2, 0)
        got = result(intake)
    frames = [end for end in got if isinstance(end, int)]
    assert frames == sorted(frames) and frames[-1] == count - 1
    losses = [end for end in got if isinstance(end, tuple)]
    assert {reason for reason, _ in losses} <= {"decoding"}  # and none is missing as well
    assert len(frames) + sum(number for _, number in losses) == count


def test_a_camera_that_waits_keeps_its_frames_and_leaves_a_place_to_one_that_does_not() -> None:
    """A camera that floods and waits loses nothing; one that gives frames up still has its place in each batch."""
    with accept(4, top="wait", demand=busy()) as intake:
        for number in range(10):
            intake.take(message(number), 2, 0)
        for number in range(3):
            intake.take(message(number, camera="bottom"), 2, 0)
        first = intake.leave(0)
        intake.collect()
        intake.take(message(3, camera="bottom"), 2, 0)
        intake.collect()
        second = intake.leave(0)
    sent = [(frame.header.camera, frame.header.number) for frame in first.frames()]
    assert sent == [("top", 0), ("top", 1), ("top", 2), ("bottom", 0)]
    assert [(loss.camera, loss.reason) for loss in first.losses()] == [("bottom", "overload")] * 2
    sent = [(frame.header.camera, frame.header.number) for frame in second.frames()]
    assert sent == [("top", 3), ("top", 4), ("top", 5), ("bottom", 3)]


def test_cameras_that_wait_take_turns() -> None:
    """Of cameras that wait and have frames held, each gets its share of every batch, whoever has more of them."""
    with accept(4, top="wait", bottom="wait", demand=busy()) as intake:
        for number in range(20):
            intake.take(message(number), 2, 0)
        for number in range(4):
            intake.take(message(number, camera="bottom"), 2, 0)
        batches = []
        for _ in range(3):
            intake.collect()
            batches.append([frame.header.camera for frame in intake.leave(0).frames()])
    assert batches[0] == ["top"] * 4
    assert [sorted(cameras) for cameras in batches[1:]] == [["bottom"] * 2 + ["top"] * 2] * 2


def test_a_frame_that_is_too_old_takes_no_place() -> None:
    """A frame captured longer ago than allowed is dropped for that reason when it comes, with its header and when."""
    with accept(max_age_ms=100) as intake:
        intake.take(message(0, captured_ns=0), 2, 0)
        intake._clock_unix_ns = lambda: 100_000_001
        intake.take(message(1), 2, 70)
        intake.take(message(2, captured_ns=1), 2, 0)
        intake.take(message(0, camera="bottom"), 2, 0)  # has no deadline
        batch = intake.leave(0)
    lost = [(loss.reason, loss.header and loss.header.number, loss.received_ns) for loss in batch.losses()]
    assert lost == [("too_old", 1, 70)]
    assert [frame.header.number for frame in batch.frames()] == [0, 2, 0]


def test_numbers_that_come_again_are_duplicates_only_as_they_were_captured(caplog: pytest.LogCaptureFixture) -> None:
    """In credit mode: a count that began again under the same boot is inspected, as in push mode; what was really sent
    again is a duplicate, of both counts, and the log says so."""
    with accept(is_credit=True) as intake, caplog.at_level(logging.INFO):
        results = []
        for captured_ns in (100, 200, 200, 100):
            for number in range(4):
                intake.take(message(number, captured_ns=captured_ns + number), 2, 0, only="top")
            results.append(result(intake))
    again = [("duplicate", 1)]
    assert results == [[0, 1, 2, 3], [("order", 1)] * 2 + [2, 3], [("order", 1)] * 2 + again * 2, again * 4]
    assert ["came again" in line for line in caplog.messages].count(True) == 1


UNREAD = {
    "header": (b'"number":1', b'"number":1,"mm_per_row":0'),
    "json": (b'"number":1', b'"number":1,"start_mm":32,0'),
    "version": (b'"v":1', b'"v":2'),
}


@pytest.mark.parametrize("reason", UNREAD)
@pytest.mark.parametrize("encoding", ["raw8", "png"])
def test_a_frame_whose_header_is_refused_came_in_credit_mode(reason: str, encoding: str) -> None:
    """Its camera is known by the session, its number can be read: it is that camera's, and not missing as well."""
    with accept(is_credit=True) as intake:
        for number in range(3):
            head, payload = message(number, encoding)
            head = bytes(head).replace(*UNREAD[reason]) if number == 1 else head
            assert intake.take([head, payload], 2, 0, only="top")
        while intake.is_pending:
            intake.collect()
        batch = intake.leave(0)
    assert [a.header.number if isinstance(a, Frame) else a for a in batch.arrivals] == [
        0,
        Loss("rejected", reason, "top", 1),  # type: ignore[arg-type]
        2,
    ]
    assert [(receipt.number, receipt.refused) for receipt in batch.receipts] == [(0, ""), (1, reason), (2, "")]


def test_another_cameras_frame_is_none_of_the_connections_own() -> None:
    """In credit mode it is refused by its number, and leaves the count of the camera that is connected as it was."""
    with accept(is_credit=True) as intake:
        intake.take(message(0), 2, 0, only="top")
        assert intake.take(message(1, camera="bottom"), 2, 0, only="top")
        intake.take(message(2), 2, 0, only="top")
        batch = intake.leave(0)
    assert list(batch.losses()) == [Loss("rejected", "camera", "", 1), Loss("missing", "lost", "top", 1)]
    assert [(receipt.camera, receipt.refused) for receipt in batch.receipts][1] == ("top", "camera")
