"""A session that was ended is known as such, over a restart, and no longer than it could have lasted."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from inspector.station.departed import Departed


def test_what_ended_stays_ended_over_a_restart(tmp_path: Path) -> None:
    """Another session of the same user goes on, and the file opens nothing."""
    now_s = [1000.0]
    departed = Departed(tmp_path / "departed.json", 60.0, lambda: now_s[0])
    departed.add("secret one")
    for known in (departed, Departed(tmp_path / "departed.json", 60.0, lambda: now_s[0])):
        assert known.has("secret one") and not known.has("secret two")
    assert "secret one" not in (tmp_path / "departed.json").read_text()
    now_s[0] += 61
    departed.add("secret two")
    assert not departed.has("secret one"), "its cookie has run out by itself"


def test_where_nothing_can_be_written_it_holds_until_a_restart(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """That is logged once."""
    departed = Departed(tmp_path / "none" / "departed.json", 60.0)
    with caplog.at_level(logging.WARNING, "inspector"):
        departed.add("one")
        departed.add("two")
    assert departed.has("one") and departed.has("two")
    assert len(caplog.records) == 1


def test_a_damaged_file_costs_what_it_held(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The station starts all the same, and says what that means."""
    (tmp_path / "departed.json").write_text("{")
    with caplog.at_level(logging.WARNING, "inspector"):
        departed = Departed(tmp_path / "departed.json", 60.0)
    assert not departed.has("one") and "may be used again" in caplog.text
