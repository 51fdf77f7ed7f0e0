"""The users' file, and who may how often try."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from inspector.errors import ConfigError, InspectorError
from inspector.station import users
from inspector.station.access import TRIES, TRY_S, Limits


def test_a_user_is_admitted_by_the_password_alone(tmp_path: Path) -> None:
    """It is not in the file, which only its owner reads; a new one takes the place of the old."""
    path = tmp_path / "users.json"
    assert users.add(path, "Kim", "operator", "correct horse")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "correct horse" not in path.read_text()
    read = users.read(path)
    found = read.admits("Kim", "correct horse")
    assert found and (found.name, found.role) == ("Kim", "operator")
    assert read.admits("Kim", "correct hors") is None and read.admits("Lee", "correct horse") is None
    assert not users.add(path, "Kim", "engineer", "battery staple")
    again = users.read(path)
    assert again.admits("Kim", "correct horse") is None and again.secret == read.secret
    assert users.remove(path, "Kim") and not users.remove(path, "Kim")


def test_what_cannot_be_is_refused(tmp_path: Path) -> None:
    """A short password, a name with a line's end, a file that is none."""
    with pytest.raises(InspectorError, match="8 or more"):
        users.add(tmp_path / "users.json", "Kim", "viewer", "short")
    with pytest.raises(InspectorError, match=r"name is .*expected text on one line"):
        users.add(tmp_path / "users.json", "Kim\n", "viewer", "long enough")
    with pytest.raises(ConfigError, match="user add"):
        users.read(tmp_path / "users.json")
    (tmp_path / "users.json").write_text("{}")
    with pytest.raises(ConfigError, match="no file of users"):
        users.read(tmp_path / "users.json")


def test_who_tries_too_often_waits() -> None:
    """By address and by name; the time passes, and the right password forgets."""
    now_s = [0.0]
    limits = Limits(lambda: now_s[0])
    for _ in range(TRIES):
        assert limits.wait_s("address 1", "name Kim") == 0
        limits.failed("address 1", "name Kim")
    assert limits.wait_s("address 2", "name Kim") > 0 and limits.wait_s("address 1", "name Lee") > 0
    assert limits.wait_s("address 2", "name Lee") == 0
    now_s[0] = TRY_S + 1
    assert limits.wait_s("address 1", "name Kim") == 0
    limits.failed("name Kim")
    limits.passed("name Kim")
    assert limits.wait_s("name Kim") == 0
