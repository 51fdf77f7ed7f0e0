"""Which frames are known, by camera, boot and number: what makes one that is sent again a duplicate.

Laws: a number is known only when it was added, however the numbers run; the newest are remembered, over a restart too.
The state is recorded in the commit of the events that it follows from, so a frame is known after a crash if and only if
its report is on disk.

Knows: numbers. Must not know: sockets, what a frame shows.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from inspector.config.camera import CameraSection
from inspector.records.stages import Findings, Receipt

BOOTS = 4
"""Boots of a camera that are remembered: one that comes back from a crash sends what the one before had left."""
NUMBERS = 4096
"""Numbers of a boot that are remembered, or half of what a counter that wraps has; more are never on their way."""
RUNS = 256
"""Stretches of consecutive numbers that are remembered: a camera may lose every other frame."""


class Known:
    """The frames that are known."""

    def __init__(self, cameras: Iterable[CameraSection]) -> None:
        self._most = {camera.name: min(NUMBERS, camera.numbers // 2) for camera in cameras}
        self._runs: dict[str, dict[str, list[list[int]]]] = {}
        """First and last of each stretch, the newest last, by camera and boot, the newest last."""

    def has(self, camera: str, boot: str, number: int) -> bool:
        """Whether this frame is known."""
        return any(first <= number <= last for first, last in reversed(self._runs.get(camera, {}).get(boot, ())))

    def add(self, camera: str, boot: str, number: int) -> None:
        """Know this frame from here on."""
        boots = self._runs.setdefault(camera, {})
        runs = boots.pop(boot, [])
        boots[boot] = runs  # the newest now
        while len(boots) > BOOTS:
            del boots[next(iter(boots))]
        if runs and runs[-1][1] + 1 == number:
            runs[-1][1] = number
        elif not self.has(camera, boot, number):
            runs.append([number, number])
        self._forget(runs, self._most.get(camera, NUMBERS))

    def dump(self) -> bytes:
        """All that is known, as JSON."""
        return msgspec.json.encode(self._runs)

    def load(self, state: bytes) -> None:
        """Know what `dump` wrote.

        Raises: ValueError when it cannot be read.
        """
        self._runs = msgspec.json.decode(state, type=dict[str, dict[str, list[list[int]]]])

    @staticmethod
    def _forget(runs: list[list[int]], most: int) -> None:
        over = sum(last - first + 1 for first, last in runs) - most
        while over > 0 or len(runs) > RUNS:
            first, last = runs[0]
            if last - first + 1 > over and len(runs) <= RUNS:
                runs[0][0] += over
                return
            del runs[0]
            over -= last - first + 1


class Receipts:
    """The stage that remembers which frames' reports go on disk with a batch."""

    name = "receipts"

    def __init__(self, cameras: Iterable[CameraSection]) -> None:
        self._cameras = tuple(cameras)
        self._known = Known(self._cameras)

    def __call__(self, findings: Findings) -> Findings:
        """Know the frames of a batch."""
        for receipt in findings.receipts:
            if not receipt.refused:
                self._known.add(receipt.camera, receipt.boot, receipt.number)
        return findings

    def state(self) -> bytes:
        """All frames that are known."""
        return self._known.dump()

    def restore(self, state: bytes, now_ns: int) -> None:
        """Know the frames of a state.

        Raises: ValueError when it cannot be read.
        """
        self._known.load(state)

    def known(self) -> Known:
        """Return a copy for the intake, where what is recorded is known, and what is on its way."""
        known = Known(self._cameras)
        known.load(self._known.dump())
        return known


def runs(receipts: Iterable[Receipt]) -> list[list[Receipt]]:
    """Put receipts of consecutive numbers together; one that was refused stands alone."""
    found: list[list[Receipt]] = []
    for receipt in receipts:
        last = found[-1][-1] if found else None
        follows = last and (last.camera, last.boot, last.number + 1) == (receipt.camera, receipt.boot, receipt.number)
        if follows and last and not (last.refused or receipt.refused):
            found[-1].append(receipt)
        else:
            found.append([receipt])
    return found
