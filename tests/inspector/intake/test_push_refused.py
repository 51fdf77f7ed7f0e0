"""What is no good frame is refused at the socket by its reason, and the line goes on."""

import contextlib
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from inspector import wire
from inspector.records.frame import Bytes2D, Header
from inspector.records.stages import Frame, Loss
from tests import zmtp
from tests.frames import HEIGHT, WIDTH
from tests.intakes import Context, Line, message, summary


def test_bad_frames_are_put_in_words(context: Context, caplog: pytest.LogCaptureFixture) -> None:
    """The log says what is wrong with a camera's frames, once and not for each of a thousand."""
    with Line(context) as line:
        line.send(9)
        for _ in range(5):
            line.send(0)
        line.send_parts(b"{}", b"")
        line.take(7)
    words = [record.getMessage() for record in caplog.records]
    assert len(words) == 2
    assert words[0] == "rejected a frame of top: order: frame 0 after 9; expected a higher number, or another boot"
    assert words[1].startswith("rejected a frame of an unknown camera: header: Object missing")


def bad(change: Callable[[Header, bytes], tuple[Header, bytes]]) -> tuple[bytes | memoryview, ...]:
    """Make the parts of frame 1 with something changed."""
    return tuple(wire.encode(*change(*message(1))))


def with_fields(**facts: Any) -> Callable[[Header, bytes], tuple[Header, bytes]]:
    """Change fields of the header only."""
    return lambda header, payload: (msgspec.structs.replace(header, **facts), payload)


def with_image(pixels: Bytes2D) -> Callable[[Header, bytes], tuple[Header, bytes]]:
    """Send another image than the header says."""

    def change(header: Header, payload: bytes) -> tuple[Header, bytes]:
        large, payload = wire.frame_message(pixels, camera="top", boot="b", number=1, captured_ns=0, encoding="png")
        return msgspec.structs.replace(large, height=HEIGHT, width=WIDTH), payload

    return change


HEAD, BODY = wire.encode(*message(1))
LARGE = np.zeros((HEIGHT * 2, WIDTH), np.uint8)


BAD: dict[str, list[tuple[bytes | memoryview, ...]]] = {
    "parts": [(b"",), (HEAD,), (HEAD, BODY, BODY)],
    "json": [(b"", BODY), (b"\xff\xfe", BODY), (b"{nonsense", BODY)],
    "version": [bad(with_fields(v=2))],
    "header": [(b"[]", BODY), (b"{}", BODY), bad(with_fields(number="1")), bad(with_fields(camera="a b"))],
    "camera": [bad(with_fields(camera="spy"))],
    "size": [bad(with_fields(height=HEIGHT + 1)), (HEAD, bytes(BODY)[:-1]), (HEAD, b"")],
    "crc": [bad(with_fields(crc32=1)), (HEAD, b"\xff" + bytes(BODY)[1:])],
    "decode": [bad(with_fields(encoding="png")), bad(with_fields(encoding="jpeg"))],
    "too_large": [bad(with_image(LARGE)), (b" " * 5000, BODY)],
}


@pytest.mark.parametrize(("reason", "messages"), BAD.items())
def test_bad_input(line: Line, reason: str, messages: list[tuple[bytes | memoryview, ...]]) -> None:
    """Bad input of every kind is counted by its reason, one loss for each message, and the line goes on."""
    line.send(0)
    for parts in messages:
        line.send_parts(*parts)
    line.send(len(messages) + 1)
    arrivals = line.take(len(messages) + 2)
    assert summary(arrivals)[0] == 0
    refused = [a for a in arrivals if isinstance(a, Loss) and a.end == "rejected"]
    assert {a.reason for a in refused} - {reason} <= {"order"}  # the second frame 1 is refused for that
    assert len(refused) == len(messages)
    assert isinstance(arrivals[-1], Frame)


def test_a_bad_frame_is_not_missing_as_well(line: Line) -> None:
    """A frame that came damaged is refused, nothing of it is believed, and it is no gap."""
    line.send(0)
    line.send_parts(HEAD, b"\xff" + bytes(BODY)[1:])
    line.send(2)
    arrivals = line.take(3)
    assert summary(arrivals) == [0, ("crc", 1), 2]
    assert isinstance(arrivals[1], Loss) and arrivals[1].header is None


def test_large_message(line: Line) -> None:
    """A message above the limit is counted and its camera named, and goes on."""
    line.send(0)
    line.send_parts(HEAD, bytes(1_100_000))
    line.send(2)
    assert summary(line.take(3)) == [0, ("too_large", 1), 2]


def test_huge_message(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """A message far above the limit is never read to its end: its connection is ended, which is counted and logged."""
    line.send(0)
    assert summary(line.take(1)) == [0]
    peer = zmtp.connect(int(line.intake.address.rpartition(":")[2]))
    name = "{}:{}".format(*peer.getsockname())
    failed: list[OSError] = []

    def send() -> None:
        try:
            peer.sendall(zmtp.part(bytes(300_000_000)))
        except OSError as error:
            failed.append(error)

    sender = threading.Thread(target=send)
    sender.start()
    assert summary(line.take(1)) == [("too_large", 1)]
    with contextlib.suppress(ConnectionResetError):
        while peer.recv(4096):  # until the inspector's end is reported
            pass
    with contextlib.suppress(OSError):
        peer.shutdown(socket.SHUT_RDWR)  # its kernel would go on asking for room for a minute
    sender.join()
    peer.close()
    assert failed, "all of it was read"
    assert f"{name} sent on without ending a message; its connection was ended (one may send 2 MB so," in caplog.text


def test_huge_message_over_ipc(context: Context, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Over ipc libzmq ends the connection; the log says so, and the camera may go on."""
    with Line(context, bind=f"ipc://{tmp_path}/frames") as line:
        line.send(0)
        assert summary(line.take(1)) == [0]
        line.send_parts(HEAD, bytes(3_000_000))
        while "the connection of an ipc camera ended (a part above 2 MB ends it, too)" not in caplog.text:
            next(line.batches)
        line.send(1)
        assert summary(line.take(1)) == [1]
