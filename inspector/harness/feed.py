"""Frames of one camera into an inspector: numbers, positions and times as a line would send them.

Knows: the wire's header, a camera's socket. Must not know: what is in the pictures.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from types import TracebackType
from typing import Self

import msgspec

from inspector import wire
from inspector.camera import Camera
from inspector.errors import InspectorError
from inspector.records.frame import Header

STALL_S = 60.0
"""How long the inspector may take no frame."""
LOOK_S = 0.5
"""How often `alive` is asked meanwhile."""


class Feed:
    """A camera that this program is; closed when the `with` block ends.

    `alive` raises once the inspector is gone, so that no caller waits for one that will take no frame.
    """

    def __init__(
        self, address: str, *, mm_per_row: float, boot: str | None = None, alive: Callable[[], object] = lambda: None
    ) -> None:
        self.number, self.position_mm, self.coil = 0, 0.0, ""
        self.boot = boot or uuid.uuid4().hex[:12]
        self._mm_per_row, self._alive = mm_per_row, alive
        self._camera = Camera(address, "feed")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # What is left is not looked at: an inspector that was ended first may have it; its own count says.
        self._camera.close(0.0 if error else STALL_S)

    def send(self, header: Header, payload: wire.Part, coil: str) -> int:
        """Send the next frame of a coil as soon as there is room; return its time of capture, UNIX nanoseconds.

        Raises: InspectorError when no frame is taken for `STALL_S`, and what `alive` raises.
        """
        self._wait_for_room()
        now_ns = time.time_ns()
        message = wire.encode(self.numbered(header, coil, now_ns), payload)
        while not self._camera.post(message, self.boot, self.number):
            self._wait_for_room()
        self.skip(header.height)
        return now_ns

    def numbered(self, header: Header, coil: str, captured_ns: int) -> Header:
        """Return the header as the next frame of this camera carries it; another coil begins at 0 mm."""
        if coil != self.coil:
            self.coil, self.position_mm = coil, 0.0
        facts = {"number": self.number, "boot": self.boot, "coil": coil, "start_mm": self.position_mm}
        return msgspec.structs.replace(header, captured_ns=captured_ns, **facts)

    def send_parts(self, *parts: wire.Part) -> None:
        """Send a message as it is, right or wrong.

        Raises: as `send`.
        """
        self._wait_for_room()
        while not self._camera.throw(parts):
            self._wait_for_room()

    def skip(self, rows: int) -> None:
        """Let a frame of this height pass."""
        self.number += 1
        self.position_mm += rows * self._mm_per_row

    def _wait_for_room(self) -> None:
        until_s = time.monotonic() + STALL_S
        while not self._camera.room(LOOK_S):
            self._alive()
            if time.monotonic() > until_s:
                raise InspectorError(f"the inspector took no frame for {STALL_S:g} s")
