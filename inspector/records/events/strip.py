"""What else is found on the strip (repeats, welds, crowded frames), and what of it was not inspected or surely seen."""

from __future__ import annotations

from typing import Annotated, Literal

from inspector.records.events.kind import Kind, known
from inspector.records.extent import Extent

RepeatState = Literal["new", "update", "ended"]
"""What we write today. A reader takes any other word too, so the records below say `str`."""


class Missed(Kind, frozen=True, kw_only=True, tag="missed"):
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
    the inspector did not run; `unconfirmed`: one frame alone lay beyond, so nobody knows how much passed; `reset`: the
    encoder was set back to 0, and the metres go on by the frames' numbers; `reversed`: the coil began reversed, and
    what lies before its first frame came by unseen; `lost`: frames that never came; else why frames were dropped or
    rejected.
    """
    is_estimated: bool = False
    """True where positions along the travel follow from a configured speed, and nothing better is known (since 1.4)."""
    at_most_mm: float = 0.0
    """Strip behind `end_mm` that frames may have shown which were lost as the coil ended: nobody knows which of them
    still lay on it (since 1.4)."""

    @property
    def topic(self) -> str:
        """`missed.` and the camera."""
        return f"missed.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Doubtful(Kind, frozen=True, kw_only=True, tag="doubtful"):
    """A stretch of strip that was inspected and not surely seen: its camera or the recipe had a fault (since 1.5).

    It is reported where the fault ends, as the coil leaves the camera, and every 10 m; what was missed meanwhile lies
    in it. A coil's stretches under one camera may touch or overlap.
    """

    camera: str
    """The camera whose frames cannot be relied on."""
    coil: str
    """The coil, as the frames named it."""
    start_mm: float
    """Begin along the travel, millimetres from the coil's head: of the first frame that showed the fault."""
    end_mm: float
    """End along the travel."""
    faults: tuple[str, ...]
    """Why, in the words of the `camera` and `recipe` events: the camera's are `frozen`, `dark`, `saturated`, `flat` and
    `blurred`, the recipe's `not_a_number`, `constant` and `out_of_specification`; `screen_blind` is strip that a screen
    looked at which was then found to be blind."""
    is_estimated: bool = False
    """True where positions along the travel follow from a configured speed, and nothing better is known."""

    @property
    def topic(self) -> str:
        """`doubtful.` and the camera."""
        return f"doubtful.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Weld(Kind, frozen=True, kw_only=True, tag="weld"):
    """A coil is joined to another without a gap: reported of both, of the one that ends and of the one that begins."""

    coil: str
    """The coil, as the frames named it."""
    other: str
    """The one that it is joined to."""
    is_head: bool
    """Whether the weld is at the coil's head; else at its tail."""
    at_mm: float
    """Where on the coil it lies, millimetres from the head; exact to a frame, and where frames were lost to these."""
    camera: str
    """The camera that saw the coils change first."""
    is_estimated: bool = False
    """True where positions along the travel follow from a configured speed, and nothing better is known."""

    @property
    def topic(self) -> str:
        """`weld.head` or `weld.tail`."""
        return "weld.head" if self.is_head else "weld.tail"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Crowded(Kind, Extent, frozen=True, kw_only=True, tag="crowded"):
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
    is_estimated: bool = False
    """True where positions along the travel follow from a configured speed, and nothing better is known (since 1.4)."""

    @property
    def topic(self) -> str:
        """`crowded.` and the camera."""
        return f"crowded.{self.camera}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"


class Repeat(Kind, frozen=True, kw_only=True, tag="repeat"):
    """Defects of one class at one place across that come again at a constant distance: prints of a damaged roll."""

    id: str
    """That of its first defect; the same for as long as it goes on, over a weld too."""
    state: Annotated[str, known(RepeatState)]
    """`new` on this coil, `update` when its marks have doubled in number, `ended` when they stay away."""
    name: str
    """Class of the defects, by the recipe's name."""
    coil: str
    """The coil that its newest mark lies on; where it `ended`, the newest coil, which may have none of its marks."""
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
    is_estimated: bool = False
    """True where positions along the travel follow from a configured speed, and nothing better is known (since 1.4)."""
    coils_since: int = 0
    """How many coils of the same name had begun since the one that it names; 0: it is the newest of that name (since
    1.5)."""

    @property
    def topic(self) -> str:
        """`repeat.` and the class."""
        return f"repeat.{self.name}"

    @property
    def subject(self) -> str:
        """The coil."""
        return self.coil or "-"
