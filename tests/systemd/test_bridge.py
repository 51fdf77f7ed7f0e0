"""The bridge on a machine with a real systemd: started under its own account, killed, served again, stopped."""

from __future__ import annotations

import pytest

from tests.brokers import MOSQUITTO, Subscriber, needs_mosquitto
from tests.systemd.line import UNIT, Line
from tests.systemd.machine import BUNDLE, PYTHON, Machine

pytestmark = [pytest.mark.long, needs_mosquitto]

BRIDGE = "inspector-bridge@line3.service"
PASSWORD = "/etc/inspector/line3.secret"


def test_the_bridge_as_a_service(machine: Machine) -> None:
    """Events pass with a password from a file, before and after a kill; a wrong one ends it with 78.

    An update names it among what still runs as it was.
    """
    line = Line(machine)
    machine.out(f"{BUNDLE}/install.sh", "--python", PYTHON)
    machine.install("paho")
    machine.write("/run/mosquitto.conf", "listener 1883 127.0.0.1\npassword_file /run/users\nuser root\n")
    machine.out("mosquitto_passwd", "-b", "-c", "/run/users", "bridge", "s3cret")
    machine.out("systemd-run", "--unit=broker", str(MOSQUITTO), "-c", "/run/mosquitto.conf")
    line.configure()
    machine.out("systemctl", "start", UNIT)
    machine.write(
        "/etc/inspector/line3.bridge", f"OPTIONS=--line line3 --user bridge --password-file {PASSWORD} --since 1\n"
    )
    machine.write(PASSWORD, "s3cret\n")
    machine.until("sh", "-c", "ss -ltn | grep -q :1883")
    with Subscriber(1883, "steel/line3/#", "bridge", "s3cret") as subscriber:
        machine.out("systemctl", "start", BRIDGE)
        _await(subscriber, "steel/line3/health/started")
        machine.out("systemctl", "kill", "--signal=KILL", BRIDGE)
        line.send(3)
        _await(subscriber, "steel/line3/coil/started")
    output = machine.out(f"{BUNDLE}/install.sh", "--python", PYTHON)
    assert f"Still running what was there before: {BRIDGE} {UNIT} (" in output
    log = machine.out("journalctl", "--unit", BRIDGE, "--no-pager", "--output", "cat")
    assert "Traceback" not in log
    machine.out("systemctl", "stop", BRIDGE)
    assert machine.out("systemctl", "show", "--property=Result", "--value", BRIDGE).strip() == "success"
    machine.write(PASSWORD, "wrong\n")
    machine.run("systemctl", "start", BRIDGE)
    machine.until("systemctl", "is-failed", "--quiet", BRIDGE)
    assert machine.out("systemctl", "show", "--property=ExecMainStatus", "--value", BRIDGE).strip() == "78"


def _await(subscriber: Subscriber, topic: str) -> None:
    while subscriber.take()[0] != topic:
        pass
