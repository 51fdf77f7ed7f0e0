"""How the inspector and what it depends on are: itself, recipe, archive, journal (cameras: `camera.py`)."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from inspector.records.events.kind import Kind, known

CameraState = Literal["raised", "returned"]
Ne107 = Literal["failure", "check_function", "out_of_specification", "maintenance_required", "normal"]
NE107: tuple[Ne107, ...] = get_args(Ne107)
"""The states of a device after NAMUR NE 107, the gravest first."""
JournalFault = Literal["full", "not_written", "damaged"]
ArchiveFault = Literal["not_written"]
RecipeFault = Literal["screen_blind", "not_a_number", "constant", "out_of_specification"]
HealthState = Literal["started", "stopping", "reloaded", "reload_failed"]
"""What we write today. A reader takes any other word too, so the records below say `str`."""


class Health(Kind, frozen=True, kw_only=True, tag="health"):
    """The inspector speaks of itself."""

    state: Annotated[str, known(HealthState)]
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


class RecipeStatus(Kind, frozen=True, kw_only=True, tag="recipe"):
    """The recipe in force cannot be relied on, or can be again."""

    fault: Annotated[str, known(RecipeFault)]
    """What is wrong: `screen_blind` is a screen that held back frames with defects (it holds back none any more),
    `not_a_number` and `constant` an output that says nothing, `out_of_specification` pictures unlike all that the
    recipe was taught."""
    state: Annotated[str, known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, known(Ne107)]
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


class ArchiveStatus(Kind, frozen=True, kw_only=True, tag="archive"):
    """The archive of crops takes none, or takes them again; the inspection goes on."""

    fault: Annotated[str, known(ArchiveFault)]
    """What is wrong: `not_written` is a disk that is full, read-only or gone."""
    state: Annotated[str, known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, known(Ne107)]
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


class JournalStatus(Kind, frozen=True, kw_only=True, tag="journal"):
    """The journal takes no events, or takes them again, or has lost some; the inspection goes on."""

    fault: Annotated[str, known(JournalFault)]
    """What is wrong: `full` is a disk without room, which the ballast helps over; `not_written` a disk that
    takes nothing, while events wait in memory; `damaged` a file that was set aside."""
    state: Annotated[str, known(CameraState)]
    """Whether it begins or ends."""
    status: Annotated[str, known(Ne107)]
    """Of the journal, after NAMUR NE 107."""
    message: str
    """For people."""
    waited: int = 0
    """Events that waited in memory, until this one."""
    lost: int = 0
    """Events of this time that no subscriber will receive: more waited than memory may hold."""

    @property
    def device(self) -> str:
        """What the status is of."""
        return "journal"

    @property
    def topic(self) -> str:
        """`journal.` and the fault."""
        return f"journal.{self.fault}"


HEARTBEAT_TOPIC = "health.heartbeat"


class Heartbeat(Kind, frozen=True, kw_only=True, tag="heartbeat"):
    """Sent each second and never journalled: lets a subscriber see that nothing is missing at the end."""

    last_seq: int
    """Last `seq` recorded."""
    last_topicseq: dict[str, int]
    """Last `topicseq` of each topic root."""
    fault: str = ""
    """Why the journal takes no events now; they wait, and follow. Empty where it does."""

    @property
    def topic(self) -> str:
        """The one topic that is not named after its kind: who follows `health.` gets it too."""
        return HEARTBEAT_TOPIC
