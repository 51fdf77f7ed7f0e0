"""The demo's summary, and what it is made from."""

import io
from typing import Any

import msgspec
import pytest

from inspector.demo.received import Received
from inspector.demo.screen import StatusScreen
from inspector.demo.summary import LISTED, Figures, summary
from inspector.demo.tally import PlacementErrors, ShowPiece
from inspector.harness.scrape import Counts
from inspector.records.envelope import Event
from inspector.records.events import Alarm, Defect, Health, Missed
from inspector.score import ClassScore, PlantedOutcome, Score
from inspector.simulator.sheet import CLASSES, Planted
from tests.defects import any_defect

CRACK = Planted(1, 2, start_mm=5000.0, end_mm=5100.0, left_mm=700.0, right_mm=710.0, area_mm2=500.0)
PATCH = any_defect(
    id="d1",
    name="patch",
    coil="C1",
    start_mm=1500.0,
    end_mm=1540.0,
    left_mm=10.0,
    right_mm=30.0,
    area_mm2=700.0,
    confidence=0.9,
    captured_ns=1_000_000,
)
NOTHING = ClassScore(name="", planted=0, found=0, confused=0, missed=0, false=0, small=0, unseen=0)


def scored(outcomes: tuple[PlantedOutcome, ...] = (), false: tuple[Defect, ...] = ()) -> Score:
    """Make a score whose classes count nothing but what the test is about."""
    classes = tuple(msgspec.structs.replace(NOTHING, name=name) for name in CLASSES)
    return Score(metres=10.0, classes=classes, outcomes=outcomes, found=(), false=false)


def printed(score: Score, **figures: Any) -> str:
    """Write the summary of a score."""
    usual: dict[str, Any] = {
        "pieces": (),
        "placed": None,
        "scores": {"C1": score},
        "recipe": "r@1",
        "passed_m": 10.0,
        "seconds": 20.0,
        "sent": 63,
        "lost_events": 0,
        "engine_ms": 80.0,
    }
    counts = Counts(received=63, inspected=60, rejected=3, missing=1, inspected_m=9.6, missed_m=0.64)
    return summary(Figures(**{**usual, "counts": counts, "latencies_ms": [], "total": score, **figures}))


def test_frames_and_strip_are_accounted_for() -> None:
    """Every frame that was sent is found again under how it ended, every metre under inspected or missed."""
    words = printed(scored(), latencies_ms=[float(ms) for ms in range(1, 201)])
    assert "63         60          0          3          1" in words
    assert "9.6 m inspected, 0.6 m missed" in words
    assert "10.0 m at 0.50 m/s" in words
    assert "p50 100 ms, p99 198 ms from capture to event (200 reports)" in words
    assert "on average 80 ms of that in the network, 20 ms waiting and all else" in words


def test_one_is_not_written_as_many() -> None:
    """A count and its noun agree."""
    assert "from capture to event (1 report)" in printed(scored(), latencies_ms=[5.0])


@pytest.mark.parametrize(
    ("outcome", "line"),
    [
        (PlantedOutcome(CRACK, "missed", ()), "missed "),
        (PlantedOutcome(CRACK, "confused", ("patch", "scratch")), "seen as patch and scratch "),
        (PlantedOutcome(CRACK, "unseen", ()), "not seen, strip missed "),
    ],
)
def test_what_was_not_found_is_listed_by_name_and_place(outcome: PlantedOutcome, line: str) -> None:
    """Nobody has to search for what the inspector overlooked."""
    (listed,) = (words for words in printed(scored((outcome,))).splitlines() if "5.000 m" in words)
    assert listed.strip().startswith(line)
    assert "crack" in listed
    assert "across 700 to 710 mm, 100 x 10 mm" in listed


def test_false_ones_are_listed_up_to_a_page() -> None:
    """A poor recipe does not push the table off the screen."""
    words = printed(scored(false=(PATCH,) * (LISTED + 7)))
    assert words.count("false, nothing planted") == LISTED
    assert "and 7 more false ones" in words


def test_pieces_stand_with_what_became_of_them() -> None:
    """Each has its sign, as it was planted and as it was found; how well begins are placed is reported in rows."""
    words = printed(
        scored(),
        pieces=(
            ShowPiece("weld", "at 3 m", "at 3 m", True),
            ShowPiece("camera gap", "1 to 2 m", "not reported", False),
        ),
        placed=PlacementErrors(half=2.0, most=9.0, count=30),
    )
    assert "\u2713 weld            planted  at 3 m\n" in words
    assert "\u2717 camera gap      planted  1 to 2 m\n                    found    not reported\n" in words
    assert "right to 2 rows (1.2 mm), nine in ten to 9 rows (5.6 mm)" in words


def test_lost_events_are_owned_up_to() -> None:
    """When events did not get here, the summary says that its counts are too low."""
    assert "3 were lost" in printed(scored(), lost_events=3)


def event(data: Defect | Missed | Alarm | Health, coil: str = "C1") -> Event:
    """Put data into an envelope."""
    rest: dict[str, Any] = {
        "id": "e-1",
        "source": "/inspector/t",
        "type": "x",
        "time": "2026-11-22T00:00:00Z",
        "epoch": "e",
    }
    return Event(**rest, subject=coil, seq=1, topicseq=1, data=data)


def test_events_received_keep_to_its_coil() -> None:
    """Only events of the coil count, a defect once, and its latency only while the line runs."""
    received = Received(["C1"])
    gap = Missed(camera="top", coil="C1", start_mm=0.0, end_mm=160.0, reasons={"crc": 1})
    alarm = Alarm(
        name="a",
        state="unacknowledged",
        priority="low",
        coil="C1",
        camera="top",
        message="m",
        count=1,
        defect_id="d1",
    )
    other = msgspec.structs.replace(PATCH, id="d2", coil="C2")
    for reported_event in (event(PATCH), event(PATCH), event(other, "C2"), event(gap), event(alarm)):
        received.take(4_000_000, reported_event)
    received.is_live = False
    received.take(9_000_000, event(msgspec.structs.replace(PATCH, id="d3")))
    received.take(9_000_000, event(Health(state="stopping", message="", recipe="", version=""), "-"))
    assert sorted(received.defects) == ["d1", "d3"]
    assert (received.missed, received.alarms, received.latencies_ms) == ([gap], 1, [3.0, 3.0])
    assert received.is_over


class Terminal(io.StringIO):
    """A file that says it is a terminal."""

    def isatty(self) -> bool:
        """Say so."""
        return True


def test_status_of_several_lines_is_drawn_over_itself() -> None:
    """What is printed meanwhile goes above all of it; what does not fit the terminal is cut."""
    terminal = Terminal()
    screen = StatusScreen(terminal)
    screen.status("3 of 8 m", ["--o--"])
    screen.line("crack")
    assert terminal.getvalue() == "\r\x1b[J--o--\n3 of 8 m\r\x1b[1A\x1b[Jcrack\n--o--\n3 of 8 m"


def test_status_stays_below_the_lines() -> None:
    """On a terminal lines go above the status, which is written again below them; a file gets lines only."""
    terminal, file = Terminal(), io.StringIO()
    for out in (terminal, file):
        screen = StatusScreen(out)
        screen.status("3 of 8 m")
        screen.line("crack")
        screen.clear()
    assert terminal.getvalue() == "\r\x1b[J3 of 8 m\r\x1b[Jcrack\n3 of 8 m\r\x1b[J"
    assert file.getvalue() == "crack\n"
