"""The past under new rules: grades and alarms as they would have been, next to what was."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from inspector.__main__ import main
from inspector.coil.record import record
from inspector.events.journal import Journal
from inspector.records.events import Alarm, CoilRecord, Decision
from tests.coil_journals import new_journal, reported
from tests.coils_seen import seen
from tests.defects import any_defect
from tests.recipes import write_recipe

CONFIG = """line = "l"
[recipe]
path = "recipe"
[intake]
bind = "tcp://127.0.0.1:5555"
[[camera]]
name = "top"
mm_per_px = 0.5
mm_per_row = 0.5
[[alarm]]
name = "one"
classes = ["dark"]
count = 1
within_m = 1
off_delay_ms = 0
[[alarm]]
name = "many"
classes = ["dark"]
count = 9
[[grading]]
name = "new"
version = "2"
[[grading.limit]]
name = "dark"
grade = "block"
max_count = 0
[events]
bind = "tcp://127.0.0.1:5556"
replay_bind = "tcp://127.0.0.1:5557"
[journal]
path = "journal"
"""


def then(coil: str, first_seq: int, grade: str) -> CoilRecord:
    """The record that a coil had."""
    return msgspec.structs.replace(record(seen()), coil=coil, first_seq=first_seq, grade=grade)


def raised(coil: str, name: str = "old") -> Alarm:
    """An alarm of then."""
    return Alarm(
        name=name, state="unacknowledged", priority="low", coil=coil, camera="top", message="", count=1, defect_id="1"
    )


@pytest.fixture
def past(tmp_path: Path) -> Journal:
    """A journal of two coils: one with two defects, far apart, and one with none."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG)
    seconds = itertools.count(1_790_000_000)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(seconds), UTC))
    far: list[Any] = [any_defect(id=f"{at}", coil="A", start_mm=at, end_mm=at + 1) for at in (1000.0, 50_000.0)]
    for events in (
        [reported("A", "started")],
        [far[0], raised("A")],
        [far[1]],
        [reported("A", "ended", 60.0), reported("B", "started")],
        [then("A", 1, "release")],
        [reported("B", "ended", 60.0)],
        [then("B", 6, "hold")],
    ):
        journal.record(events)
    journal.close()
    return journal


def test_then_and_now_stand_side_by_side(past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each coil has the grade and the alarms that were, and those that would have been; the journal stays as it is."""
    before = {file.name: file.read_bytes() for file in (tmp_path / "journal").iterdir()}
    words = ["rejudge", str(tmp_path / "new.toml"), "--journal", str(tmp_path / "journal")]
    assert main([*words, "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["coil"], first["grade_then"], first["grade_now"]) == ("A", "release", "block")
    assert (first["alarms_then"], first["alarms_now"]) == ({"old": 1}, {"one": 2})
    assert first["reasons_now"] == ["new: block: 2 defects from 1.000 to 50.001 m, 0 are allowed (dark)"]
    assert (second["coil"], second["grade_then"], second["grade_now"]) == ("B", "hold", "release")
    assert main(words) == 0
    assert "2 of 2 coils change their grade." in capsys.readouterr().out
    assert {file.name: file.read_bytes() for file in (tmp_path / "journal").iterdir()} == before


def test_coils_of_one_name_have_their_own_alarms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Then and now; the one without a defect has none, and one that was cut off leaves the next its record."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG + GRADED)
    seconds = itertools.count(1_790_000_000)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(seconds), UTC))
    dark: list[Any] = [any_defect(id=f"{at}", coil="A", start_mm=at, end_mm=at + 1) for at in (1000.0, 3000.0)]
    seq = 0
    for found in (dark[:1], [], dark):  # the first one's record is gone with the process
        first_seq = seq + 1
        batches = [[reported("A", "started")], *([defect, raised("A")] for defect in found)]
        if first_seq > 1 or not found:
            batches += [[reported("A", "ended", 60.0)], [then("A", first_seq, "release")]]
        for events in batches:
            journal.record(events)
            seq += len(events)
    journal.close()
    assert main(["rejudge", str(tmp_path / "new.toml"), "--journal", str(tmp_path / "journal"), "--json"]) == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [row["alarms_then"] for row in rows] == [{"old": 1}, {}, {"old": 2}]
    assert [row["alarms_now"] for row in rows] == [{"one": 1}, {}, {"blocked": 1, "one": 2}]


def test_an_alarm_of_a_coil_whose_name_has_begun_again_is_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Then and now: the next of its name begins in the batch in which it is raised."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG)
    journal = new_journal(tmp_path / "journal")
    dark = any_defect(coil="A", start_mm=1.0, end_mm=2.0)
    late = msgspec.structs.replace(raised("A"), coils_since=1)
    journal.record([reported("A", "started"), dark, reported("A", "ended", 60.0), reported("A", "started"), late])
    journal.close()
    assert main(["rejudge", str(tmp_path / "new.toml"), "--journal", str(tmp_path / "journal"), "--json"]) == 0
    rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
    assert [(row["alarms_then"], row["alarms_now"]) for row in rows] == [({"old": 1}, {"one": 1}), ({}, {})]


GRADED = """
[[alarm]]
name = "blocked"
kind = "grade"
grade = "block"
"""

COUNTING = """
[[grading]]
name = "alarms"
version = "1"
[[grading.limit]]
name = "a"
grade = "hold"
counts = "alarms"
max_count = 0
"""


@pytest.mark.parametrize("now", [True, False])
def test_a_grade_counts_the_alarms_of_now(
    past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str], now: bool
) -> None:
    """Not those of then, nor what a grade raises; and an alarm on the grade follows from the grade so made."""
    rules = COUNTING + GRADED.replace('"block"', '"hold"')
    config = CONFIG.replace(
        'name = "dark"\ngrade = "block"\nmax_count = 0', 'name = "dark"\ngrade = "block"\nmax_count = 9'
    )
    (tmp_path / "new.toml").write_text((config if now else config.replace("count = 1\n", "count = 3\n")) + rules)
    assert main(["rejudge", str(tmp_path / "new.toml"), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["alarms_then"], first["alarms_now"]) == ({"old": 1}, {"blocked": 1, "one": 2} if now else {})
    assert (first["grade_now"], second["grade_now"]) == ("hold" if now else "release", "release")
    assert first["reasons_now"] == (["alarms: hold: 2 alarms, 0 are allowed (a)"] if now else [])


def test_what_people_decided_is_left_out(past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The machine's grade raises its alarm, whatever somebody made of the coil in the end."""
    (tmp_path / "new.toml").write_text(CONFIG + GRADED)
    journal = new_journal(tmp_path / "journal")
    journal.record([Decision(coil="A", grade="release", machine="block", operator="Kim", reason="seen")])
    journal.close()
    assert main(["rejudge", str(tmp_path / "new.toml"), "--json"]) == 0
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["alarms_now"], second["alarms_now"]) == ({"blocked": 1, "one": 2}, {})


def test_a_report_counts_no_alarm_that_a_grade_raised(
    past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The coil's own, behind its record: made again, from the journal or its file, the grade is that of its end."""
    (tmp_path / "new.toml").write_text(CONFIG.replace("max_count = 0", "max_count = 9") + COUNTING + GRADED)
    journal = new_journal(tmp_path / "journal")
    journal.record([raised("B", "blocked")])
    journal.close()
    made: list[dict[str, Any]] = []
    for coil in ("B", str(tmp_path / "B.json")):
        words = ["report", coil, "--config", str(tmp_path / "new.toml"), "--json", str(tmp_path / "B.json")]
        assert main(words) == 0
        made.append(json.loads(capsys.readouterr().out))
    assert [(record["grade"], record["alarms"]) for record in made] == [("release", {"blocked": 1})] * 2


def test_alarms_go_by_the_severities_of_now(past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As grades do: what was minor then is critical by the new rules, and the other way round."""
    severe = CONFIG.replace('name = "one"\n', 'name = "one"\nmin_severity = "critical"\n')
    for length_mm, alarms in ((1, {"one": 2}), (2, {})):
        rule = f'[[severity]]\nlevel = "critical"\nmin_length_mm = {length_mm}\n'
        (tmp_path / "new.toml").write_text(severe + rule)
        assert main(["rejudge", str(tmp_path / "new.toml"), "--json"]) == 0
        assert json.loads(capsys.readouterr().out.splitlines()[0])["alarms_now"] == alarms


RULES = """
[[alarm]]
name = "cluster"
classes = ["dark"]
count = 3
within_m = 5
off_delay_ms = 0
[[alarm]]
name = "moving"
classes = ["dark"]
count = 3
within_m = 5
off_delay_ms = 0
suppressed_by = "line stands"
"""


def alarms_now(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, int]]:
    """The alarms that each coil would have had."""
    assert main(["rejudge", str(tmp_path / "new.toml"), "--journal", str(tmp_path / "journal"), "--json"]) == 0
    return [json.loads(row)["alarms_now"] for row in capsys.readouterr().out.splitlines()]


def test_what_comes_between_empties_no_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three defects within 5 m, with events of others between them, minutes apart on a strip that creeps."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG + RULES)
    minutes = itertools.count(1_790_000_000, 60)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(minutes), UTC))
    dark: list[Any] = [any_defect(id=f"{at}", coil="A", start_mm=at, end_mm=at + 1) for at in (1000.0, 2500.0, 4000.0)]
    other = any_defect(id="o", coil="A", camera="next", name="bright", start_mm=1500.0, end_mm=1501.0)
    for events in (
        [reported("A", "started")],
        [dark[0]],
        [other],
        [raised("A")],
        [dark[1]],
        [raised("A")],
        [dark[2]],
        [reported("A", "ended", 60.0)],
    ):
        journal.record(events)
    journal.close()
    assert alarms_now(tmp_path, capsys) == [{"one": 3, "cluster": 1, "moving": 1}]


def test_a_camera_down_the_line_has_its_own_window(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Three defects under it within 5 m, while the first camera sees strip 100 m farther back."""
    write_recipe(tmp_path / "recipe")
    below = '[[camera]]\nname = "below"\nside = "bottom"\nmm_per_px = 0.5\nmm_per_row = 0.5\nstation_m = 100\n'
    (tmp_path / "new.toml").write_text(CONFIG.replace("[[alarm]]", below + "[[alarm]]", 1) + RULES)
    seconds = itertools.count(1_790_000_000)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(seconds), UTC))
    journal.record([reported("A", "started")])
    for at in (21_000.0, 22_000.0, 23_000.0):
        facts: dict[str, Any] = {"coil": "A", "start_mm": at, "end_mm": at + 1}
        ahead = any_defect(id=f"a{at}", name="bright", **{**facts, "start_mm": at + 1e5, "end_mm": at + 1e5 + 1})
        journal.record([ahead])
        journal.record([any_defect(id=f"b{at}", camera="below", side="bottom", **facts)])
    journal.record([reported("A", "ended", 200.0)])
    journal.close()
    assert alarms_now(tmp_path, capsys)[0]["cluster"] == 1


SLOWLY = """
[[alarm]]
name = "slowly"
classes = ["dark"]
within_m = 5
suppressed_by = "line slower than 3 m/min"
"""


def test_a_camera_that_sees_its_first_defect_is_no_leap(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a strip that creeps at 2 m/min: the coil has come as far under it as under the others."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG + SLOWLY)
    minutes = itertools.count(1_790_000_000, 60)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(minutes), UTC))
    journal.record([reported("A", "started")])
    for at, camera in ((2000.0, "top"), (4000.0, "top"), (6000.0, "next"), (8000.0, "next")):
        journal.record([any_defect(id=f"{at}", coil="A", camera=camera, start_mm=at, end_mm=at + 1)])
    journal.record([reported("A", "ended", 10.0)])
    journal.close()
    assert "slowly" not in alarms_now(tmp_path, capsys)[0]


@pytest.mark.parametrize(("together", "length_m"), [(False, 59.0), (False, 0.0), (True, 58.0)])
def test_a_coil_that_goes_on_has_come_as_far(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], together: bool, length_m: float
) -> None:
    """After a stop, or a frame with a wrong name: three defects before and behind it lie within 5 m, far from its head.

    Journals of before contract 1.3 name no length.
    """
    write_recipe(tmp_path / "recipe")
    at_head = SLOWLY.replace("slowly", "behind").replace("line slower than 3 m/min", "first 30 m of coil")
    (tmp_path / "new.toml").write_text(CONFIG + RULES + SLOWLY + at_head)
    minutes = itertools.count(1_790_000_000, 60)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(minutes), UTC))
    dark: list[Any] = [any_defect(id=f"{at}", coil="A", start_mm=at, end_mm=at + 1) for at in (56e3, 58e3, 60e3)]
    journal.record([reported("A", "started")])
    for at in range(2, 56, 2):  # it creeps
        journal.record([any_defect(id=f"b{at}", coil="A", name="bright", start_mm=at * 1e3, end_mm=at * 1e3 + 1)])
    end, start = (
        msgspec.structs.replace(reported("A", state, 59.0), length_m=length_m) for state in ("ended", "started")
    )
    for events in ([dark[0]], [dark[1]], *([[end, start]] if together else [[end], [start]]), [dark[2]]):
        journal.record(events)
    journal.record([reported("A", "ended", 61.0)])
    journal.close()
    assert alarms_now(tmp_path, capsys) == [{"behind": 1, "cluster": 1, "moving": 1, "one": 3}]


def test_short_coils_of_one_name_count_apart(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where the next one begins a while after the one before has ended: two defects and one are no cluster of three."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG + RULES)
    seconds = itertools.count(1_790_000_000)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(seconds), UTC))
    dark: list[Any] = [any_defect(id=f"{at}", coil="A", start_mm=at, end_mm=at + 1) for at in (1000.0, 2000.0, 3000.0)]
    for found in ([dark[0], dark[2]], [dark[1]]):
        for events in ([reported("A", "started")], *([defect] for defect in found), [reported("A", "ended", 3.5)]):
            journal.record(events)
    journal.close()
    assert alarms_now(tmp_path, capsys) == [{"one": 2}, {"one": 1}]


@pytest.mark.parametrize("following", ["A", "B"])
def test_a_coils_end_counts(tmp_path: Path, capsys: pytest.CaptureFixture[str], following: str) -> None:
    """Where the last of three defects was recorded with the coil's end, and the next coil, of its name too, with it."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "new.toml").write_text(CONFIG + RULES)
    seconds = itertools.count(1_790_000_000)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime.fromtimestamp(next(seconds), UTC))
    dark: list[Any] = [any_defect(id=f"{at}", coil="A", start_mm=at, end_mm=at + 1) for at in (7000.0, 8000.0, 9000.0)]
    for events in (
        [reported("A", "started")],
        dark[:2],
        [dark[2], reported("A", "ended", 9.0), reported(following, "started")],
        [reported(following, "ended", 9.0)],
    ):
        journal.record(events)
    journal.close()
    assert [row.get("cluster", 0) for row in alarms_now(tmp_path, capsys)].count(1) == 1


def test_a_coil_that_still_runs_changes_no_grade(
    past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It has none yet."""
    going_on = new_journal(tmp_path / "journal")
    going_on.record([reported("C", "started")])
    going_on.close()
    assert main(["rejudge", str(tmp_path / "new.toml"), "--journal", str(tmp_path / "journal")]) == 0
    assert "2 of 3 coils change their grade." in capsys.readouterr().out


def test_an_archive_is_refused_with_the_reason(
    past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Crops are not a coil's account: who gives them learns why, and what to give."""
    (tmp_path / "archive" / "seen").mkdir(parents=True)
    assert main(["rejudge", str(tmp_path / "new.toml"), "--journal", str(tmp_path / "archive")]) == 1
    assert "a grade from it would be a guess. Give the folder of journal.path" in capsys.readouterr().err


def test_the_words_of_0_3_still_do(past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The journal first and --config with the rules is the same, with what to write from now on."""
    journal, config = str(tmp_path / "journal"), str(tmp_path / "new.toml")
    assert main(["rejudge", config, "--journal", journal]) == 0
    printed = capsys.readouterr().out
    assert main(["rejudge", journal, "--config", config]) == 0
    old = capsys.readouterr()
    assert old.out == printed
    assert f"write `inspector rejudge {config} --journal {journal}`" in old.err


def test_a_configuration_has_its_own_journal(past: Journal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --journal the coils are those of the journal that the configuration names."""
    assert main(["rejudge", str(tmp_path / "new.toml")]) == 0
    assert "2 of 2 coils change their grade." in capsys.readouterr().out
