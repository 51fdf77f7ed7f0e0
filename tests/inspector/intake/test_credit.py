"""The socket of credit mode: what is granted, what is acknowledged and when, what is sent again."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import msgspec
import pytest
import zmq
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector import wire
from inspector.camera import Camera
from inspector.config.camera import Overload
from inspector.demand import Demand
from inspector.errors import SocketError
from inspector.intake.credit import CreditIntake
from inspector.intake.receipts import Known
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.credit import Answer, FrameRefused, Granted, Hello, Recorded
from inspector.records.stages import Batch, Frame, Loss
from inspector.signals import Flag
from tests.frames import HEIGHT, WIDTH
from tests.intakes import SECTIONS, Context, message
from tests.patience import patience_ms, patience_s

FRAMES = 4


class Line:
    """An intake in credit mode, read on a thread; the test records what it likes, when it likes."""

    def __init__(
        self,
        context: Context,
        *,
        known: Known | None = None,
        records: bool = True,
        keeps: bool = True,
        bind: str = "tcp://127.0.0.1:*",
        overload: Overload = "wait",
        **options: Any,
    ) -> None:
        self.stop, self.demand, self.arrivals = Flag(), Demand(2), list[Frame | Loss]()
        self.known = known or Known(SECTIONS)
        section = IntakeSection(bind=bind, transport="credit", credit_frames=FRAMES, max_frame_mb=1, overload=overload)
        facts = {"height": HEIGHT, "width": WIDTH, "stop": self.stop, "demand": self.demand, "known": self.known}
        self.intake = CreditIntake(
            context, section, BatchSection(max_frames=2, wait_ms=1), cameras=SECTIONS, **{**facts, **options}
        )
        self.batches = list[Batch]()
        self._records, self._keeps, self.ended = records, keeps, 0
        self._reading = threading.Thread(target=self._read)
        self._reading.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self._reading.join()

    def record(self) -> None:
        """Have all that came be on disk."""
        for batch in self.batches:
            self.demand.acknowledge(batch.receipts)
        self.batches.clear()

    def until(self, count: int) -> list[object]:
        """Wait for N arrivals; return frames by number, losses by reason."""
        deadline = time.monotonic() + patience_s()
        while sum(1 if isinstance(a, Frame) else a.count for a in self.arrivals) < count:
            assert time.monotonic() < deadline, self.arrivals
            time.sleep(0.005)
        return [a.header.number if isinstance(a, Frame) else a.reason for a in self.arrivals]

    def _read(self) -> None:
        for batch in self.intake:
            self.demand.take(Counter(frame.header.camera for frame in batch.frames()))
            self.demand.finish()
            losses = sum(loss.count for loss in batch.losses() if loss.end != "missing")
            self.ended += len(batch.patches) + losses
            if self._keeps:
                self.arrivals += batch.arrivals
            self.batches.append(batch)
            if self._records:
                self.record()


class Raw:
    """A DEALER socket whose every byte the test chooses."""

    def __init__(self, context: Context, line: Line, camera: str = "top") -> None:
        self._socket = context.socket(zmq.DEALER)
        self._socket.linger = 0
        self._socket.connect(line.intake.address)
        self.session, self._camera = b"", camera

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, *parts: wire.Part) -> None:
        """Send a message."""
        self._socket.send_multipart(parts)

    def answer(self) -> Answer:
        """Wait for an answer."""
        assert self._socket.poll(patience_ms()), "no answer"
        return msgspec.json.decode(self._socket.recv(), type=Answer)

    def greet(self, **facts: Any) -> Granted:
        """Say hello, and take the session of the answer."""
        self.send(msgspec.json.encode(Hello(camera=self._camera, **facts)))
        while not isinstance(answer := self.answer(), Granted):
            pass
        self.session = answer.session.encode()
        return answer

    def frame(self, number: int, **facts: Any) -> None:
        """Send a good frame in the session."""
        self.send(self.session, *wire.encode(*message(number, self._camera, **facts)))

    def is_quiet(self) -> bool:
        """Whether nothing came from the inspector by now."""
        return not self._socket.poll(100)


@contextmanager
def raw(context: Context, camera: str = "top", **facts: Any) -> Iterator[tuple[Line, Raw]]:
    """Give a line, and a socket to it that has a session."""
    with Line(context, **facts) as line, Raw(context, line, camera) as peer:
        peer.greet()
        yield line, peer


def test_a_frame_is_acknowledged_when_it_is_recorded_and_not_before(context: Context) -> None:
    """Frames that were taken are not acknowledged until the journal has them; then all are, by their numbers."""
    with raw(context, records=False) as (line, peer):
        for number in range(3):
            peer.frame(number)
        assert line.until(3) == [0, 1, 2]
        assert peer.is_quiet()
        line.record()
        seen = list[Recorded]()
        while not seen or seen[-1].last < 2:
            answer = peer.answer()
            assert isinstance(answer, Recorded) and answer.boot == "b"
            seen.append(answer)
        assert [n for answer in seen for n in range(answer.first, answer.last + 1)] == [0, 1, 2]


def test_a_frame_that_is_sent_again_is_a_duplicate(context: Context) -> None:
    """A frame that was taken, or that the process before has recorded, is acknowledged again and inspected once."""
    known = Known(SECTIONS)
    known.add("top", "b", 0, 0)
    with raw(context, known=known) as (line, peer):
        for number in (0, 1, 1, 2):
            peer.frame(number)
        assert line.until(4) == ["duplicate", 1, "duplicate", 2]
        peer.frame(0, boot="other")
        assert line.until(5)[-1] == 0


def test_what_can_never_be_taken_is_refused(context: Context) -> None:
    """A damaged frame is refused by its number, once that is on record, so that the camera need not keep it."""
    with raw(context) as (line, peer):
        header, payload = message(5)
        peer.send(peer.session, *wire.encode(header, b"\xff" + bytes(payload)[1:]))
        assert peer.answer() == FrameRefused(reason="crc", boot="b", number=5)
        line.until(1)


HEAD, PIXELS = map(bytes, wire.encode(*message(5)))
UNREAD = {
    "a travel per row of nothing": ([HEAD[:-1] + b',"mm_per_row":0}', PIXELS], "header"),
    "a coil's name that begins with a sign": ([HEAD[:-1] + b',"coil":"-C1"}', PIXELS], "header"),
    "a quote in the coil's name": ([HEAD[:-1] + b',"coil":"C"1"}', PIXELS], "json"),
    "a decimal comma": ([HEAD[:-1] + b',"start_mm":320,0}', PIXELS], "json"),
    "a later version": ([HEAD.replace(b'"v":1', b'"v":2'), PIXELS], "version"),
    "another camera": ([HEAD.replace(b'"top"', b'"bottom"'), PIXELS], "camera"),
    "no camera of the line": ([HEAD.replace(b'"top"', b'"spy"'), PIXELS], "camera"),
    "a header without end": ([HEAD[:-1] + b" " * 5000 + b"}", PIXELS], "too_large"),
    "one part more": ([HEAD, PIXELS, b""], "parts"),
    "no pixels": ([HEAD], "parts"),
}


@pytest.mark.parametrize("what", UNREAD)
def test_a_frame_whose_header_is_refused_is_answered_by_its_number(context: Context, what: str) -> None:
    """Else its camera keeps it for ever, and sends no more once as many are kept as are granted."""
    parts, reason = UNREAD[what]
    with raw(context) as (line, peer):
        for _ in range(3 * FRAMES):
            peer.send(peer.session, *parts)
            assert peer.answer() == FrameRefused(reason=reason, boot="b", number=5)
        assert line.until(3 * FRAMES) == [reason] * 3 * FRAMES
        assert line.intake._grants.under_way == 0
        peer.frame(5)
        assert peer.answer() == Recorded(boot="b", first=5, last=5)


def test_what_names_no_frame_is_counted_and_not_answered(context: Context) -> None:
    """Nobody can know which of its frames the camera may forget; nor does it use up credit."""
    with raw(context) as (line, peer):
        peer.send(peer.session, b"{", PIXELS)
        assert line.until(1) == ["json"]
        assert line.intake._grants.under_way == 0
        peer.frame(5)
        assert peer.answer() == Recorded(boot="b", first=5, last=5)


def test_whoever_greets_by_a_name_that_none_may_have_is_refused(context: Context) -> None:
    """It is answered as any camera that is not configured; it would wait for ever."""
    with Line(context) as line, Raw(context, line) as peer:
        for name in ("", "camera 1", "-top", "x" * 65):
            peer.send(msgspec.json.encode(Hello(camera=name)))
            assert peer.answer() == FrameRefused(reason="camera")
        assert line.until(4) == ["camera"] * 4


def test_another_connection_begins_another_session(context: Context) -> None:
    """Frames of a session that is over are not taken; in the new one they come in order, each once."""
    with raw(context) as (line, peer):
        peer.frame(0)
        line.until(1)
        with Raw(context, line) as again:
            before = peer.session
            assert again.greet().session.encode() != before
            assert again.greet() == again.greet()
            peer.frame(2)  # of the connection before
            assert line.until(2)[1:] == ["credit"]
            again.frame(1)
            again.frame(2)
            assert line.until(4)[2:] == [1, 2]
            asked = again.greet(again=True)
            assert asked.session.encode() not in (before, b"")


def test_more_than_was_granted_is_sent_again_in_another_session(context: Context) -> None:
    """A camera that sends without end is held to twice its credit, and given a new session once that is recorded."""
    with raw(context, records=False) as (line, peer):
        for number in range(2 * FRAMES + 3):
            peer.frame(number)
        received = line.until(2 * FRAMES + 3)
        assert received == [*range(2 * FRAMES), *["credit"] * 3]
        before, answer = peer.session, None
        while not isinstance(answer, Granted):
            line.record()
            answer = peer.answer() if not peer.is_quiet() else None
        assert answer.session.encode() != before


def test_a_camera_that_is_not_configured_is_named(context: Context) -> None:
    """Whoever greets as an unknown camera is refused, and so are frames of another than the one that greeted."""
    with raw(context) as (line, peer):
        with Raw(context, line, "spy") as spy:
            spy.send(msgspec.json.encode(Hello(camera="spy")))
            assert spy.answer() == FrameRefused(reason="camera")
        peer.send(peer.session, *wire.encode(*message(0, "bottom")))
        assert line.until(2) == ["camera", "camera"]
        with Camera(line.intake.address, "spy", transport="credit", context=context) as camera:
            deadline = time.monotonic() + patience_s()
            with pytest.raises(SocketError, match="knows no camera 'spy'"):
                while time.monotonic() < deadline:
                    camera.tend(0.1)


@pytest.mark.parametrize("overload", ["wait", "drop-newest", "drop-oldest"])
def test_a_flood_costs_no_other_camera_a_frame(context: Context, overload: Overload) -> None:
    """One camera sends all that it may, against a slow engine: another's frames are all inspected, in its turn."""
    done = threading.Event()
    with Line(context, overload=overload) as line:
        original = line.demand.finish

        def slow() -> None:
            time.sleep(0.005)
            original()

        line.demand.finish = slow  # type: ignore[method-assign]

        def flood() -> None:
            with Raw(context, line, "top") as peer:
                peer.greet()
                number = 0
                while not done.is_set():
                    for _ in range(FRAMES):
                        peer.frame(number)
                        number += 1
                    while not done.is_set() and peer._socket.poll(10):
                        peer._socket.recv()

        flooding = threading.Thread(target=flood)
        flooding.start()
        try:
            with Raw(context, line, "bottom") as peer:
                peer.greet()
                for number in range(30):
                    peer.frame(number)
                    while not isinstance(answer := peer.answer(), Recorded) or answer.last < number:
                        pass
        finally:
            done.set()
            flooding.join()
        ends = [a for a in line.arrivals if (a.header.camera if isinstance(a, Frame) else a.camera) == "bottom"]
        assert [a.header.number if isinstance(a, Frame) else a.reason for a in ends] == list(range(30))


def test_at_a_stop_what_was_taken_is_acknowledged(context: Context) -> None:
    """A stop acknowledges all that was taken; what comes later is left, and the camera keeps it."""
    with Line(context) as line:
        camera = Camera(line.intake.address, "top", transport="credit", context=context)
        pixels = wire.read_pixels(*message(1))[0]
        for _ in range(FRAMES):
            camera.send(pixels)
        deadline = time.monotonic() + patience_s()
        while len(line.arrivals) < FRAMES and time.monotonic() < deadline:
            camera.tend(0.05)
        line.stop.set()
        line._reading.join()
        while camera.unrecorded and time.monotonic() < deadline:
            camera.tend(0.1)
        assert camera.unrecorded == 0
        camera.send(pixels)
        assert camera.close(0.2) == 1


GOOD = [b"session", *map(bytes, wire.encode(*message(1)))]
HELLO = msgspec.json.encode(Hello(camera="top"))
MESSAGES = st.one_of(
    st.lists(st.one_of(st.sampled_from([*GOOD, HELLO, b""]), st.binary(max_size=40)), min_size=1, max_size=6),
    st.tuples(st.integers(0, 10_000), st.integers(1, 255)).map(lambda change: flipped(GOOD, *change)),
    st.tuples(st.integers(0, 10_000), st.integers(1, 255)).map(lambda change: flipped([HELLO], *change)),
)


def flipped(parts: list[bytes], at: int, bits: int) -> list[bytes]:
    """Change one byte of a message."""
    which = at % len(parts)
    part = bytearray(parts[which])
    part[(at // len(parts)) % len(part)] ^= bits
    return [*parts[:which], bytes(part), *parts[which + 1 :]]


def test_whatever_comes_iscounted(context: Context) -> None:
    """Mutated messages, in a session or not: each is one arrival or one greeting, and good frames go on."""
    with raw(context, records=True) as (line, peer):
        sent = 0

        @settings(max_examples=300, deadline=None)
        @given(MESSAGES, st.booleans())
        def send(parts: list[bytes], has_session: bool) -> None:
            nonlocal sent
            sent += 1
            peer.send(*([peer.session, *parts[1:]] if has_session and len(parts) > 1 else parts))

        send()
        peer.send(HELLO)
        deadline = time.monotonic() + patience_s()
        while (found := counted(line)) < sent + 2 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert found == sent + 2  # the first greeting, and the last
        with Raw(context, line) as good:
            good.greet()
            good.frame(0, boot="after")
            while not isinstance(answer := good.answer(), Recorded) or answer.boot != "after":
                pass


def counted(line: Line) -> int:
    """Messages that were counted, as frames, losses or greetings."""
    return line.intake.greetings + line.ended
