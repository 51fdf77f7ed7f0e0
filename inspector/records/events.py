"""What subscribers receive: the kinds of events. Changing one breaks them; README.md of events/ is the rule.

Knows: the topic and subject of each kind. Must not know: how an event travels (`envelope.py`), how it came about.
"""

from __future__ import annotations

from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from inspector.records.coil import VERDICTS, ClassSums, Coverage, Decided, Grade, RepeatSums, WorstMetre
from inspector.records.extent import Extent

CONTRACT = "1.3"
"""Version of what is promised here: the first number grows when an old reader would break, the second with each
addition."""

CoilState = Literal["started", "ended"]
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
Phase = Literal["new", "update", "end"]
FloodState = Literal["started", "ended"]
RepeatState = Literal["new", "update", "ended"]
CameraFault = Literal[
    "silent", "frozen", "dark", "saturated", "flat", "encoder_standing", "encoder_backwards", "clock", "edge_lost"
]
CameraState = Literal["raised", "returned"]
Ne107 = Literal["failure", "check_function", "out_of_specification", "maintenance_required", "normal"]
NE107: tuple[Ne107, ...] = get_args(Ne107)
"""The states of a device after NAMUR NE 107, the gravest first."""
ArchiveFault = Literal["not_written"]
RecipeFault = Literal["screen_blind", "not_a_number", "constant", "out_of_specification"]
HealthState = Literal["started", "stopping", "reloaded", "reload_failed"]
"""What we write today. A reader takes any other word too, so the records below say `str`."""


def _known(words: object) -> Meta:
    """Name for the schema the words that are known today; others are no fault."""
    return Meta(examples=list(get_args(words)))


class _Kind(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind"):
    """What every kind of event can say of itself."""

    @property
    def topic(self) -> str:
        """What it is published under: the kind, a dot, and the name by which people filter."""
        raise NotImplementedError

    @property
    def subject(self) -> str:
        """The coil it concerns; `-` where it concerns none."""
        return "-"


class Defect(_Kind, Extent, frozen=True, kw_only=True, tag="defect"):
    """A defect on the coil, put together from the frames it crosses."""

    id: str
    """Unique; the parts of one long defect carry the same id."""
    name: str
    """Class of the defect, by the recipe's name."""
    camera: str
    """The camera that saw it, as named in the configuration."""
    coil: str
    """The coil, as the frames named it; `unnamed` where they name none."""
    side: str
    """Side of the strip: `top` or `bottom`."""
    confidence: float
    """Highest probability of any of its pixels, 0 to 1."""
    is_partial: bool
    """True while the defect still goes on: a longer one with the same id follows."""
    frames: int
    """How many frames it crosses so far."""
    recipe: str
    """Name and version of the recipe that found it, `NAME@VERSION`."""
    captured_ns: int
    """Capture time of the last frame it was seen in, nanoseconds since the UNIX epoch."""
    phase: Annotated[str, _known(Phase)] = ""
    """`new` when it is reported first, `update` while it grows, `end` once it is whole (since 1.3, before it: empty).
    One that was whole when it was seen is reported once, as `end`."""
    severity: str = ""
    """How severe it is, by the rules of the configuration; empty before contract 1.3."""
    edge_mm: float | None = None
    """From the strip's edge on the operator's side to its left edge, millimetres; null where that is not known."""
    is_estimated: bool = False
    """True where positions along the travel follow from a configured speed, and nothing better is known."""
    part_of: str = ""
    """Where it turned out to be a part of another defect: that one's id, which goes on and has its area."""

    @property
    def is_whole(self) -> bool:
        """Whether it is over and no part of another: what is counted."""
        return not (self.is_partial or self.part_of)

    @property
    def topic(self) -> str:
        """`defect.` and the class."""
        return f"defect.{self.name}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Missed(_Kind, frozen=True, kw_only=True, tag="missed"):
    """A stretch of strip that was not inspected; of no length when nobody knows how long it was."""

    camera: str
    """The camera that did not see it."""
    coil: str
    """The coil, as the frames named it."""
    start_mm: float
    """Begin along the travel, millimetres from the coil's head."""
    end_mm: float
    """End along the travel."""
    reasons: dict[str, int]
    """Why, with the number of frames (0: nobody knows how many); empty when only the position jumped.

    `restart`: the camera process began again; `silent`: the camera sent nothing while others saw this strip; `down`:
    the inspector did not run; `lost`: frames that never came; else why frames were dropped or rejected.
    """

    @property
    def topic(self) -> str:
        """`missed.` and the camera."""
        return f"missed.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Crowded(_Kind, Extent, frozen=True, kw_only=True, tag="crowded"):
    """A frame with more regions than can be defects: the lens is dirty, the light is gone, or the network is blind.

    It takes the place of the frame's defects. The box is around all of them, and the area is that of all.
    """

    camera: str
    """The camera that saw it, as named in the configuration."""
    coil: str
    """The coil, as the frames named it; `unnamed` where they name none."""
    side: str
    """Side of the strip: `top` or `bottom`."""
    regions: dict[str, int]
    """How many by class; where the frame is nothing but specks, at least this many."""
    confidence: float
    """Highest probability of any pixel, 0 to 1."""
    recipe: str
    """Name and version of the recipe that found them, `NAME@VERSION`."""
    captured_ns: int
    """Capture time of the frame, nanoseconds since the UNIX epoch."""

    @property
    def topic(self) -> str:
        """`crowded.` and the camera."""
        return f"crowded.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Repeat(_Kind, frozen=True, kw_only=True, tag="repeat"):
    """Defects of one class at one place across that come again at a constant distance: prints of a damaged roll."""

    id: str
    """That of its first defect; the same for as long as it goes on, over a weld too."""
    state: Annotated[str, _known(RepeatState)]
    """`new` on this coil, `update` when its marks have doubled in number, `ended` when they stay away."""
    name: str
    """Class of the defects, by the recipe's name."""
    coil: str
    """The coil under the cameras."""
    side: str
    """Side of the strip: `top` or `bottom`."""
    across_mm: float
    """Where across the strip, millimetres."""
    period_mm: float
    """Distance from mark to mark along the travel, millimetres."""
    marks: int
    """Marks on this coil."""
    newest: str
    """The newest of the defects, by its id."""
    confidence: float
    """Probability that it is no chance, 0 to 1."""
    rolls: tuple[str, ...]
    """Rolls of the configuration that explain the distance, the likeliest first; empty where none does."""

    @property
    def topic(self) -> str:
        """`repeat.` and the class."""
        return f"repeat.{self.name}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class CoilReport(_Kind, frozen=True, kw_only=True, tag="coil"):
    """A coil came under the cameras, or left them; the totals are over all cameras."""

    state: Annotated[str, _known(CoilState)]
    """`started`: the totals are 0, or those of before where a stop of the inspector ended it and it goes on."""
    coil: str
    """The coil, as the frames named it."""
    inspected_m: float
    """Strip inspected, metres; strip that came by again counts once."""
    missed_m: float
    """Strip not inspected, metres."""
    frames: int
    """Frames inspected."""
    defects: dict[str, int]
    """Finished defects by class name."""
    crowded: int = 0
    """Frames inspected that gave a `crowded` event: what they showed is not among `defects`."""
    length_m: float = 0.0
    """How far any camera has come along it, metres from the head; 0 before contract 1.3."""

    @property
    def topic(self) -> str:
        """`coil.` and the state."""
        return f"coil.{self.state}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class CoilRecord(_Kind, frozen=True, kw_only=True, tag="record"):
    """What is on a coil and what the coil is good for: reported at its end, and made at any time when asked for."""

    coil: str
    """The coil, as the frames named it."""
    is_partial: bool
    """True while the coil runs: totals and grades are those of the strip so far."""
    is_whole: bool
    """False where the journal no longer holds all of it: it is never released then."""
    first_seq: int
    """The `seq` of the event that began the coil: tells apart two coils of one name. 0 where it is gone."""
    started: str
    """When it came under the cameras, RFC 3339 in UTC."""
    ended: str
    """When it left them; empty while it runs."""
    grade: Annotated[str, Meta(examples=["ungraded", *VERDICTS])]
    """The worst of `grades`; `ungraded` where the configuration has no rules."""
    grades: tuple[Grade, ...]
    """One of each set of rules."""
    length_m: float
    """Its length, metres."""
    inspected_m: float
    """Strip inspected, metres, summed over the cameras."""
    missed_m: float
    """Strip not inspected, metres, summed over the cameras."""
    defects: int
    """Defects, those in dead zones included."""
    classes: tuple[ClassSums, ...]
    """The defects by class, most numerous first."""
    worst_metre: WorstMetre | None
    """Where it is worst; null without a defect."""
    repeats: tuple[RepeatSums, ...]
    """Marks that repeat."""
    coverage: tuple[Coverage, ...]
    """What each camera saw."""
    alarms: dict[str, int]
    """How many times each alarm was raised."""
    crowded: int
    """Frames with more in them than can be listed."""
    recipes: tuple[str, ...]
    """What inspected it, `NAME@VERSION`."""
    decisions: tuple[Decided, ...]
    """What people decided of it, in order; the last one counts."""

    @property
    def topic(self) -> str:
        """`record.` and the grade."""
        return f"record.{self.grade}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Decision(_Kind, frozen=True, kw_only=True, tag="decision"):
    """A person decided what becomes of a coil."""

    coil: str
    """The coil."""
    grade: Annotated[str, Meta(examples=list(VERDICTS))]
    """What was decided."""
    machine: str
    """The machine's grade at that time; empty where there was none."""
    operator: str
    """Who decided."""
    reason: str
    """Why."""

    @property
    def topic(self) -> str:
        """`decision.` and the grade."""
        return f"decision.{self.grade}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Alarm(_Kind, frozen=True, kw_only=True, tag="alarm"):
    """A change of state of one alarm (ISA-18.2, IEC 62682), or of the condition of one that is kept from people."""

    name: str
    """The alarm, as named in the configuration."""
    state: Annotated[str, _known(AlarmState)]
    """The state it has now, in the words of contract 1.0: what is kept from people is `normal`."""
    isa_state: Annotated[str, _known(IsaState)] = ""
    """The state it has now, in full; empty before contract 1.3."""
    cause: str = ""
    """What changed it, as in the table of alarm states: `met`, `gone`, `acknowledge`, `shelve`, ..."""
    priority: Annotated[str, _known(Priority)]
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

    @property
    def topic(self) -> str:
        """`alarm.` and the alarm's name."""
        return f"alarm.{self.name}"

    @property
    def subject(self) -> str:
        """The coil of the last defect that met the rule."""
        return self.coil or "-"


class Flood(_Kind, frozen=True, kw_only=True, tag="flood"):
    """More alarms are raised than an operator can answer; each is recorded all the same, few are announced."""

    state: Annotated[str, _known(FloodState)]
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


class Commanded(_Kind, frozen=True, kw_only=True, tag="command"):
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


class Health(_Kind, frozen=True, kw_only=True, tag="health"):
    """The inspector speaks of itself."""

    state: Annotated[str, _known(HealthState)]
    """What happened: `reload_failed` leaves the configuration before in force."""
    message: str
    """For people."""
    recipe: str
    """Name and version of the recipe in force, `NAME@VERSION`."""
    version: str
    """Version of the program."""

    @property
    def topic(self) -> str:
        """`health.` and the state."""
        return f"health.{self.state}"


class CameraStatus(_Kind, frozen=True, kw_only=True, tag="camera"):
    """A camera has a fault, or has it no longer."""

    camera: str
    """The camera, as named in the configuration."""
    fault: Annotated[str, _known(CameraFault)]
    """What is wrong with it: `flat` is a picture without texture, `clock` a time of capture that cannot be."""
    state: Annotated[str, _known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, _known(Ne107)]
    """Of the camera, with all its faults, after NAMUR NE 107."""
    message: str
    """For people."""
    coil: str
    """The coil under the camera; empty where its frames name none."""
    captured_ns: int
    """Capture time of its last frame, nanoseconds since the UNIX epoch by its clock; 0 where none came."""

    @property
    def topic(self) -> str:
        """`camera.` and the camera."""
        return f"camera.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class RecipeStatus(_Kind, frozen=True, kw_only=True, tag="recipe"):
    """The recipe in force cannot be relied on, or can be again."""

    fault: Annotated[str, _known(RecipeFault)]
    """What is wrong: `screen_blind` is a screen that held back frames with defects (it holds back none any more),
    `not_a_number` and `constant` an output that says nothing, `out_of_specification` pictures unlike all that the
    recipe was taught."""
    state: Annotated[str, _known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, _known(Ne107)]
    """Of the inspection of this camera's strip, after NAMUR NE 107."""
    message: str
    """For people."""
    recipe: str
    """Name and version of the recipe in force, `NAME@VERSION`."""
    camera: str = ""
    """The camera whose frames show it; empty where it concerns all."""
    coil: str = ""
    """The coil under that camera; empty where its frames name none."""
    captured_ns: int = 0
    """Capture time of the frame that completed it, nanoseconds since the UNIX epoch; 0 without a camera."""

    @property
    def topic(self) -> str:
        """`recipe.` and the fault."""
        return f"recipe.{self.fault}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class ArchiveStatus(_Kind, frozen=True, kw_only=True, tag="archive"):
    """The archive of crops takes none, or takes them again; the inspection goes on."""

    fault: Annotated[str, _known(ArchiveFault)]
    """What is wrong: `not_written` is a disk that is full, read-only or gone."""
    state: Annotated[str, _known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, _known(Ne107)]
    """Of the archive, after NAMUR NE 107."""
    message: str
    """For people."""

    @property
    def device(self) -> str:
        """What the status is of."""
        return "archive"

    @property
    def topic(self) -> str:
        """`archive.` and the fault."""
        return f"archive.{self.fault}"


class Labelled(_Kind, frozen=True, kw_only=True, tag="label"):
    """A person says what a defect is: the archive's crops of it carry that from now on."""

    coil: str
    """The coil, as the frames named it."""
    id: str
    """Id of the defect, as in the `defect` events."""
    name: str
    """Class that the network gave it."""
    label: str
    """Class that it has, by the recipe's name; `sound` where it is no defect."""
    crops: int
    """Crops that carry the label."""
    operator: str
    """Who says so."""
    reason: str
    """Why, in the person's words."""

    @property
    def topic(self) -> str:
        """`label.` and the label."""
        return f"label.{self.label}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


HEARTBEAT_TOPIC = "health.heartbeat"


class Heartbeat(_Kind, frozen=True, kw_only=True, tag="heartbeat"):
    """Sent each second and never journalled: lets a subscriber see that nothing is missing at the end."""

    last_seq: int
    """Last `seq` recorded."""
    last_topicseq: dict[str, int]
    """Last `topicseq` of each topic root."""

    @property
    def topic(self) -> str:
        """The one topic that is not named after its kind: who follows `health.` gets it too."""
        return HEARTBEAT_TOPIC


Data = (
    Defect
    | Repeat
    | Crowded
    | Missed
    | CoilReport
    | CoilRecord
    | Decision
    | Alarm
    | Flood
    | Commanded
    | CameraStatus
    | RecipeStatus
    | ArchiveStatus
    | Labelled
    | Health
    | Heartbeat
)
"""All kinds of today: the one list of them."""

ROOTS = tuple(f"{kind.__struct_config__.tag}." for kind in get_args(Data) if kind is not Heartbeat)
"""First words of the topics, with their dots; `topicseq` counts within each."""
