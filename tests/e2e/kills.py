"""A mill whose inspector, or whose camera, is killed again and again under load: what of its frames is lost."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import msgspec

from inspector.camera import Camera, Transport
from inspector.client import Events
from inspector.harness.aside import Aside
from inspector.records.events import CoilReport, Defect, Missed
from inspector.records.frame import Bytes2D
from tests.e2e.ledger import LedgerWatch
from tests.e2e.mill import FRAME_MM, Mill, paint
from tests.patience import patience_s
from tests.recipes import DARK

RATE_FPS = 200
KEEP_FRAMES = 20_000
"""As many as pass while an inspector starts on a busy machine."""
MARKED = 10
"""Frames of which one has a defect."""
EARLY = str(Path(__file__).with_name("early.py"))

CAMERA = """
import sys, time
from pathlib import Path
from inspector.camera import Camera
from tests.e2e.kills import frame_at
from tests.e2e.mill import FRAME_MM
address, folder, frames, rate_fps = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
passed = folder / "passed"
first = int(passed.read_text()) if passed.exists() else 0
with Camera(address, "top", transport="credit", mm_per_row=0.5, keep_frames=10**6, spool=folder / "spool") as camera:
    for number in range(first, frames):
        camera.send(frame_at(number), coil="C1", start_mm=number * FRAME_MM)
        unfinished = folder / "unfinished"
        unfinished.write_text(str(number + 1))
        unfinished.rename(passed)
        time.sleep(1 / rate_fps)
    sys.exit(camera.close(120) != 0)
"""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the frames of one coil."""

    passed: int
    """Frames that passed under the camera."""
    inspected: int
    defects: int
    """Frames with a defect of which it was reported."""
    missed: int
    """Frames that are reported as missed."""
    missed_mm: float
    """How much strip, with what lay at most behind the last frame."""
    uneven: tuple[Missed, ...] = ()
    """Gaps that are not as long as their frames."""
    resent: int = 0
    """Frames that the camera sent more than once."""
    ledger: LedgerWatch | None = None
    published: int = 0
    """Events that a subscriber received, up to the coil's end."""
    unrecorded: int = 0
    """Of those, events that the journal does not have."""

    @property
    def marked(self) -> int:
        """Frames that had a defect."""
        return -(-self.passed // MARKED)


class Subscriber(Aside):
    """Receives events over restarts, and asks for nothing again, until the `with` block ends."""

    def __init__(self, mill: Mill) -> None:
        super().__init__()
        self.seqs = set[int]()
        self._mill = mill

    def work(self) -> None:
        """Note the number of each event that is published."""
        with Events(self._mill.ports.address("events"), timeout_s=0.5) as events:
            while not self.is_over.is_set():
                self.seqs.update(event.seq for event in events)


def frame_at(number: int) -> Bytes2D:
    """The pixels of a frame: every tenth has one defect."""
    return paint(*([] if number % MARKED else [(10, 30, 20, 40, DARK)]))


def _address(folder: Path) -> str:
    """Where frames go: no port, which a camera that tries again and again may take itself while nobody has it."""
    return f"ipc://@{hashlib.sha256(str(folder).encode()).hexdigest()}"


def survive(folder: Path, kills: int, transport: Transport, *, early: bool = False, frames: int = 30) -> Outcome:
    """Kill an inspector so often under load, each time once it has inspected N frames more."""
    mill = Mill(folder, transport=transport, bind=_address(folder))
    if early:
        mill.program = (EARLY,)
    stop = threading.Event()
    counts = dict.fromkeys(("passed", "resent"), 0)

    def line() -> None:
        address = _address(folder)
        camera = Camera(address, "top", transport=transport, mm_per_row=0.5, keep_frames=KEEP_FRAMES)
        assert camera.room(patience_s())  # nobody knows how many went by before the first
        due_s = time.monotonic()
        while not stop.is_set():
            if camera.room(0):
                camera.send(frame_at(counts["passed"]), coil="C1", start_mm=counts["passed"] * FRAME_MM)
            else:
                camera.skip()
            counts["passed"] += 1
            due_s += 1 / RATE_FPS
            camera.tend(max(0.0, due_s - time.monotonic()))
            time.sleep(max(0.0, due_s - time.monotonic()))
        if transport == "push":  # always the coil's last, as may happen at any time: no frame shows where it lay
            camera.skip()
            counts["passed"] += 1
        assert camera.room(patience_s())
        camera.send(paint(), coil="C2", start_mm=0.0)
        camera.close(patience_s())
        counts["resent"] = getattr(camera._link, "resent", 0)

    camera = threading.Thread(target=line)
    with mill, LedgerWatch(mill.ports.http) as ledger, Subscriber(mill) as subscriber:
        camera.start()
        try:
            for _ in range(kills):
                mill.until(frames)
                mill.stop(signal.SIGKILL)
                mill.start()
            mill.until(frames)
        finally:
            stop.set()
            camera.join()
        found = _outcome(mill, counts["passed"], counts["resent"], subscriber)
        return msgspec.structs.replace(found, ledger=ledger)


def survive_camera_kills(folder: Path, kills: int, frames: int) -> Outcome:
    """Kill the camera's process so often within that many frames; its spool is what the next one begins with.

    Killed between the spool and its note of what passed, a camera sends that frame once more, under another number: one
    more at each kill is of this program, and any beyond would be counted twice by the inspector.
    """
    mill = Mill(folder, transport="credit", bind=_address(folder))
    words = [_address(folder), str(folder), str(frames), str(RATE_FPS)]
    root = Path(__file__).parents[2]
    with mill:
        for kill in range(1, kills + 1):
            with subprocess.Popen([sys.executable, "-c", CAMERA, *words], cwd=root) as camera:
                passed = folder / "passed"
                at = kill * frames // (kills + 1)
                mill.wait_until(lambda: passed.exists() and int(passed.read_text()) >= at, f"see frame {at}")  # noqa: B023
                camera.kill()
        subprocess.run([sys.executable, "-c", CAMERA, *words], cwd=root, check=True)
        with Camera(_address(folder), "top", transport="credit", mm_per_row=0.5) as last:
            last.send(paint(), coil="C2", start_mm=0.0)
        return _outcome(mill, frames, 0)


def _length_mm(gap: Missed) -> float:
    """How much strip a gap is, and may be where a coil ends with it."""
    return gap.end_mm - gap.start_mm + gap.at_most_mm


def _outcome(mill: Mill, passed: int, resent: int, subscriber: Subscriber | None = None) -> Outcome:
    """Read from the journal what is on record of the first coil."""
    missed, defects, seqs = list[Missed](), set[str](), set[int]()
    with mill.listen() as events:
        for event in events:
            seqs.add(event.seq)
            match event.data:
                case Missed(coil="C1"):
                    missed.append(event.data)
                case Defect(coil="C1", is_partial=False):
                    defects.add(f"{event.data.start_mm // FRAME_MM:.0f}")
                case CoilReport(coil="C1", state="ended"):
                    published = {seq for seq in (subscriber.seqs if subscriber else ()) if seq <= event.seq}
                    return Outcome(
                        published=len(published),
                        unrecorded=len(published - seqs),
                        passed=passed,
                        inspected=event.data.frames,
                        defects=len(defects),
                        missed=sum(sum(gap.reasons.values()) for gap in missed),
                        missed_mm=sum(map(_length_mm, missed)),
                        uneven=tuple(
                            gap for gap in missed if abs(_length_mm(gap) - sum(gap.reasons.values()) * FRAME_MM) > 1e-3
                        ),
                        resent=resent,
                    )
    raise AssertionError("the coil was not reported as ended")
