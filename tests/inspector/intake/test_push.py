"""The frame socket, with real cameras on it: everything that is sent is in exactly one batch, or known as lost."""

import contextlib
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec
import numpy as np
import pytest
import zmq

from inspector import wire
from inspector.demand import Demand
from inspector.errors import SocketError
from inspector.flow import buffered
from inspector.intake.push import Intake
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.frame import Bytes2D, Bytes3D, Header
from inspector.records.stages import Batch, Frame, Loss
from inspector.signals import Flag
from tests import frames, zmtp
from tests.frames import HEIGHT, WIDTH, consumed

Context = zmq.Context[zmq.Socket[bytes]]
CAMERAS = ("top", "bottom")
SECTIONS = tuple(frames.camera(name) for name in CAMERAS)


class Line:
    """An intake on a free port, and cameras that push to it."""

    def __init__(
        self,
        context: Context,
        max_frames: int = 4,
        wait_ms: int = 5,
        waits: bool = False,
        bind: str = "tcp://127.0.0.1:*",
        **options: Any,
    ) -> None:
        self.stop, self.demand = Flag(), Demand(2)
        section = IntakeSection(bind=bind, max_frame_mb=1, when_full="wait" if waits else "drop")
        batch = BatchSection(max_frames=max_frames, wait_ms=wait_ms)
        facts = {"height": HEIGHT, "width": WIDTH, "stop": self.stop, "demand": self.demand, **options}
        self.intake = Intake(context, section, batch, cameras=SECTIONS, **facts)
        self.batches = consumed(self.intake, self.demand)
        self._camera = context.socket(zmq.PUSH)
        self._camera.connect(self.intake.address)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._camera.close(linger=0)
        self.intake.close()

    def has_room(self, wait_ms: int) -> bool:
        """Whether the camera's socket takes a message, at least after a while."""
        return bool(self._camera.poll(wait_ms, zmq.POLLOUT))

    def send_parts(self, *parts: bytes | memoryview) -> None:
        """Send a message as it is."""
        self._camera.send_multipart(parts)

    def send(self, number: int, camera: str = "top", **facts: Any) -> None:
        """Send a good frame."""
        self.send_parts(*wire.encode(*message(number, camera, **facts)))

    def take(self, count: int) -> list[Frame | Loss]:
        """Take batches until they hold that many arrivals."""
        arrivals: list[Frame | Loss] = []
        deadline = time.monotonic() + 45
        while len(arrivals) < count:
            assert time.monotonic() < deadline, f"only {arrivals}"
            arrivals += next(self.batches).arrivals
        return arrivals

    def rest(self) -> list[Frame | Loss]:
        """Stop, and take all that comes until the end."""
        self.stop.set()
        return [arrival for batch in self.batches for arrival in batch.arrivals]


def message(number: int, camera: str = "top", boot: str = "b", **facts: Any) -> tuple[Header, bytes]:
    """Make a frame whose pixels all say its number."""
    pixels = np.full((HEIGHT, WIDTH), number % 256, np.uint8)
    return wire.frame_message(pixels, camera=camera, boot=boot, number=number, captured_ns=0, **facts)


def summary(arrivals: list[Frame | Loss]) -> list[object]:
    """Say it shortly: a frame by its number, a loss by its reason and count."""
    return [a.header.number if isinstance(a, Frame) else (a.reason, a.count) for a in arrivals]


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


@pytest.fixture
def context() -> Iterator[Context]:
    """Give a context that is empty again at the end."""
    context: Context = zmq.Context()
    yield context
    context.destroy(linger=0)


@pytest.fixture
def line(context: Context) -> Iterator[Line]:
    """Give a line of two cameras."""
    with Line(context) as line:
        yield line


def test_pixels_lie_in_their_frames_order(line: Line) -> None:
    """Plane after plane of a batch holds the pixels of frame after frame, whatever was refused between them."""
    for number in range(6):
        line.send(number)
        line.send_parts(b"junk")
    seen = 0
    while seen < 6:
        batch = next(line.batches)
        numbers = [arrival.header.number for arrival in batch.arrivals if isinstance(arrival, Frame)]
        assert batch.pixels.shape == (len(numbers), HEIGHT, WIDTH)
        assert [int(plane.max()) for plane in batch.pixels] == numbers
        assert all(plane.min() == plane.max() for plane in batch.pixels)
        seen += len(numbers)


def test_memory_is_the_allocators(context: Context) -> None:
    """Pixels lie in the memory that was given, one piece a batch, the next batch elsewhere; an idle line takes none."""
    given = list[Bytes3D]()

    def allocate(frames: int) -> Bytes3D:
        given.append(np.zeros((frames, HEIGHT, WIDTH), np.uint8))
        return given[-1]

    with Line(context, max_frames=2, wait_ms=1000, allocate=allocate) as line:
        assert len(next(line.batches).pixels) == 0 and not given  # the line stands
        for number in range(1, 5):
            line.send(number)
        batches = [next(line.batches), next(line.batches)]
    assert [[int(plane.max()) for plane in batch.pixels] for batch in batches] == [[1, 2], [3, 4]]
    assert [len(memory) for memory in given] == [2, 2]
    assert all(batch.pixels.base is memory for batch, memory in zip(batches, given, strict=True))


def test_gap(line: Line) -> None:
    """Frames that never arrived are a loss, reported before the frame that shows it."""
    for number in (5, 6, 9, 10, 20):
        line.send(number)
    assert summary(line.take(7)) == [5, 6, ("lost", 2), 9, 10, ("lost", 9), 20]


def test_reboot(line: Line) -> None:
    """A camera that restarts counts from 0 again: nothing is missing, and nothing of the new boot is refused."""
    line.send(1000)
    line.send(0, boot="c")
    line.send(2, boot="c")
    assert summary(line.take(4)) == [1000, 0, ("lost", 1), 2]


def test_repeated_number(line: Line) -> None:
    """A number that was passed already is refused, and the count goes on undisturbed."""
    for number in (1, 2, 2, 1, 3):
        line.send(number)
    arrivals = line.take(5)
    assert summary(arrivals) == [1, 2, ("order", 1), ("order", 1), 3]
    assert isinstance(arrivals[2], Loss) and arrivals[2].header is None


def test_cameras_are_counted_apart(line: Line) -> None:
    """Each camera has its own numbers, and their frames share a batch."""
    for number in (0, 1):
        line.send(number, "top")
        line.send(number + 50, "bottom")
    sizes, arrivals = [], list[Frame | Loss]()
    while len(arrivals) < 4:
        batch = next(line.batches)
        sizes.append(len(batch.pixels))
        arrivals += batch.arrivals
    assert summary(arrivals) == [0, 50, 1, 51]
    assert max(sizes) > 1


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


@pytest.mark.slow
def test_huge_message(line: Line, caplog: pytest.LogCaptureFixture) -> None:
    """A message far above the limit is never read to its end: its connection is ended, which is counted and logged."""
    line.send(0)
    assert summary(line.take(1)) == [0]
    peer = zmtp.connect(int(line.intake.address.rpartition(":")[2]))
    name = "{}:{}".format(*peer.getsockname())
    done = threading.Event()

    def send() -> None:
        with contextlib.suppress(OSError):
            peer.sendall(zmtp.part(bytes(300_000_000)))
        done.set()

    sender = threading.Thread(target=send)
    sender.start()
    assert summary(line.take(1)) == [("too_large", 1)]
    sender.join()
    peer.close()
    assert f"{name} sent 2 MB and more without ending a message; its connection was ended" in caplog.text


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


def test_batch_is_full(context: Context) -> None:
    """No batch is larger than the engine takes, and a full one does not wait."""
    with Line(context, max_frames=4, wait_ms=3_600_000) as line:
        for number in range(9):
            line.send(number)
        assert [len(next(line.batches).pixels) for _ in range(2)] == [4, 4]


def test_deadline(context: Context) -> None:
    """The first frame of a batch waits for others as long as configured, from when it came."""
    with Line(context, wait_ms=100) as line:
        line.send(0)
        first = next(line.batches)
        while not first.arrivals:
            first = next(line.batches)
        line.send(1)
        line.send(2)
        second = next(line.batches)
    for batch in (first, second):
        arrived_ns = [arrival.received_ns for arrival in batch.arrivals if isinstance(arrival, Frame)]
        assert batch.closed_ns - min(arrived_ns) >= 100_000_000


def test_tick(line: Line) -> None:
    """An idle line sends empty batches, so that all downstream keeps living."""
    for _ in range(2):
        batch = next(line.batches)
        assert batch.arrivals == () and batch.pixels.shape == (0, HEIGHT, WIDTH)


def test_drain(line: Line) -> None:
    """At a stop, everything that had been sent is in exactly one batch, and then the stream ends."""
    for number in range(100):
        line.send(number)
    got = line.take(10)
    assert summary(got + line.rest()) == list(range(100))


def test_drain_ends_while_cameras_go_on(line: Line) -> None:
    """A camera that never pauses cannot keep the line from stopping, and what was taken is without gap."""
    done = threading.Event()

    def send() -> None:
        for number in itertools.count():
            if done.is_set():
                return
            line.send(number)
            time.sleep(0.002)

    sender = threading.Thread(target=send)
    sender.start()
    got = line.take(5)
    got += line.rest()  # returns while the camera goes on
    done.set()
    sender.join()
    inspected = [arrival for arrival in got if isinstance(arrival, Frame)]
    assert summary(got) == [*range(len(inspected)), *[("stopping", 1)] * (len(got) - len(inspected))]


def test_port_in_use(context: Context, line: Line) -> None:
    """A port in use is named, with what to do; nothing is left open."""
    section = IntakeSection(bind=line.intake.address)
    with pytest.raises(SocketError) as caught:
        Intake(
            context,
            section,
            BatchSection(),
            cameras=SECTIONS,
            demand=Demand(2),
            height=HEIGHT,
            width=WIDTH,
            stop=Flag(),
        )
    assert str(caught.value) == (
        f"intake.bind: {line.intake.address} cannot be bound: Address already in use. "
        "Stop the program that has it, or choose another."
    )
    assert caught.value.exit_code == 1


def test_while_the_engine_is_busy_a_batch_goes_on_filling(context: Context) -> None:
    """Frames that come long after the deadline share one batch until one is wanted; a full one does not wait."""
    with Line(context, max_frames=8, wait_ms=1) as line:
        line.demand.hand_over()  # of a batch before, which the engine has

        def camera() -> None:
            for number in range(3):
                line.send(number)
                time.sleep(0.02)
            line.demand.take({})
            line.demand.finish()

        sending = threading.Thread(target=camera)
        sending.start()
        assert summary(list(next(line.batches).arrivals)) == [0, 1, 2]
        sending.join()
        line.demand.hand_over()
        for number in range(3, 11):
            line.send(number)
        assert summary(list(next(line.batches).arrivals)) == list(range(3, 11))


def busy(line: Line) -> Iterator[Batch]:
    """Yield the batches of a line whose engine has two batches waiting, and takes none."""
    line.demand.hand_over()
    line.demand.hand_over()
    return iter(line.intake)


def test_frames_without_room_are_given_up(context: Context) -> None:
    """While the engine takes nothing a batch fills up, and what comes then is dropped with its header, in order."""
    with Line(context, max_frames=2) as line:
        batches = busy(line)
        for number in range(6):
            line.send(number)

        def go_on() -> None:
            wait_for(lambda: line.intake.received == 6)
            line.demand.take({})

        helper = threading.Thread(target=go_on)
        helper.start()
        batch = next(batches)
        helper.join()
    assert summary(list(batch.arrivals)) == [0, 1, *[("overload", 1)] * 4]
    lost = [arrival.header for arrival in batch.losses()]
    assert lost == [message(number)[0] for number in range(2, 6)]


def test_a_flood_costs_no_other_camera_a_frame(context: Context) -> None:
    """While one camera sends more than the engine takes, another's few frames all find room."""
    sent, stop_flood = Counter[str](), threading.Event()
    with Line(context, max_frames=4, wait_ms=1) as line:

        def flood() -> None:
            with context.socket(zmq.PUSH, zmq.Socket) as camera:
                camera.linger = 0
                camera.connect(line.intake.address)
                while not stop_flood.is_set():
                    if camera.poll(10, zmq.POLLOUT):
                        camera.send_multipart(wire.encode(*message(sent["top"], "top")))
                        sent["top"] += 1

        flooding = threading.Thread(target=flood)
        flooding.start()
        ends: Counter[tuple[str, str]] = Counter()
        for batch in consumed(buffered(line.intake, 2, "intake"), line.demand):
            for arrival in batch.arrivals:
                if isinstance(arrival, Frame):
                    ends[arrival.header.camera, ""] += 1
                else:
                    ends[arrival.camera, arrival.reason] += 1
            time.sleep(0.005)  # the engine is slow
            has_ended = sum(count for (camera, _), count in ends.items() if camera == "bottom")
            if sent["bottom"] >= 60 and ends["top", "overload"] >= 100 and has_ended == sent["bottom"]:
                line.stop.set()
                stop_flood.set()
            elif sent["bottom"] - has_ended < 2:  # few at a time: more than a batch at once would find no room either
                line.send(sent["bottom"], "bottom")
                sent["bottom"] += 1
        stop_flood.set()
        flooding.join()
    assert ends["bottom", ""] == sent["bottom"], ends
    assert {reason for camera, reason in ends if camera == "bottom"} == {""}


def test_what_has_come_at_a_stop_is_counted(context: Context) -> None:
    """When a line must stop while frames go on coming, those that had come are counted as given up."""
    done = threading.Event()
    with Line(context, max_frames=2) as line:

        def send() -> None:
            numbers = itertools.count()
            while not done.is_set():
                if line.has_room(10):
                    line.send(next(numbers))

        sender = threading.Thread(target=send)
        sender.start()
        line.take(5)
        line.stop.set()
        last = None
        for batch in line.batches:
            last = batch
            time.sleep(0.01)  # the engine is slow: frames wait in the socket
        done.set()
        sender.join()
    assert last is not None
    assert {loss.reason for loss in last.losses()} == {"stopping"}
    assert not list(last.frames())


def test_pictures_keep_their_camera_s_order(context: Context) -> None:
    """JPEG, PNG, raw and damaged frames of a camera arrive in the order in which they were sent."""
    with Line(context, waits=True) as line:
        for number in range(40):
            if number % 4 == 3:
                header, payload = message(number, encoding="png")
                line.send_parts(*wire.encode(header, payload[:-1] + b"x"))
            else:
                line.send(number, encoding=("raw8", "png", "jpeg")[number % 4])
        arrivals = line.take(40)
    assert summary(arrivals) == [number if number % 4 < 3 else ("crc", 1) for number in range(40)]


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + 45
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
