"""The batching policy, for every sequence of arrivals and clock readings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.intake.batching import RETRY_NS, BatchTiming

STEPS = st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.booleans()), max_size=60)
"""Nanoseconds that pass, whether a frame comes then, and whether the engine wants a batch."""


@settings(max_examples=50)
@given(STEPS, st.integers(1, 5), st.integers(1, 40), st.integers(1, 80))
def test_laws(steps: list[tuple[int, bool, bool]], max_frames: int, wait_ns: int, tick_ns: int) -> None:
    """Whatever comes when, a batch leaves when full, at the tick, or when it has waited and is wanted."""
    timing = BatchTiming(max_frames, wait_ns, tick_ns)
    now_ns = 1000
    timing.leave(now_ns)
    opened_ns, frames = now_ns, list[int]()
    for passed_ns, is_frame, wanted in steps:
        left_ns = timing.left_ns(now_ns, wanted=wanted)
        due_ns = frames[0] + wait_ns if frames else opened_ns + tick_ns
        if len(frames) == max_frames:
            assert left_ns == 0
        elif now_ns < due_ns:
            assert left_ns == due_ns - now_ns
        else:
            assert left_ns == (RETRY_NS if frames and not wanted else 0)
        assert timing.frames == len(frames) <= max_frames
        if not left_ns:
            timing.leave(now_ns)
            opened_ns, frames = now_ns, []
            assert timing.left_ns(now_ns) == tick_ns
        now_ns += passed_ns
        if is_frame:
            frames.append(now_ns)
            timing.follow(len(frames), now_ns)


def test_a_late_frame_does_not_wait_for_the_tick() -> None:
    """A frame that comes just before the tick gets its whole wait, and a frame after it changes nothing."""
    timing = BatchTiming(max_frames=4, wait_ns=10, tick_ns=250)
    timing.leave(0)
    timing.follow(1, 249)
    assert timing.left_ns(250) == 9
    timing.follow(2, 255)
    assert timing.left_ns(259) == 0


def test_a_batch_that_would_only_wait_goes_on_filling() -> None:
    """While the engine has work waiting its batches fill up; once it has none, the next leaves at once."""
    timing = BatchTiming(max_frames=3, wait_ns=10, tick_ns=250)
    timing.leave(0)
    timing.follow(1, 0)
    assert timing.left_ns(20, wanted=False) == RETRY_NS
    timing.follow(2, 30)
    assert timing.left_ns(31, wanted=True) == 0
    timing.follow(3, 32)
    assert timing.left_ns(32, wanted=False) == 0
