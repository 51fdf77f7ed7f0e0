"""What operators ask of alarms: carried out, or refused with the reason. Pure.

Laws: a command that is carried out is a transition of the table, or is noted until one can follow; what is refused
changes nothing.

Knows: commands and alarms. Must not know: sockets, the journal.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from inspector.alarms.alarm import ConfiguredAlarm
from inspector.alarms.states import TABLE, Cause
from inspector.records import commands, events
from inspector.records.commands import AlarmOrder, Command, ListAlarms
from inspector.words import counted


class Outcome(NamedTuple):
    """What became of a command."""

    is_done: bool
    message: str
    changes: tuple[events.Alarm, ...] = ()
    alarms: tuple[str, ...] = ()
    """Names of those whose status is asked for."""


PLAIN: dict[type[AlarmOrder], Cause] = {
    commands.Acknowledge: "acknowledge",
    commands.Reset: "reset",
    commands.Unshelve: "unshelve",
    commands.TakeOut: "out_of_service",
    commands.PutBack: "in_service",
}
"""Commands that are a cause of the table, and no more."""


def carry_out(command: Command, alarms: Mapping[str, ConfiguredAlarm]) -> Outcome | None:
    """Carry out a command, or refuse it; None when it is not for alarms."""
    if isinstance(command, ListAlarms):
        return Outcome(True, counted(len(alarms), "alarm"), alarms=tuple(alarms))
    if not isinstance(command, AlarmOrder):
        return None
    alarm = alarms.get(command.alarm)
    if alarm is None:
        expected = f"one of {', '.join(alarms)}" if alarms else "none: the configuration has no [[alarm]]"
        return Outcome(False, f"{command.alarm}: no such alarm; expected {expected}.")
    if isinstance(command, commands.RaisingOrder) and command.raised not in (None, alarm.raised):
        words = f"{alarm.name} has been raised again since; expected it as it stands now. Look again."
        outcome = Outcome(False, words)
    elif isinstance(command, commands.Shelve):
        outcome = _shelve(alarm, command)
    elif isinstance(command, commands.Suppress):
        outcome = _suppress(alarm, command)
    elif isinstance(command, commands.Unsuppress):
        outcome = _unsuppress(alarm, command)
    else:
        outcome = _go(alarm, PLAIN[type(command)], command)
    return outcome._replace(alarms=(alarm.name,))


def _go(alarm: ConfiguredAlarm, cause: Cause, order: AlarmOrder) -> Outcome:
    changes = alarm.go(cause, order.operator, order.reason)
    return _outcome(changes) if changes else _refused(alarm, cause)


def _outcome(changes: list[events.Alarm]) -> Outcome:
    return Outcome(True, f"{changes[0].name}: {changes[0].message}", tuple(changes))


def _refused(alarm: ConfiguredAlarm, cause: Cause) -> Outcome:
    right = [state for state, causes in TABLE.items() if cause in causes]
    expected = "one that is " + " or ".join(state.replace("_", " ") for state in right)
    latch = " It latches: reset it." if cause == "acknowledge" and alarm.state == "latched_acknowledged" else ""
    return Outcome(False, f"{alarm.name} is {alarm.state.replace('_', ' ')}; expected {expected}.{latch}")


def _shelve(alarm: ConfiguredAlarm, order: commands.Shelve) -> Outcome:
    most = alarm.section.max_shelve_min
    if order.minutes > most:
        may = f"at most {most:g} minutes" if most else "no shelving"
        return Outcome(False, f"{alarm.name}: {order.minutes:g} minutes; expected {may} (max_shelve_min of its rule).")
    changes = alarm.shelve(order.minutes, order.operator, order.reason)
    return _outcome(changes) if changes else _refused(alarm, "shelve")


def _suppress(alarm: ConfiguredAlarm, order: commands.Suppress) -> Outcome:
    if alarm.suppressed:
        return Outcome(False, f"{alarm.name} is suppressed by a command of {alarm.suppressed} already.")
    alarm.suppressed = order.operator
    changes = alarm.go("suppress", order.operator, order.reason)
    if changes:
        return _outcome(changes)
    now = (
        "by its rule too"
        if alarm.state == "suppressed"
        else f"as soon as it is {alarm.state.replace('_', ' ')} no longer"
    )
    return Outcome(True, f"{alarm.name}: noted; suppressed {now}")


def _unsuppress(alarm: ConfiguredAlarm, order: commands.Unsuppress) -> Outcome:
    rule = f'; its rule suppresses it while "{alarm.section.suppressed_by}"' if alarm.section.suppressed_by else ""
    if not alarm.suppressed:
        return Outcome(False, f"{alarm.name} is not suppressed by a command{rule}.")
    alarm.suppressed = ""
    if alarm.section.suppressed_by:  # whether it holds shows in the same batch
        return Outcome(True, f"{alarm.name}: no longer suppressed by a command{rule}")
    changes = alarm.go("unsuppress", order.operator, order.reason)
    return _outcome(changes) if changes else Outcome(True, f"{alarm.name}: no longer suppressed by a command")
