"""The frame socket's owner: takes messages off it, has them accepted, and yields batches.

Laws: every frame taken off the socket is in exactly one batch, as a frame or as a loss; what never arrived is
a loss too. A bad frame never stops the line. Never waits but on its socket. Runs on one thread, which also owns the
socket.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import zmq

from inspector import sockets
from inspector.access.door import Caller, Door
from inspector.config.camera import CameraSection, Raster
from inspector.demand import Demand
from inspector.guard import Guard
from inspector.intake.accept import Accept
from inspector.intake.batching import RETRY_NS, BatchTiming
from inspector.intake.complaints import Complaints
from inspector.intake.decoding import Decoders
from inspector.intake.filling import Allocate
from inspector.intake.gathering import PlaneShare
from inspector.intake.overload import policies
from inspector.intake.receipts import Known
from inspector.intake.settings import BatchSection, IntakeSection
from inspector.records.recipe import Window
from inspector.records.stages import Batch
from inspector.signals import Flag
from inspector.wire import Part

log = logging.getLogger("inspector")

TICK_NS = 250_000_000
"""An idle line still sends an empty batch this often: alarms time out, the watchdog sees life."""
DRAIN_NS = 500_000_000
"""After a stop, how long to go on taking what has already arrived."""
REST_NS = 1_000_000_000
"""How long what is left then may take to be counted."""
SLICE_NS = 25_000_000
"""The longest wait on the socket: a stop is noticed, and a peer that sends without end."""
MOST_BYTES = 2**30
"""No part is larger; the guard ends a connection long before."""


class Intake:
    """Binds the PULL socket and iterates over batches until `stop` is set and the socket is drained.

    Raises: SocketError when the address cannot be bound.
    """

    KIND = zmq.PULL

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        section: IntakeSection,
        batch: BatchSection,
        *,
        cameras: Sequence[CameraSection],
        height: int,
        width: int,
        stop: Flag,
        demand: Demand,
        allocate: Allocate | None = None,
        window: Window | None = None,
        known: Known | None = None,
        rasters: Mapping[str, Raster] | None = None,
        shares: Mapping[str, PlaneShare] | None = None,
        door: Door | None = None,
    ) -> None:
        """`height`, `width` are those of a plane; `rasters` say what frames are smaller, `shares` whose share a plane.

        `allocate` lends memory for a batch, on the thread that iterates; None: ordinary memory. `demand` says what the
        stages after this one have room for; `window` turns pictures of more than 8 bits grey. `known`, in credit mode,
        are the frames that are known already. `door` says who may come in; None: every peer that reaches the socket.
        """
        self._timing = BatchTiming(batch.max_frames, batch.wait_ms * 1_000_000, TICK_NS)
        self._stop, self._demand, self._section, self._door = stop, demand, section, door or Door("intake")
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        limit_bytes, all_bytes = _unfinished(section, len(cameras), height * width)
        self._accept = Accept(
            cameras,
            (batch.max_frames, height, width),
            allocate or (lambda frames: np.empty((frames, height, width), np.uint8)),
            demand,
            policies=policies(cameras, section),
            max_bytes=section.max_frame_mb * 1_000_000,
            decoders=lambda work: Decoders(section.decode_threads, work, self._alarm),
            window=window,
            known=known,
            rasters=rasters,
            shares=shares,
        )
        self._socket = self._make(context, **_limits(section, limit_bytes, height * width))
        self._guard = Guard(self._socket, limit_bytes, all_bytes)
        self._looked_ns, self._limit_mb, self._all_mb = 0, limit_bytes / 1e6, all_bytes / 1e6
        self._complaints, self._completed = Complaints(), set[int]()
        self.received = 0
        """Messages that were taken off the socket."""
        self.address = self._bind()
        self._poller = _watching(self._socket, self._wake)

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
                    if now_ns > drain_until_ns:
                        yield self._rest()
                        break
                    is_left = self._accept.is_pending or self._accept.is_gathering
                    if not (batch.arrivals or is_left or self._has_more()):
                        break
            self._settle()
        finally:
            self.close()

    def _bind(self) -> str:
        """Return the address that frames come in at; leave nothing open where it is taken."""
        try:
            return sockets.bind(self._socket, self._section.bind, "intake.bind")
        except BaseException:
            self._accept.close()
            self._guard.close()
            os.close(self._wake)
            raise

    def close(self) -> None:
        """Close the socket and end the threads; for an intake that was never iterated over, too."""
        if self._socket.closed:
            return
        self._guard.close()
        self._socket.close()
        sockets.release(self._section.bind)
        self._accept.close()
        os.close(self._wake)

    # --- what another kind of socket does otherwise -------------------------------------------------------

    def _make(self, context: zmq.Context[zmq.Socket[bytes]], **limits: int) -> zmq.Socket[bytes]:
        """Make the socket that frames come in by, not yet bound."""
        return sockets.make(context, self.KIND, keeps_last=False, curve=self._door.curve, **limits)

    def _is_open(self) -> bool:
        """Whether to take another message."""
        return self._accept.can_take

    def _has_more(self) -> bool:
        """Whether, at a stop, messages wait that had come before."""
        return bool(self._socket.poll(0))

    def _answer(self) -> None:
        """Send the answers that are due."""

    def _leave(self, now_ns: int) -> Batch:
        """Close the batch that is being filled."""
        return self._accept.leave(now_ns)

    def _settle(self) -> None:
        """See to what is left once the last batch has gone on."""

    # --- a batch ------------------------------------------------------------------------------------------

    def _alarm(self) -> None:
        """Have the intake look around; from any thread."""
        os.eventfd_write(self._wake, 1)

    def _fill(self) -> Batch:
        """Gather one batch."""
        accept, timing, demand = self._accept, self._timing, self._demand
        now_ns = time.monotonic_ns()
        timing.leave(now_ns)
        while True:
            if now_ns - self._looked_ns > SLICE_NS:
                self._look(now_ns)
            self._answer()
            if accept.is_pending:
                accept.collect()
            accept.release(now_ns, everything=self._stop.is_set())
            timing.follow(accept.planes, now_ns)
            left_ns = timing.left_ns(now_ns, wanted=demand.is_idle)
            if not left_ns:
                if demand.has_room:
                    break
                left_ns = RETRY_NS
            is_open = self._is_open()
            if not (is_open and self._receive(now_ns)):
                left_ns = min(left_ns, max(RETRY_NS, accept.gathering_ns(now_ns, left_ns)), SLICE_NS)
                is_quiet = not self._wait(left_ns, is_open=is_open)
                is_left = accept.is_pending or accept.is_gathering
                if is_quiet and self._stop.is_set() and not is_left and demand.has_room:
                    break
            now_ns = time.monotonic_ns()
        return self._leave(time.monotonic_ns())

    def _wait(self, wait_ns: int, *, is_open: bool) -> bool:
        """Wait for a message where one may come, else for a picture or for room; return whether anything happened."""
        wait_ms = -(-wait_ns // 1_000_000)
        if not is_open:
            wait_ms = 1
            self._poller.unregister(self._socket)
        ready = self._poller.poll(wait_ms)
        if any(source == self._wake for source, _ in ready):
            with contextlib.suppress(BlockingIOError):
                os.eventfd_read(self._wake)
        if not is_open:
            self._poller.register(self._socket, zmq.POLLIN)
        return bool(ready)

    def _receive(self, now_ns: int) -> bool:
        """Take one message in, if one is there."""
        socket = self._socket
        try:
            part = socket.recv(zmq.NOBLOCK, copy=False)
        except zmq.Again:
            return False
        parts: list[Part] = [part.buffer]
        count = 1
        while part.more:
            part = socket.recv(copy=False)
            count += 1
            if count == 2:  # more than two make no frame
                parts.append(part.buffer)
        self.received += 1
        self._completed.add(part.get(zmq.SRCFD))
        if not self._door.is_keyed:
            self._accept.take(parts, count, now_ns)
        elif caller := self._caller(part, now_ns):
            self._accept.take(parts, count, now_ns, sender=caller)
        return True

    def _caller(self, part: zmq.Frame, now_ns: int) -> Caller | None:
        """Who sent a message; None, with the message turned away and the connection ended, for a revoked key."""
        caller = self._door.caller(part)
        if caller is None:
            self._accept.turn_away("", "revoked", "its key is admitted no longer; its connection was ended", now_ns)
            self._guard.end(int(part.get(zmq.SRCFD)))
        return caller

    def _look(self, now_ns: int) -> None:
        """See which peers came and went, and end those that send without end."""
        self._looked_ns = now_ns
        gone = self._guard.look(self._completed)
        self._door.follow(gone)
        for ended in gone:
            is_ipc = self._section.bind.startswith("ipc")
            peer = ended.peer or ("an ipc camera" if is_ipc else "a camera")  # one of TCP may go before it is seen
            if ended.cut == "endless":
                words = (
                    f"{peer} sent on without ending a message; its connection was ended "
                    f"(one may send {self._limit_mb:.0f} MB so, all together {self._all_mb:.0f} MB)"
                )
                self._accept.cut(words, now_ns)
            else:
                words = f"the connection of {peer} ended"
                if is_ipc:  # libzmq ends it without a word, and nothing else would tell
                    words += f" (a part above {self._limit_mb:.0f} MB ends it, too)"
                level = logging.WARNING if is_ipc else logging.INFO
                self._complaints.add("", "ended", words, now_ns, level)
        self._completed.clear()

    def _rest(self) -> Batch:
        """Count what has come by now, and is not inspected any more; nothing more comes in."""
        self._accept.give_up()
        self._socket.unbind(self.address)
        self._guard.shut()
        until_ns = time.monotonic_ns() + REST_NS
        while (now_ns := time.monotonic_ns()) < until_ns and self._socket.poll(20):
            self._receive(now_ns)
        while self._accept.is_pending:
            self._accept.collect()
            time.sleep(0.001)
        self._accept.collect()
        batch = self._accept.leave(time.monotonic_ns())
        count = sum(loss.count for loss in batch.losses() if loss.end != "missing")
        log.warning("stopped while cameras went on sending: %d frames that had come are not inspected", count)
        return batch


def _unfinished(section: IntakeSection, cameras: int, frame_bytes: int) -> tuple[int, int]:
    """How much a camera, and all of them together, may send without completing a message.

    All have room for one that sends so, and for what each may have waiting, in the socket and below it, and on its way.
    """
    one = 2 * section.max_frame_mb * 1_000_000 + section.receive_frames * frame_bytes
    return one, one + cameras * (2 * section.receive_frames + 2) * frame_bytes


def _limits(section: IntakeSection, limit_bytes: int, frame_bytes: int) -> dict[str, int]:
    """What the socket takes: of an ipc camera no larger part, as the guard does not see how much came."""
    is_ipc = section.bind.startswith("ipc")
    return {
        "queue": section.receive_frames,
        "most_bytes": limit_bytes
        if is_ipc
        else MOST_BYTES,  # a larger part of another is known by its size, and counted
        "kernel_bytes": max(2**16, section.receive_frames * frame_bytes // 2),
    }


def _watching(*sources: zmq.Socket[bytes] | int) -> zmq.Poller:
    """Return a poller of what may come in."""
    poller = zmq.Poller()
    for source in sources:
        poller.register(source, zmq.POLLIN)
    return poller
