"""Which frames are known: exactly the newest that were added, over a restart too."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.intake.receipts import BOOTS, Known, Receipts, runs
from inspector.records.stages import Receipt
from tests import frames


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60)), max_size=80))
def test_known_is_what_was_added(added: list[tuple[str, int]]) -> None:
    """Whatever order numbers come in, those and no others are known, and what is written down says the same."""
    known = Known([frames.camera()])
    for boot, number in added:
        known.add("top", boot, number, 0)
    restored = Known([frames.camera()])
    restored.load(known.dump())
    for receipts in (known, restored):
        assert {(boot, n) for boot in "ab" for n in range(62) if receipts.has("top", boot, n, 0)} == set(added)
    assert not known.has("bottom", "a", 0, 0)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(1, 30)), min_size=1, max_size=12), st.sampled_from([1, -1]))
def test_a_count_that_begins_again_is_known_by_its_time(counts: list[tuple[int, int]], later: int) -> None:
    """Under the same boot, and a clock that only went on or that was set back: as sent each frame is known, after a
    restart too, and with another time of capture none is."""
    known = Known([frames.camera()])
    sent = [
        (first + place, 10_000 + later * 100 * count + place)
        for count, (first, frames_sent) in enumerate(counts)
        for place in range(frames_sent)
    ]
    for number, captured_ns in sent:
        assert not known.has("top", "b", number, captured_ns)
        known.add("top", "b", number, captured_ns)
    restored = Known([frames.camera()])
    restored.load(known.dump())
    for receipts in (known, restored):
        for number, captured_ns in sent:
            assert receipts.has("top", "b", number, captured_ns)
            assert not receipts.has("top", "b", number, captured_ns + later * 100 * len(counts))


def test_numbers_of_before_times_were_kept_are_known_whenever_they_were_captured() -> None:
    """A state of before 0.4 holds numbers alone; what follows them is known by its time, too."""
    known = Known([frames.camera()])
    known.load(b'{"top":{"b":[[0,9]]}}')
    known.add("top", "b", 10, 500)
    assert known.has("top", "b", 9, 0) and known.has("top", "b", 0, 10**18)
    assert known.has("top", "b", 10, 500) and not known.has("top", "b", 10, 501)


def test_times_that_waver_are_those_of_one_run() -> None:
    """A clock that is a little off from frame to frame costs no memory, and leaves each frame known."""
    known = Known([frames.camera()])
    for number in range(4000):
        known.add("top", "b", number, number * 10 + number % 7 * 10)
    assert all(known.has("top", "b", number, number * 10 + number % 7 * 10) for number in range(4000))
    assert len(known.dump()) < 100


def test_a_counter_that_wraps_is_no_duplicate() -> None:
    """Of a counter of 8 bits half is remembered, so a number that comes round again is new."""
    known = Known([frames.camera(last_number=255)])
    for number in range(1000):
        assert not known.has("top", "b", number % 256, 0)
        known.add("top", "b", number % 256, 0)
        assert known.has("top", "b", (number - 100) % 256, 0) == (number >= 100)


def test_memory_is_bounded() -> None:
    """Neither gaps nor boots make what is remembered grow without end; the newest are what is kept."""
    known = Known([frames.camera()])
    for number in range(0, 20_000, 2):
        known.add("top", "b", number, 10**18 + number)
    assert known.has("top", "b", 19_998, 10**18 + 19_998) and not known.has("top", "b", 0, 10**18)
    assert len(known.dump()) < 16_000
    for boot in range(100):
        known.add("top", str(boot), 0, 0)
    assert known.has("top", "99", 0, 0) and not known.has("top", str(99 - BOOTS), 0, 0)
    assert len(known.dump()) < 10_000


def test_refused_frames_are_not_known() -> None:
    """What is recorded is known to the next process; what was refused is refused again."""
    stage = Receipts([frames.camera()])
    receipts = (Receipt("top", "b", 1, captured_ns=5), Receipt("top", "b", 2, "crc"))
    stage(frames.findings().__class__(closed_ns=0, receipts=receipts))
    after = Receipts([frames.camera()])
    after.restore(stage.state(), 0)
    assert after.known().has("top", "b", 1, 5) and not after.known().has("top", "b", 2, 0)
    assert not after.known().has("top", "b", 1, 6)


def test_runs() -> None:
    """Consecutive numbers of one boot are acknowledged together, a refused one alone."""
    named = [("a", 1, ""), ("a", 2, ""), ("a", 4, ""), ("b", 5, ""), ("b", 6, "crc"), ("b", 7, ""), ("b", 8, "")]
    found = runs([Receipt("top", *facts) for facts in named])
    assert [[receipt.number for receipt in run] for run in found] == [[1, 2], [4], [5], [6], [7, 8]]
