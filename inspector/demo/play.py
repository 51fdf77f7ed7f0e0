"""`inspector demo`: one simulated coil, inspected from end to end by a real daemon, and shown.

    inspector run demo.toml  <-- frames --  inspector replay     two real processes, real sockets
            |-- events, /metrics -->  this process: shows them live, then scores, sums up and draws

Knows: the order of things, and what a newcomer wants to see. Must not know: how any of it is done.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import cv2
import msgspec
import numpy as np

from inspector.demo.screen import Screen
from inspector.demo.site import HOST, Ports, Site, settle
from inspector.demo.summary import Figures, subtitle, summary
from inspector.drawing import coil_map
from inspector.errors import EXIT_FAILURE, InspectorError
from inspector.events import text
from inspector.harness import scrape
from inspector.harness.child import Child
from inspector.harness.listener import Heard, Listener
from inspector.harness.scrape import Counts
from inspector.records.events import Missed
from inspector.simulator.camera import Sent
from inspector.simulator.score import score
from inspector.simulator.sheet import MM_PER_PX, ROWS, Sheet
from inspector.simulator.thumbnail import SHRINK

COIL, RUN_IN = "DEMO", "RUN-IN"
FRAME_M = ROWS * MM_PER_PX / 1000
RUN_IN_FRAMES, RUN_IN_S = 24, 8.0
LOAD = 0.85
"""The line runs at this share of what the machine can take; at 1 every frame would wait in a full queue."""
FASTEST_FPS = 50.0
"""What one core draws of procedural steel."""
START_S, SETTLE_S, QUIET_S = 120.0, 60.0, 3.0
SLACK_S = 15.0
"""How much longer than planned the drive may take."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector demo`."""
    add = parser.add_argument
    add("--out", type=Path, default=Path("demo"), help="folder for what it leaves (%(default)s)")
    add("--metres", type=float, default=60.0, help="length of the coil at most (%(default)s)")
    add("--seconds", type=float, default=60.0, help="length of the drive at most (%(default)s)")
    add("--seed", type=int, default=1, help="of the steel; another one is another coil (%(default)s)")
    add("--recipe", metavar="FOLDER", help="instead of the shipped recipe")
    add("--fault", action="append", default=[], metavar="NAME=P", help="as in `inspector replay`")
    add("--port-base", type=int, metavar="PORT", help="this port and the next three (5555 to 5557, 9477)")


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when it ran through.

    Raises: InspectorError when a port is taken, a recipe is missing, or a process fails.
    """
    screen = Screen(sys.stdout)
    site = settle(args.out, Ports.counted_from(args.port_base), args.recipe)
    try:
        Demo(args, site, screen, colour=text.wants_colour(sys.stdout, os.environ)).run()
    except KeyboardInterrupt:
        screen.line("broken off")
        return EXIT_FAILURE
    finally:
        screen.clear()
    return 0


class Demo:
    """One demonstration."""

    def __init__(self, args: argparse.Namespace, site: Site, screen: Screen, *, colour: bool) -> None:
        self._args, self._site, self._screen, self._colour = args, site, screen, colour
        self._heard = Heard(COIL)

    def run(self) -> None:
        """Start, drive, drain, sum up.

        Raises: InspectorError when a process fails.
        """
        ports = self._site.ports
        self._introduce()
        with ExitStack() as stack:
            daemon = stack.enter_context(self._child("run", str(self._site.config)))
            self._wait_until_ready(daemon)
            addresses = (f"tcp://{HOST}:{port}" for port in (ports.events, ports.replay))
            self._listener = stack.enter_context(Listener(*addresses))
            rate_fps = LOAD * self._run_in(daemon)
            before = self._counts()
            sent, seconds = self._drive(daemon, rate_fps)
            counts = self._counts().since(before)
            self._drain(daemon)
        self._screen.clear()
        self._sum_up(sent, seconds, counts)

    # --- phases ---------------------------------------------------------------------------------------------

    def _introduce(self) -> None:
        folder, ports = self._site.folder, self._site.ports
        base = self._args.port_base
        subscribe = "inspector events"
        if base is not None:
            subscribe += f" --connect tcp://{HOST}:{ports.events} --replay tcp://{HOST}:{ports.replay}"
        say = self._screen.line
        say("One coil of procedural (simulated) steel, inspected by a real daemon over real sockets.")
        say(f"  look in from another terminal:  curl http://{HOST}:{ports.http}/metrics")
        say(f"                                  {subscribe}")
        say(f"  configuration and log:          {self._site.config}  {folder / 'run.log'}")
        say()

    def _wait_until_ready(self, daemon: Child) -> None:
        began_s = time.monotonic()
        told = ""
        while why := scrape.not_ready(HOST, self._site.ports.http):
            if not daemon.runs() or time.monotonic() - began_s > START_S:
                raise InspectorError(f"the inspector is not ready after {START_S:g} s: {why}. See run.log.")
            if why != told:
                self._screen.line(f"waiting: {why}")
                told = why
            time.sleep(0.1)
        self._screen.line(f"ready after {time.monotonic() - began_s:.1f} s, recipe {self._site.recipe}")

    def _run_in(self, daemon: Child) -> float:
        """Send some sound strip as fast as it is taken; return how many frames a second that was."""
        before = self._counts()
        marks: list[tuple[float, int]] = []
        deadline_s = time.monotonic() + START_S
        with self._camera("--coil", RUN_IN, "--frames", str(RUN_IN_FRAMES), "--defects-per-m", "0") as camera:
            while camera.runs() or self._counts().since(before).ended < self._sent().messages:
                now_s, done = time.monotonic(), self._counts().since(before).inspected
                if done > (marks[-1][1] if marks else 0):
                    marks.append((now_s, done))
                if marks and now_s - marks[0][0] > RUN_IN_S:
                    camera.terminate()
                if now_s > deadline_s:
                    raise InspectorError(f"only {done} frames were inspected in {START_S:g} s. See run.log.")
                self._step(daemon, 0.02)
        (first_s, first), (last_s, last) = (marks[0], marks[-1]) if marks else ((0.0, 0), (0.0, 0))
        measured_fps = (last - first) / (last_s - first_s) if last > first else FASTEST_FPS
        capacity_fps = min(measured_fps, FASTEST_FPS)
        speed = f"{LOAD:.0%} of that: {LOAD * capacity_fps * FRAME_M:.2f} m/s"
        self._screen.line(f"this machine inspects {capacity_fps:.1f} frames/s; the line runs at {speed}")
        self._screen.line()
        return capacity_fps

    def _drive(self, daemon: Child, rate_fps: float) -> tuple[Sent, float]:
        """Let the coil pass; return what was sent and how long that took."""
        args = self._args
        metres = min(args.metres, args.seconds * rate_fps * FRAME_M)
        frames = max(1, round(metres / FRAME_M))
        before = self._counts()
        options = ["--coil", COIL, "--frames", str(frames), "--rate", f"{rate_fps:.3f}"]
        options += ["--thumbnail", str(self._site.folder / "strip.png")]
        options += [word for fault in args.fault for word in ("--fault", fault)]
        began_s = 0.0
        with self._camera(*options) as camera:
            while camera.runs():
                self._step(daemon, 0.25)
                counts = self._counts().since(before)
                began_s = began_s or (time.monotonic() if counts.received else 0.0)
                passing_s = time.monotonic() - began_s if began_s else 0.0
                if passing_s > frames / rate_fps + SLACK_S:
                    camera.terminate()
                self._show_status(counts, metres, passing_s, frames / rate_fps)
        sent = self._sent()
        self._wait(lambda: self._counts().since(before).ended >= sent.messages, daemon)
        return sent, time.monotonic() - began_s

    def _drain(self, daemon: Child) -> None:
        """End the daemon; what it still completes is heard, but has no latency: it waited for us."""
        self._step(daemon, 0.0)
        self._heard.is_live = False
        self._screen.line()
        self._screen.line("end of the coil: SIGTERM, the inspector drains")
        daemon.finish()
        quiet_s = time.monotonic() + QUIET_S
        while not self._heard.is_over and time.monotonic() < quiet_s:
            self._hear(0.1)
        self._screen.line("the inspector ended with exit code 0")
        self._screen.line()

    def _sum_up(self, sent: Sent, seconds: float, counts: Counts) -> None:
        folder, seed = self._site.folder, self._args.seed
        thumbnail = cv2.imread(str(folder / "strip.png"), cv2.IMREAD_GRAYSCALE)
        if thumbnail is None:
            raise InspectorError(f"{folder / 'strip.png'}: the camera left no picture of the strip. See replay.log.")
        passed_mm = len(thumbnail) * SHRINK * MM_PER_PX
        beyond = Missed(camera="top", coil=COIL, start_mm=passed_mm, end_mm=passed_mm + 1e6, reasons={})
        heard = self._heard
        result = score(
            heard.defects.values(),
            Sheet(seed).planted(0, passed_mm),
            self._site.recipe.classes,
            counts.inspected_m,
            [*heard.missed, beyond],
        )
        figures = Figures(
            coil=COIL,
            recipe=str(self._site.recipe),
            passed_m=passed_mm / 1000,
            seconds=seconds,
            sent=sent.messages,
            counts=counts,
            latencies_ms=heard.latencies_ms,
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
            missed=tuple(heard.missed),
        )
        coil_map.save(drawn, folder / "coil.png")
        self._screen.line(summary(figures))
        self._screen.line()
        self._screen.line(f"  picture     {folder / 'coil.png'}")

    # --- one step -------------------------------------------------------------------------------------------

    def _step(self, daemon: Child, wait_s: float) -> None:
        """Let a moment pass: hear what is said, and see that the daemon lives."""
        self._hear(wait_s)
        if not daemon.runs():
            raise InspectorError("the inspector was stopped by somebody else. See run.log.")

    def _hear(self, wait_s: float) -> None:
        """Take and show the events that have come."""
        for received_ns, event in self._listener.take(wait_s):
            self._heard.take(received_ns, event)
            if event.subject != RUN_IN:
                self._screen.line(text.line(event, self._colour))

    def _show_status(self, counts: Counts, metres: float, passing_s: float, planned_s: float) -> None:
        if not counts.received:
            return
        share = f"{counts.inspected_m:6.1f} of {metres:.1f} m"
        speed = f"{counts.inspected / passing_s:.1f} frames/s" if passing_s > 1 else ""
        left = f"{max(0.0, planned_s - passing_s):.0f} s left"
        found = f"{len(self._heard.defects)} defects, {self._heard.alarms} alarms"
        self._screen.status("  ".join(filter(None, (share, speed, found, left))))

    def _wait(self, done: Callable[[], bool], daemon: Child) -> None:
        deadline_s = time.monotonic() + SETTLE_S
        while not done() and time.monotonic() < deadline_s:
            self._step(daemon, 0.05)

    def _sent(self) -> Sent:
        """What the camera that has just ended says it sent."""
        return msgspec.json.decode((self._site.folder / "replay.json").read_bytes(), type=Sent)

    def _counts(self) -> Counts:
        try:
            return scrape.counts(HOST, self._site.ports.http)
        except OSError as error:
            raise InspectorError(f"/metrics on port {self._site.ports.http}: {error}. See run.log.") from error

    def _camera(self, *options: str) -> Child:
        connect = f"tcp://{HOST}:{self._site.ports.frames}"
        return self._child("replay", "--connect", connect, "--seed", str(self._args.seed), "--json", *options)

    def _child(self, *words: str) -> Child:
        folder = self._site.folder
        return Child(list(words), folder / f"{words[0]}.json", folder / f"{words[0]}.log")
