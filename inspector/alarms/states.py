"""States of an alarm after ISA-18.2 / IEC 62682, and what leads from one to the next: this table is the code, and
`make docs` writes it into README.md. Pure.

Laws: what is not in the table does not happen; each transition in it is one event, one that leads back to the same
state included. Every entry into `unacknowledged` is one alarm that an operator has to answer. Keeping an alarm from
people answers nothing: it comes back as it was left, as if its condition had gone then, and one that is still met
raises the alarm in the same batch.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from inspector.records.events import AlarmState, IsaState

Cause = Literal[
    "met",
    "gone",
    "held",
    "acknowledge",
    "reset",
    "shelve",
    "unshelve",
    "expire",
    "suppress",
    "unsuppress",
    "out_of_service",
    "in_service",
    "retire",
]

CAUSES: dict[Cause, str] = {
    "met": "the condition has been met for `on_delay_ms`",
    "gone": "the condition has been gone for `off_delay_ms`",
    "held": "the same, of a rule with `latch = true`",
    "acknowledge": "an operator has seen it",
    "reset": "an operator releases the latch",
    "shelve": "an operator puts it aside, with a time limit",
    "unshelve": "an operator takes it back",
    "expire": "the time limit is over",
    "suppress": "`suppressed_by` holds, or a command says so",
    "unsuppress": "neither does any longer",
    "out_of_service": "maintenance takes it out",
    "in_service": "maintenance puts it back",
    "retire": "a reload took its rule away",
}
"""What each cause means."""


class State(NamedTuple):
    """What a state is."""

    letter: str
    """As in the standard's diagram."""
    word: AlarmState
    """The nearest word of contract 1.0."""
    meaning: str


STATES: dict[IsaState, State] = {
    "normal": State("A", "normal", "nothing to answer"),
    "unacknowledged": State("B", "unacknowledged", "the condition is met, and nobody has acknowledged it"),
    "acknowledged": State("C", "acknowledged", "the condition is met, and an operator knows"),
    "returned": State("D", "returned", "the condition is gone, and nobody has acknowledged it"),
    "latched_unacknowledged": State("E", "returned", "the same, of a rule that latches: it stays until reset"),
    "latched_acknowledged": State(
        "F", "acknowledged", "the condition is gone, an operator knows: it stays until reset"
    ),
    "shelved": State("G", "normal", "an operator put it aside for a while"),
    "suppressed": State("H", "normal", "suppressed by design: it means nothing now"),
    "out_of_service": State("I", "normal", "taken out for maintenance, until put back"),
}
"""What each state means."""

AsLeft = Literal["as left"]
AS_LEFT: Final[AsLeft] = "as left"
"""Where an alarm comes back from where it was kept from people: to what `left` makes of the state before."""

_ASIDE: dict[Cause, IsaState] = {"shelve": "shelved", "suppress": "suppressed", "out_of_service": "out_of_service"}
"""Ways to keep an alarm from people, from every state in which it can reach them."""
_ON_RECORD: tuple[Cause, ...] = ("met", "gone", "held")
"""What a condition does while its alarm is kept from people is recorded, and changes nothing."""


def _aside(state: IsaState, ways: dict[Cause, IsaState | AsLeft]) -> dict[Cause, IsaState | AsLeft]:
    return {**dict.fromkeys(_ON_RECORD, state), **ways, "retire": "normal"}


TABLE: dict[IsaState, dict[Cause, IsaState | AsLeft]] = {
    "normal": {"met": "unacknowledged", **_ASIDE},
    "unacknowledged": {
        "gone": "returned",
        "held": "latched_unacknowledged",
        "acknowledge": "acknowledged",
        **_ASIDE,
        "retire": "normal",
    },
    "acknowledged": {"gone": "normal", "held": "latched_acknowledged", **_ASIDE, "retire": "normal"},
    "returned": {"met": "unacknowledged", "acknowledge": "normal", **_ASIDE, "retire": "normal"},
    "latched_unacknowledged": {
        "met": "unacknowledged",
        "gone": "returned",
        "acknowledge": "latched_acknowledged",
        **_ASIDE,
        "retire": "normal",
    },
    "latched_acknowledged": {
        "met": "unacknowledged",
        "gone": "normal",
        "reset": "normal",
        **_ASIDE,
        "retire": "normal",
    },
    "shelved": _aside(
        "shelved",
        {"shelve": "shelved", "unshelve": AS_LEFT, "expire": AS_LEFT, "out_of_service": "out_of_service"},
    ),
    "suppressed": _aside(
        "suppressed", {"unsuppress": AS_LEFT, "shelve": "shelved", "out_of_service": "out_of_service"}
    ),
    "out_of_service": _aside("out_of_service", {"in_service": AS_LEFT}),
}
"""What a cause makes of a state; where nothing stands, nothing changes. (`gone` of a latched state: a reload has taken
the latch away.)"""

ANNOUNCED: IsaState = "unacknowledged"
"""Entering it from another state is what horn and screen announce, floods aside."""


def becomes(state: IsaState, cause: Cause, as_left: IsaState = "normal") -> IsaState | None:
    """The state that a cause leads to, `as_left` where the alarm comes back; None when the table says nothing."""
    found = TABLE[state].get(cause)
    return as_left if found == AS_LEFT else found


def left(state: IsaState, *, is_latching: bool) -> IsaState:
    """What an alarm comes back as that was put aside in this state."""
    return becomes(state, "held" if is_latching else "gone") or state


def is_on(state: IsaState) -> bool:
    """Whether people see the alarm as one that is on: what `alarm NAME` means in an expression."""
    return state.endswith("acknowledged")


def is_aside(state: IsaState) -> bool:
    """Whether the alarm is kept from people."""
    return state in ("shelved", "suppressed", "out_of_service")


def allowed(state: IsaState) -> list[Cause]:
    """What can change an alarm in this state."""
    return list(TABLE[state])
