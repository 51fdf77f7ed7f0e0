"""From the version before to this one: the journal, its numbers and the configuration go on."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest
import zmq

from deploy.bundle import SOURCE
from deploy.release import git, unpack
from inspector.client import Events
from inspector.errors import InspectorError
from inspector.harness.daemon import DaemonProcess
from inspector.harness.ports import Ports
from inspector.records.envelope import Event
from inspector.records.events import Health

FIRST = "4bdc204f5a118081f6f6a36dde70c65a223eaa1a"
"""The last commit of 0.1.0, which has no tag."""
CONFIG = """line = "line3"
[recipe]
path = "recipe"
[intake]
bind = "tcp://127.0.0.1:{frames}"
when_full = "wait"
[[camera]]
name = "top"
mm_per_px = 0.5
mm_per_row = 0.5
[[alarm]]
name = "dark"
classes = ["dark"]
min_area_mm2 = 100
priority = "high"
[events]
bind = "tcp://127.0.0.1:{events}"
replay_bind = "tcp://127.0.0.1:{replay}"
[journal]
path = "journal"
[http]
bind = "127.0.0.1:{http}"
"""
"""As 0.1.0 read it."""
HEIGHT, WIDTH = 64, 256
"""Of the recipe that the version before writes for its own tests."""
APART = 20
"""Frames from one with a defect to the next: 640 mm."""
WAIT_S = 60.0


def version_of(tree: Path) -> str:
    """Return the version of a source tree."""
    project = tomllib.loads((tree / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return str(project["version"])


def version_before() -> str:
    """Return the commit of the newest tagged version that is not this one, else the last of 0.1.0."""
    try:
        tags = git(SOURCE, "tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").split()
        before = next((tag for tag in tags if tag != f"v{version_of(SOURCE)}"), FIRST)
        return git(SOURCE, "rev-parse", "--verify", f"{before}^{{commit}}")
    except InspectorError as error:
        pytest.skip(f"no version before this one in this source tree's history: {error}")


def installed(wheel: Path, into: Path) -> Mapping[str, str]:
    """Install a wheel alone into a folder; return an environment in which Python finds it first."""
    pip("install", "--quiet", "--no-deps", "--no-index", "--target", into, wheel)
    return {**os.environ, "PYTHONPATH": str(into), "PYTHONSAFEPATH": "1"}


def pip(*words: str | Path) -> None:
    """Run pip."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr


def send(ports: Ports, boot: str, count: int) -> None:
    """Be a camera as 0.1.0 describes it: dark defects, each so far behind the other that none joins another."""
    context = zmq.Context()
    socket = context.socket(zmq.PUSH)
    socket.linger = int(WAIT_S * 1000)
    socket.connect(ports.address("frames"))
    sound = bytearray([128]) * (HEIGHT * WIDTH)
    defective = sound.copy()
    for row in range(20, 40):
        defective[row * WIDTH + 100 : row * WIDTH + 140] = bytes(40)
    for number in range(count * APART):
        pixels = sound if number % APART else defective
        header = {
            "v": 1,
            "camera": "top",
            "boot": boot,
            "number": number,
            "captured_ns": time.time_ns(),
            "width": WIDTH,
            "height": HEIGHT,
            "encoding": "raw8",
            "crc32": zlib.crc32(pixels),
            "coil": boot,
            "start_mm": number * HEIGHT * 0.5,
        }
        socket.send_multipart([json.dumps(header).encode(), bytes(pixels)])
    socket.close()
    context.term()


def of_type(events: list[Event], wanted: str) -> list[Event]:
    """Return those of a type; of a defect that goes on the first alone (0.1.0 does not say that one goes on)."""
    return [event for event in events if event.type == wanted and getattr(event.data, "phase", "new") in ("new", "")]


def received(ports: Ports, last: str, count: int) -> list[Event]:
    """Return the journal's events from its first to the `count`th of type `last`; what goes on is not counted again."""
    events: list[Event] = []
    with Events(ports.address("events"), replay=ports.address("replay"), after=(None, 0), timeout_s=WAIT_S) as stream:
        for event in stream:
            events.append(event)
            if len(of_type(events, last)) == count:
                return events
    raise AssertionError(f"{count} {last} among {[event.type for event in events]}")


def followed(ports: Ports, env: Mapping[str, str], last: int) -> tuple[list[int], set[int]]:
    """Follow the journal up to number `last` with another version's program; return what it shows, and as lost."""
    follow = ["events", "--connect", ports.address("events"), "--replay", ports.address("replay"), "--json"]
    command = [sys.executable, "-m", "inspector", *follow, "--since", "1", "--timeout", str(WAIT_S)]
    shown: list[int] = []
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None and client.stderr is not None
        for line in client.stdout:
            shown.append(json.loads(line)["seq"])
            if shown[-1] >= last:
                break
        client.terminate()
        gaps = re.findall(r"^LOST \d+ events?, seq (\d+) to (\d+)", client.stderr.read(), re.MULTILINE)
    return shown, {seq for first, end in gaps for seq in range(int(first), int(end) + 1)}


def kind(event: Event) -> str:
    """Return what a topic begins with."""
    return event.type.partition(".")[0]


@pytest.mark.long
def test_upgrade(box: Path, tmp_path: Path) -> None:
    """Events of the version before are there after the upgrade, and its numbers go on in the same epoch.

    The same configuration, recipe and camera serve; a client of the version before follows the newer daemon. It gets
    every event of a kind that its own version wrote, and reports as lost what is of a kind that it does not know.
    """
    tree = unpack(SOURCE, version_before(), tmp_path / "tree")
    pip("wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, tree)
    (wheel,) = tmp_path.glob("*.whl")
    before = installed(wheel, tmp_path / "before")
    (wheel,) = (box / "wheels").glob("inline_steel_inspector-*.whl")
    after = installed(wheel, tmp_path / "after")

    ports, config = Ports.free(), tmp_path / "line.toml"
    config.write_text(CONFIG.format(frames=ports.frames, events=ports.events, replay=ports.replay, http=ports.http))
    program = "import sys, pathlib; from tests.recipes import write_recipe; write_recipe(pathlib.Path(sys.argv[1]))"
    as_before = {**os.environ, "PYTHONPATH": str(tree)}
    subprocess.run([sys.executable, "-c", program, tmp_path / "recipe"], env=as_before, check=True, cwd=tree)

    with DaemonProcess(config, ports, env=before) as old:
        send(ports, "b1", 4)
        received(ports, "defect.dark", 4)
        assert old.stop() == 0
    with DaemonProcess(config, ports, env=after) as new:
        events = received(ports, "health.started", 2)
        types = [event.type for event in events]
        versions = [event.data.version for event in events if isinstance(event.data, Health)]
        assert versions == [version_of(tree), version_of(tree), version_of(SOURCE)]
        assert len(of_type(events, "defect.dark")) == 4 and types[-2:] == ["health.stopping", "health.started"]
        written = {kind(event) for event in events}
        send(ports, "b2", 2)
        events = received(ports, "defect.dark", 6)
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        assert len({event.epoch for event in events}) == 1
        shown, lost = followed(ports, before, events[-1].seq)
        assert sorted([*shown, *lost]) == [event.seq for event in events]
        assert lost.isdisjoint(event.seq for event in events if kind(event) in written)
        assert new.stop() == 0
