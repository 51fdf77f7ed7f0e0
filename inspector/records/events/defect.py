"""A defect, as subscribers receive it: what is measured of it, where it lies, who saw it."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.records.events.kind import Kind, known
from inspector.records.extent import Extent

Phase = Literal["new", "update", "end"]
"""What we write today. A reader takes any other word too, so the record below says `str`."""


class Defect(Kind, Extent, frozen=True, kw_only=True, tag="defect"):
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
    """Probability that it is a defect of this class, 0 to 1, where its recipe states how that follows from its pixels
    and its size; else the highest probability of any of its pixels."""
    is_partial: bool
    """True while the defect still goes on: a longer one with the same id follows."""
    frames: int
    """How many frames it crosses so far."""
    recipe: str
    """Name and version of the recipe that found it, `NAME@VERSION`."""
    captured_ns: int
    """Capture time of the last frame it was seen in, nanoseconds since the UNIX epoch."""
    phase: Annotated[str, known(Phase)] = ""
    """`new` when it is reported first, `update` while it grows, `end` once it is whole (since 1.3, before it: empty).
    One that was whole when it was seen is reported once, as `end`."""
    severity: str = ""
    """How severe it is, by the rules of the configuration; empty before contract 1.3."""
    edge_mm: float | None = None
    """From the strip's edge on the operator's side to its left edge, millimetres; null where that is not known."""
    far_edge_mm: float | None = None
    """From its right edge to the strip's edge on the other side (since 1.4)."""
    reach_mm: float | None = None
    """From the strip's edge on the operator's side to its right edge: so far it reaches in, at most; null where that
    edge is not known all along it (since 1.4)."""
    far_reach_mm: float | None = None
    """The same from the edge on the other side to its left edge (since 1.4)."""
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
