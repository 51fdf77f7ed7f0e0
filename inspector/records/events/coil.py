"""What a coil comes to: its sums, its record and grades, and what people decided and labelled."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from inspector.records.coil import VERDICTS, ClassSums, Coverage, Decided, DoubtSums, Grade, RepeatSums, WorstMetre
from inspector.records.events.kind import Kind, known

CoilState = Literal["started", "ended"]
"""What we write today. A reader takes any other word too, so the records below say `str`."""


class CoilReport(Kind, frozen=True, kw_only=True, tag="coil"):
    """A coil came under the cameras, or left them; the totals are over all cameras."""

    state: Annotated[str, known(CoilState)]
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
    is_estimated: bool = False
    """True where any of its positions follow from a configured speed, and nothing better is known (since 1.4)."""
    recipes: tuple[str, ...] = ()
    """What inspected it so far, `NAME@VERSION` (since 1.5)."""

    @property
    def begins(self) -> bool:
        """Whether this is another coil, not one that goes on after a stop of the inspector."""
        return self.state == "started" and self.inspected_m + self.missed_m == 0

    @property
    def topic(self) -> str:
        """`coil.` and the state."""
        return f"coil.{self.state}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class CoilRecord(Kind, frozen=True, kw_only=True, tag="record"):
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
    """What inspected it, `NAME@VERSION`; where it was recorded before 0.4 only what found a defect on it."""
    decisions: tuple[Decided, ...]
    """What people decided of it, in order; the last one counts."""
    per_100_m: float | None = None
    """Defects on 100 metres that were inspected: of its length by the share of its cameras' metres that was; null where
    nothing was (since 1.4)."""
    is_estimated: bool = False
    """True where any of its positions follow from a configured speed, and nothing better is known (since 1.4)."""
    doubtful: tuple[DoubtSums, ...] = ()
    """What of it was inspected and not surely seen, by camera; empty too where it was recorded before 0.4 (since
    1.5)."""

    @property
    def doubtful_m(self) -> float:
        """How much of it was not surely seen; all cameras."""
        return sum(part.doubtful_m for part in self.doubtful)

    @property
    def topic(self) -> str:
        """`record.` and the grade."""
        return f"record.{self.grade}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Decision(Kind, frozen=True, kw_only=True, tag="decision"):
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


class Labelled(Kind, frozen=True, kw_only=True, tag="label"):
    """A person says what a defect is: the archive's crops of it carry that from now on."""

    coil: str
    """The coil, as the frames named it."""
    id: str
    """Id of the defect, as in the `defect` events."""
    name: str
    """Class that the network gave it."""
    label: str
    """Class that it has, by the recipe's name; `sound` where it is no defect, empty where a label was taken back."""
    crops: int
    """Crops that carry the label."""
    operator: str
    """Who says so."""
    reason: str
    """Why, in the person's words."""

    @property
    def topic(self) -> str:
        """`label.` and the label; `label.-` where it was taken back."""
        return f"label.{self.label or '-'}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"
