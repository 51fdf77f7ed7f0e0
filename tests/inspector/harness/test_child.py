"""A command as a process: signalled once, and its last words in every error."""

from __future__ import annotations

import os
import signal
import subprocess
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
            child.send(signal.SIGSTOP)  # it cannot answer SIGTERM
            pids.append(child.pid)
            impatient.start()
        assert not Path(f"/proc/{child.pid}").exists()
    finally:
        impatient.join()
        signal.signal(signal.SIGINT, before)
