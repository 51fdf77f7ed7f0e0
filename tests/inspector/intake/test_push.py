"""The frame socket, with real cameras on it: everything that is sent is in exactly one batch, or known as lost."""

import itertools
import threading
import time

import numpy as np
import pytest

from inspector import wire
from inspector.demand import Demand
from inspector.errors import SocketError
from inspector.intake.push import Intake
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.frame import Bytes3D
from inspector.records.stages import Frame, Loss
from inspector.signals import Flag
from tests.frames import HEIGHT, WIDTH
from tests.intakes import SECTIONS, Context, Line, message, summary


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
