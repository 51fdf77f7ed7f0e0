"""A line to test with: a real `inspector run` process on its own ports, and a camera one can paint for."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import zmq
from prometheus_client.parser import text_string_to_metric_families

from inspector import wire
from inspector.client import Events
from inspector.records.events import Event
from inspector.records.frame import Bytes2D
from tests.recipes import HEIGHT, SOUND, WIDTH, write_recipe

FRAME_MM = HEIGHT * 0.5


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [int(one.getsockname()[1]) for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Mill:
    """A running inspector in `folder`; its configuration may be edited between `start` and `stop`."""

    def __init__(self, folder: Path, when_full: str = "wait", cameras: Sequence[str] = ("top",)) -> None:
        self.folder, self.cameras = folder, cameras
        self.frames, self.events, self.replay, self.http = free_ports(4)
        self.config = folder / "line.toml"
        self.process: subprocess.Popen[str] | None = None
        write_recipe(folder / "recipe")
        self.write(when_full=when_full)

    def write(self, when_full: str = "wait", extra: str = "") -> None:
        """Write the configuration file."""
        cameras = "".join(f'[[camera]]\nname = "{name}"\nmm_per_px = 0.5\nmm_per_row = 0.5\n' for name in self.cameras)
        self.config.write_text(
            f'line = "test"\n[recipe]\npath = "recipe"\n[intake]\nbind = "tcp://127.0.0.1:{self.frames}"\n'
            f'when_full = "{when_full}"\n{cameras}'
            '[[alarm]]\nname = "three-dark"\nclasses = ["dark"]\ncount = 3\nwithin_m = 5\noff_delay_ms = 200\n'
            f'[events]\nbind = "tcp://127.0.0.1:{self.events}"\nreplay_bind = "tcp://127.0.0.1:{self.replay}"\n'
            f'[journal]\npath = "journal"\n[http]\nbind = "127.0.0.1:{self.http}"\n{extra}'
        )

    def start(self) -> Self:
        """Run it and wait until it is ready."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "inspector", "run", str(self.config)],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "error"},
        )
        deadline = time.monotonic() + 30
        while self.get("/ready")[0] != 200:
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline, f"not ready: {self.get('/ready')}"
            time.sleep(0.02)
        return self

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Signal it; return exit code and what it wrote."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        _, words = self.process.communicate(timeout=20)
        code, self.process = self.process.returncode, None
        return code, words

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process is not None:
            self.stop(signal.SIGKILL)

    def get(self, path: str) -> tuple[int, str]:
        """Status and text of an HTTP request; status 0 when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def metric(self, name: str, **labels: str) -> float:
        """Sum of a metric's samples that carry these labels."""
        families = text_string_to_metric_families(self.get("/metrics")[1])
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def until(self, frames: int, name: str = "inspector_frames_inspected_total") -> None:
        """Wait until so many frames have ended in this way."""
        deadline = time.monotonic() + 20
        while (count := self.metric(name)) < frames:
            assert time.monotonic() < deadline, f"{count} of {frames} in {name}"
            time.sleep(0.02)

    def listen(self, timeout_s: float = 5.0) -> Events:
        """A subscriber that begins with the journal's first event."""
        return Events(
            f"tcp://127.0.0.1:{self.events}",
            replay=f"tcp://127.0.0.1:{self.replay}",
            after=(None, 0),
            timeout_s=timeout_s,
        )

    def heard(self, last: str) -> list[Event]:
        """All events up to the first of type `last`."""
        heard = []
        with self.listen() as events:
            for event in events:
                heard.append(event)
                if event.type == last:
                    return heard
        raise AssertionError(f"no {last} among {[event.type for event in heard]}")


class Camera:
    """A camera process: numbers, CRCs and positions as a line would send them."""

    def __init__(self, mill: Mill, name: str = "top", boot: str = "b1") -> None:
        self.name, self.boot, self.number, self.position_mm = name, boot, 0, 0.0
        self.coil = "C1"
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.PUSH)
        self._socket.linger = 2000
        self._socket.connect(f"tcp://127.0.0.1:{mill.frames}")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()
        self._context.term()

    def send(self, *boxes: tuple[int, int, int, int, int], coil: str = "C1", encoding: str = "raw8") -> None:
        """Send the next frame: sound steel with `(top, bottom, left, right, grey)` boxes painted on it."""
        if coil != self.coil:
            self.coil, self.position_mm = coil, 0.0
        pixels = paint(*boxes)
        header, payload = wire.frame_message(
            pixels,
            camera=self.name,
            boot=self.boot,
            number=self.number,
            captured_ns=time.time_ns(),
            encoding=encoding,
            coil=coil,
            start_mm=self.position_mm,
        )
        self.send_parts(*wire.encode(header, payload))
        self.skip()

    def send_parts(self, *parts: bytes | memoryview) -> None:
        """Send a message as it is."""
        self._socket.send_multipart(parts)

    def skip(self) -> None:
        """Let a frame go by unsent."""
        self.number += 1
        self.position_mm += FRAME_MM


def paint(*boxes: tuple[int, int, int, int, int]) -> Bytes2D:
    """A frame of sound steel with boxes painted on it."""
    pixels = np.full((HEIGHT, WIDTH), SOUND, np.uint8)
    for top, bottom, left, right, grey in boxes:
        pixels[top:bottom, left:right] = grey
    return pixels
