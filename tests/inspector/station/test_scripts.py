"""The pages' pure modules, tested in JavaScript where Node is."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from starlette.requests import Request

from inspector.alarms.quantity import Quantity
from inspector.alarms.settings import AlarmSection
from inspector.alarms.standing import StandingReports
from inspector.camera_health.faults import FAULTS, FrameFacts, Pixels
from inspector.languages.catalogue import in_units, languages
from inspector.station.access import Access, Who
from inspector.station.settings import LineSection, StationSection
from inspector.station.turns import LABELS, MOST_AT_ONCE, WAIT_S
from inspector.station.views import Views
from inspector.station.watch import Watch
from tests.inspector.station.test_watch import LINE
from tests.patience import patience_s

NODE = shutil.which("node")
HERE = Path(__file__).parent
STATIC = HERE.parents[2] / "inspector" / "station" / "static"
LANGUAGES = HERE.parents[2] / "inspector" / "languages"
MOST_KB = 300


RULES = (
    AlarmSection(name="a", kind="defects", count=3, within_m=5.0, classes=("dark",)),
    AlarmSection(name="a", kind="defects", count=3, within_m=2.5),
    AlarmSection(name="a", kind="crowded", within_m=5.0),
    AlarmSection(name="a", kind="density", per_m=2.0, within_m=5.0, classes=("dark", "bright")),
    AlarmSection(name="a", kind="area", area_mm2=5.0, within_m=5.0),
    AlarmSection(name="a", kind="missed", missed_m=1.0, within_m=5.0),
)


def sentences() -> Iterator[tuple[str, str]]:
    """Yield what the line's alarms say of each quantity, met and no longer so, and which kind of sentence that is."""
    for rule in RULES:
        yield rule.kind, Quantity(rule, StandingReports()).words()
        yield "fewer" if rule.kind == "defects" else rule.kind, Quantity(rule, StandingReports()).words_of_return()
    yield "none", Quantity(AlarmSection(name="a", within_m=2.5), StandingReports()).words_of_return()
    yield "grade", "coil C1: hold"
    yield "device", "top: out of specification, camera top is blurred: 20 % of the fine detail that it usually shows"
    moved = FrameFacts(Pixels(90.0, 9.0, 0.0), False, 0.0, False, None, shift_mm=-12.0)
    yield "device", f"top: out of specification, camera top {FAULTS['misaligned'].words(moved)}"
    yield "nothing", Quantity(AlarmSection(name="a", kind="health"), StandingReports()).words_of_return()
    yield "repeats", "pitted repeats each 1257.0 mm: 1 mark"


@pytest.mark.skipif(NODE is None, reason="no Node on this machine (apt install nodejs)")
def test_the_modules_do_what_they_say(tmp_path: Path) -> None:
    """Each test of each *.test.mjs passes."""
    assert NODE
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for script in STATIC.glob("*.js"):
        shutil.copy(script, tmp_path)
    (tmp_path / "sentences.json").write_bytes(msgspec.json.encode(list(sentences())))
    (tmp_path / "german.json").write_bytes(msgspec.json.encode(in_units(languages()["de"], "in")))
    for path in HERE.glob("*.test.mjs"):
        tests = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(tests.replace("../../../inspector/station/static/", "./"), encoding="utf-8")
    done = subprocess.run(
        [NODE, "--test", str(tmp_path)], capture_output=True, text=True, check=False, timeout=patience_s()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 58" in done.stdout


def test_no_page_goes_by_the_screens_own_clock() -> None:
    """It may be wrong by hours: times and ages that are shown are the station's."""
    for script in STATIC.glob("*.js"):
        if script.name != "clock.js":
            assert not re.search(r"Date\.now\(|new Date\(\)", script.read_text(encoding="utf-8")), script.name


def test_a_page_waits_for_labels_as_long_as_they_may_take(tmp_path: Path) -> None:
    """Else it says that there is no answer, and the line writes labels which the page shows as not given."""
    access = Access(StationSection(line=(LineSection(config=str(tmp_path / "line.toml")),)))
    state = {"who": Who("Kim", "engineer", "")}
    asked = Request({"type": "http", "method": "GET", "query_string": b"", "headers": [], "state": state})
    page = bytes(asyncio.run(Views(access, {LINE.name: Watch(LINE)}).review(asked)).body).decode()
    facts = re.search(r'id="facts">(.*?)</script>', page)
    assert facts and msgspec.json.decode(facts[1])["labels_ms"] > 1000 * WAIT_S * MOST_AT_ONCE / LABELS


def test_the_first_view_is_small() -> None:
    """All scripts, styles and words together, uncompressed."""
    files = [*STATIC.glob("*"), *LANGUAGES.glob("*.json"), *(STATIC.parent / "pages").glob("*")]
    assert sum(path.stat().st_size for path in files) <= 1000 * MOST_KB
