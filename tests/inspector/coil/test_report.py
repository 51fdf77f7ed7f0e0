"""A coil's report: complete in one file, true to the record, safe against names, and opened by a real browser."""

from __future__ import annotations

import base64
import re
import zlib
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from inspector.coil import report
from inspector.coil.marks import marks
from inspector.coil.record import record
from inspector.coil.seen import CoilHistory, gather
from inspector.coil.settings import GradingSection, LimitSection
from inspector.events.history import History
from inspector.records.events import Missed, Repeat
from tests.browser import needs_browser, opened, printed
from tests.coil_journals import new_journal, write_coil
from tests.coils_seen import seen
from tests.defects import any_defect

RULES = (GradingSection(name="customer", version="7", limit=(LimitSection(name="any", grade="hold", max_count=0),)),)


def coil_with_all() -> CoilHistory:
    """A coil with a roll mark, a long scratch, a gap on each side and a weld."""
    defects = [
        any_defect(
            id=f"mark{turn}", start_mm=1000 + turn * 1885.0, end_mm=1009 + turn * 1885.0, left_mm=430, right_mm=438
        )
        for turn in range(12)
        if turn not in (3, 7, 8)
    ]
    defects += [
        any_defect(id="long", name="scratch", start_mm=9000, end_mm=15400, left_mm=700, right_mm=706, area_mm2=9000.0),
        any_defect(id="under", name="scratch", side="bottom", camera="bottom", start_mm=40_000, end_mm=40_050),
    ]
    gaps = [
        Missed(camera=camera, coil="C", start_mm=30_000.0, end_mm=31_000.0, reasons={"lost": 1})
        for camera in ("top", "bottom")
    ]
    repeat = Repeat(
        id="mark0", state="update", name="dark", coil="C", side="top", across_mm=434.0, period_mm=1885.0, marks=9,
        newest="mark11", confidence=0.999, rolls=("S3",),
    )  # fmt: skip
    return seen(*defects, length_m=60.0, missed=gaps, repeats=[repeat], welds_mm=(50_000.0,))


def html(coil: CoilHistory, **facts: Any) -> str:
    """A coil's report as text."""
    return report.html(coil, record(coil, RULES), RULES, **facts).decode()


def part(page: str, name: str) -> str:
    """The text of a script element."""
    found = re.search(rf'<script type="[^"]+" id="{name}">(.*?)</script>', page, re.S)
    assert found
    return found[1]


def test_the_file_needs_nothing_else() -> None:
    """No address stands in it, and its own policy forbids the browser to load anything."""
    page = html(coil_with_all())
    assert "default-src 'none'" in page
    assert set(re.findall(r"https?://[^\s\"']+", page)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"(src|href)=\"(?!data:)", page)


def test_columns_are_unpacked_as_they_were() -> None:
    """What the page's script reads are the positions, sizes, classes and ids of the defects, along the coil."""
    coil = coil_with_all()
    page = html(coil, classes=("pitted", "scratch", "dark"))
    meta = msgspec.json.decode(part(page, "meta"))
    packed, ids = (zlib.decompress(base64.b64decode(part(page, name)), -15) for name in ("columns", "ids"))
    columns: dict[str, Any] = {}
    at = 0
    for name, kind in meta["columns"]:
        columns[name] = np.frombuffer(packed, f"<{kind}", meta["count"], at)
        at += columns[name].nbytes
    assert at == len(packed)
    along = sorted(coil.defects, key=lambda defect: defect.start_mm)
    assert ids.decode().split("\n") == [defect.id for defect in along]
    assert np.cumsum(columns["start"]).tolist() == [round(defect.start_mm * 10) for defect in along]
    assert columns["length"].tolist() == [round(defect.length_mm * 10) for defect in along]
    assert [meta["names"][kind] for kind in columns["kind"]] == [defect.name for defect in along]
    assert [meta["sides_by_number"][side] for side in columns["side"]] == [defect.side for defect in along]


def test_names_stay_text() -> None:
    """A coil, a class or an id that looks like markup or a place of the page is shown, and never run."""
    evil = "</script><script>alert(1)</script>{{meta}}"
    defects = [any_defect(coil=evil, name="<img>", id="a\nb")]
    coil = seen(*defects)
    coil.passage = msgspec.structs.replace(coil.passage, coil=evil)
    page = html(coil)
    assert page.count("<script") == 4 and page.count("</script") == 4
    assert "<img>" not in page and "alert(1)</script>" not in page


def test_marks_of_a_repeat_are_found_again() -> None:
    """From the newest mark back, over missing ones, and no defect that lies elsewhere."""
    coil = coil_with_all()
    places = {defect.id: place for place, defect in enumerate(coil.defects)}
    found = marks(coil.columns, coil.repeats[0], places)
    assert [coil.defects[place].id for place in found] == [f"mark{turn}" for turn in (0, 1, 2, 4, 5, 6, 9, 10, 11)]
    assert marks(coil.columns, msgspec.structs.replace(coil.repeats[0], newest="gone"), places) == []


def test_it_reads_without_scripts() -> None:
    """Grade, reasons and sums stand in the page itself."""
    page = html(coil_with_all())
    assert "hold: 11 defects from 1.000 to 40.050 m, 0 are allowed (any)" in page
    assert "customer 7" in page and "<td>scratch</td>" in page


@needs_browser
@pytest.mark.slow
@pytest.mark.parametrize("made", ["all", "none", "heavy"])
def test_a_browser_draws_it(tmp_path: Path, made: str) -> None:
    """The script runs to its end under its own policy, with everything, with nothing, and with 20 000 defects."""
    coil = {"all": coil_with_all, "none": seen}.get(made, lambda: _heavy(tmp_path))()
    path = tmp_path / "coil.html"
    path.write_text(html(coil), encoding="utf-8")
    dom = opened(path, tmp_path)
    assert "data-ready=" in dom and "data-fault=" not in dom
    count = f"{len(coil.defects):,}".replace(",", "\u202f")
    assert re.search(rf'id="count">{count} in all<', dom)
    if made == "all":
        assert dom.count("<figure>") == 11
        assert printed(path, tmp_path).startswith(b"%PDF")


def _heavy(folder: Path) -> CoilHistory:
    journal = new_journal(folder / "journal")
    write_coil(journal, "C", 20_000, 1000.0)
    journal.close()
    with History(folder / "journal") as history:
        return gather(history, history.coil("C"), keep=True)
