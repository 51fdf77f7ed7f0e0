"""What passes between the stages of the daemon. Changing it breaks nobody outside."""

from __future__ import annotations

from typing import Literal

import msgspec

from inspector.records.events import Data
from inspector.records.frame import Bytes3D, Header
from inspector.records.recipe import Maps, Recipe


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


class Report(msgspec.Struct, frozen=True):
    """Everything one batch gave rise to, on its way to the journal."""

    said: tuple[Data, ...]
    inspected: tuple[Inspected, ...]
    losses: tuple[Loss, ...]
    reached_mm: dict[tuple[str, str], float]
    """How far the coil under each camera has come, inspected or missed, by coil and camera."""
    closed_ns: int
    """Monotonic clock when the batch was handed over, nanoseconds."""
