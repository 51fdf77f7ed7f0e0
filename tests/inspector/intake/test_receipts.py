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
        known.add("top", boot, number)
    restored = Known([frames.camera()])
    restored.load(known.dump())
    for receipts in (known, restored):
        assert {(boot, n) for boot in "ab" for n in range(62) if receipts.has("top", boot, n)} == set(added)
    assert not known.has("bottom", "a", 0)


def test_a_counter_that_wraps_is_no_duplicate() -> None:
    """Of a counter of 8 bits half is remembered, so a number that comes round again is new."""
    known = Known([frames.camera(last_number=255)])
    for number in range(1000):
        assert not known.has("top", "b", number % 256)
        known.add("top", "b", number % 256)
        assert known.has("top", "b", (number - 100) % 256) == (number >= 100)


def test_memory_is_bounded() -> None:
    """Neither gaps nor boots make what is remembered grow without end; the newest are what is kept."""
    known = Known([frames.camera()])
    for number in range(0, 20_000, 2):
        known.add("top", "b", number)
    assert known.has("top", "b", 19_998) and not known.has("top", "b", 0)
    for boot in range(100):
        known.add("top", str(boot), 0)
    assert known.has("top", "99", 0) and not known.has("top", str(99 - BOOTS), 0)
    assert len(known.dump()) < 10_000


def test_refused_frames_are_not_known() -> None:
    """What is recorded is known to the next process; what was refused is refused again."""
    stage = Receipts([frames.camera()])
    receipts = (Receipt("top", "b", 1), Receipt("top", "b", 2, "crc"))
    stage(frames.findings().__class__(closed_ns=0, receipts=receipts))
    after = Receipts([frames.camera()])
    after.restore(stage.state(), 0)
    assert after.known().has("top", "b", 1) and not after.known().has("top", "b", 2)


def test_runs() -> None:
    """Consecutive numbers of one boot are acknowledged together, a refused one alone."""
    named = [("a", 1, ""), ("a", 2, ""), ("a", 4, ""), ("b", 5, ""), ("b", 6, "crc"), ("b", 7, ""), ("b", 8, "")]
    found = runs([Receipt("top", *facts) for facts in named])
    assert [[receipt.number for receipt in run] for run in found] == [[1, 2], [4], [5], [6], [7, 8]]
