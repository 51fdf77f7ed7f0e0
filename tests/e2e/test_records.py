"""Coils' records of a real inspector: made at each coil's end, graded, decided on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from inspector.events.history import History
from inspector.records.events import Alarm, CoilRecord, Decision
from tests.e2e.mill import Camera, Mill
from tests.recipes import DARK
from tests.stations import station_of

DARK_BOX = (10, 30, 20, 40, DARK)
RULES = """[camera_health]
flat_grey = 0
frozen_frames = 0

[[alarm]]
name = "on-hold"
kind = "grade"
grade = "hold"
off_delay_ms = 0

[[severity]]
level = "critical"
min_length_mm = 1

[[grading]]
name = "customer"
version = "7"

[[grading.limit]]
name = "dark"
grade = "hold"
classes = ["dark"]
min_severity = "critical"
max_count = 0
"""
"""Painted steel has no noise, and each frame is as the last: of a camera that sends it nothing would be surely seen."""


def records(mill: Mill) -> list[CoilRecord]:
    """All records in the mill's journal."""
    with History(mill.folder / "journal") as history:
        return [data for passage in history.coils() for _, data in history.events(passage, CoilRecord)]


def test_a_station_grades_as_the_line_does_after_a_restart(tmp_path: Path) -> None:
    """By the rules of its file that the line started with: a coil that was recorded before keeps its own."""
    mill = Mill(tmp_path)
    with mill, station_of(tmp_path) as station:

        def page(coil: str) -> tuple[list[str], str]:
            found = station.ask(f"/api/coil?coil={coil}").json()
            return [grade["rules"] for grade in found["record"]["grades"]], found["body"]

        with Camera(mill) as camera:
            camera.send(coil="A")
            mill.wait_until(lambda: station.ask("/api/coil?coil=A").status == 200, "record a coil")
            assert page("A")[0] == [] and mill.stop()[0] == 0
            mill.write(extra=RULES)
            mill.start()
            camera.send(coil="B")
        mill.wait_until(lambda: station.ask("/api/coil?coil=B").status == 200, "record a coil")
        mill.wait_until(lambda: page("B")[0] == ["customer"], "grade by the new rules")
        mill.wait_until(lambda: "by those of today" in page("A")[1], "name the grade of today's rules")
        assert page("A")[0] == []


def inspector(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command."""
    return subprocess.run([sys.executable, "-m", "inspector", *words], capture_output=True, text=True, check=False)


def test_each_coil_has_its_record(tmp_path: Path) -> None:
    """A coil is graded when the next one comes, and the last one when the inspector stops; so are people's decisions.

    The command line reads the same from the journal while the inspector writes it.
    """
    mill = Mill(tmp_path)
    mill.write(extra=RULES)
    with mill:
        with Camera(mill) as camera:
            for coil, boxes in (("A", [DARK_BOX]), ("A", []), ("A", []), ("B", []), ("B", []), ("B", [])):
                camera.send(*boxes, coil=coil)
            mill.until(6)
            mill.wait_until(lambda: [made.coil for made in records(mill)] == ["A"], "record coil A")
            partial = inspector("report", "B", "--config", str(mill.config))
            assert '"is_partial": true' in partial.stdout, partial.stderr
            address = ("--connect", mill.ports.address("commands"), "--timeout", "40")
            words = ("decide", "A", "release", "--operator", "Kim", "--reason", "looked at it", *address)
            assert "coil A: release (the machine's grade: hold)" in inspector(*words).stdout
            refused = inspector("decide", "X", "block", "--operator", "Kim", "--reason", "r", *address)
            assert refused.returncode == 1 and "no coil X among" in refused.stderr
        assert mill.stop()[0] == 0
    first, second = records(mill)
    assert (first.coil, first.grade, first.defects, first.is_partial) == ("A", "hold", 1, False)
    assert first.classes[0].severities["critical"] == 1
    assert first.grades[0].version == "7"
    assert (second.coil, second.grade, second.defects) == ("B", "release", 0)
    with History(mill.folder / "journal") as history:
        (decision,) = [data for _, data in history.events(history.coil("A"), Decision)]
        alarms = [event.data for event in history.everything() if isinstance(event.data, Alarm)]
    assert [alarm.state for alarm in alarms] == ["unacknowledged", "returned"]  # by the record of B, made at the stop
    assert (decision.operator, decision.reason, decision.machine) == ("Kim", "looked at it", "hold")
    listed = inspector("coils", "--config", str(mill.config))
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == ["A", "B"]
