"""A strip that moves as a law of speed says, under an encoder-triggered camera: for the test and the bench of triggers.

Each frame is exposed when its last row passes, arrives after a latency, and is handled in the order of arrival; between
frames the line ticks.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.config.camera import CameraSection
from inspector.records.events import Data, Trigger
from inspector.records.frame import Header
from inspector.records.stages import Detection, Findings, Frame, Inspected
from inspector.strip.strip import Strip
from inspector.triggers.settings import TriggerSection
from inspector.triggers.triggers import Triggers
from tests.frames import header, inspected

ROWS, ROW_MM = 256, 0.5
FRAME_MM = ROWS * ROW_MM
EPOCH_NS = 1_795_363_200_000_000_000
TICK_NS = 250_000_000
CAMERA = CameraSection(name="top", mm_per_px=1.0, mm_per_row=ROW_MM)
SPOT = Detection(class_id=1, start_mm=40.0, end_mm=60.0, left_mm=3.0, right_mm=9.0, area_mm2=90.0, confidence=0.9)
Speed = Callable[[float], float]
"""mm/s at a time, s."""
Floats = NDArray[np.float64]


class Reported(msgspec.Struct, frozen=True):
    """A trigger's event, when it was made, and how far off its moment truly was."""

    event: Trigger
    at_ns: int
    off_mm: float | None
    """Position of the strip when the action takes effect, less the place; None where the simulation ends before."""


def ramp(before: float, after: float, from_s: float, per_s2: float) -> Speed:
    """Speed that changes evenly from one value to another, from a time on."""

    def speed(s: float) -> float:
        change = math.copysign(per_s2, after - before) * max(0.0, s - from_s)
        return min(max(before + change, min(before, after)), max(before, after))

    return speed


class Line(msgspec.Struct, kw_only=True):
    """A simulated line, and what runs on it."""

    speed: Speed
    seconds: float
    latency_ms: float = 80.0
    jitter_us: float = 0.0
    """Of the times of exposure, one standard deviation."""
    clock_ns: int = 0
    """How far the cameras' clocks are ahead."""
    right: Sequence[str] = ()
    """Cameras whose clock is right all the same."""
    set_s: float = math.inf
    """When the calendar is set: the host's, by which its camera's goes."""
    set_ns: int = 0
    """By how much."""
    each: int = 7
    """One frame of N has a defect."""
    coil_frames: int = 10**9
    """Frames of a coil, after which the next is welded to it."""
    restarts: Sequence[int] = ()
    """Calls before which the inspector was killed and started again."""
    cameras: Sequence[CameraSection] = (CAMERA,)
    kept: Sequence[CameraSection] = ()
    """What of them is configured from the first restart on; all of them if empty."""
    is_sent: Callable[[Header], bool] = lambda header: True
    """Which frames come."""

    def run(self, rule: TriggerSection, *rules: TriggerSection) -> list[Reported]:
        """Let the strip pass; return what the triggers reported."""
        s, mm = self.positions()
        now_ns = EPOCH_NS

        def started(states: dict[str, bytes] | None = None) -> tuple[Strip, Triggers]:
            cameras = self.kept if states and self.kept else self.cameras
            strip = Strip(cameras)
            triggers = Triggers(
                (rule, *rules), cameras, unix_ns=lambda: self.unix_ns(now_ns), monotonic_ns=lambda: now_ns
            )
            if states:
                strip.restore(states["strip"], now_ns)
                triggers.restore(states["triggers"], now_ns)
            return strip, triggers

        strip, triggers = started()
        reported: list[Reported] = []
        for call, (now_ns, arrivals) in enumerate(self.calls(s, mm)):
            if call in self.restarts:
                strip, triggers = started({"strip": strip.state(), "triggers": triggers.state()})
            came = tuple(seen for seen in arrivals if self.is_sent(seen.frame.header))
            found = triggers(strip(Findings(arrivals=came, closed_ns=now_ns)))
            set_ns = self.unix_ns(now_ns) - now_ns
            for event in trigger_events(found.events):
                as_begun = msgspec.structs.replace(event, due_ns=event.due_ns - set_ns)
                reported.append(Reported(event, now_ns, self.off_mm(as_begun, rule, s, mm)))
        return reported

    def unix_ns(self, now_ns: int) -> int:
        """The calendar at a time that nobody sets."""
        return now_ns + self.set_ns * (now_ns >= EPOCH_NS + self.set_s * 1e9)

    def positions(self) -> tuple[Floats, Floats]:
        """Times, and the position under the camera at each."""
        s = np.arange(0.0, self.seconds, 1e-3)
        speeds = np.array([self.speed(at_s) for at_s in s.tolist()])
        middle = (speeds[1:] + speeds[:-1]) / 2 * 1e-3
        return s, np.concatenate(([0.0], np.cumsum(middle)))

    def calls(self, s: Floats, mm: Floats) -> list[tuple[int, list[Inspected]]]:
        """Batches, each with the time at which the stages see it."""
        frames = int(mm.max() // FRAME_MM)
        exposed = np.interp(np.arange(1, frames + 1) * FRAME_MM, mm, s)
        jitter = np.random.default_rng(1).normal(0, self.jitter_us / 1e6, frames)
        calls: list[tuple[int, list[Inspected]]] = [
            (EPOCH_NS + tick, []) for tick in range(0, round(self.seconds * 1e9), TICK_NS)
        ]
        for number, at_s in enumerate(exposed.tolist()):
            exposed_ns = EPOCH_NS + round((at_s + float(jitter[number])) * 1e9)
            named_ns = self.clock_ns + self.unix_ns(exposed_ns)
            seen_ns = EPOCH_NS + round((at_s + self.latency_ms / 1e3) * 1e9)
            calls.append((seen_ns, [self.frame(number, named_ns, camera.name, seen_ns) for camera in self.cameras]))
        return sorted(calls, key=lambda call: call[0])

    def frame(self, number: int, captured_ns: int, camera: str = "top", received_ns: int | None = None) -> Inspected:
        """Frame `number` of a camera, which came as it was captured; another than the first camera sees no defect."""
        coil, on_coil = divmod(number, self.coil_frames)
        facts: dict[str, Any] = {
            "coil": f"C{coil}",
            "start_mm": on_coil * FRAME_MM,
            "mm_per_row": ROW_MM,
            "height": ROWS,
        }
        captured_ns -= self.clock_ns if camera in self.right else 0
        has_spot = number % self.each == self.each // 2 and camera == self.cameras[0].name
        seen = inspected(header(number, camera, captured_ns=captured_ns, **facts), *([SPOT] if has_spot else []))
        return msgspec.structs.replace(
            seen, frame=Frame(seen.frame.header, captured_ns if received_ns is None else received_ns)
        )

    def off_mm(self, event: Trigger, rule: TriggerSection, s: Floats, mm: Floats) -> float | None:
        """How far the strip is past the place when the action takes effect."""
        effect_s = (event.due_ns - EPOCH_NS) / 1e9 + rule.delay_ms / 1e3
        if not 0 <= effect_s < s[-1]:
            return None
        begun_mm = int(event.coil[1:]) * self.coil_frames * FRAME_MM
        return float(np.interp(effect_s, s, mm)) - (begun_mm + event.at_mm)


def trigger_events(events: Sequence[Data]) -> list[Trigger]:
    """The triggers' among a batch's events."""
    return [event for event in events if isinstance(event, Trigger)]
