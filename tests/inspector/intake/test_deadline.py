"""Frames that became too old while they waited: dropped, with their reason, before the engine begins them."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from inspector.intake.deadline import Deadline
from inspector.intake.overload import Policy
from inspector.records.stages import Batch, Frame, FramePatch, Loss
from tests import frames
from tests.frames import HEIGHT, WIDTH

LIMIT_NS = 1000


def deadline(now_ns: int, now_unix_ns: int) -> Deadline:
    """Make the deadline of two cameras, of which `top` has one."""
    policies = {"top": Policy(max_age_ns=LIMIT_NS), "bottom": Policy()}
    return Deadline(policies, lambda: now_ns, lambda: now_unix_ns)


@given(st.lists(st.tuples(st.sampled_from(["top", "bottom"]), st.integers(0, 2 * LIMIT_NS), st.booleans()), max_size=8))
def test_what_is_too_old_is_dropped_and_the_rest_keeps_its_pixels(kinds: list[tuple[str, int, bool]]) -> None:
    """Exactly the frames past their camera's deadline become losses, in their place; all others keep their pixels."""
    arrivals: list[Frame | Loss] = [frames.missing(2)]
    patches: list[FramePatch] = []
    for number, (camera, received_ns, shares) in enumerate(kinds):
        arrivals.append(Frame(frames.header(number, camera, captured_ns=10**9), received_ns))
        before = patches[-1] if patches else FramePatch(-1, 0, 1, WIDTH)
        is_below = shares and bool(patches)
        patches.append(FramePatch(before.plane + (not is_below), before.top + 1 if is_below else 0, 1, WIDTH))
    pixels = np.zeros((patches[-1].plane + 1 if patches else 0, HEIGHT, WIDTH), np.uint8)
    for number, patch in enumerate(patches):
        pixels[patch.plane, patch.top] = number
    batch = Batch(tuple(arrivals), pixels, tuple(patches), closed_ns=5)
    kept = deadline(2 * LIMIT_NS, 0)(batch)
    old = [camera == "top" and received_ns < LIMIT_NS for camera, received_ns, _ in kinds]
    assert [isinstance(arrival, Loss) for arrival in kept.arrivals] == [True, *old]
    assert {loss.reason for loss in kept.losses()} <= {"lost", "too_old"}
    assert len(kept.pixels) == len({patch.plane for patch, gone in zip(patches, old, strict=True) if not gone})
    for place, frame in enumerate(kept.frames()):
        assert (kept.picture(place) == frame.header.number).all()


def test_age_counts_from_the_capture() -> None:
    """A frame that was captured too long ago is too old, though it has only just been received."""
    batch = frames.batch(Frame(frames.header(0, captured_ns=0), 50), Frame(frames.header(1, captured_ns=60), 50))
    kept = deadline(50, LIMIT_NS + 1)(batch)
    assert [type(arrival) for arrival in kept.arrivals] == [Loss, Frame]
    assert [loss.received_ns for loss in kept.losses()] == [50]


def test_a_batch_of_which_nothing_is_left_holds_no_memory() -> None:
    """Where all frames are too old their pixels are let go."""
    kept = deadline(LIMIT_NS + 1, 0)(frames.batch(Frame(frames.header(0), 0)))
    assert kept.pixels.base is None and kept.pixels.shape == (0, HEIGHT, WIDTH)
