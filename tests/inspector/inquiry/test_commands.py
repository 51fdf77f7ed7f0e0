"""The commands that ask a journal: what they print, in each form, and how they refuse."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import msgspec
import pytest

from inspector.__main__ import main
from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.coil.settings import GradingSection, LimitSection
from inspector.config.geometry import Span
from inspector.config.severity import SeveritySection
from inspector.events.history import History
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.records.events import CoilRecord, Decision, Doubtful, Missed
from inspector.simulator.planted import PlantedRow, write
from tests.coil_journals import new_journal, reported, write_coil, write_record
from tests.defects import any_defect
from tests.recipes import WIDTH, write_recipe


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """A journal with one coil of 300 defects."""
    journal = new_journal(tmp_path / "journal")
    write_coil(journal, "C", 300, 50.0)
    journal.close()
    return tmp_path / "journal"


def test_coils_in_each_form(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The table, the CSV and the JSON lines name the same coil."""
    for form in ([], ["--csv"], ["--json"]):
        assert main(["coils", "--journal", str(journal), *form]) == 0
    table, _, rest = capsys.readouterr().out.partition("coil,first_seq")
    assert table.splitlines()[1].split()[0] == "C"
    rows, _, lines = rest.partition("{")
    assert rows.splitlines()[1].startswith("C,1,")
    found = json.loads("{" + lines)
    assert (found["length_m"], found["doubtful_m"]) == (50.0, None), "nobody recorded the coil"


def test_coils_have_what_was_not_surely_seen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """All cameras, as the coil's record says: the grade alone would not say why it is held."""
    journal = new_journal(tmp_path / "journal")
    blind = Doubtful(camera="top", coil="C", start_mm=1000.0, end_mm=3500.0, faults=("dark",))
    journal.record([reported("C", "started"), blind, reported("C", "ended", 25.0)])
    write_record(journal, tmp_path / "journal", "C")
    journal.close()
    assert main(["coils", "--journal", str(tmp_path / "journal"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["doubtful_m"] == 2.5


def test_defects_in_each_form(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON lines and CSV give the same defects, which meet what was asked for; no rules, no severity."""
    words = ["defects", "--coil", "C", "--journal", str(journal), "--class", "scratch", "--min-length-mm", "20"]
    assert main([*words, "--json"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert found and all(defect["name"] == "scratch" for defect in found)
    assert main([*words, "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["id"] for row in rows] == [defect["id"] for defect in found]
    assert all(float(row["length_mm"]) >= 20 and row["severity"] == "" for row in rows)
    assert main([*words, "--side", "top", "--limit", "2"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 3


def test_a_report_is_written_and_read_again(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The record is printed, the file and the page are written, and the file gives the same record."""
    file, page = tmp_path / "coil.json", tmp_path / "coil.html"
    assert main(["report", "C", "--journal", str(journal), "--json", str(file), "--html", str(page)]) == 0
    record = json.loads(capsys.readouterr().out)
    assert (record["kind"], record["defects"], record["is_partial"]) == ("record", 300, False)
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert main(["report", str(file)]) == 0
    assert json.loads(capsys.readouterr().out) == record


def test_a_report_without_a_configuration_has_the_grade_that_was_recorded(
    journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Grades, severities and cameras are those of the coil's end; what people decided since stands there."""
    with History(journal) as history:
        spans = (Span("left", "top", 0.0, 700.0), Span("right", "top", 650.0, 1300.0))
        seen = gather(history, history.coil("C"), spans)
    rules = GradingSection(name="car", version="1", limit=(LimitSection(name="all", grade="hold", max_count=9),))
    made = record(seen, [rules], [SeveritySection(level="critical", classes=("crack",))])
    written = new_journal(journal)
    written.record([made, Decision(coil="C", grade="release", machine="hold", operator="Kim", reason="seen")])
    write_coil(written, "D", 3, 10.0)
    written.record([reported("E", "started")])
    written.close()
    file = tmp_path / "coil.json"
    assert main(["report", "C", "--journal", str(journal), "--json", str(file)]) == 0
    printed = capsys.readouterr()
    shown = msgspec.json.decode(printed.out, type=CoilRecord)
    assert (shown.grade, shown.grades, shown.classes) == ("hold", made.grades, made.classes)
    assert [(seen.camera, seen.right_mm) for seen in shown.coverage[:2]] == [("left", 700.0), ("right", 1300.0)]
    assert [decision.operator for decision in shown.decisions] == ["Kim"]
    assert "no severity of 300 of 300 defects" in printed.err
    for coil, why in (("D", "the journal has no grade of it"), ("E", "it runs still")):
        assert main(["report", coil, "--journal", str(journal)]) == 0
        assert f"coil {coil}: is not graded: {why}" in capsys.readouterr().err


def test_a_report_says_that_severities_are_unknown_only_where_they_are(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Defects have had their own since contract 1.3: the map shows them, without a configuration too."""
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), any_defect(severity="critical"), reported("C", "ended", 10.0)])
    with History(tmp_path / "journal") as history:
        seen = gather(history, history.coil("C"))
    rules = GradingSection(name="car", version="1", limit=(LimitSection(name="all", grade="hold", max_count=9),))
    journal.record([record(seen, [rules], [SeveritySection(level="critical")])])
    journal.close()
    words = ["report", "C", "--journal", str(tmp_path / "journal"), "--json", str(tmp_path / "coil.json")]
    assert main(words) == 0
    assert not capsys.readouterr().err


def test_what_is_not_there_is_refused(journal: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A coil, a journal and a file that are not there end with 1 and words that name them."""
    for words, refusal in (
        (["defects", "--coil", "X", "--journal", str(journal)], "holds no coil X"),
        (["coils", "--journal", str(tmp_path / "no")], "holds no journal"),
        (
            ["report", "C", "--journal", str(journal), "--html", str(tmp_path / "no" / "x.html")],
            "Name a file in a folder",
        ),
    ):
        assert main(words) == 1
        assert refusal in capsys.readouterr().err


def test_filters_that_no_defect_can_meet_are_refused(journal: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A class that nobody knows, a stretch that ends before it begins, a severity without rules: no empty table."""
    words = ["defects", "--coil", "C", "--journal", str(journal)]
    for more, refusal in (
        (["--class", "crak"], "--class is crak; expected one of crack, patch, pitted, scratch. Correct it."),
        (["--from-m", "9", "--to-m", "5"], "--from-m is 9; expected less than --to-m, 5. Correct one."),
        (["--severity", "major"], "--severity is major: no defect can be, for a journal has no rules. Give the line's"),
    ):
        assert main([*words, *more]) == 1
        printed = capsys.readouterr()
        assert refusal in printed.err and not printed.out
    for more, refusal in (
        (["--limit", "-1"], "-1: expected a whole number, 0 or more"),
        (["--min-confidence", "2"], "2; expected a number of at least 0, at most 1"),
        (["--from-m", "nan"], "nan; expected a number"),
    ):
        with pytest.raises(SystemExit):
            main([*words, *more])
        assert refusal in capsys.readouterr().err


def test_defects_by_severity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At least so severe by the line's rules; a class of the recipe that the coil has none of is an empty answer."""
    write_recipe(tmp_path / "r")
    rules = '[[severity]]\nlevel = "critical"\nclasses = ["dark"]\n[[severity]]\nlevel = "major"\nmin_length_mm = 40\n'
    ports = Ports(frames=5555, events=5556, replay=5557, http=9477)
    line = configuration.write(tmp_path / "line.toml", ports, Path("r"), line="l", mm_per_px=1.0, extra=rules)
    journal = new_journal(tmp_path / "journal")
    made = [
        any_defect(id=name, name=kind, start_mm=1000.0, end_mm=1000.0 + length_mm)
        for name, kind, length_mm in (("1", "dark", 5.0), ("2", "bright", 50.0), ("3", "bright", 5.0))
    ]
    journal.record([reported("C", "started"), *made, reported("C", "ended", 10.0)])
    journal.close()
    words = ["defects", "--coil", "C", "--config", str(line)]
    for level, ids in (("minor", ["1", "2", "3"]), ("major", ["1", "2"]), ("critical", ["1"])):
        assert main([*words, "--severity", level, "--json"]) == 0
        assert [json.loads(row)["id"] for row in capsys.readouterr().out.splitlines()] == ids
    assert main([*words, "--csv"]) == 0
    rows = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["severity"] for row in rows] == ["critical", "major", "minor"]
    assert main([*words, "--severity", "critical", "--class", "bright"]) == 1
    assert "no [[severity]] makes a critical defect of bright" in capsys.readouterr().err


def test_what_was_planted_is_compared_with_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Found, confused, not found, false, on strip that nobody saw: each stands in its row, with how far it is off."""
    journal = new_journal(tmp_path / "journal")
    defects = [
        any_defect(id="1", name="crack", start_mm=1001.0, end_mm=1050.0),
        any_defect(id="2", name="patch", start_mm=1998.5, end_mm=2050.0),
        any_defect(id="3", name="patch", start_mm=9000.0, end_mm=9050.0),
    ]
    gap = Missed(camera="top", coil="C", start_mm=5000.0, end_mm=6000.0, reasons={"lost": 1})
    journal.record([reported("C", "started"), *defects, gap, reported("C", "ended", 10.0)])
    journal.close()
    places = {"left_mm": 0.0, "right_mm": 1.0, "area_mm2": 1.0}
    truth = [PlantedRow(coil="C", what="coil", name="", start_mm=0.0, end_mm=10_000.0, **places)]
    truth += [PlantedRow(coil="C", what="lost", name="", start_mm=5000.0, end_mm=6000.0, **places)]
    truth += [
        PlantedRow(coil="C", what="defect", name="crack", start_mm=start_mm, end_mm=start_mm + 50, **places)
        for start_mm in (1000.0, 2000.0, 3000.0, 5500.0)
    ]
    write(truth, tmp_path / "truth.csv")
    words = ["compare", str(tmp_path / "truth.csv"), "--journal", str(tmp_path / "journal")]
    assert main([*words, "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["what"], row["found_mm"], row["off_mm"], row["found_as"], row["outcome"]) for row in rows] == [
        ("coil", 10_000.0, 0.0, "", ""),
        ("lost", 5000.0, 0.0, "missed", ""),
        ("lost end", 6000.0, 0.0, "missed", ""),
        ("defect", 1001.0, 1.0, "crack", "found"),
        ("defect", 1998.5, -1.5, "patch", "other class"),
        ("defect", None, None, "", "not found"),
        ("defect", None, None, "missed", "missed"),
        ("false", 9000.0, None, "patch", "false"),
    ]
    assert [row["planted_mm"] for row in rows if row["outcome"] == "not found"] == [3000.0]
    assert main([*words, "--csv"]) == 0
    table = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert [row["off_mm"] for row in table] == ["0.0", "0.0", "0.0", "1.0", "-1.5", "", "", ""], "numbers, no texts"
    assert main(words) == 0
    last, hint = capsys.readouterr().out.splitlines()[-2:]
    assert last == ("1 of 3 found, 1 false; 1 on strip that was not inspected; half of the begins are right to 1.0 mm.")
    assert "--config" in hint


def test_what_was_planted_counts_by_the_rule_of_the_score(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Unseen is what lies in gaps for the most part, found or not; small what is below the least area of --config."""
    card = write_recipe(tmp_path / "r") / "recipe.toml"
    card.write_text(card.read_text().replace("dark", "crack"))
    ports = Ports(frames=5555, events=5556, replay=5557, http=9477)
    line = configuration.write(tmp_path / "line.toml", ports, Path("r"), line="l", mm_per_px=1.0)
    journal = new_journal(tmp_path / "journal")
    gap = Missed(camera="top", coil="C", start_mm=5000.0, end_mm=6000.0, reasons={"lost": 1})
    seen = any_defect(name="crack", start_mm=5950.0, end_mm=6040.0)
    journal.record([reported("C", "started"), seen, gap, reported("C", "ended", 10.0)])
    journal.close()
    truth = [
        PlantedRow(
            coil="C", what="defect", name="crack", start_mm=start_mm, end_mm=start_mm + 100, left_mm=0.0, right_mm=1.0,
            area_mm2=area_mm2,
        )
        for start_mm, area_mm2 in ((4900.5, 50.0), (4960.0, 50.0), (5940.0, 50.0), (8000.0, 0.01))
    ]  # fmt: skip
    write(truth, tmp_path / "truth.csv")
    for words, last in ((["--config", str(line)], "small"), (["--journal", str(tmp_path / "journal")], "not found")):
        assert main(["compare", str(tmp_path / "truth.csv"), *words, "--json"]) == 0
        rows = [json.loads(row) for row in capsys.readouterr().out.splitlines()]
        assert [row["outcome"] for row in rows] == ["not found", "missed", "missed", last]
    assert main(["compare", str(tmp_path / "truth.csv"), "--config", str(line)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "0 of 1 found, 0 false; 2 on strip that was not inspected; 1 below the recipe's least area."
    )


@pytest.mark.parametrize(
    ("scale", "off", "outcome"),
    [
        ((0.05, 0.05), (3.0, 0.0), "not found"),  # 60 rows
        ((0.05, 0.625), (3.0, 0.5), "found"),
        ((0.05, 0.625), (0.0, 3.0), "not found"),
        ((1.0, 1.0), (4.9, 4.9), "found"),
        ((1.0, 1.0), (5.1, 0.0), "not found"),
        ((2.0, 2.0), (7.9, 7.9), "found"),  # squares of 4 mm
        ((2.0, 2.0), (8.1, 0.0), "not found"),
    ],
)
def test_how_far_off_a_found_defect_lies_follows_the_scale(
    scale: tuple[float, float],
    off: tuple[float, float],
    outcome: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """What lies 60 fine pixels off is another defect, what lies two squares of coarse ones off is the same."""
    journal = new_journal(tmp_path / "journal")
    place = {"start_mm": 1050.0 + off[0], "end_mm": 1060.0 + off[0], "left_mm": 20.0 + off[1], "right_mm": 40.0}
    journal.record([reported("C", "started"), any_defect(name="crack", **place), reported("C", "ended", 10.0)])
    journal.close()
    places = {"start_mm": 1000.0, "end_mm": 1050.0, "left_mm": 0.0, "right_mm": 20.0, "area_mm2": 50.0}
    planted = PlantedRow(coil="C", what="defect", name="crack", mm_per_px=scale[0], mm_per_row=scale[1], **places)
    write([planted], tmp_path / "truth.csv")
    assert main(["compare", str(tmp_path / "truth.csv"), "--journal", str(tmp_path / "journal"), "--json"]) == 0
    row, *_ = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert row["outcome"] == outcome


def test_what_was_planted_passed_under_one_camera(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What another says of the coil counts for nothing, a gap that was reported twice once; several are refused."""
    journal = new_journal(tmp_path / "journal")
    gap = Missed(camera="top", coil="C", start_mm=1000.0, end_mm=1015.0, reasons={"lost": 1})
    silent = Missed(camera="bottom", coil="C", start_mm=0.0, end_mm=9000.0, reasons={"silent": 1})
    mine = any_defect(id="1", name="crack", start_mm=1000.0, end_mm=1050.0)
    other = any_defect(id="2", name="crack", camera="bottom", start_mm=4000.0, end_mm=4050.0)
    journal.record([reported("C", "started"), mine, gap, gap, other, silent, reported("C", "ended", 9.0)])
    journal.close()
    places = {"left_mm": 0.0, "right_mm": 1.0, "area_mm2": 50.0}
    truth = [
        PlantedRow(coil="C", what="defect", name="crack", start_mm=start_mm, end_mm=start_mm + 50, **places)
        for start_mm in (1000.0, 4000.0)
    ]
    write(truth, tmp_path / "truth.csv")
    words = ["compare", str(tmp_path / "truth.csv"), "--journal", str(tmp_path / "journal")]
    assert main([*words, "--camera", "top"]) == 0
    assert "1 of 2 found, 0 false; half" in capsys.readouterr().out
    assert main(words) == 1
    assert "there are cameras bottom, top; expected one" in capsys.readouterr().err


def test_a_coils_record_knows_where_its_camera_looks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the line's file a defect is found where the coil's record has its camera begin."""
    journal = new_journal(tmp_path / "journal")
    seen = any_defect(name="crack", start_mm=1000.0, end_mm=1050.0, left_mm=520.0, right_mm=540.0)
    journal.record([reported("C", "started"), seen, reported("C", "ended", 10.0)])
    with History(tmp_path / "journal") as history:
        span = Span("top", "top", 500.0, 1500.0)
        journal.record([record(gather(history, history.coil("C"), [span]))])
    journal.close()
    places = {"start_mm": 1000.0, "end_mm": 1050.0, "left_mm": 20.0, "right_mm": 40.0, "area_mm2": 50.0}
    write([PlantedRow(coil="C", what="defect", name="crack", **places)], tmp_path / "truth.csv")
    assert main(["compare", str(tmp_path / "truth.csv"), "--journal", str(tmp_path / "journal")]) == 0
    assert "1 of 1 found, 0 false" in capsys.readouterr().out


@pytest.mark.parametrize("mirror", [False, True])
def test_what_was_planted_lies_where_its_camera_looks(
    mirror: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file counts across from pixel column 0, which may be the right end of what a camera farther on sees."""
    write_recipe(tmp_path / "r")
    ports = Ports(frames=5555, events=5556, replay=5557, http=9477)
    line = configuration.write(tmp_path / "line.toml", ports, Path("r"), line="l", mm_per_px=1.0)
    placed = f"offset_mm = 500\nmirror = {str(mirror).lower()}"
    line.write_text(re.sub(r"offset_mm = .*", placed, line.read_text()))
    left_mm = 500.0 + (WIDTH - 40.0 if mirror else 20.0)
    seen = any_defect(name="crack", start_mm=1000.0, end_mm=1050.0, left_mm=left_mm, right_mm=left_mm + 20)
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), seen, reported("C", "ended", 10.0)])
    journal.close()
    places = {"start_mm": 1000.0, "end_mm": 1050.0, "left_mm": 20.0, "right_mm": 40.0, "area_mm2": 50.0}
    write([PlantedRow(coil="C", what="defect", name="crack", **places)], tmp_path / "truth.csv")
    words = ["compare", str(tmp_path / "truth.csv"), "--config", str(line)]
    assert main([*words, "--json"]) == 0
    (row,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (row["outcome"], row["across_mm"]) == ("found", 20.0)
    assert main([*words, "--camera", "tip"]) == 1
    assert "--camera is tip; expected one of the line's: top." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "usage"),
    [
        (["coils", "--coil", "A"], "usage: inspector coils "),
        (["journal", "verify", "folder", "--coil", "A"], "usage: inspector journal verify "),
    ],
)
def test_an_unknown_option_is_refused_with_the_commands_own_usage(
    words: list[str], usage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who mistypes an option sees which ones there are."""
    with pytest.raises(SystemExit):
        main(words)
    printed = capsys.readouterr().err
    assert printed.startswith(usage) and "unrecognized arguments: --coil A" in printed


def test_the_end_of_a_coil_that_runs_is_not_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The last coil of a trial has no end until the next one comes."""
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started")])
    journal.close()
    end = PlantedRow(coil="C", what="coil", name="", start_mm=0.0, end_mm=10.0, left_mm=0.0, right_mm=1.0, area_mm2=1.0)
    write([end], tmp_path / "truth.csv")
    assert main(["compare", str(tmp_path / "truth.csv"), "--journal", str(tmp_path / "journal"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["found_as"] == "no end yet"
