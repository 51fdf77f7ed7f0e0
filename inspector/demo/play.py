"""`inspector demo`: one simulated coil, inspected from end to end by a real daemon, and shown.

    inspector run demo.toml  <-- frames --  inspector replay     two real processes, real sockets
            |-- events, /metrics -->  this process: shows them live, then scores, sums up and draws

Knows: the order of things, and what a newcomer wants to see. Must not know: how any of it is done.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector.demo.received import Received
from inspector.demo.report import write_report
from inspector.demo.screen import StatusScreen
from inspector.demo.setup import DemoSetup, set_up
from inspector.demo.summary import Figures, subtitle, summary
from inspector.drawing import coil_map
from inspector.errors import EXIT_FAILURE, InspectorError
from inspector.events import text
from inspector.harness.child import Child
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import HOST, Ports
from inspector.harness.scrape import Counts
from inspector.records.events import Missed
from inspector.score import score
from inspector.simulator.camera import Sent
from inspector.simulator.sheet import MM_PER_PX, ROWS, Sheet
from inspector.simulator.thumbnail import SHRINK
from inspector.words import counted

COIL, RUN_IN = "DEMO", "RUN-IN"
FRAME_M = ROWS * MM_PER_PX / 1000
RUN_IN_FRAMES, RUN_IN_S = 24, 8.0
LOAD = 0.85
"""The line runs at this share of what the machine can take; at 1 every frame would wait in a full queue."""
FASTEST_FPS = 50.0
"""What one core draws of procedural steel."""
RUN_IN_LIMIT_S, SETTLE_S, QUIET_S = 300.0, 60.0, 10.0
SLACK_S = 15.0
"""How much longer than `--seconds` the drive may take, on a machine that slows down meanwhile."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector demo`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo"), help="folder for what it leaves (%(default)s)")
    add("--metres", type=float, default=60.0, help="length of the coil at most (%(default)s)")
    add("--seconds", type=float, default=60.0, help="length of the drive at most (%(default)s)")
    add("--seed", type=int, default=1, help="seed of the steel; another one is another coil (%(default)s)")
    add("--recipe", metavar="FOLDER", help="recipe that runs instead of the shipped one")
    add("--fault", action="append", default=[], metavar="NAME=P", help="faults of the camera, as in `inspector replay`")
    add("--port-base", type=int, metavar="PORT", help="first of four ports in a row (5555 to 5557, 9477)")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when it ran through.

    Raises: InspectorError when a port is taken, a recipe is missing, or a process fails.
    """
    screen = StatusScreen(sys.stdout)
    setup = set_up(args.out, Ports() if args.port_base is None else Ports.counted_from(args.port_base), args.recipe)
    try:
        Demo(args, setup, screen, colour=text.wants_colour(sys.stdout, os.environ)).run()
    except KeyboardInterrupt:
        screen.line("broken off")
        return EXIT_FAILURE
    finally:
        screen.clear()
    return 0


class Demo:
    """One demonstration."""

    def __init__(self, args: argparse.Namespace, setup: DemoSetup, screen: StatusScreen, *, colour: bool) -> None:
        self._args, self._setup, self._screen, self._colour = args, setup, screen, colour
        self._received = Received(COIL)

    def run(self) -> None:
        """Start, drive, drain, sum up.

        Raises: InspectorError when a process fails.
        """
        self._introduce()
        began_s = time.monotonic()
        with ExitStack() as stack:
            daemon = DaemonProcess(self._setup.config, self._setup.ports)
            stack.enter_context(daemon.start(report=lambda why: self._screen.line(f"waiting: {why}")))
            self._screen.line(f"ready after {time.monotonic() - began_s:.1f} s, recipe {self._setup.recipe}")
            self._listener = stack.enter_context(daemon.listener())
            rate_fps = LOAD * self._run_in(daemon)
            before, engine_before = daemon.counts(), engine_time(daemon)
            sent, seconds = self._drive(daemon, rate_fps)
            counts, (engine_s, batches) = daemon.counts().since(before), engine_time(daemon)
            self._drain(daemon)
        self._screen.clear()
        share_ms = 1000 * (engine_s - engine_before[0]) / max(1.0, batches - engine_before[1])
        self._sum_up(sent, seconds, counts, share_ms)

    # --- phases ---------------------------------------------------------------------------------------------

    def _introduce(self) -> None:
        folder, ports = self._setup.folder, self._setup.ports
        base = self._args.port_base
        subscribe = f"{command()} events"
        if base is not None:
            subscribe += f" --connect tcp://{HOST}:{ports.events} --replay tcp://{HOST}:{ports.replay}"
        say = self._screen.line
        say("One coil of procedural (simulated) steel, inspected by a real daemon over real sockets.")
        say(f"  look in from another terminal:  curl http://{HOST}:{ports.http}/metrics")
        say(f"                                  {subscribe}")
        say(f"  configuration and log:          {self._setup.config}  {folder / 'run.log'}")
        say()

    def _run_in(self, daemon: DaemonProcess) -> float:
        """Send some sound strip as fast as it is taken; return how many frames a second that was."""
        before = daemon.counts()
        marks: list[tuple[float, int]] = []
        deadline_s = time.monotonic() + RUN_IN_LIMIT_S
        with self._camera("--coil", RUN_IN, "--frames", str(RUN_IN_FRAMES), "--defects-per-m", "0") as camera:
            while camera.runs() or daemon.counts().since(before).ended < self._sent().messages:
                now_s, done = time.monotonic(), daemon.counts().since(before).inspected
                if done > (marks[-1][1] if marks else 0):
                    marks.append((now_s, done))
                if marks and now_s - marks[0][0] > RUN_IN_S:
                    camera.terminate()
                if now_s > deadline_s:
                    raise InspectorError(
                        f"only {counted(done, 'frame')} inspected in {RUN_IN_LIMIT_S:g} s. See run.log."
                    )
                self._step(daemon, 0.02)
        (first_s, first), (last_s, last) = (marks[0], marks[-1]) if marks else ((0.0, 0), (0.0, 0))
        measured_fps = (last - first) / (last_s - first_s) if last > first else FASTEST_FPS
        capacity_fps = min(measured_fps, FASTEST_FPS)
        speed = f"{LOAD:.0%} of that: {LOAD * capacity_fps * FRAME_M:.2f} m/s"
        self._screen.line(f"this machine inspects {capacity_fps:.1f} frames/s; the line runs at {speed}")
        self._screen.line()
        return capacity_fps

    def _drive(self, daemon: DaemonProcess, rate_fps: float) -> tuple[Sent, float]:
        """Let the coil pass; return what was sent and how long that took."""
        args = self._args
        metres = min(args.metres, args.seconds * rate_fps * FRAME_M)
        frames = max(1, round(metres / FRAME_M))
        before = daemon.counts()
        options = ["--coil", COIL, "--frames", str(frames), "--rate", f"{rate_fps:.3f}"]
        options += ["--thumbnail", str(self._setup.folder / "strip.png")]
        options += [word for fault in args.fault for word in ("--fault", fault)]
        began_s = 0.0
        with self._camera(*options) as camera:
            while camera.runs():
                self._step(daemon, 0.25)
                counts = daemon.counts().since(before)
                began_s = began_s or (time.monotonic() if counts.received else 0.0)
                passing_s = time.monotonic() - began_s if began_s else 0.0
                if passing_s > args.seconds + SLACK_S:
                    camera.terminate()
                self._show_status(counts, metres, passing_s, frames / rate_fps)
        sent = self._sent()
        self._wait(lambda: daemon.counts().since(before).ended >= sent.messages, daemon)
        return sent, time.monotonic() - began_s

    def _drain(self, daemon: DaemonProcess) -> None:
        """End the daemon; what it still completes is received, but has no latency: it waited for us."""
        self._step(daemon, 0.0)
        self._received.is_live = False
        self._screen.line()
        self._screen.line("end of the coil: SIGTERM, the inspector drains")
        if code := daemon.stop():
            raise InspectorError(daemon.child.described(f"ended with exit code {code}"))
        quiet_s = time.monotonic() + QUIET_S
        while not self._received.is_over and time.monotonic() < quiet_s:
            self._receive(0.1)
        self._screen.line("the inspector ended with exit code 0")
        self._screen.line()

    def _sum_up(self, sent: Sent, seconds: float, counts: Counts, engine_ms: float) -> None:
        folder, seed = self._setup.folder, self._args.seed
        thumbnail = cv2.imread(str(folder / "strip.png"), cv2.IMREAD_GRAYSCALE)
        if thumbnail is None:
            raise InspectorError(f"{folder / 'strip.png'}: the camera left no picture of the strip. See replay.log.")
        passed_mm = len(thumbnail) * SHRINK * MM_PER_PX
        beyond = Missed(camera="top", coil=COIL, start_mm=passed_mm, end_mm=passed_mm + 1e6, reasons={})
        received = self._received
        result = score(
            received.defects.values(),
            Sheet(seed).planted(0, passed_mm),
            self._setup.recipe.classes,
            counts.inspected_m,
            [*received.missed, beyond],
        )
        figures = Figures(
            coil=COIL,
            recipe=str(self._setup.recipe),
            passed_m=passed_mm / 1000,
            seconds=seconds,
            sent=sent.messages,
            counts=counts,
            latencies_ms=received.latencies_ms,
            engine_ms=engine_ms,
            lost_events=self._listener.lost,
            score=result,
        )
        drawn = coil_map.CoilMap(
            title=f"Coil {COIL}",
            subtitle=subtitle(figures, datetime.now(UTC)),
            foot=f"Procedural steel, a simulation (seed {seed}). {coil_map.READING}",
            thumbnail=thumbnail.astype(np.uint8, copy=False),
            mm_per_row=SHRINK * MM_PER_PX,
            mm_per_px=SHRINK * MM_PER_PX,
            score=result,
            missed=tuple(received.missed),
        )
        coil_map.save(drawn, folder / "coil.png")
        self._screen.line(summary(figures))
        self._screen.line()
        self._screen.line(f"  picture     {folder / 'coil.png'}")
        made = write_report(COIL, self._setup.config, thumbnail.astype(np.uint8, copy=False), folder / "coil.html")
        self._screen.line(f"  coil report {folder / 'coil.html'}: {made.grade}. Open it in a browser.")
        self._screen.line(f"  ask more    {command()} defects --coil {COIL} --journal {folder / 'journal'} --csv")

    # --- one step -------------------------------------------------------------------------------------------

    def _step(self, daemon: DaemonProcess, wait_s: float) -> None:
        """Let a moment pass: take the events that come, and see that the daemon lives."""
        self._receive(wait_s)
        daemon.check()

    def _receive(self, wait_s: float) -> None:
        """Take and show the events that have come."""
        for received_ns, event in self._listener.take(wait_s):
            self._received.take(received_ns, event)
            if event.subject != RUN_IN:
                self._screen.line(text.line(event, self._colour))

    def _show_status(self, counts: Counts, metres: float, passing_s: float, planned_s: float) -> None:
        if not counts.received:
            return
        share = f"{counts.inspected_m:6.1f} of {metres:.1f} m"
        speed = f"{counts.inspected / passing_s:.1f} frames/s" if passing_s > 1 else ""
        left = f"{max(0.0, planned_s - passing_s):.0f} s left"
        found = f"{counted(len(self._received.defects), 'defect')}, {counted(self._received.alarms, 'alarm')}"
        self._screen.status("  ".join(filter(None, (share, speed, found, left))))

    def _wait(self, done: Callable[[], bool], daemon: DaemonProcess) -> None:
        deadline_s = time.monotonic() + SETTLE_S
        while not done() and time.monotonic() < deadline_s:
            self._step(daemon, 0.05)

    def _sent(self) -> Sent:
        """What the camera that has just ended reports to have sent."""
        return msgspec.json.decode((self._setup.folder / "replay.json").read_bytes(), type=Sent)

    def _camera(self, *options: str) -> Child:
        connect = f"tcp://{HOST}:{self._setup.ports.frames}"
        words = ["replay", "--connect", connect, "--seed", str(self._args.seed), "--json", *options]
        return Child(words, self._setup.folder / "replay.json", self._setup.folder / "replay.log")


def engine_time(daemon: DaemonProcess) -> tuple[float, float]:
    """Seconds that batches have spent in the engine and waiting for it, and their number."""
    seconds, batches = (daemon.value(f"inspector_stage_seconds_{part}", stage="infer") for part in ("sum", "count"))
    return seconds, batches


def command() -> str:
    """How this program is called from where the user stands: a path where it is not installed for all."""
    installed = Path(sys.executable).with_name("inspector")
    found = shutil.which("inspector")
    return "inspector" if found or not installed.is_file() else os.path.relpath(installed)
