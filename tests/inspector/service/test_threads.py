"""Threads that end, and one that hangs: then nothing else is waited for as long."""

from functools import partial

from inspector.service.liveness import Liveness
from inspector.service.threads import HUNG_S, Threads


def test_a_thread_that_hangs_is_remembered_and_shortens_the_wait_for_others() -> None:
    """What ended is not called hung; once one hangs, the next receives the short time."""
    waits_s: list[float] = []

    def ends(patience_s: float) -> bool:
        waits_s.append(patience_s)
        return True

    threads = Threads(Liveness(lambda: 0))
    assert threads.end("journal", ends)
    assert not threads.any_hangs() and not threads.hangs("journal")
    assert not threads.end("infer", lambda patience_s: False)
    assert threads.any_hangs() and threads.hangs("infer") and not threads.hangs("journal")
    assert threads.end("intake", ends)
    assert waits_s[0] > HUNG_S == waits_s[1]

    closed: list[str] = []
    for name in ("journal", "infer"):
        threads.close(name, partial(closed.append, name))
    assert closed == ["journal"]


def test_an_idle_line_is_not_waited_for() -> None:
    """Where nothing was finished for longer than it may take, a thread receives the short time at once."""
    now_ns = [0]
    threads = Threads(liveness := Liveness(lambda: now_ns[0]))
    now_ns[0] = int(2e9 * liveness.limit_s())
    assert threads.patience_s() == HUNG_S
