"""Frames that became too old while they waited: dropped, with their reason, before the engine begins them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.intake.deadline import Deadline
from inspector.intake.overload import Policy
from inspector.records.stages import Batch, Frame, Loss
from tests import frames
from tests.frames import HEIGHT, WIDTH

LIMIT_NS = 1000


def deadline(now_ns: int, now_unix_ns: int) -> Deadline:
    """Make the deadline of two cameras, of which `top` has one."""
    policies = {"top": Policy(max_age_ns=LIMIT_NS), "bottom": Policy()}
    return Deadline(policies, lambda: now_ns, lambda: now_unix_ns)


@given(
    st.lists(st.tuples(st.sampled_from(["top", "bottom"]), st.integers(0, 2 * LIMIT_NS), st.integers(1, 3)), max_size=8)
)
def test_what_is_too_old_is_dropped_and_the_rest_keeps_its_pixels(kinds: list[tuple[str, int, int]]) -> None:
    """Exactly the frames past their camera's deadline become losses, in their place; all others keep their planes."""
    arrivals: list[Frame | Loss] = [frames.missing(2)]
    planes, first = [], 0
    for number, (camera, received_ns, count) in enumerate(kinds):
        arrivals.append(Frame(frames.header(number, camera, captured_ns=10**9), received_ns))
        planes.append(range(first, first + count))
        first += count
    pixels = np.zeros((first, HEIGHT, WIDTH), np.uint8)
    for number, of_frame in enumerate(planes):
        pixels[of_frame.start : of_frame.stop] = number
    batch = Batch(tuple(arrivals), pixels, tuple(planes), closed_ns=5)
    kept = deadline(2 * LIMIT_NS, 0)(batch)
    old = [camera == "top" and received_ns < LIMIT_NS for camera, received_ns, _ in kinds]
    assert [isinstance(arrival, Loss) for arrival in kept.arrivals] == [True, *old]
    assert {loss.reason for loss in kept.losses()} <= {"lost", "too_old"}
    assert len(kept.pixels) == sum(count for (_, _, count), gone in zip(kinds, old, strict=True) if not gone)
    for frame, of_frame in zip(kept.frames(), kept.planes, strict=True):
        assert len(of_frame) == kinds[frame.header.number][2]
        assert (kept.pixels[of_frame.start : of_frame.stop] == frame.header.number).all()


def test_age_counts_from_the_capture() -> None:
    """A frame that was captured too long ago is too old, though it has only just been received."""
    batch = frames.batch(Frame(frames.header(0, captured_ns=0), 50), Frame(frames.header(1, captured_ns=60), 50))
    kept = deadline(50, LIMIT_NS + 1)(batch)
    assert [type(arrival) for arrival in kept.arrivals] == [Loss, Frame]


def test_a_batch_of_which_nothing_is_left_holds_no_memory() -> None:
    """Where all frames are too old their pixels are let go."""
    kept = deadline(LIMIT_NS + 1, 0)(frames.batch(Frame(frames.header(0), 0)))
    assert kept.pixels.base is None and kept.pixels.shape == (0, HEIGHT, WIDTH)
