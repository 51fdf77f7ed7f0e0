"""Coils as a mill names them, through the whole path: frame, event, journal, commands, report, archive, station."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from inspector.__main__ import main
from inspector.commands import ask
from inspector.records.commands import Decide, Relabel
from inspector.records.events import CoilRecord, Commanded, Decision, Defect, Labelled
from tests.coil_names import NASTY
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s
from tests.recipes import DARK
from tests.stations import Station, station_of

pytest.importorskip("starlette", reason="the station comes with .[station]")
DARK_BOX = (10, 30, 20, 40, DARK)
ARCHIVE = '[archive]\npath = "kept"\nstrip_mm_per_px = 2\n'


def test_a_coil_of_any_name_goes_the_whole_way(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each name is on every page, file and event as the camera sent it, and finds its own coil alone."""
    mill = Mill(tmp_path)
    mill.write(extra=ARCHIVE)
    with mill:
        with Camera(mill) as camera:
            for coil in (*NASTY, "LAST"):
                camera.send(DARK_BOX, coil=coil)
                camera.send(coil=coil)
                camera.send(coil=coil)
        mill.until(3 * (len(NASTY) + 1))
        mill.wait_until(lambda: mill.metric("inspector_archive_crops_total", outcome="written") >= len(NASTY), "keep")
        with station_of(tmp_path) as station:
            for coil in NASTY:
                _see(mill, station, coil, tmp_path, capsys)
            listed = {entry["coil"] for entry in station.ask("/api/coils").json()}
        assert listed == {*NASTY, "LAST"}
        assert mill.stop()[0] == 0
        mill.start()
        events = [event for event in mill.received("health.stopping") if event.data is not None]
    for kind in (Defect, CoilRecord, Decision, Labelled):
        assert {event.subject for event in events if isinstance(event.data, kind)} >= {*NASTY}
    assert all(event.data.is_done for event in events if isinstance(event.data, Commanded))
    assert main(["coils", "--config", str(mill.config), "--csv"]) == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert [row["coil"] for row in rows] == [*NASTY, "LAST"]


def _see(mill: Mill, station: Station, coil: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One coil: by the commands that read, by those that change, and on the station."""
    config = ["--config", str(mill.config)]
    assert main(["defects", "--coil", coil, "--json", *config]) == 0
    (defect,) = map(json.loads, capsys.readouterr().out.splitlines())
    assert defect["coil"] == coil
    page, file = folder / "coil.html", folder / "coil.json"
    assert main(["report", coil, "--html", str(page), "--json", str(file), *config]) == 0
    assert json.loads(capsys.readouterr().out)["coil"] == coil
    assert "<script>alert" not in page.read_text(encoding="utf-8")
    assert main(["transform", str(file), "--reverse", "--out", str(folder / "carried.json")]) == 0
    assert f"coil {coil}," in capsys.readouterr().out
    orders = (
        Decide(coil=coil, grade="hold", operator="Kim", reason="r"),
        Relabel(coil=coil, defect=defect["id"], label="sound", operator="Kim"),
    )
    for order in orders:
        answer = ask(mill.ports.address("commands"), order, patience_s())
        assert answer.is_done, answer.message
    shown = station.ask(f"/api/coil?{urlencode({'coil': coil}, quote_via=quote)}").json()
    assert "<script>alert" not in shown["body"]
    (crop,) = station.ask(f"/api/crops?{urlencode({'coil': coil, 'defect': defect['id']}, quote_via=quote)}").json()
    picture = station.fetch(f"/api/crop?{urlencode({'image': crop['image']}, quote_via=quote)}")
    assert picture.startswith(b"\x89PNG")
