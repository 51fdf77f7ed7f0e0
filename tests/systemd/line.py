"""A line on a booted machine: configured, observed and fed as in a mill."""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from collections.abc import Callable

import numpy as np
import zmq
from prometheus_client.parser import text_string_to_metric_families

from inspector import wire
from inspector.client import Events
from inspector.records.envelope import Event
from tests.recipes import DARK, HEIGHT, SOUND, WIDTH
from tests.systemd.machine import Machine

UNIT = "inspector@line3.service"
CONFIG = "/etc/inspector/line3.toml"
SETTINGS = """
line = "line3"
[recipe]
path = "recipes/heavy"
[intake]
bind = "tcp://127.0.0.1:5555"
overload = "wait"
queue_batches = 8
[batch]
max_frames = 1
[[camera]]
name = "top"
mm_per_px = 0.5
mm_per_row = 0.5
[events]
bind = "tcp://127.0.0.1:5556"
replay_bind = "tcp://127.0.0.1:5557"
[journal]
path = "/var/lib/inspector/line3/journal"
[http]
bind = "127.0.0.1:9477"
[[defect]]
name = "dark"
join_along_mm = 0
"""
"""Each frame's defect is one of its own."""
WAIT_S = 120.0
"""Far more than anything here takes on a busy machine."""


class Line:
    """The service of one line, and its camera."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self._number = 0

    def configure(self, text: str = SETTINGS) -> None:
        """Write the line's configuration."""
        self.machine.write(CONFIG, text)

    def serve(self) -> None:
        """Have it run as it is configured first, whatever was before."""
        self.configure()
        self.machine.run("systemctl", "reset-failed", UNIT)
        self.machine.out("systemctl", "start", UNIT)

    def show(self, name: str) -> str:
        """Return a property of the unit."""
        return self.machine.out("systemctl", "show", "--property", name, "--value", UNIT)

    def log(self) -> str:
        """Return all that the service has logged."""
        return self.machine.out("journalctl", "--unit", UNIT, "--no-pager", "--output", "cat")

    def ready(self) -> bool:
        """Whether it takes frames."""
        return self.get("/ready")[0] == 200

    def get(self, path: str) -> tuple[int, str]:
        """Return status and text of an HTTP request; status 0 when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:9477{path}", timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str) -> float:
        """Return the sum of a metric's samples."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return sum(sample.value for family in families for sample in family.samples if sample.name == name)

    def until(self, holds: Callable[[], bool], what: str) -> float:
        """Wait until something holds; return how many seconds it took."""
        began_s = time.monotonic()
        while not holds():
            passed_s = time.monotonic() - began_s
            assert passed_s < WAIT_S, f"{what}: not within {passed_s:.0f} s\n{self.log()[-4000:]}"
            time.sleep(0.02)
        return time.monotonic() - began_s

    def send(self, count: int, first_grey: int = SOUND) -> None:
        """Be a camera: send frames with a dark defect each."""
        context = zmq.Context()
        socket = context.socket(zmq.PUSH)
        socket.linger = int(WAIT_S * 1000)
        socket.connect("tcp://127.0.0.1:5555")
        for _ in range(count):
            pixels = np.full((HEIGHT, WIDTH), SOUND, np.uint8)
            pixels[20:40, 100:140] = DARK
            pixels[0, 0] = first_grey
            header, payload = wire.frame_message(
                pixels,
                camera="top",
                boot="b1",
                number=self._number,
                captured_ns=time.time_ns(),
                encoding="raw8",
                coil="C1",
                start_mm=self._number * HEIGHT * 0.5,
            )
            socket.send_multipart(wire.encode(header, payload))
            self._number += 1
        socket.close()
        context.term()

    def received(self, last: str, count: int = 1) -> list[Event]:
        """Return the journal's events from its first to the `count`th of type `last`: all of them, in order."""
        received: list[Event] = []
        with Events("tcp://127.0.0.1:5556", replay="tcp://127.0.0.1:5557", after=(None, 0), timeout_s=WAIT_S) as events:
            for event in events:
                received.append(event)
                if [event.type for event in received].count(last) == count:
                    break
        types = [event.type for event in received]
        assert types.count(last) == count, f"{count} {last} among {types}\n{self.log()[-4000:]}"
        assert [event.seq for event in received] == list(range(1, len(received) + 1))
        return received
