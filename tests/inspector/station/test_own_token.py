"""On loopback pages that stay open over a restart of the station go on giving commands."""

from __future__ import annotations

import logging
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
    kept = tmp_path / "line.token"
    assert kept.read_text().strip() == before and kept.stat().st_mode & 0o077 == 0
    kept.unlink()
    assert token(config) != before


@pytest.mark.parametrize("damage", [b"", b"short", b"\xff" * 32, b"x" * 31 + b" \n", b"x" * 33, "ä".encode() * 32])
def test_a_damaged_file_is_replaced(tmp_path: Path, damage: bytes) -> None:
    """By a token that a header can carry, and that nobody guesses."""
    path = tmp_path / "token"
    path.write_bytes(damage)
    made = own_token(path)
    assert len(made) == 32 and made.isascii() and own_token(path) == made


def test_where_nothing_can_be_written_it_holds_until_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The log says so, and what to do."""
    path = tmp_path / "none" / "token"
    with caplog.at_level(logging.WARNING, "inspector"):
        assert own_token(path) != own_token(path)
    assert len(caplog.records) == 2 and "Reload pages" in caplog.text
