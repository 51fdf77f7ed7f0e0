"""The nouns of the line: every type that crosses a seam. Read this file first.

A frame flows like this; each arrow is one record below:

    camera --(Header + pixels)--> intake --Batch--> infer --Judged--> analyse --Analysed--> strip
           --Report--> alarms --Report--> journal --Event--> publish

Knows: shapes, units and meaning of what is passed on. Must not know: sockets, engines, files, clocks.

Everything here is frozen. `x` runs across the strip, `y` along the travel; millimetres along the coil are
counted from its head, millimetres across from pixel column 0 of the camera (plus the camera's offset).
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray

Bytes2D = NDArray[np.uint8]
"""One plane of bytes, shape (H, W)."""

Bytes3D = NDArray[np.uint8]
"""A stack of planes of bytes, shape (N, H, W)."""

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$(?!\n)"  # Python's $ alone would let a last newline pass
Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
"""A name that people type and that becomes a topic, a metric label or a file name."""


# --- what the network was taught -------------------------------------------------------------------------


class DefectClass(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One kind of defect and how sure and how large it must be; tuning these rebuilds nothing."""

    id: Annotated[int, Meta(ge=1, le=254)]
    """Its value in the label maps; ids count up from 1 without gaps."""
    name: Name
    threshold: Annotated[float, Meta(gt=0, lt=1)]
    """A pixel counts when its probability reaches this."""
    min_area_mm2: Annotated[float, Meta(ge=0, le=1e9)]
    """A smaller defect is not reported, square millimetres."""
    min_confidence: Annotated[float, Meta(ge=0, le=1)] = 0.0
    """A defect whose surest pixel is less probable than this is not reported: `threshold` draws its outline, this
    decides whether it is one (hysteresis, as in Canny's edge detector, 1986).
    """


class Recipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `recipe.toml` says; the network itself is `model.onnx` beside it."""

    name: Name
    version: str
    created: str
    """Date of export, ISO 8601."""
    encoder: str
    precision: Literal["fp32", "fp16", "int8"]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    """Of `model.onnx`."""
    height: Annotated[int, Meta(ge=32, le=16384)]
    width: Annotated[int, Meta(ge=32, le=16384)]
    """Frames must have exactly this many rows and columns."""
    trained_on: str
    """In words, so that nobody takes a demonstration for a qualified recipe."""
    calibrated_on: tuple[str, ...] = ()
    """Names of the frames that INT8 took its ranges from; empty where none were, or nobody wrote them down."""
    classes: Annotated[tuple[DefectClass, ...], Meta(min_length=1)] = msgspec.field(name="class")
    scores: dict[str, float | int | str] = {}
    """Measured on frames it was not trained on; the keys name convention and unit."""

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


# --- camera to intake -------------------------------------------------------------------------------------


class Header(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """First part of a frame message, as JSON; the second part is the pixels."""

    v: Literal[1]
    """Version of this header."""
    camera: Name
    """Which camera, as named in the configuration."""
    boot: Annotated[str, Meta(min_length=1, max_length=64)]
    """Changes whenever the camera process restarts; `number` counts within it."""
    number: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """Consecutive number of the frame within this boot; a gap means frames were lost."""
    captured_ns: Annotated[int, Meta(ge=0, le=2**63 - 1)]
    """When the last row was exposed, nanoseconds since the UNIX epoch."""
    width: Annotated[int, Meta(ge=1, le=65536)]
    """Pixels across the strip."""
    height: Annotated[int, Meta(ge=1, le=65536)]
    """Rows along the strip."""
    encoding: Literal["raw8", "jpeg", "png"]
    """How part two holds the 8-bit grey pixels; raw8 is row-major without padding."""
    crc32: Annotated[int, Meta(ge=0, le=2**32 - 1)]
    """CRC-32 (zlib, IEEE 802.3) of part two, as sent."""
    coil: Name | None = None
    """Coil under the camera, where the line knows it."""
    side: Literal["top", "bottom"] | None = None
    """Side of the strip, where the line knows it."""
    start_mm: Annotated[float, Meta(ge=-1e9, le=1e9)] | None = None
    """Strip position of the first row from the coil's head, millimetres (encoder)."""
    mm_per_row: Annotated[float, Meta(gt=0, le=1000)] | None = None
    """Travel per row, millimetres (encoder)."""


class Frame(msgspec.Struct, frozen=True):
    """A frame that was accepted: its pixels lie in the batch that carries it."""

    header: Header
    received_ns: int
    """Monotonic clock when it was taken off the socket, nanoseconds."""


class Loss(msgspec.Struct, frozen=True):
    """Frames of one camera that will not be inspected, and why: told where it happened, in arrival order."""

    end: Literal["dropped", "rejected", "missing"]
    """`missing` never arrived (a gap in `number`); the others were taken off the socket."""
    reason: str
    camera: str
    """Empty when the header could not be read."""
    count: int
    """How many frames."""
    header: Header | None = None
    """Of the frame itself (dropped, rejected with a readable header), else None."""


class Batch(msgspec.Struct, frozen=True):
    """What arrived between two hand-overs, in order; an empty one is the line's tick."""

    arrivals: tuple[Frame | Loss, ...]
    pixels: Bytes3D
    """(N, H, W) uint8, one plane for each Frame among the arrivals, in their order."""
    closed_ns: int
    """Monotonic clock when the batch was handed over, nanoseconds."""


# --- infer to strip ---------------------------------------------------------------------------------------


class Maps(msgspec.Struct, frozen=True):
    """What the network says of N frames."""

    labels: Bytes3D
    """(N, H, W) uint8: 0 = sound, else the class id."""
    confidence: Bytes3D
    """(N, H, W) uint8: probability of that class x 255; 0 where sound."""
    presence: NDArray[np.float32]
    """(N, C) float32: highest probability of each defect class anywhere in the frame."""


class Judged(msgspec.Struct, frozen=True):
    """A batch, the network's maps for its frames, and the recipe that judged them."""

    batch: Batch
    recipe: Recipe
    maps: Maps | None
    """None when the batch holds no frame."""


class Span(msgspec.Struct, frozen=True):
    """Columns that a region covers on one row, millimetres across."""

    left_mm: float
    right_mm: float


class Detection(msgspec.Struct, frozen=True):
    """A connected region of one class within one frame; positions from the frame's first row and column."""

    class_id: int
    left_mm: float
    right_mm: float
    start_mm: float
    end_mm: float
    area_mm2: float
    confidence: float
    """Highest probability within the region, 0..1."""
    head: Span | None
    """Where it touches the frame's first row: it may have begun in the frame before."""
    tail: Span | None
    """Where it touches the frame's last row: it may go on in the next frame."""


class Inspected(msgspec.Struct, frozen=True):
    """One frame that went all the way through the network, and what was seen in it."""

    frame: Frame
    length_mm: float
    """Strip that the frame covers along the travel."""
    detections: tuple[Detection, ...]
    recipe: Recipe


class Analysed(msgspec.Struct, frozen=True):
    """A batch after analysis: inspected frames and losses, still in arrival order."""

    arrivals: tuple[Inspected | Loss, ...]
    closed_ns: int


# --- what people hear about: the `data` of events ---------------------------------------------------------


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


class Report(msgspec.Struct, frozen=True):
    """Everything one batch gave rise to, on its way to the journal."""

    said: tuple[Data, ...]
    inspected: tuple[Inspected, ...]
    losses: tuple[Loss, ...]
    reached_mm: dict[tuple[str, str], float]
    """How far the coil under each camera has come, inspected or missed, by coil and camera."""
    closed_ns: int
    """Monotonic clock when the batch was handed over, nanoseconds."""


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
