"""`inspector demo`: two simulated coils, welded, inspected from end to end by a real daemon, and shown.

    inspector run demo.toml  <-- frames --  inspector replay     two real processes, real sockets
            |-- events, /metrics -->  this process: shows them live, then scores, sums up and draws
            |-- journal, archive -->  inspector report           one HTML file for each coil

Knows: the order of things, and what a newcomer wants to see. Must not know: how any of it is done.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import msgspec

from inspector.demo import ribbon
from inspector.demo.finale import DemoRun, Finale, command, mark
from inspector.demo.lines import line
from inspector.demo.plan import COILS, FRAME_M, RUN_IN, SHOWN_FRAMES, USUAL_S, WIDTH_PX, Plan, plan
from inspector.demo.received import Received
from inspector.demo.recipes import RecipeChoice, choose_recipe
from inspector.demo.screen import StatusScreen
from inspector.demo.setup import DemoSetup, choose_ports, set_up
from inspector.errors import EXIT_FAILURE, InspectorError
from inspector.events import text
from inspector.harness import station
from inspector.harness.child import Child
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import HOST, Ports
from inspector.harness.scrape import Counts
from inspector.records.envelope import Event
from inspector.simulator.camera import Sent
from inspector.simulator.looks import LOOKS, PLAIN
from inspector.simulator.sheet import CLASSES, MM_PER_PX
from inspector.words import counted

RUN_IN_FRAMES, RUN_IN_S = 16, 8.0
LOAD = 0.85
"""The line runs at this share of what the machine can take; at 1 every frame would wait in a full queue."""
FASTEST_FPS = 25.0
"""What one core draws of procedural steel so wide."""
RUN_IN_LIMIT_S, SETTLE_S, QUIET_S = 300.0, 30.0, 10.0
STEP_S = 0.4
"""How often the status is drawn."""
SLACK_S = 15.0
"""How much longer than planned the drive may take, on a machine that slows down meanwhile."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options of `inspector demo`."""
    add = parser.add_argument
    add(
        "--out",
        type=Path,
        default=Path("demo"),
        metavar="FOLDER",
        help="folder for what it leaves (default: %(default)s)",
    )
    add("--metres", type=float, default=60.0, metavar="M", help="length of both coils at most (default: %(default)s)")
    add(
        "--seconds",
        type=float,
        default=USUAL_S,
        metavar="S",
        help="length of the drive, more where it cannot show all (default: %(default)s)",
    )
    add(
        "--seed",
        type=int,
        default=44,
        metavar="N",
        help="seed of the steel; another one is other coils (default: %(default)s)",
    )
    add("--look", choices=list(LOOKS), default=PLAIN, help="look of the steel (default: %(default)s)")
    add("--recipe", metavar="RECIPE", help="folder or shipped name (default: the one that is better on this steel)")
    add("--fault", action="append", default=[], metavar="NAME=P", help="faults of the camera, as in `inspector replay`")
    add(
        "--port-base",
        type=int,
        metavar="PORT",
        help="first of six ports in a row (default: the usual ones, or others where they are taken)",
    )


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 when it ran through.

    Raises: InspectorError when a port is taken, a recipe is missing, or a process fails.
    """
    screen = StatusScreen(sys.stdout)

    def choose() -> RecipeChoice:
        return RecipeChoice(args.recipe, "") if args.recipe else choose_recipe(args.look)

    setup = set_up(args.out, choose_ports(args.port_base), choose)
    try:
        Demo(args, setup, screen, colour=text.wants_colour(sys.stdout, os.environ)).run()
    except KeyboardInterrupt:
        screen.line("broken off")
        return EXIT_FAILURE
    finally:
        screen.clear()
        for log in args.out.glob("*.log"):
            if not log.stat().st_size:  # its program had nothing to report
                log.unlink()
    return 0


class Demo:
    """One demonstration."""

    def __init__(self, args: argparse.Namespace, setup: DemoSetup, screen: StatusScreen, *, colour: bool) -> None:
        self._args, self._setup, self._screen, self._colour = args, setup, screen, colour
        self._received = Received(COILS)
        self._reached_m = 0.0

    def run(self) -> None:
        """Start, drive, drain, sum up.

        Raises: InspectorError when a process fails.
        """
        self._introduce()
        began_s = time.monotonic()
        with ExitStack() as stack:
            daemon = DaemonProcess(self._setup.config, self._setup.ports)
            stack.enter_context(daemon.start(report=lambda why: self._screen.line(f"waiting: {why}")))
            chosen = f"recipe {self._setup.recipe}{self._setup.why and f', {self._setup.why}'}"
            self._screen.line(f"ready after {time.monotonic() - began_s:.1f} s; {chosen}")
            self._listener = stack.enter_context(daemon.listener())
            self._open_station(stack)
            rate_fps = LOAD * self._run_in(daemon)
            before, engine_before = daemon.counts(), engine_time(daemon)
            frames = max(SHOWN_FRAMES, self._args.seconds * rate_fps)
            self._plan = plan(round(min(self._args.metres / FRAME_M, frames)))
            self._announce(self._plan, rate_fps)
            sent, seconds = self._drive(daemon, rate_fps)
            counts, (engine_s, batches) = daemon.counts().since(before), engine_time(daemon)
            self._drain(daemon)
        self._screen.clear()
        share_ms = 1000 * (engine_s - engine_before[0]) / max(1.0, batches - engine_before[1])
        run = DemoRun(sent.messages, seconds, counts, share_ms, self._listener.lost, self._args.seed)
        Finale(self._setup, self._received, self._screen, colour=self._colour).show(run)

    # --- phases ---------------------------------------------------------------------------------------------

    def _introduce(self) -> None:
        folder, ports = self._setup.folder, self._setup.ports
        subscribe = f"{command()} events"
        if ports != Ports():
            subscribe += f" --connect tcp://{HOST}:{ports.events} --replay tcp://{HOST}:{ports.replay}"
        say = self._screen.line
        say("Two coils of procedural (simulated) steel, welded, inspected by a real daemon over real sockets.")
        say(f"  look in from another terminal:  curl http://{HOST}:{ports.http}/metrics")
        say(f"                                  {subscribe}")
        say(f"  configuration and log:          {self._setup.config}  {folder / 'run.log'}")
        say()

    def _open_station(self, stack: ExitStack) -> None:
        """Let people look on, where this machine has what that takes; the coil passes without."""
        if not station.is_installed():
            self._screen.line("to watch it in a browser:  pip install 'inline-steel-inspector[station]'")
            return
        try:
            pages = station.StationProcess(
                self._setup.config, self._setup.folder, station.free_bind(*self._station_port())
            )
            stack.enter_context(pages)
        except InspectorError as error:
            self._screen.line(f"no station: {error}")
            return
        self._screen.line(f"watch it in a browser:  {pages.address}/")

    def _station_port(self) -> tuple[int, ...]:
        """The port behind the inspector's own, where its base is given."""
        base = self._args.port_base
        return () if base is None else (base + len(Ports.__struct_fields__),)

    def _run_in(self, daemon: DaemonProcess) -> float:
        """Send some sound strip as fast as it is taken; return how many frames a second that was."""
        before = daemon.counts()
        marks: list[tuple[float, int]] = []
        deadline_s = time.monotonic() + RUN_IN_LIMIT_S
        sound = ["--defects-per-m", "0", "--lookalikes-per-m", "0"]
        with self._camera("--coil", RUN_IN, "--frames", str(RUN_IN_FRAMES), *sound) as camera:
            while camera.runs():
                now_s, done = time.monotonic(), daemon.counts().since(before).inspected
                if done > (marks[-1][1] if marks else 0):
                    marks.append((now_s, done))
                if marks and now_s - marks[0][0] > RUN_IN_S:
                    camera.terminate()
                if now_s > deadline_s:
                    raise InspectorError(
                        f"only {counted(done, 'frame')} inspected in {RUN_IN_LIMIT_S:g} s. See run.log."
                    )
                self._step(daemon, 0.05)
        self._settle(daemon, before)
        (first_s, first), (last_s, last) = (marks[0], marks[-1]) if marks else ((0.0, 0), (0.0, 0))
        measured_fps = (last - first) / (last_s - first_s) if last > first else FASTEST_FPS
        capacity_fps = min(measured_fps, FASTEST_FPS)
        speed = f"{LOAD:.0%} of that: {LOAD * capacity_fps * FRAME_M:.2f} m/s"
        self._screen.line(f"this machine inspects {capacity_fps:.1f} frames/s; the line runs at {speed}")
        self._screen.line()
        return capacity_fps

    def _announce(self, coming: Plan, rate_fps: float) -> None:
        """Say what is about to pass."""
        first, second = (frames * FRAME_M for frames in coming.frames)
        gap = ""
        if coming.lost:
            from_m, to_m = (frame * FRAME_M for frame in coming.lost)
            gap = f"; from {from_m:.2f} to {to_m:.2f} m of {COILS[0]} the camera is blind"
        signs = [f"{ribbon.sign(number, self._colour)} {name}" for number, name in enumerate(CLASSES, 1)]
        say = self._screen.line
        say(f"planted: {COILS[0]}, {first:.1f} m, and welded to it {COILS[1]}, {second:.1f} m, with defects at random")
        say(f"         the prints of a damaged roll go on over the weld{gap}")
        say(f"         {'  '.join(signs)}")
        planned_s = sum(coming.frames) / rate_fps
        if planned_s > self._args.seconds + SLACK_S:
            say(f"         this machine is slow or busy now: that takes {planned_s:.0f} s")
        say()

    def _drive(self, daemon: DaemonProcess, rate_fps: float) -> tuple[Sent, float]:
        """Let the coils pass; return what was sent and how long that took."""
        args, folder = self._args, self._setup.folder
        before = daemon.counts()
        options = [*self._plan.options(), "--rate", f"{rate_fps:.3f}"]
        options += ["--thumbnail", str(folder / "strip.png"), "--planted", str(folder / "planted.csv")]
        options += [word for fault in args.fault for word in ("--fault", fault)]
        planned_s, began_s = sum(self._plan.frames) / rate_fps, 0.0
        with self._camera(*options) as camera:
            while camera.runs():
                self._step(daemon, STEP_S)
                counts = daemon.counts().since(before)
                began_s = began_s or (time.monotonic() if counts.received else 0.0)
                passing_s = time.monotonic() - began_s if began_s else 0.0
                if passing_s > max(args.seconds, 2 * planned_s) + SLACK_S:
                    camera.terminate()
                self._show_status(counts, passing_s, planned_s)
        self._settle(daemon, before)
        return self._sent(), time.monotonic() - began_s

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

    # --- one step -------------------------------------------------------------------------------------------

    def _step(self, daemon: DaemonProcess, wait_s: float) -> None:
        """Let a moment pass: take the events that come, and see that the daemon lives."""
        self._receive(wait_s)
        daemon.check()

    def _receive(self, wait_s: float) -> None:
        """Take and show the events that have come."""
        for received_ns, event in self._listener.take(wait_s):
            self._received.take(received_ns, event)
            if words := self._words(event):
                self._screen.line(words)

    def _words(self, event: Event) -> str:
        return "" if event.subject == RUN_IN else line(event, self._colour)

    def _show_status(self, counts: Counts, passing_s: float, planned_s: float) -> None:
        if not counts.received:
            return
        self._reached_m = counts.inspected_m + counts.missed_m
        share = f"{self._reached_m:6.1f} of {self._plan.metres:.1f} m"
        speed = f"{counts.inspected / passing_s:.1f} frames/s" if passing_s > 1 else ""
        left = f"{max(0.0, planned_s - passing_s):.0f} s left"
        found = f"{counted(len(self._received.defects), 'defect')}, {counted(self._received.alarms, 'alarm')}"
        words = "  ".join(filter(None, (share, speed, found, left)))
        above = ribbon.draw(self._so_far(), self._screen.columns, self._colour) if self._screen.is_terminal else []
        self._screen.status(words, above)

    def _so_far(self) -> ribbon.RibbonStrip:
        """The strip as far as it has passed."""
        behind_mm = dict(zip(COILS, (0.0, self._plan.frames[0] * FRAME_M * 1000), strict=True))
        marks = [mark(defect, behind_mm[defect.coil]) for coil in COILS for defect in self._received.defects_of(coil)]
        missed = [
            (behind_mm[gap.coil] + gap.start_mm, behind_mm[gap.coil] + gap.end_mm) for gap in self._received.missed
        ]
        return ribbon.RibbonStrip(
            length_mm=1000 * self._plan.metres,
            width_mm=WIDTH_PX * MM_PER_PX,
            reached_mm=1000 * self._reached_m,
            heads=tuple(behind_mm.items()),
            marks=marks,
            missed=missed,
        )

    def _settle(self, daemon: DaemonProcess, before: Counts) -> None:
        """Wait for the last frames that were sent; not for what a socket lost, where nothing more happens."""
        sent, moved_s, ended = self._sent().messages, time.monotonic(), -1
        while ended < sent and time.monotonic() < moved_s + SETTLE_S:
            if (now := daemon.counts().since(before).ended) != ended:
                ended, moved_s = now, time.monotonic()
            self._step(daemon, 0.1)

    def _sent(self) -> Sent:
        """What the camera that has just ended reports to have sent."""
        return msgspec.json.decode((self._setup.folder / "replay.json").read_bytes(), type=Sent)

    def _camera(self, *options: str) -> Child:
        connect = f"tcp://{HOST}:{self._setup.ports.frames}"
        words = ["replay", "--connect", connect, "--width", str(WIDTH_PX), "--json", *options]
        words += ["--seed", str(self._args.seed), "--look", self._args.look]
        return Child(words, self._setup.folder / "replay.json", self._setup.folder / "replay.log")


def engine_time(daemon: DaemonProcess) -> tuple[float, float]:
    """Seconds that batches have spent in the engine and waiting for it, and their number."""
    seconds, batches = (daemon.value(f"inspector_stage_seconds_{part}", stage="infer") for part in ("sum", "count"))
    return seconds, batches
