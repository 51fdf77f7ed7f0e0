"""On loopback pages that stay open over a restart of the station go on giving commands."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest
from starlette.requests import Request

from inspector.station.access import Access
from inspector.station.own_token import own_token
from inspector.station.settings import load
from tests.stations import line_file


def token(config: Path) -> str:
    """What pages of a station that starts now carry."""
    who = Access(load(config)).who(Request({"type": "http"}))
    assert who is not None
    return who.token


def test_pages_of_before_a_restart_may_give_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The token is the same; it lies where nobody else reads it, and who removes the file has another made."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config = line_file(tmp_path)
    before = token(config)
    assert token(config) == before
    kept = tmp_path / "line.station-token"
    assert kept.read_text().strip() == before and kept.stat().st_mode & 0o077 == 0
    kept.unlink()
    assert token(config) != before


@pytest.mark.parametrize("secret", ["6" * 64, "6" * 32])
def test_the_secret_of_the_line_stays_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str) -> None:
    """The unit has it next to the line's file: it is neither replaced nor in pages."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    config, its_own = line_file(tmp_path), tmp_path / "line.token"
    its_own.write_text(f"{secret}\n")
    its_own.chmod(0o600)
    assert token(config) not in ("", secret) and its_own.read_text() == f"{secret}\n"


@pytest.mark.parametrize("of_before", [None, b"", b" \n"])
def test_it_is_kept_where_nothing_was(tmp_path: Path, of_before: bytes | None) -> None:
    """It is one that a header can carry, and that nobody guesses."""
    path = tmp_path / "token"
    if of_before is not None:
        path.write_bytes(of_before)
    made = own_token(path)
    assert len(made) == 40 and made.isascii() and own_token(path) == made


@pytest.mark.parametrize("other", [b"x" * 32, b"station-short", b"\xff" * 40, "ä".encode() * 32])
def test_a_file_that_holds_something_else_is_left(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, other: bytes
) -> None:
    """The token holds until a restart, and the log says so."""
    path = tmp_path / "token"
    path.write_bytes(other)
    path.chmod(0o600)
    with caplog.at_level(logging.WARNING, "inspector"):
        assert own_token(path) != own_token(path)
    assert path.read_bytes() == other and "holds something else" in caplog.text


@pytest.mark.parametrize("mode", [0o666, 0o640, 0o604])
def test_a_token_that_others_may_know_is_replaced(tmp_path: Path, mode: int) -> None:
    """By one that they do not."""
    path = tmp_path / "token"
    before = own_token(path)
    path.chmod(mode)
    made = own_token(path)
    assert made not in ("", before) and own_token(path) == made and path.stat().st_mode & 0o077 == 0


def test_a_token_of_another_user_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who owns the file knows what is in it."""
    path = tmp_path / "token"
    before = own_token(path)
    monkeypatch.setattr(os, "geteuid", lambda: path.stat().st_uid + 1)
    assert own_token(path) not in ("", before)


def test_where_nothing_can_be_written_it_holds_until_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and what to do."""
    path = tmp_path / "none" / "token"
    with caplog.at_level(logging.WARNING, "inspector"):
        assert own_token(path) != own_token(path)
    assert len(caplog.records) == 2 and "Reload pages" in caplog.text
