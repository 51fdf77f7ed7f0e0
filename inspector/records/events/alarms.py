"""What the operator is asked to act on, and what operators did."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.records.events.kind import Kind, known

AlarmState = Literal["normal", "unacknowledged", "acknowledged", "returned"]
IsaState = Literal[
    "normal",
    "unacknowledged",
    "acknowledged",
    "returned",
    "latched_unacknowledged",
    "latched_acknowledged",
    "shelved",
    "suppressed",
    "out_of_service",
]
Priority = Literal["low", "medium", "high"]
FloodState = Literal["started", "ended"]
"""What we write today. A reader takes any other word too, so the records below say `str`."""


class Alarm(Kind, frozen=True, kw_only=True, tag="alarm"):
    """A change of state of one alarm (ISA-18.2, IEC 62682), or of the condition of one that is kept from people."""

    name: str
    """The alarm, as named in the configuration."""
    state: Annotated[str, known(AlarmState)]
    """The state it has now, in the words of contract 1.0: what is kept from people is `normal`."""
    isa_state: Annotated[str, known(IsaState)] = ""
    """The state it has now, in full; empty before contract 1.3."""
    cause: str = ""
    """What changed it, as in the table of alarm states: `met`, `gone`, `acknowledge`, `shelve`, ..."""
    priority: Annotated[str, known(Priority)]
    """How urgent the operator's response is."""
    coil: str
    """The coil of the last defect that met the rule; empty when there was none."""
    camera: str
    """The camera of that defect; empty when there was none."""
    message: str
    """For people."""
    count: int
    """Defects that met the rule within its window when the state changed; of other rules the measure, rounded down."""
    defect_id: str
    """The defect that completed the rule; empty when the alarm went away."""
    is_met: bool = False
    """Whether the rule's condition is met now, whatever the state."""
    value: float = 0.0
    """What the rule measures, in the unit of its limit."""
    limit: float = 0.0
    """The limit that it is compared with."""
    operator: str = ""
    """Who asked for the change; empty where nobody did."""
    reason: str = ""
    """Why, in the operator's words, or the expression that suppresses it."""
    until: str = ""
    """When the shelving ends, RFC 3339 in UTC; empty unless shelved."""
    annunciate: bool = False
    """Whether horn and screen are to announce it: it became unacknowledged, and no flood holds it back."""
    coils_since: int = 0
    """How many coils of the same name had begun since the one that it names; 0: it is the newest of that name (since
    1.5)."""
    raised: int = 0
    """How often it has become unacknowledged; names a raising, for an acknowledgement of what was seen (since 1.5)."""

    @property
    def topic(self) -> str:
        """`alarm.` and the alarm's name."""
        return f"alarm.{self.name}"

    @property
    def subject(self) -> str:
        """The coil of the last defect that met the rule."""
        return self.coil or "-"


class Flood(Kind, frozen=True, kw_only=True, tag="flood"):
    """More alarms are raised than an operator can answer; each is recorded all the same, few are announced."""

    state: Annotated[str, known(FloodState)]
    """`started`, or `ended`."""
    raised: int
    """Alarms raised within the time that is looked at."""
    within_s: float
    """That time, seconds."""
    withheld: int
    """Alarms raised and not announced during the flood."""
    standing: tuple[str, ...]
    """Those of them that still wait for an operator, by name."""

    @property
    def topic(self) -> str:
        """`flood.` and the state."""
        return f"flood.{self.state}"


class Commanded(Kind, frozen=True, kw_only=True, tag="command"):
    """What a person asked the inspector to do, and what became of it."""

    command: str
    """What was asked for: `acknowledge`, `shelve`, `rolls_changed`, ..."""
    target: str
    """What it concerns: an alarm, a roll; empty for the whole line."""
    operator: str
    """Who asked."""
    reason: str
    """Why, in the operator's words."""
    is_done: bool
    """Whether it was carried out."""
    message: str
    """What was done, or why it was refused."""

    @property
    def topic(self) -> str:
        """`command.` and what was asked for."""
        return f"command.{self.command}"
