"""Events to browsers: in order, nothing skipped, and nobody waits for one that does not read."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Callable

import msgspec

from inspector.records.coil import MOST_PIECES
from inspector.records.envelope import Event, write_event
from inspector.records.events import CoilReport, Data, Doubtful, Missed
from inspector.station.kept import COILS, MANY, MOST, Dropped, KeptEvents, PublishedEvent
from inspector.station.stream import QUEUE_CHUNKS, REMEMBERED, LineStream, Subscriber
from tests.defects import any_crowded, any_defect, any_repeat


def sent(seq: int, data: Data, epoch: str = "e1") -> tuple[Event, PublishedEvent]:
    """An event as the follower hands it over."""
    event = Event(
        id=f"{epoch}-{seq}", source="/inspector/l", type=data.topic, time="2026-11-27T10:00:00Z", subject=data.subject,
        epoch=epoch, seq=seq, topicseq=seq, data=data,
    )  # fmt: skip
    return event, PublishedEvent(epoch, seq, write_event(event))


def coil(name: str, state: str = "started", inspected_m: float = 0.0) -> CoilReport:
    """A coil that begins, goes on or ends."""
    return CoilReport(state=state, coil=name, inspected_m=inspected_m, missed_m=0.0, frames=0, defects={})


def missed(start_mm: float, end_mm: float) -> Missed:
    """A stretch of coil A that was not inspected."""
    return Missed(camera="top", coil="A", start_mm=start_mm, end_mm=end_mm, reasons={"lost": 1})


def doubtful(start_mm: float, end_mm: float) -> Doubtful:
    """A stretch of coil A that was not surely seen."""
    return Doubtful(camera="top", coil="A", start_mm=start_mm, end_mm=end_mm, faults=("dark",))


def stream() -> LineStream:
    """A stream whose pages are given nothing else."""
    return LineStream(lambda: b"", {})


def taken(subscriber: Subscriber) -> list[str]:
    """What waits for a browser, message by message: `begin`, or the number of an event; CUT where it was cut off."""
    found = []

    async def read() -> None:
        async for chunk in subscriber:
            found.append(chunk.decode())
        found.append("id: CUT\n")

    async def bounded() -> None:
        reading = asyncio.create_task(read())
        await asyncio.sleep(0)
        for _ in range(3 * QUEUE_CHUNKS):
            await asyncio.sleep(0)
        reading.cancel()

    asyncio.run(bounded())
    lines = "".join(found).splitlines()
    return [
        line.removeprefix("id: e1:").removeprefix("id: ").removeprefix("event: ")
        for line in lines
        if line.startswith(("id: ", "event: begin"))
    ]


def test_a_browser_begins_with_what_matters_and_goes_on() -> None:
    """First what stands, then each event as it comes, in the order of the journal."""
    made = stream()
    made.take([sent(1, coil("A")), sent(2, any_defect(id="d", coil="A")), sent(3, any_defect(id="d", coil="A"))])
    browser = made.subscribe("")
    made.take([sent(4, any_defect(id="f", coil="A"))])
    assert taken(browser) == ["begin", "1", "3", "4"]


def test_who_was_cut_off_goes_on_behind_its_last_event() -> None:
    """Not one skipped, not one twice, and no beginning again."""
    made = stream()
    made.take([sent(seq, any_defect(id=f"d{seq}")) for seq in range(1, 40)])
    assert taken(made.subscribe("e1:30")) == [str(seq) for seq in range(31, 40)]
    assert taken(made.subscribe("e1:39")) == []


def test_who_was_away_too_long_or_comes_from_another_journal_begins_again() -> None:
    """What is no longer remembered cannot be gone on from: the page is given all that matters."""
    made = stream()
    made.take([sent(seq, any_defect(id="d")) for seq in range(1, REMEMBERED + 11)])
    for last in ("e1:5", "e0:5", "nonsense", "e1:x"):
        assert taken(made.subscribe(last))[0] == "begin", last
    assert taken(made.subscribe("e1:10"))[0] == "11"


def test_who_does_not_read_is_cut_off() -> None:
    """Its queue is bounded, and the others are not held up."""
    made = stream()
    slow = made.subscribe("")
    for seq in range(1, QUEUE_CHUNKS + 50):
        made.take([sent(seq, any_defect(id=f"d{seq}"))])
    assert slow.is_cut
    assert taken(slow) == ["CUT"]
    assert taken(made.subscribe(f"e1:{QUEUE_CHUNKS + 40}")) == [str(QUEUE_CHUNKS + at) for at in range(41, 50)]


def test_another_journal_begins_all_pages_again() -> None:
    """Numbers of another epoch say nothing of the ones before."""
    made = stream()
    made.take([sent(1, coil("A"))])
    browser = made.subscribe("e1:1")
    made.take([sent(1, coil("B"), "e2")])
    assert taken(browser) == ["begin", "e2:1"]


def test_of_a_coil_the_newest_events_are_kept() -> None:
    """One more of the same name begins again."""
    kept = KeptEvents({})
    take: Callable[[tuple[Event, PublishedEvent]], None] = lambda pair: kept.take(*pair)  # noqa: E731
    for seq, name in enumerate("BC", 2):
        take(sent(seq, coil(name)))
    for seq in range(10, MOST + 20):
        take(sent(seq, any_defect(id=f"d{seq}", coil="C")))
    assert len(list(kept)) == MOST + 1
    assert kept.dropped == {"C": Dropped(Counter(dark=11))}  # they count all the same
    take(sent(MOST + 30, coil("C")))
    assert [message.seq for message in kept] == [2, MOST + 30]
    assert kept.dropped == {}


def names(kept: KeptEvents) -> list[str]:
    """The coils that are kept, by what is kept first of them."""
    return list(dict.fromkeys(msgspec.json.decode(message.payload)["data"]["coil"] for message in kept))


def test_two_large_coils_are_kept_or_many_small_ones() -> None:
    """What is no longer on the screen goes: a megabyte or two for each browser that comes."""
    for defects, many in ((MOST, COILS), (1, MANY)):
        kept, seqs = KeptEvents({}), itertools.count(1)
        for number in range(MANY + 5):
            kept.take(*sent(next(seqs), coil(f"P{number}")))
            for _ in range(defects):
                kept.take(*sent(next(seqs), any_defect(id=str(next(seqs)), coil=f"P{number}")))
        assert names(kept) == [f"P{number}" for number in range(MANY + 5)][-many:]


def test_a_piece_that_goes_on_under_the_next_camera_stands_before_those_that_began_since() -> None:
    """It had ended under the first one; a page that opens then learns the order in which they began."""
    kept = KeptEvents({})
    found = [coil("P1"), coil("P1", "ended", 2.0), coil("P2"), coil("P2", "ended", 2.0), coil("P3")]
    found += [coil("P1", "started", 2.0), coil("P0", "started", 2.0)]
    for seq, data in enumerate(found, 1):
        kept.take(*sent(seq, data))
    assert names(kept) == ["P1", "P2", "P3", "P0"]
    assert list(kept._coils) == ["P0", "P1", "P2", "P3"], "which of them goes first"


def test_all_pieces_that_may_lie_between_two_cameras_are_shown() -> None:
    """The first of them still is when it comes under the second camera, with what is found there."""
    kept, between = KeptEvents({}), [f"P{number}" for number in range(MOST_PIECES)]
    found: list[Data] = [*map(coil, (*between, "runs")), coil("P0", "started", 2.0), any_defect(coil="P0")]
    for seq, data in enumerate(found, 1):
        kept.take(*sent(seq, data))
    assert [kind for kind, *_ in kept._coils["P0"]] == ["coil", "coil", "defect"]


def test_an_event_of_a_coil_that_was_put_away_makes_it_no_newest_one() -> None:
    """Neither here nor on a page that opens then: it goes on where it comes under the next camera, or begins again."""
    made, seqs = stream(), itertools.count(1)
    kept = made._kept

    def take(*found: Data) -> list[str]:
        made.take([sent(next(seqs), data) for data in found])
        return list(kept._coils)

    shown = take(*(coil(f"P{number}") for number in range(MANY + 2)))
    late: list[Data] = [any_defect(coil="P1"), any_crowded(coil="P1"), any_repeat(coil="P1"), coil("P1", "ended", 2.0)]
    late += [msgspec.structs.replace(doubtful(0.0, 1.0), coil="P1")]
    assert take(*late) == shown == [f"P{number}" for number in range(2, MANY + 2)]
    assert b'event: begin\ndata: {"put_away":["P0","P1"]}\n' in (made.subscribe("")._chunks.get_nowait() or b"")
    assert take(coil("P1", "started", 2.0)) == shown  # no room for it
    assert take(coil("P1"), *late)[-2:] == [f"P{MANY + 1}", "P1"]
    take(*(coil(f"Q{number}") for number in range(2 * MANY)))
    assert list(kept.put_away) == [f"Q{number}" for number in range(MANY)]


def test_metres_and_crowded_frames_that_are_not_kept_count() -> None:
    """As defects do: a browser that comes late shows the same sums as one that was there."""
    kept = KeptEvents({})
    found: list[Data] = [coil("A"), missed(0.0, 400.0), missed(400.0, 6400.0), doubtful(0.0, 7000.0)]
    found += [any_crowded(coil="A")]
    found += [any_defect(id=f"d{n}", coil="A") for n in range(MOST)]
    for seq, data in enumerate(found):
        kept.take(*sent(seq, data))
    assert kept.dropped == {"A": Dropped(Counter(dark=1), missed_mm=6400.0, doubtful_mm=7000.0, crowded=1)}


def test_a_coil_of_many_repeats_keeps_the_newest() -> None:
    """Whatever its events are, the oldest go, and its own reports stay."""
    kept = KeptEvents({})
    kept.take(*sent(1, coil("A")))
    for seq in range(2, MOST + 12):
        kept.take(*sent(seq, any_repeat(id=f"r{seq}", coil="A")))
    assert [message.seq for message in kept] == [1, *range(13, MOST + 12)]
    assert kept.dropped == {"A": Dropped()}


def test_a_repeat_of_the_coil_before_is_not_that_of_the_next_of_its_name() -> None:
    """That one is shown no more, and the mark may go on over the weld: then the next has a report of its own."""
    kept = KeptEvents({})
    found: list[Data] = [coil("A"), coil("A"), any_repeat(coil="A"), any_repeat(coil="A", coils_since=1)]
    for seq, data in enumerate(found, 1):
        kept.take(*sent(seq, data))
    assert [message.seq for message in kept] == [2, 3]


def test_what_came_before_the_first_event_counts() -> None:
    """Of a coil that had begun by then: one that begins has none."""
    before = Dropped(Counter(dark=7), missed_mm=5.0, doubtful_mm=3.0, crowded=2)
    kept = KeptEvents({"A": before, "B": before})
    found: list[Data] = [any_defect(id="d1", coil="A"), coil("B"), any_defect(id="d2", coil="B")]
    for seq, data in enumerate(found):
        kept.take(*sent(seq, data))
    assert kept.dropped == {"A": before} and kept.dropped["A"] is not before


def test_what_is_not_kept_of_a_coil_without_a_name_counts() -> None:
    """A page knows it by what its events name, which is nothing."""
    kept, unnamed = KeptEvents({"-": Dropped(Counter(dark=7))}), any_defect(coil="")
    kept.take(*sent(1, unnamed))
    assert kept.dropped == {"": Dropped(Counter(dark=7))}
    kept.take(*sent(2, coil("")))
    for seq in range(MOST):
        kept.take(*sent(3 + seq, msgspec.structs.replace(unnamed, id=str(seq))))
    assert kept.dropped == {"": Dropped(Counter(dark=1))}
