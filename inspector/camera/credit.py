"""A camera's lossless DEALER socket: only granted frames are on their way, and each is kept until it is recorded.

Knows: the DEALER socket, the spool. Must not know: what a frame shows, which frame may go (that is kept.py's).
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
import zmq

from inspector import sockets, wire
from inspector.access.handshake import Handshakes
from inspector.access.keys import Key
from inspector.camera.kept import HELLO_NS, KeptFrame, KeptFrames
from inspector.camera.spool import DAMAGED, FOREIGN, Spool
from inspector.errors import AccessError, FrameError, SocketError
from inspector.records.credit import Answer, FrameRefused
from inspector.wire import Part

log = logging.getLogger("inspector")

WAITING = 1000
"""Messages that may wait in the socket; what is granted is far less."""
RENEW_NS = 100_000_000
"""A socket is not replaced earlier, or a peer that ends each connection would keep this end busy."""
RECONNECT_MS = 500
"""Longer than whoever sends takes to replace it. What waits in the socket of one that looks later goes to the next
inspector, is refused there (`credit`), and goes again in its session."""

_answer = msgspec.json.Decoder(Answer)


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
        self._name, self._spool = name, spool
        self._kept = KeptFrames(name, clock_ns())
        for file, parts in spool.load() if spool else ():
            self._keep_again(file, parts)
        self._context, self._curve = context, key.curve(connect) if key else None
        self._open()

    @property
    def unrecorded(self) -> int:
        """Frames that are kept."""
        return len(self._kept)

    @property
    def resent(self) -> int:
        """Frames that were sent more than once."""
        return self._kept.resent

    @property
    def refused(self) -> Counter[str]:
        """Frames that the inspector never takes, by its reason."""
        return self._kept.refused

    def room(self, wait_s: float) -> bool:
        """Whether another frame can be kept, at least within `wait_s`."""
        return self._until(lambda: len(self._kept) < self._keep_frames, wait_s)

    def send(self, parts: Sequence[Part], boot: str, number: int) -> bool:
        """Keep a frame, and send it as soon as it is granted; what is wrong is raised before it is kept."""
        self.tend(0.0)
        file = self._spool.add(parts) if self._spool else None
        self._kept.add(KeptFrame(parts, boot, number, file), self._clock_ns())
        self._forward()
        return True

    def throw(self, parts: Sequence[Part]) -> bool:
        """Send a message that is no frame, once there is a session; where none comes within a second it is given up."""
        self._until(lambda: bool(self._kept.session) and self._put([self._kept.session, *parts]), 1.0)
        return True

    def tend(self, wait_s: float) -> None:
        """Take answers, and send what is granted; return once something came, or after `wait_s`."""
        self._renew()
        self._greet()
        self._forward()
        self._poller.poll(min(round(wait_s * 1000), HELLO_NS // 1_000_000))
        self._shakes.check()
        if self._read():
            self._forward()

    def close(self, wait_s: float) -> int:
        """Wait until all is recorded, as long as any is within `wait_s`; return what is not."""
        try:
            while before := len(self._kept):
                if not self._until(lambda: len(self._kept) < before, wait_s):
                    break
        finally:
            _close(self._shakes, self._socket)
            if self._spool:
                self._spool.close()
        return len(self._kept)

    def _keep_again(self, file: Path, parts: Sequence[Part]) -> None:
        """Keep a frame that the program before left; what can never go holds none of them up.

        That is no frame, as after a power cut, or one of another camera, whose name this one had.
        """
        assert self._spool is not None
        try:
            header = wire.read_header(parts[0])
        except FrameError as error:
            aside = self._spool.set_aside(file, DAMAGED)
            log.warning("%s: holds no frame (%s); set aside as %s", file, error, aside.name)
            return
        if header.camera != self._name:
            aside = self._spool.set_aside(file, FOREIGN)
            words = (
                "%s: a frame of camera %r, not of %r; set aside as %s. Name it as before in that one's spool to send it"
            )
            log.warning(words, file, header.camera, self._name, aside.name)
            return
        self._kept.add(KeptFrame(parts, header.boot, header.number, file), self._clock_ns())

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

    # --- the connection ---------------------------------------------------------------------------------------

    def _open(self) -> None:
        """Have a socket by which a connection may come; what came over it is there to be read once it has ended."""
        options = {"queue": WAITING, "reconnect_ms": RECONNECT_MS}
        opened = sockets.make(self._context, zmq.DEALER, keeps_last=True, curve=self._curve, **options)
        shakes = Handshakes(opened, self._connect, has_key=self._curve is not None)
        try:
            sockets.connect(opened, self._connect)
        except SocketError:
            shakes.close()
            raise
        self._socket, self._shakes, self._opened_ns = opened, shakes, self._clock_ns()
        self._poller = zmq.Poller()
        for source in (opened, shakes.monitor):
            self._poller.register(source, zmq.POLLIN)

    def _renew(self) -> None:
        """Where the connection has ended, take what came over it, and begin again with an empty socket.

        What waited to be sent was of its session: libzmq would send it over the next one, where it is refused.
        """
        if not self._shakes.ended or self._clock_ns() - self._opened_ns < RENEW_NS:
            return
        self._read()
        self._kept.disconnected()
        before = self._shakes, self._socket
        self._open()
        _close(*before)

    # --- to the inspector -------------------------------------------------------------------------------------

    def _greet(self) -> None:
        now_ns = self._clock_ns()
        hello = self._kept.greeting(now_ns)
        if hello is not None and self._put([msgspec.json.encode(hello)]):
            self._kept.greeted(hello, now_ns)

    def _put(self, parts: Sequence[Part]) -> bool:
        """Send a message; False where there is no connection, or no room."""
        if not self._shakes.is_open or self._shakes.ended:
            return False
        try:
            self._socket.send_multipart(parts, zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        return True

    def _forward(self) -> None:
        """Send what may go."""
        while (frame := self._kept.due()) is not None and self._put([self._kept.session, *frame.parts]):
            self._kept.sent(frame)

    # --- from the inspector -----------------------------------------------------------------------------------

    def _read(self) -> bool:
        """Take all answers that have come; return whether there was one."""
        is_any = False
        while self._socket.poll(0, zmq.POLLIN):
            self._take(self._socket.recv_multipart())
            is_any = True
        return is_any

    def _take(self, parts: list[bytes]) -> None:
        try:
            answer = _answer.decode(parts[0]) if len(parts) == 1 else None
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # a word of a later version
        if answer is None:
            return
        if isinstance(answer, FrameRefused) and answer.number < 0 and answer.reason == "impostor":
            raise AccessError(
                f"{self._connect}: this key may not send frames of camera {self._name!r}. "
                "Give the key of this camera, or make one: inspector keys new NAME --camera CAMERA."
            )
        if isinstance(answer, FrameRefused) and answer.number < 0:
            raise SocketError(
                f"{self._connect}: the inspector knows no camera {self._name!r}. "
                "Give the name of one of its [[camera]] sections."
            )
        gone = self._kept.take(answer, self._clock_ns())
        if isinstance(answer, FrameRefused) and gone:
            self._complain(answer)
        for frame in gone:
            if self._spool and frame.file:
                self._spool.remove(frame.file)

    def _complain(self, refused: FrameRefused) -> None:
        """Say that a frame is never taken: the first for a reason, the second, the fourth and so on."""
        count = self.refused[refused.reason]
        if count & (count - 1) == 0:
            words = "%s: the inspector refuses frame %d of %s for good: %s (number %d of these); its log says more"
            log.warning(words, self._connect, refused.number, self._name, refused.reason, count)


def _close(shakes: Handshakes, socket: sockets.Socket) -> None:
    """Close a socket and drop what waits in it."""
    shakes.close()
    socket.close(linger=0)
