"""Floods: what is announced changes, what is recorded does not."""

from __future__ import annotations

from inspector.alarms.settings import FloodSection
from inspector.records import commands
from inspector.records.events import Alarm, Flood
from tests.alarms import Desk, defect, section

MINUTE_MS = 60_000
RULES = [section(name=f"a{n}", classes=(f"c{n}",), priority="high" if n % 4 == 3 else "low") for n in range(15)]


def floods(desk: Desk) -> list[Flood]:
    """Floods that were reported."""
    return [event for event in desk.events if isinstance(event, Flood)]


def raised(desk: Desk) -> list[Alarm]:
    """Alarms that were raised."""
    return [event for event in desk.events if isinstance(event, Alarm) and event.state == "unacknowledged"]


def pour(desk: Desk, count: int, first: int = 0, after_ms: int = 1000) -> None:
    """Raise N alarms, one after the other."""
    for number in range(first, first + count):
        desk.follow(defect(number, name=f"c{number}"), after_ms=after_ms)


def test_ten_in_ten_minutes_are_no_flood() -> None:
    """Up to ten are announced, each."""
    desk = Desk(*RULES)
    pour(desk, 10)
    assert floods(desk) == [] and all(alarm.annunciate for alarm in raised(desk))


def test_a_flood() -> None:
    """From the eleventh on only the urgent ones are announced, all are recorded, and the flood is reported."""
    desk = Desk(*RULES)
    pour(desk, 15)
    assert [alarm.name for alarm in raised(desk)] == [rule.name for rule in RULES]
    assert [alarm.name for alarm in raised(desk) if not alarm.annunciate] == ["a10", "a12", "a13", "a14"]
    (flood,) = floods(desk)
    assert (flood.state, flood.raised, flood.within_s, flood.withheld) == ("started", 11, 600.0, 1)
    desk.ask(commands.Acknowledge, "a12")
    desk.follow(after_ms=11 * MINUTE_MS)
    assert floods(desk)[1] == Flood(state="ended", raised=0, within_s=600.0, withheld=4, standing=("a10", "a13", "a14"))


def test_where_an_alarm_stands_says_whether_a_flood_withholds_it() -> None:
    """Until it is raised once more and announced, over a restart too: who asks may learn it before its event comes."""
    desk = Desk(*RULES[:2], flood=FloodSection(more_than=1, ends_below=1))
    pour(desk, 2)

    def withheld() -> list[bool]:
        desk.follow(asked=(commands.ListAlarms(),))
        return [alarm.is_withheld for alarm in desk.answer.alarms] if desk.answer else []

    assert withheld() == [False, True]
    desk.restart(after_ms=20 * MINUTE_MS)
    desk.follow()
    assert withheld() == [False, True] and floods(desk)[-1].state == "ended"
    desk.ask(commands.Acknowledge, "a1")
    desk.run_on(99.0)
    desk.follow(after_ms=MINUTE_MS)
    desk.follow(after_ms=MINUTE_MS)
    desk.follow(defect(9, name="c1", start_mm=99_900.0, end_mm=99_990.0))
    assert raised(desk)[-1].annunciate and withheld() == [False, False]


def test_the_journal_is_the_same_without_a_flood() -> None:
    """Whatever the limits of floods are, the same changes of state are recorded, but for what is announced."""
    calm, flooded = Desk(*RULES), Desk(*RULES, flood=FloodSection(more_than=1, ends_below=1))
    for desk in (calm, flooded):
        pour(desk, 15)
        desk.follow(after_ms=20 * MINUTE_MS)
    plain = [
        [(event.name, event.isa_state, event.cause) for event in desk.events if isinstance(event, Alarm)]
        for desk in (calm, flooded)
    ]
    assert plain[0] == plain[1]
    assert sum(alarm.annunciate for alarm in raised(calm)) > sum(alarm.annunciate for alarm in raised(flooded))


def test_a_flood_goes_on_over_a_restart() -> None:
    """A restart begins no flood and ends none; the time in between counts."""
    desk = Desk(*RULES)
    pour(desk, 12)
    desk.restart(after_ms=MINUTE_MS)
    pour(desk, 1, first=12)
    assert not raised(desk)[-1].annunciate and len(floods(desk)) == 1
    desk.restart(after_ms=10 * MINUTE_MS)
    desk.follow()
    assert [flood.state for flood in floods(desk)] == ["started", "ended"]


def test_a_shelved_alarm_is_not_announced() -> None:
    """What is kept from people makes no noise, and counts for no flood."""
    desk = Desk(*RULES, flood=FloodSection(more_than=1, ends_below=1))
    for number in range(5):
        desk.ask(commands.Shelve, f"a{number}", minutes=30)
    pour(desk, 5)
    assert raised(desk) == [] and floods(desk) == []
    assert [event.is_met for event in desk.events if isinstance(event, Alarm)][-5:] == [True] * 5
