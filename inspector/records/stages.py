"""What passes between the stages of the daemon. Changing it breaks nobody outside."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.records.commands import Answer, Asked
from inspector.records.events import Data
from inspector.records.extent import Extent
from inspector.records.frame import Bytes2D, Bytes3D, Header
from inspector.records.recipe import Maps, Recipe

Rejection = Literal[
    "parts",
    "json",
    "version",
    "header",
    "camera",
    "size",
    "crc",
    "too_large",
    "decode",
    "order",
    "number",
    "duplicate",
    "credit",
    "impostor",
    "revoked",
]
"""Why a message is no frame."""
Drop = Literal["overload", "too_old", "decoding", "stopping"]
"""Why a good frame is given up."""
Reason = Rejection | Drop | Literal["lost"]
"""Why a frame is not inspected: the words of metrics, events, log and README."""
Gap = Reason | Literal["restart", "silent", "down", "unconfirmed", "reset", "reversed"]
"""Why strip was missed: a reason of its frames, or one whose number of frames is unknown (see `Missed.reasons`)."""
CropDrop = Literal["full", "frame", "defect", "unreported", "disk"]
"""Why a crop is not kept: too many wait, its frame has more defects than crops, its defect more crops than are kept, or
came to nothing that is reported, or the disk takes none."""
SwathDrop = Literal["behind", "full", "unplaced", "disk"]
"""Why a frame is not in the strip picture: the line is behind, too many pictures wait, nobody knows where it lies, or
the disk takes none."""
End = Literal["dropped", "rejected", "missing"]
"""How a frame ends that is not inspected; `missing` never arrived, the others were taken off the socket."""

COMES_AGAIN: tuple[Reason, ...] = ("duplicate", "credit")
"""Reasons of frames that came before, or come again: nothing is lost with them."""
REASONS: Mapping[Reason, str] = {
    "parts": "not two parts",
    "json": "the header is not JSON",
    "version": "the header is of another version",
    "header": "the header lacks something, or has a value that is not allowed",
    "camera": "the camera is not configured",
    "size": "not the recipe's size",
    "crc": "pixels damaged on their way",
    "too_large": "more bytes or pixels than a frame has",
    "decode": "no image that can be read whole",
    "order": "a number that has just passed",
    "number": "a number far off the last one, until three consecutive ones show that the count began again",
    "duplicate": "in credit mode: taken before, and sent again as the camera could not know",
    "credit": "in credit mode: more than was granted, or in a session that is over; the camera sends it again",
    "impostor": "a camera name that the sender's key does not cover",
    "revoked": "the sender's key was revoked, or no longer covers frames",
    "overload": "the engine had no room",
    "too_old": "older than `max_age_ms` when the engine could take it",
    "decoding": "the camera's pictures took more than its share of the decoding",
    "stopping": "the inspector was stopping",
    "lost": "never arrived",
}


class Frame(msgspec.Struct, frozen=True):
    """A frame that was accepted: its pixels lie in the batch that carries it."""

    header: Header
    """As intake understands it: `number` counts on where the camera's wraps; `boot` changes where its count began
    again; a position that cannot be is left out."""
    received_ns: int
    """Monotonic clock when it was taken off the socket, nanoseconds."""


class Loss(msgspec.Struct, frozen=True):
    """Frames of one camera that will not be inspected, and why: reported where it happened, in arrival order."""

    end: End
    reason: Reason
    camera: str
    """Empty when the header could not be read and nothing else names the camera, or it names none of the line."""
    count: int
    """How many frames."""
    header: Header | None = None
    """Of a dropped frame, which was whole; nothing is believed of any other."""
    received_ns: int = 0
    """Where there is a header: monotonic clock when the frame was taken off the socket, nanoseconds."""


class Receipt(msgspec.Struct, frozen=True):
    """A frame as its camera named it, which is to be acknowledged once the report of its batch is on disk."""

    camera: str
    boot: str
    number: int
    refused: str = ""
    """Why it was rejected; empty: its report says what became of it."""
    captured_ns: int = 0
    """When it was captured, by the camera's clock; 0 too where the frame's header could not be read."""


class FramePatch(msgspec.Struct, frozen=True):
    """Where a frame lies in a batch's pixels: from the first pixel of a row on."""

    plane: int
    top: int
    """Its first row in the plane."""
    rows: int
    px: int


def whole(pixels: Bytes3D) -> tuple[FramePatch, ...]:
    """Return the patches of frames that fill a plane each; `pixels` (N, H, W)."""
    return tuple(FramePatch(plane, 0, *pixels.shape[1:]) for plane in range(len(pixels)))


class Batch(msgspec.Struct, frozen=True):
    """What arrived between two hand-overs, in order; an empty one is the line's tick."""

    arrivals: tuple[Frame | Loss, ...]
    pixels: Bytes3D
    """(N, H, W) uint8: what the network sees."""
    patches: tuple[FramePatch, ...]
    """Where each Frame lies in `pixels`, in the order of the frames among the arrivals; those of one camera may share
    a plane, one below the other."""
    closed_ns: int
    """Monotonic clock when the batch was handed over, nanoseconds."""
    receipts: tuple[Receipt, ...] = ()
    """In credit mode, for the messages that the arrivals are of."""

    def picture(self, frame: int) -> Bytes2D:
        """Return the pixels of a frame, by its place among the frames."""
        patch = self.patches[frame]
        return self.pixels[patch.plane, patch.top : patch.top + patch.rows, : patch.px]

    def sizes(self) -> list[tuple[int, int]]:
        """Return for each plane the rows and columns, from its first, that are frames."""
        sizes = {patch.plane: (patch.top + patch.rows, patch.px) for patch in self.patches}  # the lowest comes last
        return [sizes[plane] for plane in range(len(self.pixels))]

    def planes(self) -> Counter[str]:
        """Count the planes by the camera whose frames they hold."""
        places = zip(self.frames(), self.patches, strict=True)
        return Counter({patch.plane: frame.header.camera for frame, patch in places}.values())

    def frames(self) -> Iterator[Frame]:
        """Yield the frames among the arrivals."""
        return (arrival for arrival in self.arrivals if isinstance(arrival, Frame))

    def losses(self) -> Iterator[Loss]:
        """Yield the losses among the arrivals."""
        return (arrival for arrival in self.arrivals if isinstance(arrival, Loss))


class Inferred(msgspec.Struct, frozen=True):
    """A batch, the network's maps for its frames, and the recipe that they come from."""

    batch: Batch
    recipe: Recipe
    maps: Maps | None
    """None when the batch holds no frame."""
    screen: Literal["", "asked", "blind"] = ""
    """`asked`: a screen could hold back its frames; `blind`: it could, and by them was found to be blind; else neither,
    or it was found before."""


class Detection(Extent, frozen=True, kw_only=True):
    """A connected region of one class within one frame; positions along the travel from the frame's first row."""

    class_id: int
    confidence: float
    """Highest probability within the region, 0..1."""


class Outline(msgspec.Struct, frozen=True, eq=False):
    """Where a frame's detections lie, to the pixel: R boxes, each one row high."""

    of: NDArray[np.intp]
    """(R,): which detection each box belongs to."""
    boxes_mm: NDArray[np.float64]
    """(R, 4): start, end, left, right; positions along the travel from the frame's first row."""


class Crowd(Extent, frozen=True, kw_only=True):
    """More regions in one frame than can be defects: a dirty lens, no light, a network that is blind.

    The box around them and the area of all; positions along the travel from the frame's first row.
    """

    regions: dict[str, int]
    """How many by class name; where the frame is nothing but specks, at least this many."""
    confidence: float
    """Highest probability within them, 0..1."""


class Crop(msgspec.Struct, frozen=True, eq=False):
    """A copy of a part of an inspected frame, for the archive."""

    frame: int
    """Which of the batch's inspected frames."""
    detection: int | None
    """Which of its detections this is a picture of; None: sound strip."""
    top_px: int
    """Its first row within the frame."""
    left_px: int
    """Its first column within the frame."""
    pixels: Bytes2D
    """(H, W) uint8."""
    runs: NDArray[np.int32]
    """(R, 4): detection, row, first column, column after the last, from the crop's first pixel: all that is seen."""
    place: Extent
    """Where it lies; positions along the travel from the frame's first row."""


class Swath(msgspec.Struct, frozen=True, eq=False):
    """A small grey picture of an inspected frame, as it lies on the strip: for the archive's strip picture."""

    frame: int
    """Which of the batch's inspected frames."""
    pixels: Bytes2D
    """(H, W) uint8, rows along the travel, the first column at the operator's side."""
    length_mm: float
    """Strip that its rows cover."""
    left_mm: float
    """Where its first column begins across."""
    right_mm: float
    """Where its last column ends."""
    own_left_mm: float
    """Where the strip begins that its camera answers for."""
    own_right_mm: float
    """Where that strip ends."""


class Placed(msgspec.Struct, frozen=True):
    """Where an inspected frame lies."""

    coil: str
    side: str
    start_mm: float
    """Of its first row, from the coil's head."""


def piece_id(coil: str, header: Header, number: int) -> str:
    """Name a frame's detection; a defect carries the name of the piece that it began with."""
    return f"{coil}/{header.camera}/{header.boot}/{header.number}/{number}"


class Inspected(msgspec.Struct, frozen=True):
    """One frame that went all the way through the network, and what was seen in it."""

    frame: Frame
    detections: tuple[Detection, ...]
    recipe: Recipe
    crowd: Crowd | None = None
    """What was seen, where it was too much to be listed."""
    outline: Outline | None = None
    """Of the detections; None: each fills its box."""
    edge_mm: float | None = None
    """Where the strip's edge on the operator's side lies across, millimetres; None: not known."""
    far_edge_mm: float | None = None
    """The same of its edge on the other side."""
    distance: float | None = None
    """How far it is from all that the recipe was taught, in units of the recipe's limit; None: not measured."""
    doubts: dict[str, bool] = {}
    """Faults for which what is seen in it cannot be relied on: whether each stands, or shows and is not raised yet."""


class JournalAccount(msgspec.Struct, frozen=True):
    """How the journal and its disk do now."""

    is_written: bool
    """Whether the disk takes what is recorded."""
    waiting: int
    """Events that wait in memory for it."""
    bytes: int
    """Disk space of the journal."""
    limit_bytes: int
    """What it may take."""
    free_bytes: int
    """Free on that disk."""
    damaged: int
    """Times that files of it were found damaged, changed or gone."""


class ArchiveAccount(msgspec.Struct, frozen=True):
    """What became of crops so far."""

    written: int = 0
    dropped: dict[CropDrop, int] = {}
    bytes: int = 0
    """Disk space that the archive takes."""
    is_failing: bool = False
    """Whether the disk takes none."""
    drawn: int = 0
    """Frames in the strip picture."""
    undrawn: dict[SwathDrop, int] = {}
    strip_bytes: int = 0
    """Disk space of the strip picture."""


class Findings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one batch gave rise to so far: what passes from stage to stage, each adding to it, to the journal."""

    arrivals: tuple[Inspected | Loss, ...] = ()
    """Inspected frames and losses, in arrival order."""
    closed_ns: int
    """Monotonic clock when the batch was handed over, nanoseconds."""
    is_last: bool = False
    """The stream ends here: what is open is to be completed."""
    crops: tuple[Crop, ...] = ()
    """Pictures for the archive."""
    swaths: tuple[Swath, ...] = ()
    """Small pictures of the inspected frames for the archive, where it has room for them."""
    placed: tuple[Placed, ...] = ()
    """Where each inspected frame lies, in the same order."""
    joined: dict[str, str] = {}
    """Pieces and open defects that became a part of another: its id by theirs, in the order in which they did."""
    events: tuple[Data, ...] = ()
    """What will be recorded and published, in this order."""
    is_screen_blind: bool = False
    """The recipe's screen was found to be blind by this batch: what it looked at before was not surely seen."""
    inspected_mm: dict[str, float] = {}
    """Strip that was inspected for the first time, by camera: what comes by again is not in it."""
    reached_mm: dict[tuple[str, str], float] = {}
    """How far the coil under each camera has come, inspected or missed, by coil and camera."""
    settled_mm: dict[tuple[str, str], float] = {}
    """Up to where no defect of a side is still awaited, by coil and side: no farther than its cameras have come."""
    left_mm: dict[tuple[str, str], float] = {}
    """How far coils had come that cameras left with this batch, by coil and camera."""
    asked: tuple[Asked, ...] = ()
    """What people ask for: each for the stage that knows it."""
    answers: dict[int, Answer] = {}
    """What became of it, by number: leaves once the events are on disk."""
    receipts: tuple[Receipt, ...] = ()
    """What is to be acknowledged once all this is on disk."""
    states: dict[str, bytes] = {}
    """What each stage has to know to go on after a restart, by its name: recorded together with the events."""

    @property
    def inspected(self) -> tuple[Inspected, ...]:
        """The frames that were inspected."""
        return tuple(arrival for arrival in self.arrivals if isinstance(arrival, Inspected))

    @property
    def losses(self) -> tuple[Loss, ...]:
        """The frames that were not."""
        return tuple(arrival for arrival in self.arrivals if isinstance(arrival, Loss))

    def doubted(self, doubts: Sequence[Mapping[str, bool]]) -> Findings:
        """Return the same, with more doubts of the inspected frames, in their order."""
        if not any(doubts):
            return self
        more = iter(doubts)
        arrivals = tuple(
            msgspec.structs.replace(arrival, doubts={**arrival.doubts, **next(more)})
            if isinstance(arrival, Inspected)
            else arrival
            for arrival in self.arrivals
        )
        return msgspec.structs.replace(self, arrivals=arrivals)


class Lasting(Protocol):
    """What is known over a restart."""

    name: str
    """Names it in metrics and in the journal."""

    def state(self) -> bytes:
        """What it has to know to go on after a restart."""

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on from a state of this version or another, before the first call; `now_ns` is the monotonic clock.

        Raises: ValueError when the state cannot be read; the stage is as new then.
        """


class Stage(Lasting, Protocol):
    """One step of the flow from a batch's findings to more findings."""

    def __call__(self, findings: Findings) -> Findings:
        """Add to what was found."""
