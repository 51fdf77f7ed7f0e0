"""The reference camera, over real sockets, against a receiver that the test is."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import numpy as np
import pytest
import zmq

from inspector import sockets, wire
from inspector.camera import Camera
from inspector.camera import camera as camera_module
from inspector.errors import SocketError
from inspector.records.credit import FrameRefused, Granted, Hello, Recorded
from inspector.records.frame import Header
from tests.patience import patience_ms, patience_s

PIXELS = np.arange(200, dtype=np.uint8).reshape(10, 20)
Context = zmq.Context[zmq.Socket[bytes]]


class Inspector:
    """The other end of a credit socket."""

    def __init__(self, context: Context, address: str = "tcp://127.0.0.1:*") -> None:
        self._socket = context.socket(zmq.ROUTER)
        self._socket.linger, self._socket.rcvhwm = patience_ms(), 10
        deadline = time.monotonic() + patience_s()
        while True:
            try:
                self._socket.bind(address)
                break
            except zmq.ZMQError:  # the one before it is closed on another thread
                assert time.monotonic() < deadline
                time.sleep(0.01)
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)
        self._peer = b""

    def take(self, camera: Camera, seconds: float | None = None) -> list[bytes]:
        """Wait for a message of a camera that is tended meanwhile; empty when none comes in time."""
        deadline = time.monotonic() + (patience_s() if seconds is None else seconds)
        while time.monotonic() < deadline:
            camera.tend(0.01)
            if self._socket.poll(0):
                self._peer, *parts = self._socket.recv_multipart()
                return parts
        return []

    def frames(self, camera: Camera, count: int) -> list[tuple[bytes, Header]]:
        """Take N frames, with the session of each."""
        found = list[tuple[bytes, Header]]()
        while len(found) < count:
            parts = self.take(camera)
            assert parts, f"only {found}"
            if len(parts) == 3:
                header = wire.read_header(parts[1])
                wire.check(header, parts[2], PIXELS.shape)
                found.append((parts[0], header))
        return found

    def answer(self, answer: Granted | Recorded | FrameRefused) -> None:
        """Answer whoever sent last."""
        self._socket.send_multipart((self._peer, msgspec.json.encode(answer)))

    def close(self) -> None:
        """Go."""
        self._socket.close()


@pytest.fixture
def inspector(context: Context) -> Iterator[Inspector]:
    """Give the other end."""
    inspector = Inspector(context)
    yield inspector
    inspector.close()


def granted(inspector: Inspector, camera: Camera, frames: int = 2, session: str = "s1") -> None:
    """Answer the first greeting."""
    assert msgspec.json.decode(inspector.take(camera)[0], type=Hello).camera == "top"
    inspector.answer(Granted(camera="top", session=session, frames=frames))


def test_no_more_than_granted_goes_until_it_is_recorded(context: Context, inspector: Inspector) -> None:
    """Two are granted of five: two go, and one more for each that is recorded or refused; then none is kept."""
    camera = Camera(inspector.address, "top", transport="credit", context=context)
    granted(inspector, camera)
    assert [camera.send(PIXELS, coil="C1", start_mm=number * 10.0) for number in range(5)] == list(range(5))
    first = inspector.frames(camera, 2)
    assert [(session, header.number, header.start_mm) for session, header in first] == [
        (b"s1", 0, 0.0),
        (b"s1", 1, 10.0),
    ]
    inspector.answer(Recorded(boot=camera.boot, first=0, last=0))
    assert [header.number for _, header in inspector.frames(camera, 1)] == [2]
    inspector.answer(FrameRefused(reason="crc", boot=camera.boot, number=1))
    assert [header.number for _, header in inspector.frames(camera, 1)] == [3]
    assert camera.unrecorded == 3
    inspector.answer(Recorded(boot=camera.boot, first=2, last=3))
    assert [header.number for _, header in inspector.frames(camera, 1)] == [4]
    inspector.answer(Recorded(boot=camera.boot, first=4, last=4))
    assert camera.close(patience_s()) == 0


def test_a_new_session_brings_all_again_in_order(context: Context, inspector: Inspector) -> None:
    """Whatever was sent and is not recorded goes again, the oldest first, under the new session's name."""
    camera = Camera(inspector.address, "top", transport="credit", context=context)
    granted(inspector, camera, frames=4)
    for _ in range(3):
        camera.send(PIXELS)
    inspector.frames(camera, 3)
    inspector.answer(Recorded(boot=camera.boot, first=0, last=0))
    inspector.answer(Granted(camera="top", session="s2", frames=4))
    assert [(session, header.number) for session, header in inspector.frames(camera, 2)] == [(b"s2", 1), (b"s2", 2)]
    assert camera.close(0) == 2


def test_the_last_answers_of_an_inspector_that_ends_are_read(context: Context, inspector: Inspector) -> None:
    """What was recorded just before the connection ended is kept no longer, however late the camera looks."""
    camera = Camera(inspector.address, "top", transport="credit", context=context)
    granted(inspector, camera)
    camera.send(PIXELS)
    inspector.frames(camera, 1)
    inspector.answer(Recorded(boot=camera.boot, first=0, last=0))
    inspector.close()
    time.sleep(0.2)  # for libzmq to see the end; however long it takes, the answer is to be read
    assert camera.close(patience_s()) == 0


def test_nothing_of_a_session_goes_over_the_next_connection(context: Context, inspector: Inspector) -> None:
    """What waited in the socket when the connection ended stays there: first comes a greeting, then all in order."""
    camera = Camera(inspector.address, "top", transport="credit", context=context, keep_frames=400)
    granted(inspector, camera, frames=300)
    large = np.zeros((512, 1600), np.uint8)
    for _ in range(300):  # 246 MB, more than the kernel takes
        camera.send(large)
    inspector.close()
    for _ in range(20):
        camera.tend(0.02)
    after = Inspector(context, inspector.address)
    granted(after, camera, session="s2")
    sent = list[tuple[bytes, int]]()
    while len(sent) < 2:
        if len(parts := after.take(camera)) == 3:
            sent.append((parts[0], wire.read_header(parts[1]).number))
    assert sent == [(b"s2", 0), (b"s2", 1)]
    camera.close(0)
    after.close()


def test_a_spool_outlives_the_camera(context: Context, inspector: Inspector, tmp_path: Path) -> None:
    """What a camera had not seen recorded is what the next one sends first, with the boot and numbers it had."""
    camera = Camera(inspector.address, "top", transport="credit", context=context, spool=tmp_path)
    granted(inspector, camera)
    for _ in range(3):
        camera.send(PIXELS)
    inspector.frames(camera, 2)
    inspector.answer(Recorded(boot=camera.boot, first=0, last=0))
    inspector.frames(camera, 1)
    assert camera.close(0) == 2
    after = Camera(inspector.address, "top", transport="credit", context=context, spool=tmp_path)
    assert after.unrecorded == 2 and after.boot != camera.boot
    granted(inspector, after, frames=4, session="s2")
    after.send(PIXELS)
    sent = [(header.boot, header.number) for _, header in inspector.frames(after, 3)]
    assert sent == [(camera.boot, 1), (camera.boot, 2), (after.boot, 0)]
    inspector.answer(Recorded(boot=camera.boot, first=1, last=2))
    inspector.answer(Recorded(boot=after.boot, first=0, last=0))
    assert after.close(patience_s()) == 0
    assert not list(tmp_path.glob("*.frame"))


def test_a_spool_of_a_camera_that_was_renamed(context: Context, inspector: Inspector, tmp_path: Path) -> None:
    """Frames under the name before are set aside, whole: the inspector takes none of them, and new ones would wait."""
    before = Camera(inspector.address, "left", transport="credit", context=context, spool=tmp_path)
    for _ in range(2):
        before.send(PIXELS)
    assert before.close(0) == 2
    camera = Camera(inspector.address, "top", transport="credit", context=context, spool=tmp_path)
    assert camera.unrecorded == 0
    inspector.take(camera)
    granted(inspector, camera)
    camera.send(PIXELS)
    assert [header.camera for _, header in inspector.frames(camera, 1)] == ["top"]
    assert camera.close(0) == 1
    again = Camera(inspector.address, "bottom", transport="credit", context=context, spool=tmp_path)
    again.close(0)
    aside = sorted(tmp_path.glob("*.foreign"))
    names = [wire.read_header(file.read_bytes().partition(b"\n")[0]).camera for file in aside]
    assert names == ["left", "left", "top"] and not list(tmp_path.glob("*.frame"))


def test_whatever_send_raises_the_number_is_free(context: Context, inspector: Inspector, tmp_path: Path) -> None:
    """A frame that raised is not kept: the next would have its number, and be taken for it once both go."""
    camera = Camera(inspector.address, "top", transport="credit", context=context, spool=tmp_path)
    granted(inspector, camera)
    assert camera.send(PIXELS) == 0
    inspector.frames(camera, 1)
    for _ in range(2):
        inspector.answer(FrameRefused(reason="camera"))
        deadline = time.monotonic() + patience_s()
        with pytest.raises(SocketError, match="knows no camera"):
            while time.monotonic() < deadline:  # the answer may be under way
                camera.send(PIXELS)
        assert camera.number == camera.unrecorded == len(list(tmp_path.glob("*.frame")))
    assert camera.send(PIXELS) == camera.number - 1
    total = camera.unrecorded
    inspector.answer(Granted(camera="top", session="s2", frames=1000))
    sent = list[int]()
    while len(sent) < total:
        sent += [header.number for session, header in inspector.frames(camera, 1) if session == b"s2"]
    assert sent == list(range(total))
    camera.close(0)


def test_a_refused_frame_is_put_in_words(
    context: Context, inspector: Inspector, caplog: pytest.LogCaptureFixture
) -> None:
    """The program that loses it learns why, however many follow: the first, the second, the fourth."""
    camera = Camera(inspector.address, "top", transport="credit", context=context)
    granted(inspector, camera, frames=9)
    for _ in range(5):
        camera.send(PIXELS)
    inspector.frames(camera, 5)
    for number in range(5):
        inspector.answer(FrameRefused(reason="header", boot=camera.boot, number=number))
    deadline = time.monotonic() + patience_s()
    while camera.unrecorded and time.monotonic() < deadline:
        camera.tend(0.1)
    warned = [record.message for record in caplog.records if "refuses frame" in record.message]
    assert [words.partition(" of ")[0].rpartition(" ")[2] for words in warned] == ["0", "1", "3"]
    assert "header" in warned[0]
    camera.close(0)


def test_who_keeps_all_that_it_may_waits(context: Context, inspector: Inspector) -> None:
    """Where nothing is recorded a camera keeps N frames, then says that nobody takes any; its number is free."""
    camera = Camera(inspector.address, "top", transport="credit", context=context, keep_frames=3, patience_s=0.2)
    for _ in range(3):
        camera.send(PIXELS)
    with pytest.raises(SocketError, match=r"nobody took a frame for 0\.2 s"):
        camera.send(PIXELS)
    assert (camera.number, camera.unrecorded) == (3, 3)
    camera.close(0)


def test_push_numbers_and_skips(context: Context) -> None:
    """Over a PUSH socket frames go as they are, skipped numbers show, and a new boot begins at 0."""
    receiver = context.socket(zmq.PULL)
    address = f"tcp://127.0.0.1:{receiver.bind_to_random_port('tcp://127.0.0.1')}"
    with Camera(address, "top", context=context, encoding="png", side="bottom", mm_per_row=0.5) as camera:
        camera.send(PIXELS, coil="C1", captured_ns=5)
        camera.skip()
        camera.send(PIXELS)
        camera.reboot()
        camera.send(PIXELS)
        headers = []
        for _ in range(3):
            assert receiver.poll(patience_ms())
            header, payload = receiver.recv_multipart()
            headers.append(wire.read_header(header))
            assert np.array_equal(wire.read_pixels(headers[-1], payload)[0], PIXELS)
    receiver.close()
    assert [header.number for header in headers] == [0, 2, 0]
    assert headers[0].boot == headers[1].boot != headers[2].boot
    assert (headers[0].side, headers[0].coil, headers[0].captured_ns, headers[0].mm_per_row) == ("bottom", "C1", 5, 0.5)


def lingering(context: Context, address: str, sent: int, wait_s: float) -> int:
    """Send that many large frames and close; return what the close says may be lost."""
    camera = Camera(address, "top")
    large = np.zeros((512, 1600), np.uint8)
    for _ in range(sent):
        camera.send(large)
    return camera.close(wait_s)


def test_push_leaves_once_all_has_gone(context: Context) -> None:
    """Who takes a frame now and then, each within the patience, gets all of them, though all take longer together."""
    receiver = sockets.make(context, zmq.PULL, queue=1, kernel_bytes=2**16)
    address = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind")
    wait_s = patience_s()
    with ThreadPoolExecutor(1) as threads:
        left = threads.submit(lingering, context, address, 6, wait_s)
        taken = 0
        while taken < 6:
            assert receiver.poll(patience_ms())
            receiver.recv_multipart()
            taken += 1
        assert left.result() == 0
    receiver.close(linger=0)


@pytest.mark.parametrize("is_gone", [False, True])
def test_push_counts_what_nobody_took(context: Context, *, is_gone: bool) -> None:
    """Of frames that a receiver never takes, or that waited for one that ended, the close says how many are left."""
    receiver = sockets.make(context, zmq.PULL, queue=1, kernel_bytes=2**16)
    address = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind")
    camera = Camera(address, "top")
    large = np.zeros((1024, 4096), np.uint8)
    sent = 0
    assert camera.room(patience_s())
    while camera.room(0.3):
        camera.send(large)
        sent += 1
    if is_gone:
        receiver.close(linger=0)
        assert min(sent, 3) <= camera.close(patience_s()) <= sent  # what the kernel was being given may count
        return
    left = camera.close(0.3)
    taken = 0
    while receiver.poll(500):
        receiver.recv_multipart()
        taken += 1
    assert sent - taken == left == 3
    receiver.close(linger=0)


def test_room_that_goes_with_the_inspector_holds_no_camera(context: Context) -> None:
    """Of a frame for which there was room just before, the caller learns that nothing was sent; the next is taken."""
    receiver = sockets.make(context, zmq.PULL, queue=1)
    address = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind")
    camera = Camera(address, "top")
    assert camera.room(patience_s())
    receiver.close(linger=0)
    while camera.room(0.1):
        pass
    assert not camera.post([b"header", b"pixels"], camera.boot, 0)
    assert not camera.throw([b"garbage"])
    again = sockets.make(context, zmq.PULL, queue=1)
    sockets.bind(again, address, "bind")
    camera.send(np.zeros((8, 8), np.uint8))
    assert again.poll(patience_ms()) and len(again.recv_multipart()) == 2
    assert camera.close(patience_s()) == 0
    again.close(linger=0)


def test_a_with_block_that_leaves_frames_behind_ends_in_words(
    context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever does not look at what `close` returns has an error that names how many frames may be lost."""
    monkeypatch.setattr(camera_module, "CLOSE_S", 0.2)
    receiver = sockets.make(context, zmq.PULL, queue=1, kernel_bytes=2**16)
    address = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind")
    large = np.zeros((1024, 4096), np.uint8)
    with (
        pytest.raises(SocketError, match=r"the last 3 frames did not leave within 0\.2 s"),
        Camera(address, "top") as one,
    ):
        assert one.room(patience_s())
        while one.room(0.3):
            one.send(large)
    receiver.close(linger=0)


def test_no_frame_for_long_is_reported_by_what_went_before(context: Context) -> None:
    """A camera whose frames were taken does not advise to start an inspector that runs."""
    receiver = sockets.make(context, zmq.PULL, queue=1, kernel_bytes=2**16)
    address = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind")
    camera = Camera(address, "top", patience_s=0.3)
    large = np.zeros((1024, 4096), np.uint8)
    assert camera.room(patience_s())
    with pytest.raises(
        SocketError, match=r"\d+ frames? went there, and then none for 0\.3 s: the inspector has ended, or"
    ):
        while True:
            camera.send(large)
    camera.close(0)
    receiver.close(linger=0)
