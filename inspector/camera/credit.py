"""The lossless way: no more frames than were granted are on their way, and each is kept until it is recorded.

Laws: a frame is forgotten only when the inspector reports that it is recorded, or that it never takes it. Frames go in
the order in which they were sent, and in a new session all that are kept go again, the oldest first.

Knows: the DEALER socket, sessions, what is kept. Must not know: what a frame shows.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import zmq

from inspector import sockets, wire
from inspector.access.handshake import Handshakes
from inspector.access.keys import Key
from inspector.camera.spool import Spool
from inspector.errors import AccessError, SocketError
from inspector.records.credit import Answer, Granted, Hello, Recorded
from inspector.wire import Part

HELLO_NS = 500_000_000
"""How often to say hello: an inspector that was started again answers with another session."""
AGAIN_NS = 5_000_000_000
"""Nothing recorded for so long: ask for another session, in case that answers were lost."""
WAITING = 1000
"""Messages that may wait in the socket; what is granted is far less."""

_answer = msgspec.json.Decoder(Answer)


class _Kept(msgspec.Struct):
    """A frame that is not recorded."""

    parts: Sequence[Part]
    boot: str
    number: int
    file: Path | None = None
    """Its file, where there is a spool."""
    has_gone: bool = False
    """It was sent before."""


class CreditLink:
    """A DEALER socket of one camera.

    Raises: SocketError when the address is none; from any method, when the inspector does not know the camera, and
    AccessError when it refuses its key, or frames of this camera by it.
    """

    def __init__(
        self,
        context: zmq.Context[sockets.Socket],
        connect: str,
        name: str,
        *,
        keep_frames: int,
        spool: Spool | None = None,
        key: Key | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._connect, self._keep_frames, self._clock_ns = connect, keep_frames, clock_ns
        self._hello = Hello(camera=name)
        self._spool = spool
        self._kept: deque[_Kept] = deque()
        for file, parts in spool.load() if spool else ():
            header = wire.read_header(parts[0])
            self._kept.append(_Kept(parts, header.boot, header.number, file))
        self._under_way = 0
        """How many of those kept, from the oldest on, were sent in this session."""
        self._session, self._granted = b"", 0
        self._hello_ns, self._progress_ns = 0, clock_ns()
        self.resent = 0
        """Frames that were sent more than once."""
        self.refused: Counter[str] = Counter()
        """Frames that the inspector never takes, by its reason."""
        curve = key.curve(connect) if key else None
        self._socket = sockets.make(context, zmq.DEALER, queue=WAITING, curve=curve)
        self._shakes = Handshakes(self._socket, connect, has_key=curve is not None)
        try:
            sockets.connect(self._socket, connect)
        except SocketError:
            self._shakes.close()
            raise

    @property
    def unrecorded(self) -> int:
        """Frames that are kept."""
        return len(self._kept)

    def room(self, wait_s: float) -> bool:
        """Whether another frame can be kept, at least within `wait_s`."""
        return self._until(lambda: len(self._kept) < self._keep_frames, wait_s)

    def send(self, parts: Sequence[Part], boot: str, number: int) -> None:
        """Keep a frame, and send it as soon as it is granted."""
        file = self._spool.add(parts) if self._spool else None
        if not self._kept:
            self._progress_ns = self._clock_ns()
        self._kept.append(_Kept(parts, boot, number, file))
        self.tend(0.0)

    def throw(self, parts: Sequence[Part]) -> None:
        """Send a message that is no frame, once there is a session."""
        self._until(lambda: bool(self._session) and self._put([self._session, *parts]), 1.0)

    def tend(self, wait_s: float) -> None:
        """Take answers, and send what is granted; return once something came, or after `wait_s`."""
        self._greet()
        self._forward()
        wait_ms = min(round(wait_s * 1000), HELLO_NS // 1_000_000)
        if not self._socket.poll(wait_ms, zmq.POLLIN):
            self._shakes.check()
        else:
            while self._socket.poll(0, zmq.POLLIN):
                self._take(self._socket.recv_multipart())
            self._forward()

    def close(self, wait_s: float) -> int:
        """Wait until all is recorded, at most `wait_s`; return what is not."""
        try:
            self._until(lambda: not self._kept, wait_s)
        finally:
            self._shakes.close()
            self._socket.close(linger=0)
        return len(self._kept)

    def _until(self, done: Callable[[], bool], wait_s: float) -> bool:
        until_ns = self._clock_ns() + round(wait_s * 1e9)
        while not done():
            left_ns = until_ns - self._clock_ns()
            self.tend(max(0.0, min(left_ns / 1e9, 0.1)))
            if left_ns <= 0:
                return done()
        return True

    @property
    def hint(self) -> str:
        """What is most likely wrong when no frame is taken."""
        return self._shakes.hint

    # --- to the inspector -------------------------------------------------------------------------------------

    def _greet(self) -> None:
        now_ns = self._clock_ns()
        if now_ns - self._hello_ns < HELLO_NS:
            return
        again = bool(self._under_way) and now_ns - self._progress_ns > AGAIN_NS
        if self._put([msgspec.json.encode(msgspec.structs.replace(self._hello, again=again))]):
            self._hello_ns = now_ns
            self._progress_ns = now_ns if again else self._progress_ns

    def _put(self, parts: Sequence[Part]) -> bool:
        """Send a message; False where there is no connection, or no room."""
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        return True

    def _forward(self) -> None:
        """Send what is kept and granted, and was not sent in this session."""
        while self._session and self._under_way < min(self._granted, len(self._kept)):
            frame = self._kept[self._under_way]
            if not self._put([self._session, *frame.parts]):
                return
            self.resent += frame.has_gone
            frame.has_gone = True
            self._under_way += 1

    # --- from the inspector -----------------------------------------------------------------------------------

    def _take(self, parts: list[bytes]) -> None:
        try:
            answer = _answer.decode(parts[0]) if len(parts) == 1 else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # a word of a later version
        if isinstance(answer, Granted):
            self._granted = answer.frames
            if answer.session.encode() != self._session:
                self._session, self._under_way = answer.session.encode(), 0
                self._progress_ns = self._clock_ns()
        elif isinstance(answer, Recorded):
            self._forget(answer.boot, answer.first, answer.last)
        elif answer is not None and answer.number < 0 and answer.reason == "impostor":
            raise AccessError(
                f"{self._connect}: this key may not send frames of camera {self._hello.camera!r}. "
                "Give the key of this camera, or make one: inspector keys new NAME --camera CAMERA."
            )
        elif answer is not None and answer.number < 0:
            raise SocketError(
                f"{self._connect}: the inspector knows no camera {self._hello.camera!r}. "
                "Give the name of one of its [[camera]] sections."
            )
        elif answer is not None:
            self.refused[answer.reason] += self._forget(answer.boot, answer.number, answer.number)

    def _forget(self, boot: str, first: int, last: int) -> int:
        """Let go of frames that are done with; return how many there were."""
        self._progress_ns = self._clock_ns()
        sent = [self._kept.popleft() for _ in range(min(len(self._kept), self._granted))]
        kept = [frame for frame in sent if frame.boot != boot or not first <= frame.number <= last]
        gone = [frame for frame in sent if frame.boot == boot and first <= frame.number <= last]
        self._kept.extendleft(reversed(kept))
        self._under_way = max(0, self._under_way - len(gone))
        for frame in gone:
            if self._spool and frame.file:
                self._spool.remove(frame.file)
        return len(gone)
