"""Whether a decision is for the coil that was looked at, by a journal in which a name has come twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector.coil.passage import objection
from inspector.events.history import History
from inspector.records.commands import Command, Decide, RollsChanged
from tests.coil_journals import new_journal, reported


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The journal: C7, another coil, and C7 again, which runs."""
    journal = new_journal(tmp_path / "journal")
    for name in ("C7", "C8"):
        journal.record([reported(name, "started"), reported(name, "ended", 5.0)])
    journal.record([reported("C7", "started")])
    journal.close()
    return tmp_path / "journal"


def decided(first_seq: int | None) -> Command:
    """An order for C7, by who has looked at the one that began with an event."""
    return Decide(coil="C7", grade="block", operator="Kim", reason="r", first_seq=first_seq)


def test_a_decision_is_for_the_newest_of_a_name(folder: Path) -> None:
    """The older one is refused, with when both began; the newest is not, nor who names none."""
    with History(folder) as history:
        older, newest = (passage for passage in history.coils() if passage.coil == "C7")
    assert (older.is_newest, newest.is_newest) == (False, True)
    refusal = objection(folder, decided(older.first_seq))
    assert refusal.startswith(f"the coil C7 that began {older.started} is not the newest of its name: another began ")
    assert newest.started in refusal
    for order in (decided(newest.first_seq), decided(None), RollsChanged(operator="Kim")):
        assert objection(folder, order) == ""


def test_a_coil_that_there_is_not_is_refused(folder: Path, tmp_path: Path) -> None:
    """By what the journal says, and where there is none."""
    assert "holds no coil C7 that began with event 999" in objection(folder, decided(999))
    assert "holds no journal" in objection(tmp_path / "none", decided(1))
