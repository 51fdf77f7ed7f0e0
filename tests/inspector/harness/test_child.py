"""A command as a process: signalled once, and its last words in every error."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from inspector.errors import InspectorError
from inspector.harness.child import Child


def test_asked_to_end_a_hundred_times_it_ends_once_and_well(tmp_path: Path) -> None:
    """A second SIGTERM kills a Python that is finalising (-15): one is sent, however often somebody asks."""
    words = ["replay", "--connect", f"ipc://{tmp_path / 'nobody'}", "--json"]
    with Child(words, tmp_path / "out", tmp_path / "log") as child:
        _until(lambda: not child.runs() or _signals(child.pid, "SigCgt"))
        while child.code is None:
            child.terminate()
        assert child.code == 0, child.log
    assert (tmp_path / "out").read_text().startswith('{"messages":0')


def _signals(pid: int, which: str) -> bool:
    """Whether SIGTERM (bit 14) is among a process's caught (`SigCgt`) or pending (`ShdPnd`) signals."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = next(line for line in status.splitlines() if line.startswith(which))
    return bool(int(found.split()[1], 16) >> 14 & 1)


def _until(done: Callable[[], bool]) -> None:
    while not done():
        time.sleep(0.005)


def test_a_failure_shows_the_end_of_its_log(tmp_path: Path) -> None:
    """The reader of the error needs no other file."""
    with Child(["run", str(tmp_path / "none.toml")], tmp_path / "out", tmp_path / "log") as child:
        assert child.wait() == 78
        with pytest.raises(InspectorError, match=r"(?s)inspector run ended with exit code 78; the end of .*none\.toml"):
            child.runs()


def test_one_that_does_not_end_is_reported_with_its_log(tmp_path: Path) -> None:
    """Patience is stated, and what it wrote; a child that wrote nothing is reported as such."""
    words = ["replay", "--connect", f"ipc://{tmp_path / 'nobody'}"]
    with Child(words, tmp_path / "out", tmp_path / "log") as child:
        with pytest.raises(InspectorError, match=r"(?s)inspector replay did not end within 0 s; .*\(nothing\)"):
            child.wait(0.0)
        child.kill()


def test_an_interrupted_start_leaves_no_orphan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal in the middle of the start waits until there is a process to end, and then ends both."""
    started: list[int] = []

    class Interrupted(subprocess.Popen[bytes]):
        def __init__(self, *words: Any, **options: Any) -> None:
            super().__init__(*words, **options)
            started.append(self.pid)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(subprocess, "Popen", Interrupted)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            Child(["replay", "--connect", f"ipc://{tmp_path / 'nobody'}"], tmp_path / "out", tmp_path / "log")
    finally:
        signal.signal(signal.SIGINT, before)
    assert started and not Path(f"/proc/{started[0]}").exists()


def test_a_second_ctrl_c_waits_for_nothing_and_leaves_no_orphan(tmp_path: Path) -> None:
    """While a child drains, an impatient user ends it at once."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    words = ["replay", "--connect", f"ipc://{tmp_path / 'nobody'}"]
    pids: list[int] = []

    def lose_patience() -> None:
        _until(lambda: _signals(pids[0], "ShdPnd"))  # it was asked to end, and is waited for
        os.kill(os.getpid(), signal.SIGINT)

    impatient = threading.Thread(target=lose_patience)
    try:
        with pytest.raises(KeyboardInterrupt), Child(words, tmp_path / "out", tmp_path / "log") as child:
            _until(lambda: not child.runs() or _signals(child.pid, "SigCgt"))
            # It cannot answer SIGTERM once it stands; before that, of two signals that wait the lower is taken first.
            child.send(signal.SIGSTOP)
            _until(lambda: state(child.pid) == "T")
            pids.append(child.pid)
            impatient.start()
        assert not Path(f"/proc/{child.pid}").exists()
    finally:
        impatient.join()
        signal.signal(signal.SIGINT, before)


PARENT = """
import sys, time
from pathlib import Path
from inspector.harness.child import Child
folder = Path(sys.argv[1])
child = Child(["replay", "--connect", f"ipc://{folder / 'nobody'}"], folder / "out", folder / "log")
print(child.pid, flush=True)
time.sleep(600)
"""


def test_a_child_does_not_outlive_whoever_was_killed(tmp_path: Path) -> None:
    """kill -9 leaves its parent no last word; the kernel closes what the child holds on to."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        _until(lambda: _signals(pid, "SigCgt"))
        parent.kill()
    _until(lambda: not is_running(pid))
    assert (tmp_path / "out").read_text().startswith("sent 0 frames")


def is_running(pid: int) -> bool:
    """Whether there is such a process; one that has ended and that nobody asks for is none."""
    try:
        return state(pid) != "Z"
    except FileNotFoundError:
        return False


def state(pid: int) -> str:
    """A process's state in a letter, as proc(5) has them: T is stopped, Z ended."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
