"""Who has no key and comes all the same, in hundreds: the good camera is served, memory and descriptors are bounded."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import pytest
import zmq

from inspector.camera import Camera
from inspector.guard import MOST_CONNECTIONS
from inspector.intake import push
from tests.access import KeyedIntake, Keys
from tests.frames import HEIGHT, WIDTH
from tests.intakes import Context
from tests.patience import patience_s

PIXELS = np.full((HEIGHT, WIDTH), 128, np.uint8)
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x01CURVE" + bytes(15) + bytes(32)
"""Of ZMTP 3.1 (RFC 37), as a client with a key begins."""


@pytest.fixture(params=["push", "credit"])
def line(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KeyedIntake]:
    """Give a line that asks for keys, and has made one for the camera top."""
    monkeypatch.setattr(push, "TICK_NS", 10_000_000)
    context: Context = zmq.Context()
    keys = Keys(tmp_path / "keys")
    keys.new("top")
    line = KeyedIntake(context, keys, request.param)
    yield line
    line.close()
    context.destroy(linger=0)


def port(line: KeyedIntake) -> int:
    """Where it listens."""
    return int(line.intake.address.rpartition(":")[2])


def serve(line: KeyedIntake, count: int, camera: Camera | None = None) -> Camera:
    """See that a camera with its key, a new one if none is given, has its frames taken, one after the other."""
    camera = camera or line.camera("top", line.keys.folder / "top.key")
    for _ in range(count):
        before = line.ends["frame of top"]
        camera.send(PIXELS)
        line.until(lambda before=before: line.ends["frame of top"] == before + 1, camera)  # type: ignore[misc]
    return camera


def test_three_hundred_half_open(line: KeyedIntake) -> None:
    """A camera with its key is served meanwhile, whether they send nothing, half a greeting or a whole one."""
    before = len(os.listdir("/proc/self/fd"))
    held: list[socket.socket] = []
    for begun in (b"", GREETING[:10], GREETING):
        for _ in range(100):
            held.append(socket.create_connection(("127.0.0.1", port(line)), timeout=patience_s()))
            with suppress(OSError):  # it may have been ended already
                held[-1].sendall(begun)
    camera = serve(line, 5)
    line.until(lambda: len(line.intake._guard) <= MOST_CONNECTIONS, camera)
    for peer in held:
        peer.close()
    camera.close(0)
    line.until(lambda: len(os.listdir("/proc/self/fd")) < before + 50)


POUR = """
import os, socket, sys, threading
from contextlib import suppress

def pour(port, greeting):
    junk = os.urandom(100_000)
    while True:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)) as peer:
            peer.sendall(greeting)
            while True:
                peer.sendall(junk)
                os.write(1, b".")

for _ in range(4):
    threading.Thread(target=pour, args=(int(sys.argv[1]), bytes.fromhex(sys.argv[2])), daemon=True).start()
sys.stdin.read()  # until whoever started it ends, however it ends
"""
"""Sends bytes that are no handshake on four connections at a time, each again when ended, and a dot for 100 kB."""
POURED_DOTS = 3000


@contextmanager
def flood(line: KeyedIntake, folder: Path) -> Iterator[Path]:
    """Have another process flood the line; give the file that has a dot for each 100 kB."""
    command = [sys.executable, "-c", POUR, str(port(line)), GREETING.hex()]
    with (folder / "poured").open("wb") as dots:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=dots)
    with process:
        try:
            yield folder / "poured"
            assert process.poll() is None
        finally:
            process.kill()


def test_garbage_without_end(line: KeyedIntake, tmp_path: Path) -> None:
    """Bytes that are no handshake, in any amount, are kept nowhere, and no frame is lost meanwhile."""
    camera = serve(line, 1)
    before, before_kb = len(os.listdir("/proc/self/fd")), _memory_kb()
    with flood(line, tmp_path) as poured:
        serve(line, 20, camera)
        while poured.stat().st_size < POURED_DOTS:
            serve(line, 1, camera)
        assert _memory_kb() - before_kb < 20_000
    line.until(lambda: len(os.listdir("/proc/self/fd")) < before + 50, camera)
    camera.close(0)
    assert set(line.ends) - {"credit"} == {"frame of top"}, (
        "a busy machine lets a session lapse: sent again in the next"
    )


def _memory_kb() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") // 1024
