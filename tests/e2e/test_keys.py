"""A line on all networks, with keys: the real daemon, the real commands."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inspector.camera import Camera
from inspector.client import Events
from inspector.errors import EXIT_CONFIG, AccessError
from inspector.records.events import Defect, Refused
from tests.e2e.mill import Mill, paint
from tests.patience import patience_s
from tests.recipes import DARK

DARK_BOX = (10, 30, 20, 40, DARK)


def inspector(*words: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the program."""
    command = [sys.executable, "-m", "inspector", *map(str, words)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=patience_s())


def test_a_line_with_keys(tmp_path: Path) -> None:
    """Without keys it ends with 78; with them a camera, an office and an operator do their work, and nobody else's."""
    mill = Mill(tmp_path, overload="drop-newest")
    text = mill.config.read_text().replace("tcp://127.0.0.1", "tcp://0.0.0.0")
    mill.config.write_text(text)
    for command in ("check", "run"):
        refused = inspector(command, mill.config)
        assert refused.returncode == EXIT_CONFIG
        assert refused.stderr.count("which other machines reach, and there are no keys") == 4
    mill.config.write_text(text + '[keys]\npath = "keys"\n')
    assert "expected a folder that `inspector keys new` wrote" in inspector("check", mill.config).stderr
    folder = tmp_path / "keys"
    for words in (["top"], ["office", "--role", "subscriber"], ["kim", "--role", "operator"]):
        assert inspector("keys", "new", *words, "--folder", folder).returncode == 0
    with mill:
        long_s = 100 * patience_s()  # a refusal is reported long before
        with (
            pytest.raises(AccessError, match="was revoked"),
            Camera(mill.ports.address("frames"), "top", key=folder / "top.key", patience_s=long_s) as camera,
        ):
            camera.send(paint(DARK_BOX), coil="C1", start_mm=0.0)
            mill.until(1)
            _ask(mill, folder)
            _listen(mill, folder)
            assert inspector("keys", "revoke", "top", "--folder", folder).returncode == 0
            while True:
                camera.send(paint(DARK_BOX), coil="C1", captured_ns=0)
        mill.wait_until(lambda: mill.metric("inspector_access_keys", role="camera") == 0, "know that it was revoked")
        assert mill.metric("inspector_frames_rejected_total", reason="revoked") >= 1
        mill.until(1)
        assert mill.metric("inspector_access_refused_total", socket="commands", reason="role") >= 1


def _ask(mill: Mill, folder: Path) -> None:
    """An operator's key commands; an office's does not."""
    options = ["--connect", mill.ports.address("commands"), "--key"]
    listed = inspector("alarms", "list", *options, folder / "kim.key")
    assert (listed.returncode, "three-dark" in listed.stdout) == (0, True), listed.stderr
    refused = inspector("alarms", "list", *options, folder / "office.key")
    assert refused.returncode == EXIT_CONFIG and "refuses this key (400)" in refused.stderr


def _listen(mill: Mill, folder: Path) -> None:
    """An office gets the journal's events, and reads that somebody was refused."""
    address, replay = mill.ports.address("events"), mill.ports.address("replay")
    found: list[type] = []
    with Events(address, replay=replay, after=(None, 0), timeout_s=patience_s(), key=folder / "office.key") as events:
        for event in events:
            found.append(type(event.data))
            if {Defect, Refused} <= set(found):
                break
    assert {Defect, Refused} <= set(found)
    where = ("events", "--connect", address, "--replay", replay)
    shown = inspector(*where, "--key", folder / "office.key", "--since", "1", "--count", "3")
    assert (shown.returncode, len(shown.stdout.splitlines())) == (0, 3), shown.stderr
    refused = inspector(*where, "--timeout", "20")
    assert refused.returncode == EXIT_CONFIG and "asks for a key" in refused.stderr
