"""Whether a decision is for the coil that was looked at, by a journal in which a name has come twice."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from inspector.coil.decisions import Decisions
from inspector.coil.passage import meant
from inspector.events.history import History
from inspector.records.commands import Asked, Command, Decide, RollsChanged
from inspector.records.events import Data, Decision
from inspector.records.stages import Findings
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
    refusal, _ = meant(folder, decided(older.first_seq))
    assert refusal.startswith(f"the coil C7 that began {older.started} is not the newest of its name: another began ")
    assert newest.started in refusal
    for order in (decided(newest.first_seq), decided(None), RollsChanged(operator="Kim")):
        assert meant(folder, order) == ("", None)


def test_a_coil_that_there_is_not_is_refused(folder: Path, tmp_path: Path) -> None:
    """By what the journal says, and where there is none."""
    assert "holds no coil C7 that began with event 999" in meant(folder, decided(999))[0]
    assert "holds no journal" in meant(tmp_path / "none", decided(1))[0]


def test_one_that_begins_behind_the_look_is_another(tmp_path: Path) -> None:
    """The order is on its way through the stages as another coil of the name begins: it is not on disk by then."""
    journal, stage, numbers = new_journal(tmp_path / "journal"), Decisions(), itertools.count(1)

    def passes(*events: Data) -> None:
        journal.record(stage(Findings(closed_ns=0, events=events)).events, {stage.name: stage.state()})

    def decides(command: Command, look: tuple[str, int | None], *events: Data) -> str:
        asked = Asked(next(numbers), command, *look)
        found = stage(Findings(closed_ns=0, events=events, asked=(asked,)))
        journal.record(found.events, {stage.name: stage.state()})
        return found.answers[asked.number].message

    passes(reported("C7", "started"))
    passes(reported("C7", "ended", 5.0))
    order = decided(1)
    look = meant(tmp_path / "journal", order)
    goes_on = reported("C7", "started", 5.0)
    assert decides(order, look, goes_on) == "coil C7: block"
    assert "another coil C7 has begun meanwhile" in decides(order, look, reported("C7", "started"))
    stage.restore(stage.state(), 0)
    assert "another coil C7 has begun meanwhile" in decides(order, look)
    assert decides(decided(None), ("", None)) == "coil C7: block"
    journal.close()
    with History(tmp_path / "journal") as history:
        coils = [passage for passage in history.coils() if passage.coil == "C7"]
        assert [len([*history.events(passage, Decision)]) for passage in coils] == [1, 1]
