"""Which frames are known, by camera, boot, number and time of capture: what makes one that is sent again a duplicate.

Laws: a number is known only when it was added, however the numbers run, and only as captured when its like were; the
newest are remembered, over a restart too. So a count that began again without another boot is none that came before.
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


class Run(msgspec.Struct, array_like=True):
    """Consecutive numbers that are known."""

    first: int
    last: int
    captured_ns: tuple[int, int] | None = None
    """Between which times, by the camera's clock, its frames were captured, those that are forgotten by now too; None:
    unknown, of a state of before 0.4."""

    def has(self, number: int, captured_ns: int) -> bool:
        """Whether a frame with this number and time of capture is one of them, for all that can be known."""
        is_there = self.first <= number <= self.last
        return is_there and (self.captured_ns is None or self.captured_ns[0] <= captured_ns <= self.captured_ns[1])

    def follow(self, number: int, captured_ns: int) -> bool:
        """Take in the next number, and return whether it was; not where the clock was set back behind the first."""
        if number != self.last + 1 or self.captured_ns is None or captured_ns < self.captured_ns[0]:
            return False
        self.last, self.captured_ns = number, (self.captured_ns[0], max(self.captured_ns[1], captured_ns))
        return True


class Known:
    """The frames that are known."""

    def __init__(self, cameras: Iterable[CameraSection]) -> None:
        self._most = {camera.name: min(NUMBERS, camera.numbers // 2) for camera in cameras}
        self._runs: dict[str, dict[str, list[Run]]] = {}
        """The newest last, by camera and boot, the newest last."""

    def has(self, camera: str, boot: str, number: int, captured_ns: int) -> bool:
        """Whether this frame is known."""
        return any(run.has(number, captured_ns) for run in reversed(self._runs.get(camera, {}).get(boot, ())))

    def add(self, camera: str, boot: str, number: int, captured_ns: int) -> None:
        """Know this frame from here on."""
        boots = self._runs.setdefault(camera, {})
        runs = boots.pop(boot, [])
        boots[boot] = runs  # the newest now
        while len(boots) > BOOTS:
            del boots[next(iter(boots))]
        if not (runs and runs[-1].follow(number, captured_ns)) and not self.has(camera, boot, number, captured_ns):
            runs.append(Run(number, number, (captured_ns, captured_ns)))
        self._forget(runs, self._most.get(camera, NUMBERS))

    def dump(self) -> bytes:
        """All that is known, as JSON."""
        return msgspec.json.encode(self._runs)

    def load(self, state: bytes) -> None:
        """Know what `dump` wrote.

        Raises: ValueError when it cannot be read.
        """
        self._runs = msgspec.json.decode(state, type=dict[str, dict[str, list[Run]]])

    @staticmethod
    def _forget(runs: list[Run], most: int) -> None:
        over = sum(run.last - run.first + 1 for run in runs) - most
        while over > 0 or len(runs) > RUNS:
            numbers = runs[0].last - runs[0].first + 1
            if numbers > over and len(runs) <= RUNS:
                runs[0].first += over
                return
            del runs[0]
            over -= numbers


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
                self._known.add(receipt.camera, receipt.boot, receipt.number, receipt.captured_ns)
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
