"""Alarms and commands of a real inspector, from the command line, over a kill -9."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import msgspec

from inspector.records.commands import AlarmStatus, Answer
from inspector.records.envelope import Unknown
from inspector.records.events import Alarm, CameraStatus, Commanded, Data
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK

DARK_BOX = (10, 30, 20, 40, DARK)
ROLL = '[[roll]]\nname = "bridle-1"\ncircumference_mm = 1900\n'


def inspector(mill: Mill, *words: str, timeout_s: int = 40) -> subprocess.CompletedProcess[str]:
    """Run a command that asks this mill's inspector."""
    address = ["--connect", mill.ports.address("commands"), "--timeout", str(timeout_s)]
    environment = {**os.environ, "PYTHONWARNINGS": "error"}
    command = [sys.executable, "-m", "inspector", *words, *address]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def alarm(mill: Mill) -> AlarmStatus:
    """Where the mill's one alarm stands."""
    listed = inspector(mill, "alarms", "list", "--json")
    assert listed.returncode == 0, listed.stderr
    return msgspec.json.decode(listed.stdout, type=Answer).alarms[0]


def until_the_command(mill: Mill, target: str) -> list[Data | Unknown]:
    """What the journal holds, up to the last command that a test gives."""
    data: list[Data | Unknown] = []
    with mill.listen() as events:
        for event in events:
            data.append(event.data)
            if isinstance(event.data, Commanded) and event.data.target == target:
                break
    return data


def test_two_lines_that_name_no_address_take_commands(tmp_path: Path) -> None:
    """Side by side on one machine, each answers `inspector alarms` that is given its configuration file."""
    mills = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        mills.append(mill := Mill(tmp_path / name))
        text = re.sub(r"\[commands\]\nbind = .*\n", "", mill.config.read_text(encoding="utf-8"))
        mill.config.write_text(text.replace('line = "test"', f'line = "{name}"'), encoding="utf-8")
    with mills[0], mills[1]:
        for mill in mills:
            words = ["alarms", "list", "--config", mill.config.name, "--timeout", "40"]
            listed = subprocess.run(
                [sys.executable, "-m", "inspector", *words],
                cwd=mill.folder,
                capture_output=True,
                text=True,
                check=False,
            )
            assert (listed.returncode, listed.stderr) == (0, "")
            assert listed.stdout.startswith(f"line {mill.folder.name}: ") and "three-dark" in listed.stdout


TROUBLE = """[[alarm]]
name = "trouble"
kind = "health"
off_delay_ms = 0
[camera_health]
silent_s = 0
"""


def test_what_a_restart_mends_is_returned(tmp_path: Path) -> None:
    """A refused reload, and a faulty camera that is taken away: killed and started, both are over, reported."""
    mill = Mill(tmp_path, cameras=("top", "low"))
    mill.write(extra=TROUBLE)
    with mill:
        with Camera(mill, "low") as camera:
            for _ in range(64):
                camera.send()  # one grey all over
            mill.until(64)
        mill.wait_until(lambda: mill.metric("inspector_camera_fault", camera="low", fault="flat") == 1, "see the fault")
        mill.config.write_text(mill.config.read_text(encoding="utf-8") + "nonsense = 1\n", encoding="utf-8")
        mill.daemon.reload()
        mill.wait_until(lambda: mill.metric("inspector_alarms", state="unacknowledged") == 1, "raise the alarm")
        mill.wait_until(lambda: mill.metric("inspector_events_total", topic="health") == 2, "report the reload")
        mill.stop(signal.SIGKILL)
    mill.cameras = ("top",)
    mill.write(extra=TROUBLE)
    with mill:
        mill.wait_until(lambda: mill.metric("inspector_alarms", state="returned") == 1, "return the alarm")
        assert inspector(mill, "roll", "changed", "none", "--operator", "Lee").returncode == 1
        data = until_the_command(mill, "none")
    turns = [(event.camera, event.fault, event.state) for event in data if isinstance(event, CameraStatus)]
    assert turns == [("low", "flat", "raised"), ("low", "flat", "returned")]
    changes = [(event.name, event.isa_state) for event in data if isinstance(event, Alarm)]
    assert changes == [("trouble", "unacknowledged"), ("trouble", "returned")]


def test_an_alarm_is_shelved_over_a_kill(tmp_path: Path) -> None:
    """Shelved, killed, started: the alarm is shelved still, comes back when it is unshelved, and who asked is recorded.

    What cannot be done is refused with the reason, and a dead inspector is an exit code of its own.
    """
    mill = Mill(tmp_path)
    mill.write(extra=ROLL)
    with mill:
        with Camera(mill) as camera:
            for _ in range(4):
                camera.send(DARK_BOX)
            mill.until(4)
        mill.wait_until(lambda: mill.metric("inspector_alarms", state="unacknowledged") == 1, "raise the alarm")
        words = ["alarms", "shelve", "three-dark", "--minutes", "60", "--operator", "Kim", "--reason", "lamp is new"]
        shelved = inspector(mill, *words)
        assert (shelved.returncode, "three-dark is shelved" in shelved.stdout) == (0, True), shelved.stderr
        before = alarm(mill)
        mill.stop(signal.SIGKILL)
    dead = inspector(mill, "alarms", "list", timeout_s=1)
    assert (dead.returncode, "nobody listens there" in dead.stderr) == (69, True)
    with mill:
        assert alarm(mill) == before
        assert (before.isa_state, before.operator, before.reason) == ("shelved", "Kim", "lamp is new")
        refused = inspector(mill, "alarms", "acknowledge", "three-dark", "--operator", "Lee")
        assert (refused.returncode, "three-dark is shelved; expected one that is unack" in refused.stderr) == (1, True)
        assert inspector(mill, "alarms", "unshelve", "three-dark", "--operator", "Lee").returncode == 0
        assert alarm(mill).isa_state == "unacknowledged"
        unknown = inspector(mill, "roll", "changed", "bridle-2", "--operator", "Lee")
        assert "bridle-2: no such roll; expected one of bridle-1." in unknown.stderr
        changed = inspector(mill, "roll", "changed", "bridle-1", "--operator", "Lee")
        assert changed.stdout == "line test: bridle-1 changed; 0 repeats ended\n"
        data = until_the_command(mill, "bridle-1")
    changes = [(event.isa_state, event.cause, event.operator) for event in data if isinstance(event, Alarm)]
    assert changes == [
        ("unacknowledged", "met", ""),
        ("shelved", "shelve", "Kim"),
        ("returned", "unshelve", "Lee"),
        ("unacknowledged", "met", ""),
    ]
    asked = [(event.command, event.operator, event.is_done) for event in data if isinstance(event, Commanded)]
    assert asked == [
        ("shelve", "Kim", True),
        ("acknowledge", "Lee", False),
        ("unshelve", "Lee", True),
        ("rolls_changed", "Lee", False),
        ("rolls_changed", "Lee", True),
    ]
