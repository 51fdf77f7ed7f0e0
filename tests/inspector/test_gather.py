"""The batching policy, for every sequence of arrivals and clock readings."""

from hypothesis import given, settings
from hypothesis import strategies as st

from inspector.gather import Gather

STEPS = st.lists(st.tuples(st.integers(0, 50), st.booleans()), max_size=60)
"""Nanoseconds that pass, and whether a frame comes then."""


@settings(max_examples=50)
@given(STEPS, st.integers(1, 5), st.integers(1, 40), st.integers(1, 80))
def test_laws(steps: list[tuple[int, bool]], max_frames: int, wait_ns: int, tick_ns: int) -> None:
    """Whatever comes when, a batch leaves when full, when its first frame has waited, or at the tick; not before."""
    gather = Gather(max_frames, wait_ns, tick_ns)
    now_ns = 1000
    gather.leave(now_ns)
    opened_ns, frames = now_ns, list[int]()
    for passed_ns, is_frame in steps:
        left_ns = gather.left_ns(now_ns)
        due_ns = frames[0] + wait_ns if frames else opened_ns + tick_ns
        assert left_ns == (0 if len(frames) == max_frames else max(0, due_ns - now_ns))
        assert gather.frames == len(frames) <= max_frames
        if not left_ns:
            gather.leave(now_ns)
            opened_ns, frames = now_ns, []
            assert gather.left_ns(now_ns) == tick_ns
        now_ns += passed_ns
        if is_frame:
            gather.add(now_ns)
            frames.append(now_ns)


def test_a_late_frame_does_not_wait_for_the_tick() -> None:
    """A frame that comes just before the tick gets its whole wait, and a frame after it changes nothing."""
    gather = Gather(max_frames=4, wait_ns=10, tick_ns=250)
    gather.leave(0)
    gather.add(249)
    assert gather.left_ns(250) == 9
    gather.add(255)
    assert gather.left_ns(259) == 0
