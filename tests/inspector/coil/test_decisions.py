"""People's decisions on coils: journalled with name and reason, next to the machine's grade."""

from __future__ import annotations

from pathlib import Path

import msgspec

from inspector.coil.decisions import REMEMBERED, Decisions, begun
from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import History
from inspector.records.commands import Asked, Decide
from inspector.records.events import CoilRecord, CoilReport, Data, Decision
from inspector.records.stages import Findings
from tests.coil_journals import new_journal, reported
from tests.coils_seen import seen


def graded(grade: str) -> CoilRecord:
    """A coil's record with a grade."""
    return msgspec.structs.replace(record(seen()), grade=grade)


def asked(stage: Decisions, *events: Data, **facts: str) -> tuple[Findings, str, bool]:
    """Ask for a release in a batch with these events; return what comes of it."""
    command = msgspec.convert(
        {"command": "decide", "coil": "C", "grade": "release", "operator": "Kim", **facts}, Decide
    )
    after = stage(Findings(closed_ns=0, events=events, asked=(Asked(7, command),)))
    return after, after.answers[7].message, after.answers[7].is_done


def test_a_decision_is_journalled_next_to_the_grade() -> None:
    """It carries coil, grade, name and reason, and the machine's grade as it stood."""
    stage = Decisions()
    after, message, is_done = asked(stage, reported("C", "ended", 5.0), graded("hold"), reason="seen by eye")
    assert is_done and message == "coil C: release (the machine's grade: hold)"
    assert after.events[-1] == Decision(coil="C", grade="release", machine="hold", operator="Kim", reason="seen by eye")


def test_a_decision_without_a_reason_or_a_coil_is_refused() -> None:
    """Nothing is journalled as decided then, and the answer says why."""
    stage = Decisions()
    for facts, refusal in (({"reason": "r"}, "no coil C among"), ({"reason": " "}, "needs a reason")):
        events = (reported("C", "started"),) if refusal == "needs a reason" else ()
        after, message, is_done = asked(stage, *events, **facts)
        assert not is_done and refusal in message and not any(isinstance(event, Decision) for event in after.events)


def test_a_refusal_names_the_newest_coils_first() -> None:
    """By when they began, also where the one before was graded later."""
    stage = Decisions()
    events = (*(reported(name, "started") for name in ("A", "B")), reported("A", "ended"))
    assert asked(stage, *events, reason="r")[1].endswith("the newest are B, A.")


def test_a_decision_on_another_coil_of_the_name_is_refused() -> None:
    """With the words of who looked at the journal as it came in."""
    stage = Decisions()
    order = Decide(coil="C", grade="block", operator="Kim", reason="r", first_seq=3)
    after = stage(Findings(closed_ns=0, events=(reported("C", "started"),), asked=(Asked(7, order, "not the newest"),)))
    assert after.answers[7].message == "not the newest" and not after.answers[7].is_done
    assert not any(isinstance(event, Decision) for event in after.events)


def test_a_record_that_comes_late_is_not_the_grade_of_what_runs() -> None:
    """The next coil of the name has begun by then: of that there is no grade yet, also over a restart."""
    stage, again = Decisions(), Decisions()
    stage(Findings(closed_ns=0, events=(reported("C", "ended", 5.0), reported("C", "started"), graded("block"))))
    again.restore(stage.state(), 0)
    assert asked(again, reason="r")[1] == "coil C: release"
    assert asked(again, reported("C", "ended", 5.0), graded("hold"), reason="r")[1].endswith("grade: hold)")


def test_coils_are_known_over_a_restart() -> None:
    """The stage after a restart takes decisions on what the one before it saw, and remembers a bounded number."""
    stage = Decisions()
    coils: list[CoilReport] = [reported(f"C{number}", "ended") for number in range(2 * REMEMBERED)]
    stage(Findings(closed_ns=0, events=(*coils, graded("block"))))
    again = Decisions()
    again.restore(stage.state(), 0)
    assert asked(again, reason="r")[1] == "coil C: release (the machine's grade: block)"
    assert len(msgspec.json.decode(again.state())) == REMEMBERED


def test_a_state_of_before_is_read() -> None:
    """A coil was its grade alone, null while it ran."""
    stage = Decisions()
    stage.restore(b'{"B":null,"C":"hold"}', 0)
    assert begun(stage.state(), "C") == begun(stage.state(), "D") == 0
    assert asked(stage, reason="r")[1].endswith("grade: hold)")
    assert asked(stage, graded("block"), coil="B", reason="r")[1] == "coil B: release"


def test_a_record_names_its_decisions(tmp_path: Path) -> None:
    """A record made after a decision has it, with its time; the grades stay the machine's."""
    journal = new_journal(tmp_path / "journal")
    decision = Decision(coil="C", grade="block", machine="release", operator="Kim", reason="bent")
    journal.record([reported("C", "started"), reported("C", "ended", 5.0), decision])
    journal.close()
    with History(tmp_path / "journal") as history:
        made = record(gather(history, history.coil("C")))
    (decided,) = made.decisions
    assert (decided.grade, decided.operator, decided.reason, made.grade) == ("block", "Kim", "bent", "ungraded")
    assert decided.time.endswith("Z")
