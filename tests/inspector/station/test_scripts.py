"""The pages' pure modules, tested in JavaScript where Node is."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from starlette.requests import Request

from inspector.alarms.quantity import Quantity
from inspector.alarms.settings import AlarmSection
from inspector.alarms.standing import StandingReports
from inspector.camera_health.faults import FAULTS, FrameFacts, Pixels
from inspector.languages.catalogue import in_units, languages
from inspector.station.access import Access, Who
from inspector.station.kept import COILS, MANY, MOST
from inspector.station.settings import LineSection, StationSection
from inspector.station.turns import LABELS, MOST_AT_ONCE, WAIT_S
from inspector.station.views import Views
from inspector.station.watch import Watch
from tests.inspector.station.test_watch import LINE
from tests.patience import patience_s

NODE = shutil.which("node")
HERE = Path(__file__).parent
TESTS = sorted(HERE.glob("*.test.mjs"))
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


@pytest.fixture(scope="module")
def scripts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All scripts and their tests in one folder, with what the line says."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "package.json").write_text('{"type": "module"}')
    for script in STATIC.glob("*.js"):
        shutil.copy(script, folder)
    (folder / "sentences.json").write_bytes(msgspec.json.encode(list(sentences())))
    (folder / "german.json").write_bytes(msgspec.json.encode(in_units(languages()["de"], "in")))
    for path in TESTS:
        tests = path.read_text(encoding="utf-8")
        (folder / path.name).write_text(tests.replace("../../../inspector/station/static/", "./"), encoding="utf-8")
    return folder


@pytest.mark.skipif(NODE is None, reason="no Node on this machine (apt install nodejs)")
@pytest.mark.parametrize("name", [path.name for path in TESTS])
def test_the_modules_do_what_they_say(scripts: Path, name: str) -> None:
    """Each *.test.mjs holds tests, and each of them passes."""
    assert NODE
    command = [NODE, "--test-reporter=tap", name]
    done = subprocess.run(command, cwd=scripts, capture_output=True, text=True, check=False, timeout=patience_s())
    assert done.returncode == 0 and re.search(r"^# pass [1-9]", done.stdout, re.M), done.stdout + done.stderr


def test_no_page_goes_by_the_screens_own_clock() -> None:
    """It may be wrong by hours: times and ages that are shown are the station's."""
    for script in STATIC.glob("*.js"):
        if script.name != "clock.js":
            assert not re.search(r"Date\.now\(|new Date\(\)", script.read_text(encoding="utf-8")), script.name


@pytest.fixture
def facts(tmp_path: Path) -> Any:
    """What the station writes into a page."""
    access = Access(StationSection(line=(LineSection(config=str(tmp_path / "line.toml")),)))
    state = {"who": Who("Kim", "engineer", "")}
    asked = Request({"type": "http", "method": "GET", "query_string": b"", "headers": [], "state": state})
    page = bytes(asyncio.run(Views(access, {LINE.name: Watch(LINE)}).review(asked)).body).decode()
    found = re.search(r'id="facts">(.*?)</script>', page)
    return msgspec.json.decode(found[1]) if found else {}


def test_a_page_asks_for_as_many_labels_as_are_taken_and_waits_as_long(facts: Any) -> None:
    """Else more are refused, or it says that there is no answer while the line writes what it shows as not given."""
    assert facts["labels_at_once"] == MOST_AT_ONCE and facts["labels_ms"] > 1000 * WAIT_S * MOST_AT_ONCE / LABELS


def test_a_page_keeps_of_coils_what_the_station_keeps(facts: Any) -> None:
    """Else one that was opened late would show other coils than one that is open for long."""
    assert facts["kept"] == {"coils": COILS, "many": MANY, "most": MOST}


def test_the_first_view_is_small() -> None:
    """All scripts, styles and words together, uncompressed."""
    files = [*STATIC.glob("*"), *LANGUAGES.glob("*.json"), *(STATIC.parent / "pages").glob("*")]
    assert sum(path.stat().st_size for path in files) <= 1000 * MOST_KB
