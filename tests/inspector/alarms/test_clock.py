"""A calendar that is wrong and set right: limits last as long as people set them; all that is shown goes by it."""

from __future__ import annotations

import msgspec
import pytest

from inspector.alarms.settings import FloodSection
from inspector.records import commands
from inspector.records.events import Flood
from tests.alarms import Desk, defect, section, states

MINUTE_MS = 60_000
DAY_MS = 1440 * MINUTE_MS
ONE_IS_A_FLOOD = FloodSection(more_than=0, ends_below=1, within_min=10)


def shelved(wrong_ms: int) -> Desk:
    """An alarm that is raised, and a second later shelved for half an hour, by a calendar that is ahead by so much."""
    desk = Desk(flood=ONE_IS_A_FLOOD)
    desk.wrong_ms = wrong_ms
    desk.follow(defect())
    desk.now_ms += 1000
    desk.ask(commands.Shelve, minutes=30)
    return desk


def floods(desk: Desk) -> list[str]:
    """Begins and ends of floods."""
    return [event.state for event in desk.events if isinstance(event, Flood)]


@pytest.mark.parametrize("wrong_ms", [DAY_MS, -DAY_MS, 500])
def test_it_is_set_right_under_way(wrong_ms: int) -> None:
    """Shelf and flood last as long as they would have, and all times that are shown go by the right clock."""
    desk = shelved(wrong_ms)
    desk.wrong_ms = 0
    assert desk.follow(after_ms=5 * MINUTE_MS) == []
    now = desk.status()
    assert (now.since, now.until) == ("2026-11-18T11:06:41.000Z", "2026-11-18T11:36:41.000Z")
    assert floods(desk) == ["started"]
    desk.follow(after_ms=5 * MINUTE_MS)
    assert floods(desk) == ["started", "ended"]
    assert desk.follow(after_ms=20 * MINUTE_MS - 1) == []
    assert states(desk.follow(after_ms=1)) == ["returned", "unacknowledged"]


def test_it_is_set_back_while_the_inspector_is_down() -> None:
    """A shelf lasts for what was left of it, by the minute, and what was raised to come is no flood."""
    desk = shelved(DAY_MS)
    desk.follow(after_ms=5 * MINUTE_MS)
    desk.wrong_ms = 0
    assert floods(desk) == ["started"]
    desk.restart(after_ms=0)
    assert desk.follow() == []
    now = desk.status()
    assert (now.since, now.until) == ("2026-11-18T11:11:41.000Z", "2026-11-18T11:36:41.000Z")
    assert floods(desk) == ["started", "ended"]
    assert desk.follow(after_ms=25 * MINUTE_MS - 1) == []
    assert states(desk.follow(after_ms=1)) == ["returned", "unacknowledged"]


def test_a_state_that_does_not_say_what_is_left() -> None:
    """A shelf that 0.3 kept lasts no longer than it was set to, wherever the calendar was set."""
    desk = shelved(DAY_MS)
    kept = msgspec.json.decode(desk.alarms.state())
    del kept["alarms"]["scratches"]["left_min"], kept["alarms"]["scratches"]["aside_from"]
    desk.wrong_ms = 0
    desk.alarms = desk._begin((section(),))
    desk.alarms.restore(msgspec.json.encode(kept), desk.now_ms * 1_000_000)
    assert desk.follow(after_ms=30 * MINUTE_MS - 1) == []
    assert states(desk.follow(after_ms=1)) == ["normal", "unacknowledged"]
