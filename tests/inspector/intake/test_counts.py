"""What a camera sent is what came and what is missing: exactly, whatever is damaged, repeated, given up or left out."""

from collections import Counter
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector import wire
from inspector.config.camera import Overload
from inspector.demand import Demand
from inspector.intake.accept import PICTURES_WAITING, Accept
from inspector.intake.counts import Claims, Count
from inspector.intake.decoding import Decoders
from inspector.intake.overload import policies
from inspector.intake.settings import IntakeSection
from inspector.records.stages import Frame
from tests import frames
from tests.frames import HEIGHT, WIDTH

BAD = ("crc", "size", "junk", "json")
PERIOD_NS = 1_000_000
"""From frame to frame: it shows how many a gap can have."""


class Sender:
    """A camera that keeps its own count, and an intake without a socket that takes what it sends."""

    def __init__(self, overload: Overload) -> None:
        self.demand = Demand(2)
        cameras = [frames.camera("top", overload=overload)]
        self.intake = Accept(
            cameras,
            (4, HEIGHT, WIDTH),
            lambda count: np.empty((count, HEIGHT, WIDTH), np.uint8),
            self.demand,
            policies=policies(cameras, IntakeSection(bind="tcp://127.0.0.1:*")),
            max_bytes=1_000_000,
            decoders=lambda work: Decoders(2, work, lambda: None),
        )
        self.boot, self.number = 0, 0
        self.sent = self.skipped = 0
        self.known = [0]
        """Numbers that came in this boot, and that the inspector could read."""
        self.ends: Counter[str] = Counter()

    @property
    def passed(self) -> int:
        """Frames that the strip has passed by."""
        return self.sent + self.skipped

    def send(self, kind: str, *, number: int | None = None) -> None:
        """Send a message of the next number, or of this one again."""
        of = self.number if number is None else number
        pixels = np.full((HEIGHT, WIDTH), of % 256, np.uint8)
        encoding = kind if kind in ("png", "jpeg") else "png" if kind == "junk" else "raw8"
        header, payload = wire.frame_message(
            pixels,
            camera="top",
            boot=f"b{self.boot}",
            number=of,
            captured_ns=self.passed * PERIOD_NS,
            encoding=encoding,
        )
        if kind == "junk":
            payload = payload[:40]
            header = msgspec.structs.replace(header, crc32=wire.crc32(payload))
        if kind == "crc":
            header = msgspec.structs.replace(header, crc32=header.crc32 ^ 1)
        if kind == "size":
            header = msgspec.structs.replace(header, height=HEIGHT - 1)
        parts = wire.encode(header, payload)
        if kind == "json":
            parts[0] = b"{"
            self.skipped += number is None  # nobody can know whose number it had
        while not self.intake.can_take:
            self.leave()
        self.intake.take(parts, 2, 0)
        self.sent += 1
        if number is None:
            self.known += [of] if kind != "json" else []
            self.number += 1

    def leave(self) -> None:
        """Take a batch, as a line whose engine has done with it at once."""
        self.intake.collect()
        batch = self.intake.leave(0)
        self.demand.take(Counter(frame.header.camera for frame in batch.frames()))
        self.demand.finish()
        numbers = [(frame.header.boot, frame.header.number) for frame in batch.frames()]
        assert all(earlier < later for earlier, later in pairwise(numbers) if earlier[0] == later[0])
        for arrival in batch.arrivals:
            self.ends["inspected" if isinstance(arrival, Frame) else arrival.end] += getattr(arrival, "count", 1)

    def do(self, step: tuple[str, int]) -> None:
        """Let something happen."""
        kind, amount = step
        match kind:
            case "skip":
                self.number += amount
                self.skipped += amount
            case "again":  # a gateway sends one of the last again, which may have been bad
                self.send("raw8", number=self.known[-1 - amount % min(3, len(self.known))])
            case "bad again":
                self.send("crc", number=self.known[-1])
            case "batch":
                self.leave()
            case "boot" | "wrap":
                self.send("raw8")
                if kind == "boot":
                    self.boot += 1
                self.number = 0 if kind == "boot" or self.number > 2000 else self.number + 5000
                self.known = []
                for _ in range(3):
                    self.send("raw8")
                    self.do(("skip", amount % 5))
                self.send("raw8")
            case _:
                for _ in range(amount):
                    self.send(kind)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["raw8", "png", "jpeg", *BAD]), st.integers(1, 3)),
        st.tuples(st.sampled_from(["raw8", "png", "jpeg"]), st.integers(1, PICTURES_WAITING + 8)),
        st.tuples(st.sampled_from(["skip", "again", "bad again", "batch", "batch", "boot", "wrap"]), st.integers(0, 9)),
    ),
    max_size=25,
)


@pytest.mark.parametrize("overload", ["drop-newest", "drop-oldest", "wait"])
@settings(max_examples=40, deadline=None)
@given(steps=STEPS, stops=st.booleans())
def test_what_is_sent_is_received_or_missing(overload: Overload, steps: list[tuple[str, int]], stops: bool) -> None:
    """Every message ends once, and every number that was never sent is missing once, over batches and to a stop."""
    sender = Sender(overload)
    try:
        for step in [("raw8", 1), *steps]:
            sender.do(step)
        sender.intake.is_stopping = stops
        sender.send("raw8")
        while sender.intake.is_pending:
            sender.leave()
        sender.leave()
    finally:
        sender.intake.close()
    missing = sender.ends.pop("missing", 0)
    assert sum(sender.ends.values()) == sender.sent
    assert missing == sender.skipped


def test_a_bad_frame_that_is_sent_again_is_one_number() -> None:
    """What lies before a bad frame that comes again, good or bad, is missing."""
    for again in ([5], [5, 5], [5, 6, 5]):
        count = Count(3, 3, 0)
        for number in again:
            count.refuse(number)
        assert count.go_on(5) == 1
        assert count.go_on(8) == (1 if 6 in again else 2)


def test_a_bad_frame_without_a_number_that_could_be_came() -> None:
    """It is not missing, and takes no number that a later frame has."""
    count = Count(3, 3, 0)
    count.refuse(10**12)
    count.refuse(2)  # that one came before
    assert count.go_on(7) == 2
    assert count.go_on(8) == 0


def test_memory_of_bad_frames_is_bounded() -> None:
    """Where more are apart than are kept, how many came still counts."""
    claims = Claims()
    for number in range(0, 20_000, 2):
        claims.add(number)
    assert claims.settle(0, 20_000) == 10_000
