"""What assesses frames: the `Segmenter` protocol, which every engine is.

An engine runs the recipe's one graph (frames and thresholds in; labels, confidence, presence out); nothing
outside this folder knows which engine it is, and this file knows none: `choice.py` does.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps


class Segmenter(Protocol):
    """A loaded, ready network. `submit` and `result` are called from one thread, results in submitted order."""

    name: str
    """Engine, version and precision, for people."""
    facts: dict[str, str]
    """The same by name, for metrics: kind, version, precision; on a GPU flavour, gpu and verified too."""
    in_flight: int
    """Batches that may be submitted before a result is taken."""

    def buffer(self, frames: int) -> Bytes3D:
        """Return an array of `(frames, H, W) uint8` that `submit` reads fastest; from any thread, any content."""

    def submit(self, frames: Bytes3D) -> None:
        """Begin to assess `(N, H, W) uint8`, 1 <= N <= max_frames; the array stays as it is until its `result`."""

    def result(self) -> Maps:
        """Wait for the oldest submitted batch. Its maps are the caller's to read, and stay as they are while it does.

        Raises: EngineError.
        """

    def memory(self) -> dict[str, int]:
        """Return bytes of the device's memory: `total`, `used`, `process`, as far as known; from any thread."""

    def close(self) -> None:
        """Give back what the engine holds."""


class Depths(msgspec.Struct, frozen=True):
    """How many batches exist at once, for an engine that keeps memory of its own kind for them."""

    frames: int = 8
    """Being filled, queued, in flight, and held until they are analysed."""
    maps: int = 4
    """Of batches that are done, until they are analysed."""


DEPTHS = Depths()
PAUSE = 4.0
"""After each run of a warm-up, a line that runs has processor or card to itself for this many times as long."""


def suspicious(presence: NDArray[np.float32], thresholds: NDArray[np.float32]) -> list[int]:
    """Return the frames in which some class reaches its threshold: the maps of all others are 0 by the graph's rule.

    `presence` (N, C) or wider, `thresholds` (C,). The graph labels a pixel where its probability reaches the threshold,
    and presence is the highest probability in the frame.
    """
    return [int(place) for place in np.flatnonzero((presence[:, : len(thresholds)] >= thresholds).any(axis=1))]
