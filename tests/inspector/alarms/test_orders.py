"""What operators ask of alarms: done with their name on it, or refused with the reason."""

from __future__ import annotations

import msgspec
import pytest

from inspector.records import commands
from inspector.records.commands import Command, ListAlarms
from tests.alarms import Desk, defect, section, states


def test_shelve_until_its_time() -> None:
    """A shelved alarm comes back by itself, and a condition that is still met raises it in the same batch."""
    desk = Desk()
    desk.follow(defect())
    (shelved,) = desk.ask(commands.Shelve, minutes=30, reason="lamp")
    assert (shelved.state, shelved.isa_state, shelved.operator, shelved.reason) == ("normal", "shelved", "Kim", "lamp")
    assert shelved.until == "2026-11-18T11:36:40.000Z"
    assert desk.follow(after_ms=30 * 60_000 - 1) == []
    back = desk.follow(after_ms=1)
    assert [(change.isa_state, change.cause) for change in back] == [("returned", "expire"), ("unacknowledged", "met")]


def test_shelve_again_sets_a_new_limit() -> None:
    """An operator may give a shelved alarm more time, or less."""
    desk = Desk()
    desk.ask(commands.Shelve, minutes=30)
    assert states(desk.ask(commands.Shelve, minutes=1, operator="Lee")) == ["shelved"]
    assert states(desk.follow(after_ms=60_000)) == ["normal"]


def test_what_happens_in_the_shelf_is_recorded() -> None:
    """A condition that is met and goes while its alarm is shelved is on record, and raises nothing afterwards."""
    desk = Desk()
    desk.ask(commands.Shelve, minutes=30)
    (met,) = desk.meet()
    assert (met.isa_state, met.cause, met.is_met, met.annunciate) == ("shelved", "met", True, False)
    (gone,) = desk.leave()
    assert (gone.cause, gone.is_met) == ("gone", False)
    assert states(desk.ask(commands.Unshelve)) == ["normal"]


def test_what_was_seen_is_answered_and_not_what_was_raised_since() -> None:
    """A command that came late, as from a page whose connection hung, acknowledges nothing that nobody has seen."""
    desk = Desk(section(latch=True))
    (seen,) = desk.meet()
    desk.acknowledge()
    desk.leave()
    desk.ask(commands.Reset, raised=seen.raised)
    desk.restart()
    (again,) = desk.meet()
    assert again.raised == seen.raised + 1
    for order in (commands.Acknowledge, commands.Reset):
        assert "has been raised again since" in desk.refusal(order, raised=seen.raised)
    assert states(desk.ask(commands.Acknowledge, raised=again.raised)) == ["acknowledged"]


def test_latch() -> None:
    """An alarm that latches stays until an operator has acknowledged and reset it."""
    desk = Desk(section(latch=True))
    desk.meet()
    (held,) = desk.leave()
    assert (held.state, held.isa_state) == ("returned", "latched_unacknowledged")
    assert "expected one that is latched acknowledged." in desk.refusal(commands.Reset)
    assert states(desk.acknowledge()) == ["latched_acknowledged"]
    assert "It latches: reset it." in desk.refusal(commands.Acknowledge)
    assert states(desk.ask(commands.Reset)) == ["normal"]


REFUSED = [
    (commands.Acknowledge, {}, "scratches is normal; expected one that is unacknowledged or returned or latched"),
    (commands.Unshelve, {}, "scratches is normal; expected one that is shelved."),
    (commands.Reset, {}, "scratches is normal; expected one that is latched acknowledged."),
    (commands.PutBack, {}, "scratches is normal; expected one that is out of service."),
    (commands.Unsuppress, {}, "scratches is not suppressed by a command."),
    (commands.Shelve, {"minutes": 481}, "scratches: 481 minutes; expected at most 480 minutes (max_shelve_min"),
    (commands.Acknowledge, {"alarm": "dents"}, "dents: no such alarm; expected one of scratches."),
]


@pytest.mark.parametrize(("kind", "facts", "why"), REFUSED)
def test_refused(kind: type[commands.AlarmOrder], facts: dict[str, object], why: str) -> None:
    """What cannot be done says what was found and expected, and changes nothing."""
    desk = Desk()
    before = desk.alarms.state()
    assert desk.refusal(kind, **facts).startswith(why)  # type: ignore[arg-type]
    assert desk.alarms.state() == before


def test_an_alarm_that_may_not_be_shelved() -> None:
    """A rule may forbid it."""
    desk = Desk(section(max_shelve_min=0))
    assert "expected no shelving" in desk.refusal(commands.Shelve, minutes=1)


def test_out_of_service_goes_before_a_shelf() -> None:
    """Maintenance takes a shelved alarm too; while it is out nobody shelves it, and no time puts it back."""
    desk = Desk()
    desk.ask(commands.Shelve, minutes=1)
    assert states(desk.ask(commands.TakeOut)) == ["out_of_service"]
    assert "out of service; expected" in desk.refusal(commands.Shelve, minutes=1)
    assert desk.follow(after_ms=3_600_000) == []
    assert states(desk.ask(commands.PutBack)) == ["normal"]


def test_suppressed_while_shelved() -> None:
    """The plant's suppression waits for the end of a shelf, and then holds; the name of who asked goes with it."""
    desk = Desk()
    desk.ask(commands.Shelve, minutes=1)
    assert desk.ask(commands.Suppress) == []
    assert (
        desk.answer is not None and desk.answer.is_done and "as soon as it is shelved no longer" in desk.answer.message
    )
    assert "suppressed by a command of Kim already" in desk.refusal(commands.Suppress, operator="Lee")
    changes = desk.follow(after_ms=60_000)
    assert [(change.isa_state, change.operator) for change in changes] == [("normal", ""), ("suppressed", "Kim")]
    assert states(desk.ask(commands.Unsuppress)) == ["normal"]


def test_list() -> None:
    """Every alarm in the order of the configuration, with its state after the batch that the question came with."""
    desk = Desk(section(), section(name="dents", classes=("dent",)))
    question: tuple[Command, ...] = (ListAlarms(),)
    assert states(desk.follow(defect(), asked=question)) == ["unacknowledged"]
    assert desk.answer is not None
    first, second = desk.answer.alarms
    assert (first.name, first.isa_state, first.is_met, first.value, first.coil) == (
        "scratches",
        "unacknowledged",
        True,
        1.0,
        "C",
    )
    assert (second.name, second.isa_state, second.since) == ("dents", "normal", "")
    assert first.since == "2026-11-18T11:06:40.000Z"


def test_a_line_without_alarms() -> None:
    """It is asked too, and says that it has none."""
    desk = Desk()
    desk.replace()
    desk.follow(asked=(ListAlarms(),))
    assert desk.answer is not None and (desk.answer.is_done, desk.answer.alarms) == (True, ())
    assert "none: the configuration has no [[alarm]]" in desk.refusal(commands.Acknowledge)


def test_the_order_of_commands_is_kept() -> None:
    """Commands of one batch are carried out one after the other."""
    desk = Desk()
    desk.follow(defect())
    acknowledge = commands.Acknowledge(alarm="scratches", operator="Kim")
    assert states(desk.follow(asked=(acknowledge, msgspec.structs.replace(acknowledge, operator="Lee")))) == [
        "acknowledged"
    ]
    assert desk.answer is not None and "scratches is acknowledged; expected" in desk.answer.message
