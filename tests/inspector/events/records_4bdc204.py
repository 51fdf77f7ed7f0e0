"""The event records of commit 4bdc204 (contract 1.0), word for word but for the imports; frozen, never mended."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Defect(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="defect"):
    """A defect on the coil, put together from the frames it crosses."""

    id: str
    """Unique; the parts of one long defect carry the same id."""
    name: str
    """Class of the defect, by the recipe's name."""
    camera: str
    coil: str
    side: str
    start_mm: float
    end_mm: float
    left_mm: float
    right_mm: float
    area_mm2: float
    confidence: float
    is_partial: bool
    """True while the defect still goes on: a longer one with the same id follows."""
    frames: int
    """How many frames it crosses so far."""
    recipe: str
    captured_ns: int
    """Capture time of the last frame it was seen in, nanoseconds since the UNIX epoch."""

    @property
    def length_mm(self) -> float:
        """Extent along the travel."""
        return self.end_mm - self.start_mm

    @property
    def width_mm(self) -> float:
        """Extent across the strip."""
        return self.right_mm - self.left_mm


class Missed(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="missed"):
    """A stretch of strip that was not inspected; of no length when nobody knows how long it was."""

    camera: str
    coil: str
    start_mm: float
    end_mm: float
    reasons: dict[str, int]
    """Why, with the number of frames (0: nobody knows how many); empty when only the position jumped.

    `restart`: the camera process began anew; `silent`: the camera sent nothing while others saw this strip; `lost`:
    frames that never came; else the reason for which frames were dropped or rejected.
    """


class CoilReport(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="coil"):
    """A coil came under the cameras, or left them; the totals are over all cameras."""

    state: Literal["started", "ended"]
    coil: str
    inspected_m: float
    missed_m: float
    frames: int
    defects: dict[str, int]
    """Finished defects by class name."""


class Alarm(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="alarm"):
    """A change of state of one alarm (states as in ISA-18.2)."""

    name: str
    state: Literal["unacknowledged", "acknowledged", "returned", "normal"]
    priority: Literal["low", "medium", "high"]
    coil: str
    camera: str
    message: str
    count: int
    """Defects that met the rule within its window when the state changed."""
    defect_id: str
    """The defect that completed the rule; empty when the alarm went away."""


class Health(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="health"):
    """The inspector speaks of itself."""

    state: Literal["started", "stopping", "reloaded", "reload_failed"]
    message: str
    recipe: str
    version: str


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="heartbeat"):
    """Sent each second and never journalled: lets a subscriber see that nothing is missing at the end."""

    last_seq: int
    last_topicseq: dict[str, int]
    """Last `topicseq` of each topic root."""


Data = Defect | Missed | CoilReport | Alarm | Health | Heartbeat


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope; on the wire it is the second part, the topic being the first."""

    specversion: Literal["1.0"] = "1.0"
    id: str
    """`epoch`-`seq`: unique."""
    source: str
    """`/inspector/<line>`."""
    type: str
    """The topic: `defect.<class>`, `alarm.<name>`, `coil.<state>`, `missed.<camera>`, `health.<state>`."""
    time: str
    """When it was recorded, RFC 3339 in UTC."""
    subject: str
    """The coil it concerns; `-` where it concerns none."""
    datacontenttype: Literal["application/json"] = "application/json"
    epoch: str
    """Identity of the journal; sequence numbers are comparable within one epoch only."""
    seq: int
    """Gap-free from 1 within the epoch; 0 on a heartbeat."""
    topicseq: int
    """Gap-free from 1 within the epoch and the topic's root (`defect.`, `alarm.`, ...); 0 on a heartbeat."""
    data: Data


HEARTBEAT_TOPIC = "health.heartbeat"


# --- replay: what a subscriber asks for, and how it is answered -------------------------------------------

LIMIT_EVENTS = 1000
"""In one answer; 0.6 MB or so."""


class ReplayRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Asks for journalled events again."""

    epoch: Annotated[str, Meta(max_length=64)] | None
    """The journal that `after` counts in; None takes whichever it is."""
    after: Annotated[int, Meta(ge=0)]
    """The last `seq` that is not wanted; 0 asks from the beginning."""
    limit: Annotated[int, Meta(ge=1)] = LIMIT_EVENTS
    """Events wanted at most; there are never more than 1000 in one answer."""
    prefix: Annotated[str, Meta(max_length=128)] = ""
    """Only topics that begin so."""


class ReplayHead(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First part of the answer; `count` pairs of parts follow."""

    epoch: str
    """Of the journal that answers."""
    first: int
    """Oldest `seq` still held."""
    last: int
    """Newest `seq` recorded."""
    through: int
    """Everything asked for up to this `seq` is in this answer or the ones before: ask next after it."""
    count: int
    more: bool
    """True while `through` is not yet `last`."""
    error: str = ""
    """What was wrong with the request, and what to do."""
