"""A daemon run by a program: every error carries the end of its log, and none outlives who started it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from inspector.errors import InspectorError
from inspector.harness import configuration
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from tests.recipes import write_recipe


def daemon(folder: Path, recipe: Path) -> DaemonProcess:
    """A daemon that was not started."""
    ports = Ports.free()
    return DaemonProcess(configuration.write(folder / "line.toml", ports, recipe, line="t", mm_per_px=0.5), ports)


def test_one_that_cannot_start_says_why(tmp_path: Path) -> None:
    """The reason stands in the error itself."""
    with pytest.raises(InspectorError, match=r"(?s)exit code 78; the end of .*run\.log.*no recipe\.toml"):
        daemon(tmp_path, tmp_path / "none").start()


def test_one_that_is_ended_by_somebody_else_is_missed(tmp_path: Path) -> None:
    """A program that waits for a daemon learns that it is gone, also when it ended well."""
    with daemon(tmp_path, write_recipe(tmp_path / "recipe")) as running:
        assert running.counts().received == 0
        running.child.send(signal.SIGTERM)
        with pytest.raises(InspectorError, match="was ended by somebody else"):
            running.wait_until(lambda: False, "do what nobody asks for")


def test_one_that_does_not_do_it_in_time_is_reported(tmp_path: Path) -> None:
    """Patience is stated, and what was waited for; leaving the block ends the daemon."""
    with daemon(tmp_path, write_recipe(tmp_path / "recipe")) as running:
        with pytest.raises(InspectorError, match=r"inspector run did not see a frame within 0 s"):
            running.wait_until(lambda: running.counts().received > 0, "see a frame", 0.0)
        pid = running.child.pid
    assert not Path(f"/proc/{pid}").exists()


def test_one_that_was_not_started_is_named() -> None:
    """Asking it anything is a mistake of the program's own."""
    with pytest.raises(InspectorError, match=r"line\.toml: the inspector was not started"):
        DaemonProcess(Path("line.toml"), Ports()).check()
