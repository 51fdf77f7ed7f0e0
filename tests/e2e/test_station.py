"""The station's pages in a real browser, over a real inspector with a painted line."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, Page, expect

from inspector.commands import ask
from inspector.events.history import History
from inspector.records.commands import ListAlarms
from inspector.records.events import Commanded, Decision, Defect, Doubtful
from inspector.station.gauges import Gauges
from tests.browser import needs_browser, watched
from tests.coil_journals import new_journal, reported
from tests.defects import any_defect
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s
from tests.recipes import DARK
from tests.stations import Station, line_file, station_of

pytestmark = [needs_browser, pytest.mark.slow]
DARK_BOX = (10, 30, 20, 40, DARK)
PATIENCE_MS = round(1000 * patience_s())
NOTHING = "\u2013"
BROWN = """(() => {
  const { data } = station.strips.canvas.getContext("2d").getImageData(0, 0, station.strips.right, 400);
  return data.filter((red, n) => n % 4 === 0 && red > data[n + 2] + 60).length;
})()"""
"""Pixels of the strip in the ink of what was not surely seen, of which nothing else is."""
ARCHIVE = '[archive]\npath = "archive"\n'
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def mill(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mill]:
    """A running line with one camera a side, and an archive; a coil has passed."""
    made = Mill(tmp_path_factory.mktemp("line"), cameras=("top", "under"))
    made.write(extra=ARCHIVE)
    with made, Camera(made, boot="b0") as camera:
        camera.send(coil="BEFORE")
        yield made


def defects(page: Page) -> list[str]:
    """Ids of the defects that a page has of its newest coil."""
    found = page.evaluate("[...(station.fold.coil?.defects.keys() ?? [])]")
    assert isinstance(found, list)
    return [str(name) for name in found]


def until(page: Page, expression: str) -> None:
    """Wait until an expression is true in a page; its policy lets Playwright's own way of waiting evaluate nothing."""
    deadline_s = time.monotonic() + PATIENCE_MS / 1000
    while not page.evaluate(expression):
        assert time.monotonic() < deadline_s, f"not true in time: {expression}"
        page.wait_for_timeout(50)


def test_the_strip_passes_and_defects_lie_on_it(mill: Mill, page: Page) -> None:
    """The coil, its metre, its defects of both sides and a hole are shown, while it runs."""
    with Camera(mill) as top, Camera(mill, "under") as under:
        for number in range(8):
            boxes = [DARK_BOX] if number % 2 else []
            top.send(*boxes, coil="RUNS")
            under.send(*boxes, coil="RUNS")
        for camera in (top, under):
            camera.skip()
            camera.send(coil="RUNS")
        expect(page.locator("#coil")).to_contain_text("RUNS")
        until(page, "station.fold.coil.defects.size === 8 && station.fold.coil.missed.length >= 2")
        until(page, "Math.abs(station.fold.coil.length - 320) < 1")
        until(page, "station.strips.hits.length === 8")
        expect(page.locator("#classes tr").first).to_contain_text("dark")
    assert page.evaluate("station.strips.lanes.map((lane) => lane.name)") == ["top", "bottom"]


def test_a_side_that_only_frames_name_is_drawn(browser: Browser, tmp_path: Path) -> None:
    """The camera is configured for the top and its frames name the bottom: there it stands, and its defects lie."""
    line_file(tmp_path)
    journal = new_journal(tmp_path / "journal")
    journal.record([reported("C", "started"), any_defect(camera="top", coil="C", side="bottom")])
    journal.close()
    with station_of(tmp_path) as station, watched(browser, f"{station.address}/live", PATIENCE_MS) as page:
        until(page, "station.strips.lanes?.map((lane) => lane.name).join() === 'bottom'")
        until(page, "station.strips.hits.length === 1")
        expect(page.locator("#cameras li")).to_contain_text("bottom")
        expect(page.locator("#legend .doubt")).to_be_hidden()
        assert page.evaluate(BROWN) == 0


def test_strip_that_was_not_surely_seen_is_hatched_and_counted(browser: Browser, tmp_path: Path) -> None:
    """In an ink of its own, with its metres; the legend explains it where there is some."""
    line_file(tmp_path)
    journal = new_journal(tmp_path / "journal")
    doubtful = Doubtful(camera="top", coil="C", start_mm=500.0, end_mm=1500.0, faults=("dark",))
    journal.record([reported("C", "started", 2.0), doubtful])
    journal.close()
    with station_of(tmp_path) as station, watched(browser, f"{station.address}/live", PATIENCE_MS) as page:
        until(page, f"station.strips.view && {BROWN} > 50")
        expect(page.locator("#classes tr", has_text="not surely seen")).to_contain_text("1.00")
        expect(page.locator("#legend .doubt")).to_be_visible()


def test_what_one_acknowledges_another_sees(mill: Mill, station: Station, browser: Browser, page: Page) -> None:
    """By the line's own answer, with the name of who did; shelved with the time left, and taken back."""
    other = browser.new_page()
    other.goto(f"{station.address}/live")
    with Camera(mill, boot="b2") as camera:
        for _ in range(4):
            camera.send(DARK_BOX, coil="ALARMING")
    row = page.locator("#alarms li.open", has_text="three-dark")
    expect(row).to_be_visible()
    row.get_by_role("button", name="acknowledge").click()
    expect(page.locator("#toast")).to_contain_text("Say who you are")  # nothing is done without a name
    page.locator("#operator").fill("Kim")
    row.get_by_role("button", name="acknowledge").focus()
    page.keyboard.press("Enter")  # hands that know no mouse
    for viewer in (page, other):
        expect(viewer.locator("#alarms li.open")).to_have_count(0)
    page.evaluate("document.getElementById('aside').open = true")
    shelf = page.locator("#alarms select")
    if shelf.count():  # the condition may be gone by now, and the alarm with it
        shelf.select_option("15")
        expect(other.locator("#shelved li", has_text="three-dark")).to_contain_text("Kim")
        page.locator("#shelved button").click()
        expect(other.locator("#shelved li")).to_have_count(0)
    other.close()
    done = [event.data for event in mill.received("command.acknowledge") if isinstance(event.data, Commanded)]
    assert [(order.operator, order.target, order.is_done) for order in done] == [("Kim", "three-dark", True)]


def test_a_line_that_is_killed_is_reported_and_comes_back(mill: Mill, page: Page) -> None:
    """In big letters, until it answers again; what was recorded meanwhile is on the page, each once and in order."""
    expect(page.locator("#coil")).not_to_have_text(NOTHING)
    mill.stop(signal.SIGKILL)
    expect(page.locator("#banner")).to_contain_text("LINE test DOES NOT ANSWER")
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('#banner b')).fontSize)") >= 30
    expect(page.locator("#banner")).to_contain_text("since")
    page.reload()  # who comes now has never had an answer
    expect(page.locator("#banner")).to_contain_text("its last sign was")
    mill.start()
    expect(page.locator("#banner")).to_be_hidden()
    with Camera(mill, boot="b3") as camera:
        for _ in range(5):
            camera.send(DARK_BOX, coil="AFTER")
    until(page, "station.fold.coil.name === 'AFTER' && station.fold.coil.defects.size === 5")
    recorded: list[str] = []
    with mill.listen() as events:
        while len(recorded) < 5:
            found = next(events).data
            if isinstance(found, Defect) and found.coil == "AFTER":
                recorded.append(found.id)
    assert defects(page) == recorded


def test_a_station_that_is_killed_is_reported_and_comes_back(mill: Mill, browser: Browser, tmp_path: Path) -> None:
    """A browser that was left open goes on by itself when a station is there again, on the same port."""
    path = mill.folder / "other.toml"
    path.write_text('bind = "127.0.0.1:0"\n[[line]]\nconfig = "line.toml"\n')
    with Station(path, tmp_path) as first:
        page = browser.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.goto(f"{first.address}/live")
        expect(page.locator("#coil")).not_to_have_text(NOTHING)
        first.child.kill()
    expect(page.locator("#banner")).to_contain_text("NO CONNECTION TO THE STATION")
    path.write_text(f'bind = "127.0.0.1:{first.port}"\n[[line]]\nconfig = "line.toml"\n')
    with Station(path, tmp_path):
        expect(page.locator("#banner")).to_be_hidden()
        expect(page.locator("#coil")).not_to_have_text(NOTHING)
    page.close()


def test_a_lost_station_is_reported_within_three_seconds(mill: Mill, browser: Browser, tmp_path: Path) -> None:
    """By the page's own clock, which stands but for what the test lets pass: no sign for 3 s, and it is there."""
    path = mill.folder / "timed.toml"
    path.write_text('bind = "127.0.0.1:0"\n[[line]]\nconfig = "line.toml"\n')
    page = browser.new_page()
    page.clock.install()
    with Station(path, tmp_path) as station:
        page.goto(f"{station.address}/live")
        until(page, "document.getElementById('coil').textContent.length > 1")
        page.clock.pause_at(page.evaluate("Date.now() + 1000"))
        until(page, "window.station.link.received === performance.now()")  # a sign came while the page's clock stands
        assert page.locator("#banner").is_hidden()
        station.child.kill()
    until(page, "window.station.link.source.readyState !== EventSource.OPEN")
    assert page.evaluate("window.station.link.received === performance.now()")
    page.clock.run_for(2000)
    assert page.locator("#banner").is_hidden(), "a late sign is no loss"
    page.clock.run_for(1000)
    assert "NO CONNECTION TO THE STATION" in page.locator("#banner").inner_text()
    assert page.locator("#cameras .check_function").count() == 2, "nobody knows whether cameras are well"
    page.close()


def test_a_coil_is_opened_looked_at_and_decided(mill: Mill, page: Page) -> None:
    """Its map, a defect's picture with its outline, a decision that is journalled with name and reason."""
    with Camera(mill, boot="b4") as camera:
        camera.send(DARK_BOX, coil="DECIDED")
        camera.send(coil="DECIDED")
        camera.send(coil="NEXT")
    page.goto(page.url.replace("/live", "/coils"))
    page.get_by_role("link", name="DECIDED").click()
    expect(page.locator("#count")).to_contain_text("1 in all")
    page.locator("#worst figure").first.click()
    expect(page.locator("#defect-title")).to_contain_text("dark")
    expect(page.locator("#crops polygon").first).to_be_attached()
    assert (
        page.evaluate(
            "(async () => (await fetch(document.querySelector('#crops image').getAttribute('href'))).status)()"
        )
        == 200
    )
    page.keyboard.press("Escape")
    page.locator("#decision input[value=hold]").check()
    page.locator("#decision input[name=reason]").fill("looked at")
    page.locator("#operator").fill("Lee")
    page.locator("#decision button").click()
    expect(page.locator(".decided")).to_contain_text("hold")
    decided = [event.data for event in mill.received("decision.hold") if isinstance(event.data, Decision)]
    assert [(made.coil, made.operator, made.reason) for made in decided] == [("DECIDED", "Lee", "looked at")]


def decisions(mill: Mill) -> list[tuple[str, str]]:
    """What people decided so far, by coil."""
    with History(mill.folder / "journal") as history:
        return [(made.coil, made.grade) for _, made in history.of_kind(Decision)]


def test_a_decision_is_for_the_coil_that_is_looked_at(mill: Mill, station: Station, page: Page) -> None:
    """On the page of an older coil of the name there is none to give; where another begins meanwhile it is refused."""

    def passes(boot: str) -> None:
        with Camera(mill, boot=boot) as camera:
            camera.send(DARK_BOX, coil="TWICE")
            camera.send(coil="TWICE")
            camera.send(coil=f"AFTER {boot}")

    def listed() -> list[int]:
        return [coil["first_seq"] for coil in station.ask("/api/coils").json() if coil["coil"] == "TWICE"]

    passes("b5")
    mill.wait_until(lambda: len(listed()) == 1, "record a coil")
    page.goto(f"{station.address}/coil?coil=TWICE")
    page.locator("#decision input[value=block]").check()
    passes("b6")
    mill.wait_until(lambda: len(listed()) == 2, "record another of the name")
    before = decisions(mill)
    page.locator("#decision input[name=reason]").fill("looked at")
    page.locator("#operator").fill("Lee")
    page.locator("#decision button").click()
    expect(page.locator("#toast")).to_contain_text("is not the newest of its name: another began")
    with History(mill.folder / "journal") as history:
        older = next(history.seen(history.coil("TWICE", listed()[-1]))).id
    for query in (f"seq={listed()[-1]}", f"defect={older}"):
        page.goto(f"{station.address}/coil?coil=TWICE&{query}")
        expect(page.locator("#older")).to_contain_text("a decision is for the newest")
        assert page.locator("#decision").is_hidden() and decisions(mill) == before
    expect(page.locator("#defect-title")).to_contain_text("dark")
    page.locator("#newer").click()
    page.locator("#decision input[value=hold]").check()
    page.locator("#decision input[name=reason]").fill("looked at")
    page.locator("#decision button").click()
    expect(page.locator(".decided")).to_contain_text("hold")
    assert decisions(mill) == [*before, ("TWICE", "hold")]


def test_a_speed_that_nobody_knows_is_not_nought(page: Page) -> None:
    """It is a dash, while the other figures stand."""
    facts: dict[str, object] = {
        "utc": "2026-03-01T00:00:00Z",
        "is_answering": True,
        "is_measured": True,
        "fault": "",
        "lost": 0,
        "journal_fault": "",
        "browsers": 1,
        "gauges": Gauges(frames_per_s=3.5),
    }
    body = b"event: begin\ndata: {}\n\nevent: now\ndata: " + msgspec.json.encode(facts) + b"\n\n"
    page.route("**/api/stream*", lambda route: route.fulfill(content_type="text/event-stream", body=body))
    page.reload()
    expect(page.locator("#frames")).to_have_text("3.5 /s")
    expect(page.locator("#speed")).to_have_text(NOTHING)


def test_the_first_view_is_small(page: Page) -> None:
    """All that the live page loads, but for the stream, is below 300 kB."""
    entries = "[...performance.getEntriesByType('resource'), ...performance.getEntriesByType('navigation')]"
    sizes = page.evaluate(f"{entries}.filter((one) => !one.name.includes('stream')).map((one) => one.transferSize)")
    assert 10_000 < sum(sizes) < 300_000


def test_the_line_answers_as_before(mill: Mill) -> None:
    """After all of this the daemon is the one that it was."""
    assert ask(mill.ports.address("commands"), ListAlarms()).is_done
    assert mill.get("/health")[0] == 200
