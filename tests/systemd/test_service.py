"""The service on a machine with a real systemd: installed, fed, killed, hung, reloaded, stopped, removed.

In order: each test leaves a line that runs, and the last removes it. What takes how long is printed, never asserted.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspector.client import Events
from inspector.errors import EXIT_CONFIG, AccessError
from tests.patience import patience_s
from tests.systemd.heavy import ENDLESS, SLOW
from tests.systemd.line import CONFIG, SETTINGS, UNIT, Line
from tests.systemd.machine import BUNDLE, PYTHON, Machine

pytestmark = pytest.mark.slow

ALARM = '[[alarm]]\nname = "{name}"\nclasses = ["{name}"]\n'
INSTALL = f"{BUNDLE}/install.sh"
UNITS = Path(__file__).parents[2] / "systemd"
UNIT_TEXT = (UNITS / "inspector@.service").read_text(encoding="utf-8")
GPU = (UNITS / "gpu.conf").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figures(request: pytest.FixtureRequest) -> Iterator[dict[str, float]]:
    """Collect seconds, and print them when all tests are done."""
    figures: dict[str, float] = {}
    yield figures
    words = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in figures.items())
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    assert capture is not None
    with capture.global_and_fixture_disabled():
        print(f"\nunder systemd: {words}", file=sys.stderr)  # all that a worker may write to


def test_a_python_that_the_service_cannot_see(machine: Machine) -> None:
    """A Python below /home is refused before anything is installed."""
    machine.out("mkdir", "-p", "/home/python")
    machine.out("mount", "--bind", "/opt/python", "/home/python")
    code, output = machine.run(INSTALL, "--python", PYTHON.replace("/opt", "/home"))
    assert code == 1 and "lives in /home/python, where the service sees nothing" in output
    machine.out("umount", "/home/python")
    assert machine.run("test", "-e", "/opt/inspector")[0] != 0


def test_the_drop_in_admits_a_gpus_devices_and_no_others(machine: Machine) -> None:
    """In the unit's own confinement: devices of another driver in a GPU's place open where its driver is admitted."""
    confined = UNIT_TEXT[UNIT_TEXT.index("CapabilityBoundingSet=") : UNIT_TEXT.index("[Install]")]
    machine.out("mkdir", "/dev/nvidia-caps")
    for name in ("nvidia0", "nvidia-caps/nvidia-cap1", "other"):
        if machine.run("mknod", "-m", "666", f"/dev/{name}", "c", "10", "235")[0]:
            pytest.skip("this kernel lets nobody make devices here")
    program = f"{PYTHON} -c 'import os,sys; [os.open(name, 2) for name in sys.argv[1:]]'"
    ways = (
        ("nvidia", GPU, "/dev/nvidia0", False),
        ("misc", GPU, "/dev/nvidia0 /dev/nvidia-caps/nvidia-cap1", True),
        ("misc", GPU, "/dev/other", False),
        ("misc", "DeviceAllow=char-misc rw", "/dev/nvidia0", False),
    )
    for driver, drop_in, names, opens in ways:
        text = f"[Service]\nType=oneshot\nUser=nobody\n{confined}\nExecStart={program} {names}\n{drop_in}"
        machine.put("/run/systemd/system/gpu.service", text.replace("char-nvidia rw", f"char-{driver} rw"))
        machine.out("systemctl", "daemon-reload")
        code, output = machine.run("systemctl", "start", "gpu.service")
        assert (code == 0) == opens, f"{names} with {drop_in}: {output}"
    machine.out("rm", "/run/systemd/system/gpu.service")
    machine.out("systemctl", "daemon-reload")
    machine.out("systemctl", "reset-failed")


@pytest.fixture(scope="module")
def installed(machine: Machine, figures: dict[str, float]) -> Line:
    """Give a line that `install.sh` has put there and `systemctl enable --now` has started."""
    began_s = time.monotonic()
    output = machine.out(INSTALL, "--python", PYTHON)
    figures["install"] = time.monotonic() - began_s
    assert "example.toml: good. Line line1, cameras top, recipe heavy, 1 alarm" in output
    line = Line(machine)
    line.configure()
    began_s = time.monotonic()
    machine.out("systemctl", "enable", "--now", UNIT)
    figures["start"] = time.monotonic() - began_s
    assert line.ready(), "`systemctl start` returned before frames were taken"
    return line


@pytest.fixture
def line(installed: Line) -> Line:
    """Give the line as it was configured first, running."""
    installed.serve()
    return installed


def test_start(line: Line) -> None:
    """It runs as the service's account, in folders that are its own, and its log holds nothing to worry about."""
    machine = line.machine
    assert line.show("StatusText").startswith("heavy@1 on openvino")
    pid = line.show("MainPID")
    assert machine.out("stat", "--format", "%U:%G", f"/proc/{pid}") == "inspector:inspector"
    assert machine.out("stat", "--format", "%U:%G %a", "/etc/inspector") == "root:inspector 750"
    assert machine.out("stat", "--format", "%U %a", "/var/lib/inspector/line3/journal").split()[0] == "inspector"
    assert machine.out("ls", "-A", "/var/lib/inspector") == "line3", "something was written into the home"
    words = line.log().lower()
    assert "warning" not in words and "error" not in words and "telemetry" not in words


def test_exposure(line: Line) -> None:
    """systemd counts an exposure of 1.3 or less for the unit that runs (--threshold is in tenths)."""
    line.machine.out("systemd-analyze", "security", "--no-pager", "--threshold=13", UNIT)


def test_frames_in_events_out(line: Line) -> None:
    """A camera's frames become defects, on the event socket and in the journal."""
    line.send(3)
    types = [event.type for event in line.received("defect.dark", 3)]
    assert types[0] == "health.started" and "coil.started" in types


def test_killed(line: Line, figures: dict[str, float]) -> None:
    """After kill -9 it is started again and goes on in the same journal, with the next number."""
    before = line.received("defect.dark", 3)
    restarts = int(line.show("NRestarts"))
    line.machine.out("kill", "-9", line.show("MainPID"))
    figures["serving again after kill -9"] = line.until(
        lambda: int(line.show("NRestarts")) == restarts + 1 and line.ready(), "started again after kill -9"
    )
    line.send(1)
    after = line.received("defect.dark", 4)
    assert after[: len(before)] == before
    assert [event.type for event in after].count("health.started") == 2


def test_hung(line: Line, figures: dict[str, float]) -> None:
    """An engine that never returns is noticed by the watchdog; the log says where each thread was."""
    restarts = int(line.show("NRestarts"))
    line.send(1, first_grey=ENDLESS)
    figures["serving again after a hang"] = line.until(
        lambda: int(line.show("NRestarts")) == restarts + 1 and line.ready(), "started again after a hang"
    )
    figures["of which WatchdogSec"] = float(line.show("WatchdogUSec").removesuffix("s"))
    assert "Watchdog timeout" in line.log()
    line.until(lambda: "Fatal Python error: Aborted" in line.log(), "the journal, which reads late, has each thread")
    assert "service/daemon.py" in line.log()


def test_good_reload(line: Line, figures: dict[str, float]) -> None:
    """`systemctl reload` returns when the new configuration is in force."""
    line.configure(SETTINGS + ALARM.format(name="dark"))
    pid, began_s = line.show("MainPID"), time.monotonic()
    line.machine.out("systemctl", "reload", UNIT)
    figures["reload"] = time.monotonic() - began_s
    assert line.metric("inspector_last_reload_success") == 1
    line.send(1)
    assert line.received("alarm.dark")[-1].type == "alarm.dark"
    assert line.show("MainPID") == pid


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (SETTINGS.replace("mm_per_px = 0.5", "mm_per_px = 0.6"), "camera has changed"),
        (SETTINGS.replace("127.0.0.1:9477", "127.0.0.1:9478"), "http has changed"),
        (SETTINGS + ALARM.format(name="drak"), 'watches class "drak"'),
        (SETTINGS.replace("[[camera]]", "[[camera"), "is not TOML"),
        (SETTINGS.replace("recipes/heavy", "recipes/light"), "recipes/light"),
    ],
    ids=["camera", "port", "class", "broken", "recipe"],
)
def test_refused_reload(line: Line, text: str, words: str) -> None:
    """What the daemon refuses fails `systemctl reload`, says why in the log, and the line runs on as it was."""
    pid, restarts = line.show("MainPID"), line.show("NRestarts")
    line.configure(text)
    code, output = line.machine.run("systemctl", "reload", UNIT)
    assert code != 0 and "failed" in output
    assert words in line.log().rpartition("Reloading")[2]
    assert (line.show("ActiveState"), line.show("MainPID"), line.show("NRestarts")) == ("active", pid, restarts)
    assert line.ready()


def test_two_reloads_at_once(line: Line) -> None:
    """Each of them is answered, truly; so are five of systemd's own."""
    pid = line.show("MainPID")
    ask = f"RUNTIME_DIRECTORY=/run/inspector/line3 /opt/inspector/bin/inspector reload {pid}"
    both = f"cd /; ({ask}; echo code $?) & ({ask}; echo code $?) & wait"
    assert line.machine.out("sh", "-c", both).count("code 0") == 2
    line.configure(SETTINGS + "nonsense = 1\n")
    assert line.machine.out("sh", "-c", both).count(f"code {EXIT_CONFIG}") == 2
    line.configure()
    many = f"for n in 1 2 3 4 5; do (systemctl reload {UNIT}; echo code $?) & done; wait"
    assert line.machine.out("sh", "-c", many).count("code 0") == 5
    assert (line.show("MainPID"), line.ready()) == (pid, True)


def test_keys(line: Line, tmp_path: Path) -> None:
    """The service admits who has a key by a secret that it cannot read itself: at each start, and over a reload."""
    machine, folder = line.machine, "/etc/inspector/line3.keys"
    machine.out("/opt/inspector/bin/inspector", "keys", "new", "office", "--role", "subscriber", "--folder", folder)
    assert machine.out("stat", "--format", "%U %a", f"{folder}/server.key") == "root 600"
    key = tmp_path / "office.key"
    key.touch(mode=0o600)
    key.write_text(machine.out("cat", f"{folder}/office.key"))
    text = SETTINGS.replace("tcp://127.0.0.1:555", "tcp://0.0.0.0:555").replace("0.0.0.0:5555", "127.0.0.1:5555")
    text += '[keys]\npath = "line3.keys"\n'
    line.configure(text)
    machine.out("systemctl", "restart", UNIT)
    machine.out("systemctl", "reload", UNIT)
    assert first_event(key) == "health.started"
    restarts = int(line.show("NRestarts"))
    machine.out("kill", "-9", line.show("MainPID"))
    line.until(lambda: int(line.show("NRestarts")) == restarts + 1 and line.ready(), "started again after kill -9")
    assert first_event(key) == "health.started"
    machine.out("/opt/inspector/bin/inspector", "keys", "revoke", "office", "--folder", folder)
    with pytest.raises(AccessError, match="was revoked"):
        first_event(key)
    line.configure()
    machine.out("systemctl", "restart", UNIT)


def first_event(key: Path) -> str:
    """The first event of the journal, as a subscriber with this key gets it."""
    with Events(
        "tcp://127.0.0.1:5556", replay="tcp://127.0.0.1:5557", after=(None, 0), timeout_s=patience_s(), key=key
    ) as events:
        return next(events).type


def test_stop_drains(line: Line, figures: dict[str, float]) -> None:
    """Frames that were taken are inspected before the end, and their defects are in the journal."""
    line.machine.out("systemctl", "restart", UNIT)
    before = len([event for event in line.received("health.started", started(line)) if event.type == "defect.dark"])
    sent = waiting = 0
    while not waiting and sent < 60:  # on a busy machine the slow one may be done before anybody looks
        line.send(6, first_grey=SLOW)
        sent += 6
        line.until(lambda: line.metric("inspector_frames_received_total") == sent, "the frames taken")  # noqa: B023
        waiting = sent - round(line.metric("inspector_frames_inspected_total"))
    began_s = time.monotonic()
    line.machine.out("systemctl", "stop", UNIT)
    figures[f"stop with {waiting} frames waiting"] = time.monotonic() - began_s
    assert waiting > 0, "the engine was too fast for a queue: nothing was tried"
    assert (line.show("ActiveState"), line.show("Result")) == ("inactive", "success")
    line.machine.out("systemctl", "start", UNIT)
    types = [event.type for event in line.received("health.started", started(line))]
    assert types.count("defect.dark") == before + sent
    assert types[-2:] == ["health.stopping", "health.started"]


def started(line: Line) -> int:
    """Count how often the line has started so far."""
    return line.log().count("INFO started: ")


def test_a_bad_configuration_stays_down(line: Line) -> None:
    """It ends with 78 and is not tried again, until somebody mends the file; the site's own program is called."""
    restarts = line.show("NRestarts")
    line.machine.write("/etc/inspector/on-failure", '#!/bin/sh\nlogger "site: $1"\n')
    line.machine.out("chmod", "755", "/etc/inspector/on-failure")
    line.machine.out("systemctl", "stop", UNIT)
    line.configure(SETTINGS + "nonsense = 1\n")
    assert line.machine.run("systemctl", "start", UNIT)[0] != 0
    assert (line.show("ActiveState"), line.show("ExecMainStatus")) == ("failed", str(EXIT_CONFIG))
    assert line.show("NRestarts") == restarts
    assert "nonsense" in line.log()
    line.until(lambda: f"site: {UNIT}" in line.machine.out("journalctl", "--output=cat"), "report the failure")
    assert f"{UNIT} has failed and stays down" in line.machine.out("journalctl", "--priority=alert", "--output=cat")


def test_installing_again(line: Line) -> None:
    """It changes nothing but what is older, keeps a recipe that was changed, and the line runs on meanwhile.

    So it does where the Python is gone that the line runs on: what it loads from stays until the next update.
    """
    machine, pid = line.machine, line.show("MainPID")
    machine.out("ln", "-sfn", "/gone/python3.9", "/opt/inspector/bin/python")
    machine.out("mkdir", "/opt/inspector/lib/python3.9")
    machine.out("sh", "-c", "echo '# tuned here' >>/etc/inspector/recipes/heavy/recipe.toml")
    for expected, stays in ((2, True), (2, False)):
        output = machine.out(INSTALL, "--python", PYTHON)
        assert f"Still running what was there before: {UNIT}" in output
        assert ("Another Python than before" in output) == stays
        assert (machine.run("test", "-e", "/opt/inspector/lib/python3.9")[0] == 0) == stays
        recipes = machine.out("ls", "/etc/inspector/recipes").splitlines()
        assert len(recipes) == expected
    (kept,) = (name for name in recipes if name.startswith("heavy.before-"))
    assert "# tuned here" in machine.out("cat", f"/etc/inspector/recipes/{kept}/recipe.toml")
    assert (line.show("MainPID"), line.ready()) == (pid, True)
    machine.out("systemctl", "restart", UNIT)
    assert line.ready()


def test_uninstall(line: Line) -> None:
    """All lines stop and nothing of the program stays; configurations, recipes and journals do, until --purge."""
    machine = line.machine
    machine.out(INSTALL, "--uninstall")
    assert machine.run("systemctl", "cat", UNIT)[0] != 0
    gone = ("/opt/inspector", "/etc/systemd/system/inspector@.service", "/run/inspector/line3")
    kept = (CONFIG, "/etc/inspector/recipes/heavy/model.onnx", "/var/lib/inspector/line3/journal")
    for path in gone:
        assert machine.run("test", "-e", path)[0] != 0, path
    for path in kept:
        assert machine.run("test", "-e", path)[0] == 0, path
    assert machine.out("find", "/etc/systemd/system", "-name", "inspector*") == ""
    assert not line.ready()
    machine.out(INSTALL, "--uninstall", "--purge")
    for path in (*gone, *kept, "/etc/inspector", "/var/lib/inspector"):
        assert machine.run("test", "-e", path)[0] != 0, path
    assert machine.run("id", "inspector")[0] != 0
