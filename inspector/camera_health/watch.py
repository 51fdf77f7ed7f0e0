"""How long a fault lasts, camera by camera: raised after enough frames with it, returned after enough without. Pure.

Laws: a fault is raised once and returned once, also over a restart of the inspector. What it costs does not grow with
the rate: pixels are measured in one frame of four, sharpness in one of sixteen.

Knows: frames, what was learnt from those before; clocks, passed in. Must not know: by what a fault shows, when a camera
is silent.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import msgspec

from inspector.camera_health.faults import (
    BETWEEN,
    FAULTS,
    HIDING,
    IN_HEADERS,
    UNMEASURED,
    UNSEEN,
    FrameFacts,
    Pixels,
    measure,
    tells_detail,
)
from inspector.camera_health.settings import CameraHealthSection
from inspector.camera_health.sharpness import sharpness
from inspector.camera_health.silence import Silence
from inspector.camera_health.usual import Learnt, Usual
from inspector.config.camera import CameraSection
from inspector.images.edge import edges
from inspector.records.events import NE107, CameraFault, CameraState, CameraStatus, Ne107
from inspector.records.frame import Bytes2D, Header
from inspector.records.stages import Batch, Findings, Frame, Loss

MEASURED = 4
"""Pixels are measured in each fourth frame of a camera: 10 us of a core each."""
FOCUSED = 16
"""Sharpness is measured in each sixteenth: 25 us of a core each."""


class _Camera(msgspec.Struct):
    """What is remembered of one camera."""

    section: CameraSection
    frames: int = 0
    header: Header | None = None
    pixels: Pixels | None = None
    is_edge_lost: bool = False
    standing: set[CameraFault] = set()
    streaks: dict[CameraFault, int] = {}
    """Frames in a row that speak against what stands."""
    learnt: Learnt = msgspec.field(default_factory=Learnt)

    def is_usual(self) -> bool:
        """Whether what its pictures show may be learnt."""
        return not any(
            name == "frozen" or (name in FAULTS and FAULTS[name].is_in_pixels)
            for name in (*self.standing, *self.streaks)
        )

    def doubts(self) -> dict[str, bool]:
        """Faults that hide the strip in its last frame: whether each stands, or shows alone."""
        if not self.standing and not self.streaks:
            return {}
        return {fault: fault in self.standing for fault in sorted(HIDING & (self.standing | self.streaks.keys()))}


class _Kept(msgspec.Struct):
    """What of a camera is kept over a restart."""

    standing: list[CameraFault]
    learnt: Learnt
    is_scaled: bool = False
    """Whether `learnt.place_mm` heeds that the camera's frames were scaled: up to 0.3 none did."""


class CameraHealth:
    """Adds to a batch's findings how its cameras are."""

    name = "camera_health"

    def __init__(
        self,
        cameras: Iterable[CameraSection],
        limits: CameraHealthSection,
        unix_ahead_ns: Callable[[], int] = lambda: time.time_ns() - time.monotonic_ns(),
    ) -> None:
        """`unix_ahead_ns` is what must be added to the monotonic clock to have UNIX time."""
        self._cameras = {camera.name: _Camera(camera) for camera in cameras}
        self._limits, self._unix_ahead_ns = limits, unix_ahead_ns
        self._silence = Silence(self._cameras, limits)

    def __call__(self, batch: Batch, findings: Findings) -> Findings:
        """Look at every frame of a batch, and at what became of the others; say which cannot be relied on."""
        events: list[CameraStatus] = []
        doubts: list[dict[str, bool]] = []
        ahead_ns = self._unix_ahead_ns() if batch.arrivals else 0
        place = 0
        for arrival in batch.arrivals:
            if isinstance(arrival, Frame):
                self._see(arrival, batch, place, ahead_ns, events)
                doubts.append(self._cameras[arrival.header.camera].doubts())
                place += 1
            elif arrival.end != "missing":
                self._lose(arrival, batch.closed_ns, ahead_ns, events)
        for name, words in self._silence.silent().items():
            self._begin(self._cameras[name], "silent", words, events)
        findings = findings.doubted(doubts)
        if not events:
            return findings
        return msgspec.structs.replace(findings, events=(*findings.events, *events))

    def is_standing(self, camera: str, fault: CameraFault) -> bool:
        """Whether a camera has a fault now; from any thread."""
        return fault in self._cameras[camera].standing

    def standing(self) -> list[CameraStatus]:
        """All that stands, as reports of it."""
        return [
            self._status(camera, fault, "raised", f"has the fault {fault} since before the inspector was started")
            for camera in self._cameras.values()
            for fault in sorted(camera.standing)
        ]

    def state(self) -> bytes:
        """The faults that stand, and what was learnt of each camera."""
        return msgspec.json.encode(
            {
                name: _Kept(sorted(camera.standing), camera.learnt, is_scaled=True)
                for name, camera in self._cameras.items()
            }
        )

    def restore(self, state: bytes, now_ns: int) -> None:
        """Go on with the faults of a state; `now_ns` is the monotonic clock.

        Raises: ValueError when it cannot be read.
        """
        for name, kept in msgspec.json.decode(state, type=dict[str, list[CameraFault] | _Kept]).items():
            if name in self._cameras:
                camera = self._cameras[name]
                # 0.1.0 and 0.2.0 kept the faults alone
                camera.standing = set(kept.standing if isinstance(kept, _Kept) else kept)
                camera.learnt = kept.learnt if isinstance(kept, _Kept) else Learnt()
                if camera.section.scale and not (isinstance(kept, _Kept) and kept.is_scaled):
                    camera.learnt.place_mm = Usual()
                self._forget(camera.learnt)

    # --- one frame ------------------------------------------------------------------------------------------------

    def _see(self, frame: Frame, batch: Batch, place: int, ahead_ns: int, events: list[CameraStatus]) -> None:
        """Look at a frame that was inspected."""
        camera = self._cameras[frame.header.camera]
        is_measured = camera.frames % MEASURED == 0
        if is_measured:
            self._measure(camera, frame.header, batch.picture(place))
        camera.frames += 1
        self._silence.inspected(frame.header.camera, frame.received_ns)
        look = _look(camera, frame.header, frame.received_ns + ahead_ns, self._limits)
        self._assess(camera, look, FAULTS if is_measured else BETWEEN, events)
        self._end(camera, "silent", events)
        self._end(camera, "not_inspected", events)

    def _lose(self, loss: Loss, closed_ns: int, ahead_ns: int, events: list[CameraStatus]) -> None:
        """Look at what is known of frames that came and were not inspected."""
        words = self._silence.lost(loss, closed_ns)
        camera = self._cameras.get(loss.camera)
        if camera is None:
            return
        if loss.header is not None:
            look = _look(camera, loss.header, loss.received_ns + ahead_ns, self._limits)
            self._assess(camera, look, IN_HEADERS, events)
        self._end(camera, "silent", events)
        if words:
            self._begin(camera, "not_inspected", words, events)

    def _measure(self, camera: _Camera, header: Header, picture: Bytes2D) -> None:
        """Look at the pixels."""
        limits = self._limits
        camera.pixels = measure(picture)
        if not tells_detail(camera.pixels, limits):
            return
        if limits.blurred_share and camera.frames % FOCUSED == 0 and (fine := sharpness(picture)) is not None:
            camera.learnt.sharpness.add(fine, is_usual=camera.is_usual())
        section = camera.section
        if section.edges == "none":
            return
        rows, px = picture.shape
        left, right = edges(picture[:, ::-1] if section.mirror else picture)
        watched = [left] * section.watches("left") + [right] * section.watches("right")
        places = [place for place in watched if place is not None]
        camera.is_edge_lost = len(places) < len(watched)
        if limits.shift_mm and not camera.is_edge_lost:
            place_mm = sum(places) / len(places) * section.footprint(header, (rows, px)).mm_per_px
            is_of_coil = section.edges != "both"
            camera.learnt.see_place(place_mm, header.coil or "", is_of_coil=is_of_coil, is_usual=camera.is_usual())

    def _forget(self, learnt: Learnt) -> None:
        """Forget what is not watched."""
        if not self._limits.blurred_share:
            learnt.sharpness = Usual()
        if not self._limits.shift_mm:
            learnt.place_mm = Usual()

    def _assess(
        self, camera: _Camera, look: FrameFacts, names: Iterable[CameraFault], events: list[CameraStatus]
    ) -> None:
        """Count for and against each of these faults."""
        for name in names:
            fault = FAULTS[name]
            if fault.shows(look, self._limits) == (name in camera.standing):
                if camera.streaks:
                    camera.streaks.pop(name, None)
                continue
            camera.streaks[name] = camera.streaks.get(name, 0) + (MEASURED if fault.is_in_pixels else 1)
            frames = self._limits.frozen_frames - 1 if name == "frozen" else self._limits.frames
            if camera.streaks[name] >= frames:
                self._turn(camera, name, fault.words(look), events)

    def _begin(self, camera: _Camera, fault: CameraFault, words: str, events: list[CameraStatus]) -> None:
        """Raise a fault unless it stands."""
        if fault not in camera.standing:
            self._turn(camera, fault, words, events)

    def _end(self, camera: _Camera, fault: CameraFault, events: list[CameraStatus]) -> None:
        """Return a fault where it stands."""
        if fault in camera.standing:
            self._turn(camera, fault, "", events)

    def _turn(self, camera: _Camera, fault: CameraFault, words: str, events: list[CameraStatus]) -> None:
        """Raise a fault that does not stand, return one that does."""
        is_raised = fault not in camera.standing
        camera.standing = camera.standing ^ {fault}
        camera.streaks.pop(fault, None)
        over = OVER.get(fault, f"is no longer {fault}")
        events.append(
            self._status(camera, fault, "raised", words) if is_raised else self._status(camera, fault, "returned", over)
        )

    def _status(self, camera: _Camera, fault: CameraFault, state: CameraState, words: str) -> CameraStatus:
        """The report of a fault, with the status of its camera now."""
        statuses: set[Ne107] = {FAULTS[name].status if name in FAULTS else UNSEEN for name in camera.standing}
        header = camera.header
        return CameraStatus(
            camera=camera.section.name,
            fault=fault,
            state=state,
            status=min(statuses, key=NE107.index, default="normal"),
            message=f"camera {camera.section.name} {words}",
            coil=(header.coil if header else None) or "",
            captured_ns=header.captured_ns if header else 0,
        )


OVER: dict[CameraFault, str] = {
    "encoder_standing": "has an encoder that moves again",
    "encoder_backwards": "has an encoder that no longer runs backwards",
    "clock": "no longer has a wrong clock",
    "edge_lost": "shows the strip's edge again",
    "restarting": "names one boot again",
    "not_inspected": "sends frames that are inspected again",
}
"""What is reported of a fault that is over, where it is no property."""


def _look(camera: _Camera, header: Header, came_unix_ns: int, limits: CameraHealthSection) -> FrameFacts:
    """What is known of a whole frame, against the one before; the camera is at this one then."""
    before, learnt = camera.header, camera.learnt
    camera.header = header
    is_restarted = before is not None and before.boot != header.boot
    return FrameFacts(
        pixels=camera.pixels or UNMEASURED,
        is_same=before is not None and _content(before) == _content(header),
        age_s=(came_unix_ns - header.captured_ns) / 1e9,
        is_restarted=is_restarted,
        advance=None if before is None or is_restarted else _advance(before, header, camera.section),
        is_edge_lost=camera.is_edge_lost,
        sharpness=learnt.sharpness.now if learnt.sharpness.recent else 1.0,
        focus=learnt.focus(limits.learn_frames // FOCUSED),
        shift_mm=learnt.shift_mm(limits.learn_frames // MEASURED),
    )


def _content(header: Header) -> tuple[int, str]:
    """What two frames with the same pixels have in common: the checksum of what was sent, and its form."""
    return header.crc32, header.encoding


def _advance(before: Header, header: Header, camera: CameraSection) -> float | None:
    """How far the encoder moved, in frame lengths; None on another coil, or without an encoder."""
    if before.start_mm is None or header.start_mm is None or before.coil != header.coil:
        return None
    return (header.start_mm - before.start_mm) / camera.footprint(header).length_mm
