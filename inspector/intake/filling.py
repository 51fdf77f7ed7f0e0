"""The batch that is being filled: which planes are taken, by whose frames, and what else came, in order.

Laws: a frame has rows of a plane to itself, or has become a loss; those of one camera stand in the order in which they
came. A receipt is in the batch that its frame's end is in.

Knows: planes, who gives way. Must not know: messages, numbers, sockets.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec
import numpy as np

from inspector.config.camera import Raster
from inspector.demand import Demand
from inspector.intake.gathering import Gathering
from inspector.intake.overload import Policy, gives_way
from inspector.intake.planes import fill
from inspector.records.frame import Bytes2D, Bytes3D
from inspector.records.stages import Batch, Drop, Frame, FramePatch, Loss, Receipt

Allocate = Callable[[int], Bytes3D]
"""Gives memory for a batch of N frames, (N, H, W) uint8, contents undefined, nobody else's while a view of it
lives.

An engine that reads from memory of its own kind (pinned, for a GPU) gives that, so that a frame is copied once. It is
called on the intake's thread, must not wait, and gives ordinary memory when it has no other left.
"""


class Taken(msgspec.Struct, frozen=True):
    """A plane that is taken, and where the frames that share it stand among the arrivals."""

    camera: str
    plane: int
    arrivals: range


class Filling:
    """Fills one batch after another."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        allocate: Allocate,
        demand: Demand,
        *,
        policies: Mapping[str, Policy],
        rasters: Mapping[str, Raster],
        gatherings: Mapping[str, Gathering],
    ) -> None:
        """`shape` is that of a full batch, (N, H, W); `gatherings` are of the cameras whose frames share planes."""
        self.most = shape[0]
        """Planes of a full batch."""
        self._shape, self._allocate, self._demand, self._policies = shape, allocate, demand, policies
        self._rasters, self._gatherings = rasters, gatherings
        self._arrivals: list[Frame | Loss] = []
        self._receipts: list[Receipt] = []
        self._taken: list[Taken] = []
        """In the order of their frames."""
        self._pixels: Bytes3D | None = None
        """Once a frame is there: a line that stands holds no memory."""

    @property
    def planes(self) -> int:
        """Planes that are taken."""
        return len(self._taken)

    def planes_of(self, camera: str) -> int:
        """Planes that one camera has taken."""
        return sum(taken.camera == camera for taken in self._taken)

    def put(self, frame: Frame, pixels: Bytes2D) -> None:
        """Take a frame in: with a plane to itself, or where its camera's share one, to wait for those that follow."""
        camera = frame.header.camera
        gathering = self._gatherings.get(camera)
        if gathering is None:
            raster = self._rasters[camera]
            self._place([frame], lambda plane: fill(plane, pixels, raster))
            return
        if not gathering.takes(frame.header):
            self._release(gathering)
        gathering.add(frame, pixels)
        if gathering.is_ready:
            self._release(gathering)

    def lose(self, loss: Loss) -> None:
        """Note a loss, behind the frames of its camera that came before."""
        gathering = self._gatherings.get(loss.camera)
        if gathering is None or not gathering.frames:
            self._arrivals.append(loss)
        else:
            gathering.lose(loss)

    def acknowledge(self, receipt: Receipt) -> None:
        """Note the receipt of a frame whose end was noted just before."""
        gathering = self._gatherings.get(receipt.camera)
        waits = gathering is not None and gathering.frames
        (gathering.receipts if gathering and waits else self._receipts).append(receipt)

    @property
    def is_gathering(self) -> bool:
        """Whether frames wait for others to share their planes."""
        return any(gathering.frames for gathering in self._gatherings.values())

    def left_ns(self, now_ns: int, otherwise_ns: int) -> int:
        """How long none that gathers has waited long enough yet; `otherwise_ns` where none gathers."""
        waiting = (gathering for gathering in self._gatherings.values() if gathering.frames)
        return min((gathering.left_ns(now_ns) for gathering in waiting), default=otherwise_ns)

    def release(self, now_ns: int, *, everything: bool = False) -> None:
        """Give planes to what has waited long enough, as far as there are any."""
        for gathering in self._gatherings.values():
            if gathering.frames and self.planes < self.most and (everything or not gathering.left_ns(now_ns)):
                self._release(gathering)

    def give_up(self) -> None:
        """Give up what still waits: the line stops."""
        for gathering in self._gatherings.values():
            self._drop(gathering.frames, "stopping")
            self._end(gathering)

    def leave(self, now_ns: int) -> Batch:
        """Close the batch, and begin the next."""
        pixels = self._pixels if self._pixels is not None else np.empty((0, *self._shape[1:]), np.uint8)
        patches = tuple(patch for taken in self._taken for patch in self._patches(taken))
        batch = Batch(tuple(self._arrivals), pixels[: self.planes], patches, now_ns, tuple(self._receipts))
        self._arrivals, self._pixels, self._taken, self._receipts = [], None, [], []
        self._demand.hand_over()
        return batch

    # --- planes ---------------------------------------------------------------------------------------------------

    def _release(self, gathering: Gathering) -> None:
        """Put what was gathered in the batch, if it has not to give way."""
        pixels = gathering.pixels()

        def write(plane: Bytes2D) -> None:
            plane[: pixels.shape[0], : pixels.shape[1]] = pixels

        self._place(gathering.frames, write)
        self._end(gathering)

    def _end(self, gathering: Gathering) -> None:
        """Have losses and receipts follow their frames."""
        self._arrivals += gathering.losses
        self._receipts += gathering.receipts
        gathering.clear()

    def _place(self, frames: list[Frame], write: Callable[[Bytes2D], None]) -> None:
        """Give frames that share a plane one of the batch, where there is one; `write` puts their pixels there."""
        camera = frames[0].header.camera
        plane = self._free_plane(camera)
        if plane is None:
            self._drop(frames, "overload")
            return
        if self._pixels is None:
            self._pixels = self._allocate(self.most)
        write(self._pixels[plane])
        begin = len(self._arrivals)
        self._arrivals += frames
        self._taken.append(Taken(camera, plane, range(begin, begin + len(frames))))
        self._demand.grant(camera)

    def _drop(self, frames: list[Frame], why: Drop) -> None:
        self._arrivals += [_dropped(frame, why) for frame in frames]

    def _patches(self, taken: Taken) -> list[FramePatch]:
        """Return where the frames of a plane lie in it."""
        rows, px = self._rasters[taken.camera].seen
        return [FramePatch(taken.plane, place * rows, rows, px) for place in range(len(taken.arrivals))]

    def _free_plane(self, camera: str) -> int | None:
        """Return a plane of the batch for this camera; None when none in it gives way."""
        if self.planes < self.most:
            return self.planes
        may_lose = dict.fromkeys(taken.camera for taken in self._taken if not self._policies[taken.camera].waits)
        flooding = gives_way(may_lose, camera, self._demand)
        if flooding is None and self.planes_of(camera) and self._policies[camera].overload == "drop-oldest":
            flooding = camera
        if flooding is None:
            return None
        places = [place for place, taken in enumerate(self._taken) if taken.camera == flooding]
        at = places[0] if self._policies[flooding].overload == "drop-oldest" else places[-1]
        taken = self._taken.pop(at)
        for place in taken.arrivals:
            frame = self._arrivals[place]
            assert isinstance(frame, Frame)
            self._arrivals[place] = _dropped(frame, "overload")
        self._demand.revoke(flooding)
        return taken.plane


def _dropped(frame: Frame, why: Drop) -> Loss:
    return Loss("dropped", why, frame.header.camera, 1, frame.header, frame.received_ns)
