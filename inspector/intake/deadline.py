"""Frames that have become too old while they waited are given up before the engine begins them.

Knows: a batch and the cameras' policies; clocks are passed in. Must not know: engines, sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from inspector.intake.overload import Policy
from inspector.records.stages import Batch, Frame, FramePatch, Loss


class Deadline:
    """Takes out of a batch what is past its camera's `max_age_ms`."""

    def __init__(
        self, policies: Mapping[str, Policy], clock_ns: Callable[[], int], clock_unix_ns: Callable[[], int]
    ) -> None:
        """`clock_ns` is monotonic; `clock_unix_ns` is the one that cameras write into `captured_ns`."""
        self._policies = {name: policy for name, policy in policies.items() if policy.max_age_ns}
        self._clock_ns, self._clock_unix_ns = clock_ns, clock_unix_ns

    def __call__(self, batch: Batch) -> Batch:
        """Return the batch with losses in place of the frames that are too old; the others' pixels move up."""
        if not self._policies or not batch.patches:
            return batch
        now_ns, now_unix_ns = self._clock_ns(), self._clock_unix_ns()
        arrivals: list[Frame | Loss] = []
        kept: list[FramePatch] = []
        patches = iter(batch.patches)
        for arrival in batch.arrivals:
            if isinstance(arrival, Loss):
                arrivals.append(arrival)
                continue
            patch, header = next(patches), arrival.header
            policy = self._policies.get(header.camera)
            if policy and policy.is_past(header, arrival.received_ns, now_ns, now_unix_ns):
                arrivals.append(Loss("dropped", "too_old", header.camera, 1, header, arrival.received_ns))
            else:
                arrivals.append(arrival)
                kept.append(patch)
        if len(kept) == len(batch.patches):
            return batch
        return msgspec.structs.replace(batch, arrivals=tuple(arrivals), **_packed(batch, kept))


def _packed(batch: Batch, kept: list[FramePatch]) -> dict[str, object]:
    """Move the planes that are kept to the front, where they lie; the memory is the batch's own.

    A plane is kept for any of its frames: the others are inferred with it, and not looked at.
    """
    if not kept:  # an empty view would keep the whole block
        return {"pixels": np.empty((0, *batch.pixels.shape[1:]), np.uint8), "patches": ()}
    places = {plane: to for to, plane in enumerate(sorted({patch.plane for patch in kept}))}
    for plane, to in places.items():
        if to != plane:
            batch.pixels[to] = batch.pixels[plane]
    moved = tuple(msgspec.structs.replace(patch, plane=places[patch.plane]) for patch in kept)
    return {"pixels": batch.pixels[: len(places)], "patches": moved}
