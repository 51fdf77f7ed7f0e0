"""The frame socket's owner: takes frames off it, refuses bad ones, notices missing ones, and yields batches.

Laws: every frame taken off the socket is in exactly one batch, as a frame or as a loss; what never arrived is
a loss too. A bad frame never stops the line. Runs on one thread, which also owns the socket.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterator, Sequence

import msgspec
import numpy as np
import zmq

from inspector import wire
from inspector.errors import FrameError, SocketError
from inspector.intake.batching import Gather
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.frame import Bytes3D, Header
from inspector.records.stages import Batch, Frame, Loss
from inspector.signals import Flag

log = logging.getLogger("inspector")

Allocate = Callable[[int], Bytes3D]
"""Gives memory for a batch of so many frames, (N, H, W) uint8, contents undefined, nobody else's while a view of it
lives.

An engine that reads from memory of its own kind (pinned, for a GPU) gives that, so that a frame is copied once. It is
called on the intake's thread, must not wait, and gives ordinary memory when it has no other left.
"""

TICK_NS = 250_000_000
"""An idle line still sends an empty batch this often: alarms time out, the watchdog sees life."""
DRAIN_NS = 500_000_000
"""After a stop, how long to go on taking what has already arrived."""
SLICE_NS = 50_000_000
"""The longest wait on the socket, so that a stop is noticed."""
COMPLAIN_NS = 60_000_000_000
"""A camera's bad frames of one kind are put in words this often; all of them are counted."""


class _Place(msgspec.Struct):
    """Where a camera's counting stands."""

    boot: str
    number: int


class _Complaints:
    """Puts bad frames in words, for the log: the first of a kind at once, then one of its kind a minute."""

    def __init__(self) -> None:
        self._told_ns: dict[tuple[str, str], int] = {}
        self._untold: dict[tuple[str, str], int] = {}

    def add(self, camera: str, error: FrameError, now_ns: int) -> None:
        """Take in a bad frame of a known camera, or of an unknown one (empty)."""
        kind = camera, error.reason
        if kind in self._told_ns and now_ns - self._told_ns[kind] < COMPLAIN_NS:
            self._untold[kind] = self._untold.get(kind, 0) + 1
            return
        untold = self._untold.pop(kind, 0)
        more = f" ({untold} more since the last such line)" if untold else ""
        self._told_ns[kind] = now_ns
        log.warning("rejected a frame of %s: %s: %s%s", camera or "an unknown camera", error.reason, error, more)


class Intake:
    """Binds the PULL socket and iterates over batches until `stop` is set and the socket is drained.

    Raises: SocketError when the address cannot be bound.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        section: IntakeSection,
        batch: BatchSection,
        *,
        cameras: Collection[str],
        height: int,
        width: int,
        stop: Flag,
        allocate: Allocate | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> None:
        """`allocate` lends memory for a batch; None: ordinary memory. `wanted` says whether the engine is idle.

        Both are called on the thread that iterates.
        """
        self._cameras = frozenset(cameras)
        self._shape = (batch.max_frames, height, width)
        self._gather = Gather(batch.max_frames, batch.wait_ms * 1_000_000, TICK_NS)
        self._places: dict[str, _Place] = {}
        self._complaints = _Complaints()
        self._stop, self._wanted = stop, wanted
        self._allocate = allocate or (lambda frames: np.empty((frames, height, width), np.uint8))
        self._pixels: Bytes3D | None = None
        """Of the batch being filled, once a frame is there: a line that stands holds no memory."""
        self._socket = context.socket(zmq.PULL)
        self._socket.linger = 0
        self._socket.rcvhwm = section.receive_frames
        self._socket.maxmsgsize = section.max_frame_mb * 1_000_000
        # No ZMQ_HEARTBEAT: while a full queue holds a camera back its pings are not read, and frames are lost (LOG.md).
        self._socket.tcp_keepalive = 1
        self._socket.rcvbuf = max(2**16, section.receive_frames * height * width // 2)
        self._socket.handshake_ivl = 3000
        try:
            self._socket.bind(section.bind)
        except zmq.ZMQError as error:
            self._socket.close()
            raise SocketError(
                f"intake.bind {section.bind}: {error}. Stop the program that holds it, or choose another."
            ) from error
        self.address = self._socket.getsockopt_string(zmq.LAST_ENDPOINT)

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches; an empty one every 250 ms when nothing arrives."""
        drain_until_ns = 0
        try:
            while True:
                batch = self._fill()
                yield batch
                if self._stop.is_set():
                    now_ns = time.monotonic_ns()
                    drain_until_ns = drain_until_ns or now_ns + DRAIN_NS
                    if not (batch.arrivals or self._socket.poll(0)):
                        return
                    if now_ns > drain_until_ns:
                        log.warning("stopped while cameras go on sending: what they sent last is not inspected")
                        return
        finally:
            self._socket.close()

    def _fill(self) -> Batch:
        """Gather one batch."""
        arrivals: list[Frame | Loss] = []
        self._gather.leave(time.monotonic_ns())
        while left_ns := self._gather.left_ns(time.monotonic_ns(), wanted=self._wanted()):
            if not self._socket.poll(min(left_ns, SLICE_NS) // 1_000_000):
                if self._stop.is_set():
                    break
                continue
            parts = self._socket.recv_multipart(copy=False)
            self._accept([part.buffer for part in parts], arrivals)
        pixels, self._pixels = self._pixels, None
        if pixels is None:
            pixels = np.empty((0, *self._shape[1:]), np.uint8)
        return Batch(tuple(arrivals), pixels[: self._gather.frames], time.monotonic_ns())

    def _accept(self, parts: Sequence[memoryview], arrivals: list[Frame | Loss]) -> None:
        """Put one message into the batch, as a frame or as a loss."""
        now_ns = time.monotonic_ns()
        header = None
        try:
            if len(parts) != 2:
                raise FrameError("parts", f"message has {len(parts)} parts; expected header and pixels")
            header = wire.read_header(parts[0])
            if header.camera not in self._cameras:
                raise FrameError("camera", f"camera {header.camera!r} is not in the configuration")
            arrivals += self._count(header)
            if self._pixels is None:
                self._pixels = self._allocate(self._shape[0])
            wire.unpack(header, parts[1], self._pixels[self._gather.frames])
        except FrameError as error:
            known = header if header is not None and header.camera in self._cameras else None
            camera = known.camera if known else ""
            self._complaints.add(camera, error, now_ns)
            arrivals.append(Loss("rejected", error.reason, camera, 1, known))
            return
        arrivals.append(Frame(header, now_ns))
        self._gather.add(now_ns)

    def _count(self, header: Header) -> list[Loss]:
        """Follow the camera's numbers; a gap is a loss that comes before this frame.

        Raises: FrameError with reason `order` for a number that was passed already.
        """
        place = self._places.get(header.camera)
        if place is None or place.boot != header.boot:
            self._places[header.camera] = _Place(header.boot, header.number)
            return []
        if header.number <= place.number:
            wrong = f"frame {header.number} after {place.number}; expected a higher number, or another boot"
            raise FrameError("order", wrong)
        missing = header.number - place.number - 1
        place.number = header.number
        return [Loss("missing", "lost", header.camera, missing)] if missing else []


def shed(held: Batch | None, batch: Batch) -> Batch:
    """Turn the frames of a batch for which there is no room into losses, after those already held.

    Nothing of the batch's memory is kept: it may be lent.
    """
    losses = tuple(
        Loss("dropped", "overload", arrival.header.camera, 1, arrival.header) if isinstance(arrival, Frame) else arrival
        for arrival in batch.arrivals
    )
    return Batch((held.arrivals if held else ()) + losses, batch.pixels[:0].copy(), batch.closed_ns)
