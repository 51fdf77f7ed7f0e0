"""The station on a machine with a real systemd: under its own unit, with all that this forbids."""

from __future__ import annotations

import http.client
import time

import msgspec
import pytest

from tests.patience import patience_s
from tests.systemd.line import UNIT, Line
from tests.systemd.machine import BUNDLE, PYTHON, Machine

pytestmark = pytest.mark.long

STATION = "inspector-station.service"
PACKAGES = (
    "starlette", "uvicorn", "anyio", "h11", "click", "idna", "itsdangerous", "typing_extensions", "argon2",
    "_argon2_cffi_bindings", "cffi", "_cffi_backend",
)  # fmt: skip
PORT = 8470
STATE = "/var/lib/inspector-station"


def test_the_station_as_a_service(machine: Machine) -> None:
    """It follows the line and reads its journal on a read-only disk; a file that is wrong ends it with 78.

    An update names it among what still runs as it was, and a purge leaves nothing of it.
    """
    line = Line(machine)
    machine.out(f"{BUNDLE}/install.sh", "--python", PYTHON)
    for name in PACKAGES:
        machine.install(name)
    line.configure()
    machine.out("systemctl", "start", UNIT)
    machine.write("/etc/inspector/station.toml", '[[line]]\nconfig = "line3.toml"\n')
    machine.out("systemctl", "start", STATION)
    line.send(3)
    _until_answering()
    assert [coil["coil"] for coil in msgspec.json.decode(_get("/api/coils"))]
    output = machine.out(f"{BUNDLE}/install.sh", "--python", PYTHON)
    assert f"Still running what was there before: {STATION} {UNIT} (" in output
    log = machine.out("journalctl", "--unit", STATION, "--no-pager", "--output", "cat")
    assert "Traceback" not in log
    machine.out("systemctl", "stop", STATION)
    assert machine.out("systemctl", "show", "--property=Result", "--value", STATION).strip() == "success"
    machine.write("/etc/inspector/station.toml", 'bind = "0.0.0.0:8470"\n[[line]]\nconfig = "line3.toml"\n')
    machine.run("systemctl", "start", STATION)
    machine.until("systemctl", "is-failed", "--quiet", STATION)
    assert machine.out("systemctl", "show", "--property=ExecMainStatus", "--value", STATION).strip() == "78"
    machine.out(f"{BUNDLE}/install.sh", "--uninstall")
    assert machine.run("test", "-e", STATE)[0] == 0, "who logged out would be let in again"
    machine.out(f"{BUNDLE}/install.sh", "--uninstall", "--purge")
    assert machine.out("find", "/etc", "/var/lib", "-name", "inspector*") == ""


def _get(path: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=patience_s())
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()


def _until_answering() -> None:
    until_s = time.monotonic() + patience_s()
    while time.monotonic() < until_s:
        try:
            if msgspec.json.decode(_get("/health"))["lines"]["line3"]["is_answering"]:
                return
        except OSError:
            pass
        time.sleep(0.2)
    raise AssertionError("the station does not follow the line")
