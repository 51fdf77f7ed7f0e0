"""What a person asks a running inspector to do, and the answer. Changing it breaks the programs that ask.

A command travels as JSON to the command socket, is attached to the next batch's findings, and the stage that it is for
carries it out or refuses it; the answer leaves once what it caused is on disk. To add a command, add a record to
`Command` here, and to one stage the lines that take it from `Findings.asked`.

Knows: the commands, kind by kind. Must not know: sockets, who carries them out.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from inspector.records.coil import Verdict
from inspector.records.events import Commanded, IsaState, Priority
from inspector.records.names import CoilName, Name

_PLAIN = r"[^\x00-\x1f\x7f-\x9f]*"
"""No control characters: what is typed is shown on terminals."""
_NOT_BLANK, _ONE_LINE = rf"^(?=.*\S){_PLAIN}$(?!\n)", rf"^{_PLAIN}$(?!\n)"
_LABEL = r"^([A-Za-z0-9][A-Za-z0-9_.:/-]*)?$(?!\n)"
SHAPES = {
    _NOT_BLANK: "text on one line, not blank, without control characters",
    _ONE_LINE: "text on one line, without control characters",
    _LABEL: "a class's name, or nothing",
}
"""What a pattern asks for, in words."""
Person = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NOT_BLANK)]
"""A person's name, as typed; not blank."""
Words = Annotated[str, Meta(max_length=400, pattern=_ONE_LINE)]
"""A reason, as typed, on one line."""
MOST_MINUTES = 10_080
"""A week: nothing is shelved for longer."""


class _Asked(msgspec.Struct, frozen=True, kw_only=True, tag_field="command", forbid_unknown_fields=True):
    """What all commands share."""

    @property
    def word(self) -> str:
        """What it is called on the wire, in events and on the command line."""
        return str(self.__struct_config__.tag)


class Order(_Asked, frozen=True, kw_only=True):
    """A command that changes something: it names who asks, and is journalled whatever becomes of it."""

    operator: Person
    """Who asks."""
    reason: Words = ""
    """Why."""

    @property
    def target(self) -> str:
        """What it concerns; empty for the whole line."""
        return ""

    def event(self, answer: Answer) -> Commanded:
        """What became of it, for the journal."""
        return Commanded(
            command=self.word,
            target=self.target,
            operator=self.operator,
            reason=self.reason,
            is_done=answer.is_done,
            message=answer.message,
        )


class AlarmOrder(Order, frozen=True, kw_only=True):
    """A command that concerns one alarm."""

    alarm: Name
    """Its name."""

    @property
    def target(self) -> str:
        """The alarm."""
        return self.alarm


class RaisingOrder(AlarmOrder, frozen=True, kw_only=True):
    """A command that is about an alarm as it was seen, and not as it was raised again meanwhile."""

    raised: Annotated[int, Meta(ge=0)] | None = None
    """Which raising was seen, by the alarm's event or status; None: whichever stands. Another one is refused."""


class Acknowledge(RaisingOrder, frozen=True, kw_only=True, tag="acknowledge"):
    """An operator has seen the alarm."""


class Reset(RaisingOrder, frozen=True, kw_only=True, tag="reset"):
    """An operator releases a latched alarm whose condition is gone."""


class Shelve(AlarmOrder, frozen=True, kw_only=True, tag="shelve"):
    """An operator puts the alarm aside for a while."""

    minutes: Annotated[float, Meta(gt=0, le=MOST_MINUTES)]
    """How long."""


class Unshelve(AlarmOrder, frozen=True, kw_only=True, tag="unshelve"):
    """An operator takes the alarm back before its time."""


class Suppress(AlarmOrder, frozen=True, kw_only=True, tag="suppress"):
    """The plant's logic, or a person who speaks for it, suppresses the alarm until `unsuppress`."""


class Unsuppress(AlarmOrder, frozen=True, kw_only=True, tag="unsuppress"):
    """It suppresses the alarm no longer."""


class TakeOut(AlarmOrder, frozen=True, kw_only=True, tag="out_of_service"):
    """Maintenance takes the alarm out of service."""


class PutBack(AlarmOrder, frozen=True, kw_only=True, tag="in_service"):
    """Maintenance puts the alarm back into service."""


class RollsChanged(Order, frozen=True, kw_only=True, tag="rolls_changed"):
    """A roll of the line was changed: what it printed ends."""

    roll: Name | None = None
    """The roll, as named in the configuration; None: all of them."""

    @property
    def target(self) -> str:
        """The roll."""
        return self.roll or ""


class Decide(Order, frozen=True, kw_only=True, tag="decide"):
    """A person decides what becomes of a coil, whatever the machine's grade; `reason` must not be empty."""

    coil: Annotated[Words, Meta(min_length=1)]
    """Its name."""
    grade: Verdict
    """What it is released, held or blocked by."""
    first_seq: Annotated[int, Meta(ge=0)] | None = None
    """Which coil of that name who asks has looked at, by its record; one that is not the newest any more is refused.
    None: the newest."""

    @property
    def target(self) -> str:
        """The coil."""
        return self.coil


class Relabel(Order, frozen=True, kw_only=True, tag="relabel"):
    """A person says what a defect is that the archive has crops of."""

    coil: CoilName
    """The coil, as the frames named it."""
    defect: Annotated[str, Meta(min_length=1, max_length=400, pattern=_ONE_LINE)]
    """Id of the defect, as in its events."""
    label: Annotated[str, Meta(max_length=64, pattern=_LABEL)]
    """Class, by the recipe's name or number, or `sound`; empty takes a label back."""
    seen: str | None = None
    """When the label was given that who asks has seen, as in the sidecar; empty: none was there. Where another stands
    by now nothing is done. None: whatever stands there."""

    @property
    def target(self) -> str:
        """The defect."""
        return self.defect


class ListAlarms(_Asked, frozen=True, kw_only=True, tag="alarms"):
    """Asks where every alarm stands; changes nothing, and is not journalled."""


Command = (
    ListAlarms
    | Acknowledge
    | Reset
    | Shelve
    | Unshelve
    | Suppress
    | Unsuppress
    | TakeOut
    | PutBack
    | RollsChanged
    | Decide
    | Relabel
)
"""All commands of today: the one list of them."""


class AlarmStatus(msgspec.Struct, frozen=True, kw_only=True):
    """Where one alarm stands."""

    name: str
    isa_state: IsaState
    priority: Priority
    is_met: bool
    """Whether the rule's condition is met."""
    value: float
    """What the rule measures, in the unit of its limit."""
    limit: float
    since: str
    """When it came into this state, RFC 3339 in UTC; empty where it never left `normal`."""
    until: str
    """When the shelving ends; empty unless shelved."""
    operator: str
    """Who brought it into this state; empty where nobody did."""
    reason: str
    coil: str
    """The coil of what met the rule last."""
    message: str
    """For people."""
    raised: int = 0
    """How often it has become unacknowledged: names a raising; 0 from an inspector before 0.4, too."""
    is_withheld: bool = False
    """Whether a flood keeps that raising from horn and screen; an inspector before 0.4 does not say."""


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a command."""

    is_done: bool
    message: str
    """What was done, or why it was refused."""
    line: str = ""
    """The line that answers."""
    alarms: tuple[AlarmStatus, ...] = ()
    """Where the alarms stand that the command concerns, after it."""


class Asked(msgspec.Struct, frozen=True):
    """A command on its way through the stages."""

    number: int
    """Names it among the commands of this process."""
    command: Command
    objection: str = ""
    """Why it cannot be carried out, by what was on disk as it came in; empty where it can."""
    begun: int | None = None
    """Which coil of its name it is for, by what was on disk, as its stage numbers them; None: the newest."""
