"""From messages to the frames and losses of the batch being filled.

Laws: nothing of a frame is believed before it is whole, its checksum right and its picture decoded; every message ends
as a frame or as a loss, those of one camera in the order in which they came. Must not know: sockets.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from inspector import wire
from inspector.config.camera import CameraSection, Raster
from inspector.demand import Demand
from inspector.errors import FrameError
from inspector.intake.complaints import Complaints
from inspector.intake.decoding import DecoderPool
from inspector.intake.filling import Allocate, Filling
from inspector.intake.gathering import ALONE, Gathering, PlaneShare
from inspector.intake.numbering import Believed, Numbering
from inspector.intake.overload import Policy, share
from inspector.intake.receipts import Known
from inspector.intake.waiting import RefusedFrames, UnplacedFrame, Waiting, WaitingPicture
from inspector.records.frame import Bytes2D, Header
from inspector.records.recipe import Window
from inspector.records.stages import Batch, Drop, Frame, Loss, Receipt, Rejection

PICTURES_WAITING = 32
"""Pictures of one camera that may wait to be decoded, together no larger than as many frames of raw pixels."""
HEAD_BYTES = 4096
"""What a picture may have besides its pixels."""


class Sender(Protocol):
    """Who sent a message, where senders are known."""

    @property
    def name(self) -> str:
        """What it is known as."""

    def may_be(self, camera: str) -> bool:
        """Whether it may send frames of this camera."""


GIVEN_UP = FrameError("decode", "a newer picture took its place")
"""What became of a picture whose camera would lose its oldest."""


class Accept:
    """Fills one batch after another."""

    def __init__(
        self,
        cameras: Iterable[CameraSection],
        shape: tuple[int, int, int],
        allocate: Allocate,
        demand: Demand,
        *,
        policies: Mapping[str, Policy],
        max_bytes: int,
        decoders: Callable[[Callable[[WaitingPicture], None]], DecoderPool],
        window: Window | None = None,
        known: Known | None = None,
        rasters: Mapping[str, Raster] | None = None,
        shares: Mapping[str, PlaneShare] | None = None,
        clock_unix_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """`shape` is that of a full batch, (N, H, W); `rasters` say, by camera, whose frames are smaller, and `shares`
        whose share planes.

        `policies`, by camera, say what happens to what finds no room.
        `decoders` makes what calls its argument with each picture, on threads or not. With `known` there is a receipt
        for each message whose boot and number can be read, and a frame that is known already is a duplicate.
        """
        self._cameras = {camera.name for camera in cameras}
        self._numbering = Numbering(cameras)
        self._shape, self._allocate, self._demand, self._policies = shape, allocate, demand, policies
        self._waiting = {name for name, policy in policies.items() if policy.waits}
        """Cameras that are held back instead of losing frames."""
        self._clock_unix_ns = clock_unix_ns
        self._max_bytes, self._window = max_bytes, window
        whole = Raster(shape[1], shape[2], shape[1], shape[2])
        self._rasters = {name: (rasters or {}).get(name, whole) for name in self._cameras}
        gatherings = {
            camera.name: Gathering(camera, self._rasters[camera.name], share)
            for camera in cameras
            if (share := (shares or {}).get(camera.name, ALONE)).gathers
        }
        self._filling = Filling(
            shape, allocate, demand, policies=policies, rasters=self._rasters, gatherings=gatherings
        )
        self._complaints = Complaints()
        self._known = known
        self._queues: dict[str, deque[Waiting]] = {}
        self._pictures = 0
        """In all queues."""
        self._decoders = decoders(self._decode)
        self.is_stopping = False
        """From here on good frames are given up."""

    @property
    def planes(self) -> int:
        """Planes of the batch being filled that are taken."""
        return self._filling.planes

    @property
    def is_pending(self) -> bool:
        """Whether pictures wait to be decoded, or to be placed."""
        return self._pictures > 0

    @property
    def is_gathering(self) -> bool:
        """Whether frames wait for others to share their planes."""
        return self._filling.is_gathering

    @property
    def can_take(self) -> bool:
        """Whether no camera that waits has to be held back: what comes next finds a place, or may be given up."""
        if not self._waiting or self._known is not None:  # each has its own credit
            return True
        held = [queue for camera, queue in self._queues.items() if queue and camera in self._waiting]
        if sum(map(len, held)) >= PICTURES_WAITING:
            return False
        if len(self._waiting) == len(self._policies):
            return self.planes < self._shape[0]
        return not any(isinstance(queue[0], WaitingPicture) and queue[0].is_done for queue in held)

    def knows(self, camera: str) -> bool:
        """Whether a camera is configured."""
        return camera in self._cameras

    def take(
        self, parts: list[wire.Part], count: int, now_ns: int, *, only: str | None = None, sender: Sender | None = None
    ) -> bool:
        """Take a message of `count` parts in, of which the first two are given; return whether it gets a receipt.

        `only` is the one camera that it may come from, which gets the receipt; `sender` is who sent it; None: any.
        """
        camera = ""
        header = None
        try:
            if count != 2:
                raise FrameError("parts", f"message has {count} parts; expected header and pixels")
            header = wire.read_header(parts[0])
            self._check_name(header.camera, only, sender)
            camera = header.camera
            if len(parts[1]) > self._max_bytes:
                wrong = f"payload has {len(parts[1])} bytes; expected at most {self._max_bytes}, as intake.max_frame_mb"
                raise FrameError("too_large", wrong)
            wire.check(header, parts[1], self._rasters[camera].sent)
        except FrameError as error:
            frame = _named(header, error.reason) if header and camera else self._unread(parts, only, error.reason)
            if header is None and frame is not None:
                camera = frame.camera
            self._complain(camera, error.reason, f"rejected a frame of {camera or 'an unknown camera'}", error, now_ns)
            self._refuse(camera, error.reason, frame)
            return frame is not None
        queue = self._queues.get(camera)
        if header.encoding == "raw8" and not queue and self._may_place(camera):
            self._place(header, wire.read_pixels(header, parts[1])[0], now_ns)
            return True
        if queue is None:
            queue = self._queues[camera] = deque()
        if camera not in self._waiting and self._is_full(queue, len(parts[1])) and not self._sheds_oldest(camera):
            if header.encoding == "raw8":
                queue.append(UnplacedFrame(header, now_ns))
            else:
                self._refuse(camera, "decoding", _named(header, "decoding"))
            return True
        picture = WaitingPicture(header, parts[1], now_ns)
        queue.append(picture)
        self._pictures += 1
        if header.encoding == "raw8":
            self._decode(picture)
        else:
            self._decoders.add(camera, picture)
        return True

    def turn_away(self, camera: str, reason: Rejection, words: str, now_ns: int) -> None:
        """Count a message of which nothing is believed."""
        self._complaints.add(camera, reason, f"rejected a message of {camera or 'a camera'}: {reason}: {words}", now_ns)
        self._filling.lose(Loss("rejected", reason, camera, 1))

    def cut(self, words: str, now_ns: int) -> None:
        """Count a message that never ended."""
        self._complaints.add("", "endless", words, now_ns)
        self._filling.lose(Loss("rejected", "too_large", "", 1))

    def collect(self) -> None:
        """Place what has been decoded, as far as there is room, or none to wait for: each camera in its turn."""
        goes_on = True
        while goes_on:
            goes_on = False
            for camera in list(self._queues):
                goes_on |= self._advance(camera)

    def gathering_ns(self, now_ns: int, otherwise_ns: int) -> int:
        """How long until a frame has waited long enough for others; `otherwise_ns` where none waits."""
        return self._filling.left_ns(now_ns, otherwise_ns)

    def release(self, now_ns: int, *, everything: bool = False) -> None:
        """Put in the batch what has waited long enough for others, as far as there is room."""
        self._filling.release(now_ns, everything=everything)

    def give_up(self) -> None:
        """Give up what waits for others, and what comes from here on: the line stops."""
        self.is_stopping = True
        self._filling.give_up()

    def leave(self, now_ns: int) -> Batch:
        """Close the batch, and begin the next."""
        return self._filling.leave(now_ns)

    def close(self) -> None:
        """End the decoders."""
        self._decoders.close()

    # --- the parts of it ------------------------------------------------------------------------------------

    def _check_name(self, camera: str, only: str | None, sender: Sender | None) -> None:
        """Raises: FrameError for a camera that is not configured, or that the sender's key does not cover."""
        if camera not in self._cameras:
            raise FrameError("camera", f"camera {camera!r} is not in the configuration")
        if only not in (None, camera):
            raise FrameError("camera", f"frame of {camera!r} on the connection of {only!r}")
        if not (sender is None or sender.may_be(camera)):
            raise FrameError("impostor", f"frame of {camera!r}, which key {sender.name} may not send as")

    def _advance(self, camera: str) -> bool:
        """Settle the first of a camera's messages that wait, if its turn has come; return whether it had."""
        queue = self._queues[camera]
        if not queue:
            return False
        first = queue[0]
        if isinstance(first, RefusedFrames):
            queue.popleft()
            self._lose(camera, first.reason, first.frames)
            return True
        if isinstance(first, UnplacedFrame):
            queue.popleft()
            self._place(first.header, None, first.received_ns)
            return True
        if not (first.is_done and self._may_place(camera)):
            return False
        queue.popleft()
        self._pictures -= 1
        self._queues[camera] = self._queues.pop(camera)  # the others come first now
        self._settle(first)
        return True

    def _may_place(self, camera: str) -> bool:
        """Whether a frame of this camera has not to wait: it finds a place, or is to be given up for want of one."""
        waits, has_place = camera in self._waiting, self.planes < self._shape[0]
        if waits and has_place:
            return self._filling.planes_of(camera) < share(camera, self._policies, self._shape[0])
        return has_place or not (waits or self._demand.has_room)

    def _is_full(self, queue: deque[Waiting], more_bytes: int) -> bool:
        """Whether a camera has used up what it may have waiting."""
        waiting = [
            len(picture.payload) for picture in queue if isinstance(picture, WaitingPicture) and not picture.error
        ]
        most_bytes = PICTURES_WAITING * (self._shape[1] * self._shape[2] + HEAD_BYTES)
        return len(waiting) >= PICTURES_WAITING or (bool(waiting) and sum(waiting) + more_bytes > most_bytes)

    def _sheds_oldest(self, camera: str) -> bool:
        """Give up the camera's oldest picture, one that waits to be decoded first; False: it has another policy."""
        if self._policies[camera].overload != "drop-oldest":
            return False
        waiting = [
            picture for picture in self._queues[camera] if isinstance(picture, WaitingPicture) and picture.error is None
        ]
        oldest = next((picture for picture in waiting if not picture.is_done), waiting[0])
        oldest.error, oldest.payload = GIVEN_UP, b""
        return True

    def _decode(self, picture: WaitingPicture) -> None:
        """Decode a picture, on a decoder's thread."""
        if picture.error is not None:  # given up meanwhile
            return
        try:
            pixels, picture.oddities = wire.read_pixels(picture.header, picture.payload, self._window)
            picture.pixels = pixels  # last: from here on it is done
        except FrameError as error:
            picture.error = error
        except Exception as error:  # whatever a decoder does, its thread and the line go on
            picture.error = FrameError("decode", f"decoder failed: {error!r}")

    def _settle(self, picture: WaitingPicture) -> None:
        camera = picture.header.camera
        if picture.error is GIVEN_UP:
            if picture.pixels is None:
                self._lose(camera, "decoding", [_named(picture.header, "decoding")])
            else:
                self._place(picture.header, None, picture.received_ns)
            return
        if picture.error is not None:
            words = f"rejected a frame of {camera}"
            self._complain(camera, picture.error.reason, words, picture.error, picture.received_ns)
            self._lose(camera, picture.error.reason, [_named(picture.header, picture.error.reason)])
            return
        assert picture.pixels is not None
        for oddity in picture.oddities:
            self._complaints.add(camera, oddity, f"frames of {camera}: {oddity}", picture.received_ns)
        self._place(picture.header, picture.pixels, picture.received_ns)

    def _place(self, header: Header, pixels: Bytes2D | None, received_ns: int) -> None:
        """Find the place of a whole frame: in its camera's count, and in the batch, where its pixels were kept."""
        camera = header.camera
        if self._known is not None and self._known.has(camera, header.boot, header.number, header.captured_ns):
            words = f"camera {camera}: frame {header.number} of boot {header.boot} was taken before, and came again"
            self._complaints.add(camera, "duplicate", words, received_ns, logging.INFO)
            self._acknowledge(_named(header))
            self._filling.lose(Loss("rejected", "duplicate", camera, 1))
            return
        try:
            believed = self._numbering.believe(header, received_ns)
        except FrameError as error:
            self._complain(camera, error.reason, f"rejected a frame of {camera}", error, received_ns)
            self._acknowledge(_named(header, error.reason))
            self._filling.lose(Loss("rejected", error.reason, camera, 1))
            return
        if self._known is not None:
            self._known.add(camera, header.boot, header.number, header.captured_ns)
        self._count(believed, received_ns)
        if pixels is None:
            self._filling.lose(Loss("dropped", "decoding", camera, 1, believed.header, received_ns))
        else:
            self._take_up(believed.header, pixels, received_ns)
        self._acknowledge(_named(header))  # it waits where its frame does

    def _take_up(self, header: Header, pixels: Bytes2D, received_ns: int) -> None:
        """Put a frame in the batch, if it is not too late for it."""
        camera = header.camera
        why: Drop | None = "stopping" if self.is_stopping else None
        if self._policies[camera].is_past(header, received_ns, received_ns, self._clock_unix_ns()):
            why = "too_old"
        if why:
            self._filling.lose(Loss("dropped", why, camera, 1, header, received_ns))
        else:
            self._filling.put(Frame(header, received_ns), pixels)

    def _count(self, believed: Believed, now_ns: int) -> None:
        camera = believed.header.camera
        for remark in believed.remarks:
            self._complaints.add(camera, remark.split()[0], f"camera {camera}: {remark}", now_ns)
        if believed.missing:
            self._filling.lose(Loss("missing", "lost", camera, believed.missing))

    def _acknowledge(self, frame: Receipt) -> None:
        """In credit mode, give the receipt of a frame whose end is in this batch."""
        if self._known is not None:
            self._filling.acknowledge(frame)

    def _refuse(self, camera: str, reason: Rejection | Drop, frame: Receipt | None) -> None:
        """Count a message that is no frame once those before it are counted."""
        queue = self._queues.get(camera)
        if not queue:
            self._lose(camera, reason, [frame])
            return
        last = queue[-1]
        if isinstance(last, RefusedFrames) and last.reason == reason:
            last.frames.append(frame)
        else:
            queue.append(RefusedFrames(reason, [frame]))

    def _unread(self, parts: list[wire.Part], only: str | None, reason: Rejection) -> Receipt | None:
        """In credit mode, name a frame of which no header is believed, so that its camera lets it go.

        A key that changed meanwhile is no fault of the frame: its camera is refused at its next greeting, and keeps it.
        """
        if only is None or reason == "impostor":
            return None
        identity = wire.read_identity(parts[0])
        return None if identity is None else Receipt(only, *identity, reason)

    def _lose(self, camera: str, reason: Rejection | Drop, frames: list[Receipt | None]) -> None:
        """Count messages that are no frames; with no camera they are of no camera's count, whoever sent them."""
        for frame in frames:
            if frame is not None:
                if camera:
                    self._numbering.refuse(frame)
                self._acknowledge(frame)
        end = "dropped" if reason == "decoding" else "rejected"
        self._filling.lose(Loss(end, reason, camera, len(frames)))  # type: ignore[arg-type]

    def _complain(self, camera: str, kind: str, words: str, error: FrameError, now_ns: int) -> None:
        self._complaints.add(camera, kind, f"{words}: {error.reason}: {error}", now_ns)


def _named(header: Header, refused: str = "") -> Receipt:
    return Receipt(header.camera, header.boot, header.number, refused, header.captured_ns)
