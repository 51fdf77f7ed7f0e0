"""When a bench's frames are due: what their latency counts from."""

from __future__ import annotations

from inspector.bench.line import pace

BEGAN_NS = 1_795_363_200_000_000_000


class Clock:
    """A clock that moves where somebody sleeps or waits."""

    def __init__(self) -> None:
        self.now_ns = BEGAN_NS

    def __call__(self) -> int:
        return self.now_ns

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.now_ns += round(seconds * 1e9)


def test_a_frame_that_waits_for_room_is_due_when_it_was() -> None:
    """The daemon stands for a second while frames come each 100 ms: those that wait are late from their own time."""
    clock, sent_ns = Clock(), list[int]()

    def send() -> str:
        if len(sent_ns) == 2:
            clock.sleep(1.0)
        sent_ns.append(clock())
        return f"C{len(sent_ns)}"

    due_ns = pace(send, 14, 10.0, clock_ns=clock, sleep=clock.sleep)
    assert list(due_ns) == [f"C{number + 1}" for number in range(14)]
    assert [(due - BEGAN_NS) / 1e6 for due in due_ns.values()] == [100.0 * number for number in range(14)]
    late_ms = [round((sent - due) / 1e6) for sent, due in zip(sent_ns, due_ns.values(), strict=True)]
    assert late_ms == [0, 0, 1000, 900, 800, 700, 600, 500, 400, 300, 200, 100, 0, 0]
