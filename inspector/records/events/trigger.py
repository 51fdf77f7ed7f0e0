"""What a machine down the line is to do, and when: reported before the defect comes there."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.records.events.kind import Kind, known

TriggerAction = Literal["stop", "slow", "mark"]
TriggerState = Literal["armed", "due", "late", "void"]
"""What we write today. A reader takes any other word too, so the record below says `str`."""


class Trigger(Kind, frozen=True, kw_only=True, tag="trigger"):
    """A defect that met a trigger's rule nears the place where something is to be done about it.

    For each rule and defect: `armed` where there is time, and again where what is known of the place has changed, or
    the rule's place or action; then exactly one of `due`, `late`, `void`.
    """

    name: str
    """The trigger, as named in the configuration."""
    state: Annotated[str, known(TriggerState)]
    """`armed`: known, not yet due; `due`: to be done at `due_ns`; `late`: the moment has passed; `void`: not to be
    done, for the reason in `message`."""
    action: Annotated[str, known(TriggerAction)]
    """What is to be done."""
    defect_id: str
    """The defect, by its id."""
    defect: str
    """Its class."""
    severity: str
    """How severe it is."""
    coil: str
    """The coil that it lies on."""
    side: str
    """Side of the strip: `top` or `bottom`."""
    camera: str
    """The camera that saw it."""
    start_mm: float
    """Where it begins, millimetres from the coil's head."""
    end_mm: float
    """Where it ends, as far as known."""
    left_mm: float
    """Its left edge across the strip, millimetres."""
    right_mm: float
    """Its right edge."""
    at_mm: float
    """The action takes effect when this position of the coil is under the camera; beyond the coil's length where the
    next one is there by then, whose positions go on behind it."""
    to_go_mm: float
    """Strip that had still to pass at `captured_ns` until then; below 0 where it had passed."""
    captured_ns: int
    """When the newest row that is known of was exposed, nanoseconds since the UNIX epoch; 0 where none is."""
    due_ns: int
    """When the command is to be given, nanoseconds since the UNIX epoch, the configured delay taken off; 0 where
    nobody can know: the strip stands, runs backwards, or its speed is not known yet."""
    speed_m_min: float
    """The strip's speed at `captured_ns`, metres a minute."""
    is_steady: bool
    """Whether the speed is constant, as far as the last frames show."""
    within_mm: float
    """How exact `due_ns` is, as strip: what the last frames allow, and half of what a change of speed that is under
    way could come to until then."""
    late_mm: float
    """How far the strip had passed the place when this was reported; 0 unless `late`."""
    is_estimated: bool
    """True where positions follow from a configured speed, and nothing better is known."""
    message: str
    """For people."""

    @property
    def topic(self) -> str:
        """`trigger.` and the trigger's name."""
        return f"trigger.{self.name}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"
