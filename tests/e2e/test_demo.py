"""The demo as a newcomer runs it: one command, real processes, a summary and a picture."""

import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import cv2
import pytest

from inspector.demo.plan import COILS, plan
from inspector.harness.ports import Ports
from inspector.simulator.planted import read
from tests.patience import patience_s

FRAMES, METRES, SEED = 15, 2.4, 1

pytestmark = pytest.mark.slow


def demo(folder: Path, base: int, *words: str) -> list[str]:
    """Write the command line of a short demo."""
    length = ["--metres", str(METRES), "--seconds", "600", "--seed", str(SEED)]
    return [
        sys.executable,
        "-m",
        "inspector",
        "demo",
        "--out",
        str(folder),
        "--port-base",
        str(base),
        *length,
        *words,
    ]


@pytest.mark.parametrize("faults", [(), pytest.param(("--fault", "crc=0.3"), marks=pytest.mark.long)])
def test_demo_runs_through(tmp_path: Path, faults: tuple[str, ...]) -> None:
    """It ends by itself with 0; every frame is accounted for, every planted defect scored, map and reports made.

    By the fast recipe: the other one takes a minute more of the processor's time, and `make demo` chooses by itself.
    """
    words = demo(tmp_path, Ports.free().frames, "--recipe", "steel-fast", *faults)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "ended with exit code 0" in done.stdout
    row = re.search(r"missing\n +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)\n", done.stdout)
    assert row, done.stdout
    sent, inspected, dropped, rejected, missing = map(int, row.groups())
    first, last = plan(FRAMES).lost or (0, 0)
    assert (sent, dropped, missing) == (FRAMES - (last - first), 0, last - first)
    assert inspected + rejected == sent
    assert rejected == 0 or faults
    totals = re.search(r"\n  all +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)\n", done.stdout)
    assert totals, done.stdout
    planted, found, confused, missed, _ = map(int, totals.groups())
    apart = sum(map(int, re.findall(r"not counted (\d+)", done.stdout)))
    truth = read(tmp_path / "planted.csv")
    assert planted + apart == sum(row.is_defect for row in truth)
    assert planted == found + confused + missed
    assert re.search(r"p50 \d+ ms, p99 \d+ ms|no defect was reported", done.stdout)
    if not faults:
        assert re.search(r"\u2713 camera gap +planted  DEMO-1 0\.640 to 0\.800 m", done.stdout)
        assert re.search(r"\u2713 weld +planted  DEMO-1 ends at 1\.440 m", done.stdout)
    picture = cv2.imread(str(tmp_path / "coil.png"))
    assert picture is not None
    assert picture.shape[1] == 2000
    for coil in COILS:
        page = (tmp_path / f"{coil}.html").read_text(encoding="utf-8")
        assert f"<title>Coil {coil}" in page and f"{tmp_path / coil}.html: " in done.stdout
    assert "data:image/jpeg" in "".join((tmp_path / f"{coil}.html").read_text(encoding="utf-8") for coil in COILS)


def test_taken_port_ends_it_at_once(tmp_path: Path) -> None:
    """A second demo at the same time reports what to do, and ends with 1."""
    base = Ports.free().frames
    with socket.create_server(("127.0.0.1", base)):
        done = subprocess.run(demo(tmp_path, base), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"port {base} (frames)" in done.stderr
    assert "--port-base" in done.stderr


def test_daemon_that_dies_is_shown(tmp_path: Path) -> None:
    """When the inspector cannot start, the demo ends with its last words."""
    (tmp_path / "journal").write_text("a file where the journal's folder should be")
    words = demo(tmp_path, Ports.free().frames, "--recipe", "steel-fast")
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "inspector run ended with exit code" in done.stderr
    assert "journal" in done.stderr


def test_broken_off_leaves_nothing_running(tmp_path: Path) -> None:
    """Ctrl-C ends the daemon and the camera too: the ports are free again."""
    base = Ports.free().frames
    # Whoever runs the tests in the background may have SIGINT ignored, which children inherit.
    heeding = ["env", "--default-signal=INT", *demo(tmp_path, base, "--recipe", "steel-fast", "--metres", "24")]
    running = subprocess.Popen(heeding, stdout=subprocess.PIPE, text=True)
    assert running.stdout is not None
    for line in running.stdout:
        if line.startswith("ready after"):
            break
    deadline_s = time.monotonic() + patience_s()
    while not (tmp_path / "replay.log").exists():  # the camera's, which is about to send
        assert running.poll() is None and time.monotonic() < deadline_s
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    rest, _ = running.communicate()
    assert running.returncode == 1
    assert "broken off" in rest
    for port in range(base, base + 4):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
