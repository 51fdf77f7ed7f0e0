"""A camera PC in software: sends the frames of coils as a line would, faults on request.

Laws: the same seed makes the same faults; at most one fault befalls a frame; all that is sent, and all that
goes wrong, is counted, so that the inspector's own count can be checked against it.

Knows: the wire format and time. Must not know: what the pixels show, how faults look, who receives them.
A Camera belongs to one thread.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import zmq

from inspector import camera as client
from inspector import wire
from inspector.camera import Transport
from inspector.camera.camera import stalled_words
from inspector.errors import SocketError
from inspector.records.frame import Bytes2D
from inspector.signals import Flag
from inspector.simulator.camera_faults import LASTING, Exposure, Faults, damaged, lasting

Encoding = Literal["raw8", "jpeg", "png"]
Pictures = Callable[[int], Bytes2D]
"""Frame (H, W) uint8 number i of a coil, counted from where the replay starts."""

SLICE_S = 0.1
"""The longest wait on the socket, so that a stop is noticed."""


class Coil(msgspec.Struct, frozen=True, kw_only=True):
    """What is replayed: frames of one coil."""

    name: str
    pictures: Pictures
    frames: int | None
    """None: on and on."""
    start_mm: float = 0.0
    """Strip position of the first row of the first frame."""
    lost_mm: tuple[float, float] | None = None
    """Frames that show strip of this stretch are never sent, their numbers are skipped: `missing`."""


class Sent(msgspec.Struct, frozen=True, kw_only=True):
    """What a camera did; `messages` = `good` + rejected ones."""

    messages: int
    """Put on the socket."""
    good: int
    """Frames among these that deserve to be inspected."""
    missing: int
    """Frames whose absence the numbers show."""
    faults: dict[str, int]
    """How often each fault happened."""
    left: int = 0
    """The last of these messages, which the receiver may not have: they were not taken before the end."""


class SimulatedCamera:
    """Connects to `connect` and sends as the camera `name`, by the `transport` that is the inspector's.

    `rate_fps` 0 sends as fast as the receiver takes frames. `watch` sees every frame, sent or not. A send
    gives up when no frame is taken for `patience_s`.

    Raises: SocketError when the address is none.
    """

    def __init__(
        self,
        context: zmq.Context[zmq.Socket[bytes]],
        connect: str,
        name: str,
        *,
        transport: Transport = "push",
        side: Literal["top", "bottom"] | None = None,
        mm_per_row: float = 0.625,
        rate_fps: float = 0.0,
        encoding: Encoding = "raw8",
        faults: Faults | None = None,
        seed: int = 0,
        watch: Callable[[Bytes2D], None] | None = None,
        patience_s: float = 30.0,
        key: Path | None = None,
        stop: Flag | None = None,
        clock_ns: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        self._connect, self._name, self._side, self._mm_per_row = connect, name, side, mm_per_row
        self._period_ns = round(1e9 / rate_fps) if rate_fps else 0
        self._encoding = encoding
        self._faults = faults or Faults()
        self._rng = np.random.default_rng(seed)
        self._watch = watch
        self._patience_s = patience_s
        self._stop = stop or Flag()
        self._clock_ns, self._due_ns = clock_ns, 0
        self._counts: Counter[str] = Counter()
        self._left = 0
        self._lasting, self._lasting_frames = "", 0
        self._stuck: Exposure | None = None
        """The first frame of a lasting fault."""
        self._unseen = 0
        """Numbers skipped since the last readable header of this boot."""
        self.passed = 0
        """Frames of the latest coil that have passed."""
        self._camera = client.Camera(connect, name, transport=transport, key=key, context=context)

    @property
    def sent(self) -> Sent:
        """What it did so far."""
        totals = {name: self._counts[name] for name in ("messages", "good", "missing")}
        faults = {name: self._counts[name] for name in self._faults.probabilities()}
        return Sent(**totals, faults=faults, left=self._left)

    def replay(self, coil: Coil) -> int:
        """Send one coil; return the number of frames that passed, which `passed` says too: less where asked to stop.

        Raises: SocketError when no frame is taken; msgspec.ValidationError for a coil name that is none.
        """
        self.passed = index = 0
        while (coil.frames is None or index < coil.frames) and not self._stop.is_set():
            pixels = coil.pictures(index)
            start_mm = coil.start_mm + index * pixels.shape[0] * self._mm_per_row
            if self._watch is not None:
                self._watch(pixels)
            inside = index > 0 and (coil.frames is None or index < coil.frames - 1)
            fault, end_mm = self._draw() if inside else "", start_mm + len(pixels) * self._mm_per_row
            if coil.lost_mm and start_mm < coil.lost_mm[1] and end_mm > coil.lost_mm[0]:
                fault = "drop"
            self._pass(pixels, coil.name, start_mm, fault)
            self.passed = index = index + 1
        return index

    def close(self, wait_s: float | None = None) -> None:
        """Leave once all is taken, or nothing was for so long (the patience); what may be lost is in `sent`."""
        self._left = self._camera.close(self._patience_s if wait_s is None else wait_s)

    # --- one frame ------------------------------------------------------------------------------------------

    def _pass(self, pixels: Bytes2D, coil: str, start_mm: float, fault: str) -> None:
        """Let one frame pass under the camera, and let `fault` befall it."""
        self._counts[fault] += 1
        if fault == "reboot":
            self._reboot()
        elif fault == "freeze":
            self._stop.wait(self._faults.freeze_s)
        self._pace()
        pixels, start_mm, captured_ns = self._last(pixels, start_mm, fault)
        number = self._camera.skip()
        if fault == "drop" or not self._wait_for_room():
            self._unseen += 1
            return
        header, payload = wire.frame_message(
            pixels[:-1] if fault == "size" else pixels,
            camera=self._name,
            boot=self._camera.boot,
            number=number,
            captured_ns=captured_ns,
            encoding=self._encoding,
            coil=coil,
            side=self._side,
            start_mm=start_mm,
            mm_per_row=self._mm_per_row,
        )
        if fault == "garbage":
            self._unseen += 1
            while not self._camera.throw([b"\x00 no header", payload]):
                if not self._wait_for_room():
                    return
            self._counts["messages"] += 1
            return
        self._counts["missing"] += self._unseen
        self._unseen = 0
        self._counts["good"] += fault not in ("crc", "truncate", "size")
        self._send(wire.encode(header, damaged(payload, fault)), number)
        if fault == "duplicate" and self._wait_for_room():
            self._send(wire.encode(header, payload), number)

    def _last(self, pixels: Bytes2D, start_mm: float, fault: str) -> Exposure:
        """Return what goes into a frame, as a fault that lasts has it."""
        exposure = Exposure(pixels, start_mm, time.time_ns())
        if fault in LASTING:
            self._lasting, self._lasting_frames = fault, self._faults.lasting_frames
            self._stuck = Exposure(pixels.copy(), *exposure[1:])
        if not self._lasting_frames or self._stuck is None:
            return exposure
        self._lasting_frames -= 1
        return lasting(self._lasting, exposure, self._stuck)

    def _draw(self) -> str:
        """Name the fault that befalls the next frame; mostly none."""
        chance = self._rng.random()
        if self._lasting_frames:
            return ""
        for name, probability in self._faults.probabilities().items():
            chance -= probability
            if chance < 0:
                return name
        return ""

    def _reboot(self) -> None:
        self._camera.reboot()
        self._unseen = 0

    def _pace(self) -> None:
        """Wait until this frame is due; deadlines follow each other exactly, a late frame delays no other."""
        if not self._period_ns:
            return
        if not self._due_ns:  # the line starts when frames are taken
            self._wait_for_room()
            self._due_ns = self._clock_ns()
        self._stop.wait(max(0, self._due_ns - self._clock_ns()) / 1e9)
        self._due_ns += self._period_ns

    def _wait_for_room(self) -> bool:
        """Wait until the receiver takes a frame; False when asked to stop meanwhile."""
        deadline = time.monotonic() + self._patience_s
        while not self._camera.room(SLICE_S):
            if self._stop.is_set():
                return False
            if time.monotonic() > deadline:
                taken = self._counts["messages"] - self._camera.unrecorded
                raise SocketError(stalled_words(self._connect, taken, self._patience_s))
        return True

    def _send(self, parts: list[wire.Part], number: int) -> None:
        while not self._camera.post(parts, self._camera.boot, number):
            if not self._wait_for_room():
                return
        self._counts["messages"] += 1
