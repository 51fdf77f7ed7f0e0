"""Frames that have become too old while they waited are given up before the engine begins them.

Knows: a batch and the cameras' policies; clocks are passed in. Must not know: engines, sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from inspector.intake.overload import Policy
from inspector.records.stages import Batch, Frame, Loss


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
        if not self._policies or not batch.planes:
            return batch
        now_ns, now_unix_ns = self._clock_ns(), self._clock_unix_ns()
        arrivals: list[Frame | Loss] = []
        kept: list[range] = []
        planes = iter(batch.planes)
        for arrival in batch.arrivals:
            if isinstance(arrival, Loss):
                arrivals.append(arrival)
                continue
            of_frame, header = next(planes), arrival.header
            policy = self._policies.get(header.camera)
            if policy and policy.is_past(header, arrival.received_ns, now_ns, now_unix_ns):
                arrivals.append(Loss("dropped", "too_old", header.camera, 1, header))
            else:
                arrivals.append(arrival)
                kept.append(of_frame)
        if len(kept) == len(batch.planes):
            return batch
        return msgspec.structs.replace(batch, arrivals=tuple(arrivals), **_packed(batch, kept))


def _packed(batch: Batch, kept: list[range]) -> dict[str, object]:
    """Move the planes that are kept to the front, where they lie; the memory is the batch's own."""
    if not kept:  # an empty view would keep the whole block
        return {"pixels": np.empty((0, *batch.pixels.shape[1:]), np.uint8), "planes": (), "sizes": ()}
    order = sorted((plane, frame) for frame, of_frame in enumerate(kept) for plane in of_frame)
    places: dict[int, list[int]] = {}
    for to, (plane, frame) in enumerate(order):
        if to != plane:
            batch.pixels[to] = batch.pixels[plane]
        places.setdefault(frame, []).append(to)
    planes = tuple(range(places[frame][0], places[frame][-1] + 1) for frame in range(len(kept)))
    sizes = tuple(batch.sizes[plane] for plane, _ in order) if batch.sizes else ()
    return {"pixels": batch.pixels[: len(order)], "planes": planes, "sizes": sizes}
