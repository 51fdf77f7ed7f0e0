"""The history as a station gives it: of a real journal, as JSON and as tables."""

from __future__ import annotations

import asyncio
import csv
import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from starlette.requests import Request

from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import History
from inspector.records.events import Decision, Health
from inspector.station import lines
from inspector.station.past import PastReader
from inspector.station.watch import Watch
from inspector.station.weeks import Weeks
from tests.coil_journals import new_journal, write_coil, write_record
from tests.defects import camera_status
from tests.journals import ALARM
from tests.stations import Station, line_file

RAISED = msgspec.structs.replace(ALARM, name="three-dark")


@pytest.fixture(scope="module")
def station(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Station]:
    """A station of a line whose journal holds two coils, an alarm and a camera's fault."""
    folder = tmp_path_factory.mktemp("weeks")
    line_file(folder)
    journal = new_journal(folder / "journal")
    for name in ("C1", "C2"):
        write_coil(journal, name, 40, 100.0)
        write_record(journal, folder / "journal", name)
    journal.record([Decision(coil="C1", grade="block", machine="", operator="Kim", reason="why")])
    journal.record([RAISED, camera_status()])
    journal.close()
    path = folder / "station.toml"
    path.write_text('bind = "127.0.0.1:0"\nzone = "Asia/Tokyo"\n[[line]]\nconfig = "line.toml"\n')
    with Station(path, folder) as made:
        yield made


def test_the_last_weeks_are_those_of_the_journal(station: Station) -> None:
    """Coils by the mill's day, what a person decided, alarms, cameras."""
    found = station.ask("/api/history?days=7").json()
    assert len(found["days"]) == len(found["alarms_a_day"]) == 7
    today = found["days"][-1]
    assert (sum(day["coils"] for day in found["days"]), sum(found["alarms_a_day"])) == (2, 1)
    assert today["day"] >= datetime.now(UTC).date().isoformat()  # Tokyo is ahead
    assert sum(day["grades"].get("block", 0) for day in found["days"]) == 1
    assert found["alarms"][0]["name"] == "three-dark" and found["overall"]["raised"] == 1
    assert found["cameras"][0]["faults"] == {"dark": 1}
    assert sum(found["cameras"][0]["hours"].values()) < 1, "nobody knows how it was before the journal began"
    assert found["since"] and found["overall"]["a_day"] == 1
    assert '"zone":"Asia/Tokyo"' in station.ask("/history").text


def test_inches_are_remembered(station: Station) -> None:
    """For who asked for them; what is no unit is none."""
    answer = station.ask("/live?units=in")
    assert '"units":"in"' in answer.text and answer.headers["set-cookie"].startswith("units=in;")
    assert '"units":"in"' in station.ask("/coils", cookie="units=in").text
    assert '"units":"mm"' in station.ask("/coils?units=ell").text


@pytest.mark.parametrize("table", ["days", "rolls", "alarms", "overall", "cameras"])
def test_each_table_is_a_csv(station: Station, table: str) -> None:
    """As wide as its head everywhere, and a file."""
    answer = station.ask(f"/api/history?table={table}")
    rows = list(csv.reader(io.StringIO(answer.text)))
    assert answer.headers["content-type"].startswith("text/csv") and len({len(row) for row in rows}) == 1
    assert len(rows) > 1 or table == "rolls"


@pytest.fixture
def berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine's zone is that of Berlin (POSIX's way of writing it needs no database)."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("berlin")
def test_days_begin_at_this_machines_midnight_in_summer_and_in_winter(tmp_path: Path) -> None:
    """Where no zone is named: what happened half an hour before midnight in winter is on that day in summer, too."""
    line_file(tmp_path)
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: datetime(2026, 3, 28, 22, 30, tzinfo=UTC))
    write_coil(journal, "C1", 40, 100.0)
    with History(tmp_path / "journal") as history:
        journal.record([record(gather(history, history.coil("C1")), ()), RAISED])
    journal.close()
    watch = Watch(lines.read(tmp_path / "line.toml"))
    weeks = Weeks({"test": watch}, "", lambda: datetime(2026, 3, 30, 12, tzinfo=UTC))
    query = b"line=test&days=3&table=days"
    answer = asyncio.run(weeks.history(Request({"type": "http", "query_string": query, "headers": []})))
    days = list(csv.DictReader(io.StringIO(bytes(answer.body).decode())))
    assert [(day["day"], day["coils"], day["alarms"]) for day in days] == [
        ("2026-03-28", "1", "1"),
        ("2026-03-29", "0", "0"),
        ("2026-03-30", "0", "0"),
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("days=0", 400),
        ("days=9999999", 400),
        ("days=0000140000", 400),
        ("days=00001999999999", 400),
        ("days=x", 400),
        ("table=x", 404),
    ],
)
def test_what_there_is_not_is_refused(station: Station, path: str, status: int) -> None:
    """With what there is."""
    answer = station.ask(f"/api/history?{path}")
    assert answer.status == status and "expected" in answer.json()["error"]


def test_a_line_is_down_from_its_stop_or_its_last_sign_to_its_start(tmp_path: Path) -> None:
    """One that was killed reported no stop: nothing is known from its last event on."""
    now = [datetime(2026, 3, 27, tzinfo=UTC)]
    journal = new_journal(tmp_path / "journal", clock_utc=lambda: now[0])

    def says(state: str, hour: int) -> datetime:
        now[0] = datetime(2026, 3, 27, hour, tzinfo=UTC)
        journal.record([Health(state=state, message="", recipe="r@1", version="1")])
        return now[0]

    says("started", 1)
    stopped, started = says("stopping", 3), says("started", 5)
    reader = PastReader()
    assert reader.read(tmp_path / "journal").down == [(stopped, started)]
    sign, again, end = says("reloaded", 8), says("started", 9), says("stopping", 12)
    past = reader.read(tmp_path / "journal")
    journal.close()
    assert (past.down, past.last) == ([(stopped, started), (sign, again), (end, None)], end)
