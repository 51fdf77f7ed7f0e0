"""What the journal deletes, and what it keeps for a full disk."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest

from inspector.events.ballast import FREE_TIMES, Ballast
from inspector.events.journal import Journal
from inspector.events.retention import DAY_S, Ages, gone
from tests.journals import LONG_HEALTH, NOON, events, held, newest, opened


@pytest.mark.parametrize(
    ("room_bytes", "since_s", "left"),
    [(100, 0.0, [1, 5, 9]), (25, 0.0, [5, 9]), (5, 0.0, [9]), (100, 11.0, [5, 9]), (100, 99.0, [9])],
)
def test_the_oldest_go_beyond_size_and_age(room_bytes: int, since_s: float, left: list[int]) -> None:
    """Whole files, the newest never."""
    sizes = {1: 10, 5: 10, 9: 10}
    leaving = gone(sizes, {1: 10.0, 5: 20.0}, room_bytes=room_bytes, since_s=since_s)
    assert sorted(sizes.keys() - set(leaving)) == left


def test_age_is_that_of_the_running_line(tmp_path: Path) -> None:
    """Files go by the time that the inspector ran; neither a restart nor a stepped wall clock makes them older."""
    now_s, starts = [0.0], list[int]()
    for day in range(8):
        utc = NOON.replace(year=2026 + 50 * (day % 2))  # the wall clock is stepped to and fro
        journal = Journal(
            tmp_path,
            8,
            "/inspector/line3",
            clock_utc=lambda utc=utc: utc,  # type: ignore[misc]
            new_epoch=lambda: "e1",
            max_days=3,
            clock_s=lambda: now_s[0],
        )
        for _ in range(40):
            journal.record([LONG_HEALTH] * 8)
            now_s[0] += DAY_S / 40
        starts.append(journal.first_seq)
        assert [event.seq for event in events(held(journal))] == [*range(journal.first_seq, journal.last_seq + 1)]
        journal.close()
        now_s[0] += 1000 * DAY_S  # it does not run: the monotonic clock begins anywhere
    assert starts[:3] == [1, 1, 1]
    per_day = 40 * 8
    assert all((day - 4) * per_day < starts[day] <= (day - 2) * per_day for day in range(4, 8)), starts


@pytest.mark.parametrize("is_restarted", [False, True])
def test_age_bounds_a_line_on_which_little_happens(tmp_path: Path, is_restarted: bool) -> None:
    """Where no file ever grows full, neither; then nothing happens at all, and nothing is held."""
    now_s, per_day = [0.0], 8
    journal = aging(tmp_path, now_s)
    for day in range(20):
        for _ in range(per_day):
            journal.record([LONG_HEALTH])
            journal.record([])
            now_s[0] += DAY_S / per_day
        assert (day - 3.5) * per_day <= journal.first_seq - 1 <= max(0, (day - 2) * per_day)
        if is_restarted:
            journal.close()
            journal = aging(tmp_path, now_s)
        elif day == 10:  # another program wrote in it: recording goes on in another file
            sums_changed(newest(tmp_path))
            journal.recover()
    assert [event.seq for event in events(held(journal))] == [*range(journal.first_seq, 20 * per_day + 1)]
    assert len(journal.position.starts) < 20
    for hour in range(4 * 24):
        now_s[0] += DAY_S / 24
        journal.record([])
        if hour == 6:  # by now the file that is written holds no event
            journal.close()
            journal = aging(tmp_path, now_s)
    assert journal.first_seq == journal.last_seq + 1 == 20 * per_day + 1
    journal.record([LONG_HEALTH])
    assert [event.seq for event in events(held(journal))] == [journal.last_seq]
    journal.close()


def aging(path: Path, now_s: list[float]) -> Journal:
    """A journal that keeps three days."""
    return Journal(
        path,
        8,
        "/inspector/line3",
        clock_utc=lambda: NOON,
        new_epoch=lambda: "e1",
        max_days=3,
        clock_s=lambda: now_s[0],
    )


def sums_changed(file: Path) -> None:
    """Change a checksum in a file of a journal."""
    with sqlite3.connect(file) as segment:
        segment.execute("DELETE FROM checksum")
    segment.close()


@pytest.mark.parametrize(
    ("lives", "ended_s"),
    [
        ({1: 5.0, 4: 7.0, 9: 8.0}, {1: 5.0, 4: 7.0}),
        ({4: 7.0, 9: 8.0}, {1: 7.0, 4: 7.0}),
        ({9: 8.0}, {1: 8.0, 4: 8.0}),
        ({1: 5.0}, {1: 5.0}),
        ({}, {}),
    ],
)
def test_a_file_that_says_no_age_is_as_old_as_the_next(lives: dict[int, float], ended_s: dict[int, float]) -> None:
    """One of an earlier version, or an unreadable one, keeps none that is older for ever."""
    ages = Ages(3, 16, lambda: 100.0)
    ages.take_up([1, 4, 9], lives)
    assert ages.ended_s == ended_s


def test_ballast_takes_blocks_and_gives_them_up(tmp_path: Path) -> None:
    """It is a real file of real blocks, once."""
    ballast = Ballast(tmp_path, 2**20)
    assert not ballast.is_laid and not ballast.give_up()
    assert ballast.lay() and ballast.lay()
    assert (tmp_path / "ballast").stat().st_blocks * 512 >= 2**20
    assert ballast.give_up() and not ballast.is_laid


def test_ballast_is_not_laid_where_the_disk_cannot_spare_it(tmp_path: Path) -> None:
    """A disk that is all but full would be full at once."""
    disk = os.statvfs(tmp_path)
    ballast = Ballast(tmp_path, disk.f_bavail * disk.f_frsize // FREE_TIMES * 2)
    assert not ballast.lay() and not (tmp_path / "ballast").exists()


def test_a_file_without_events_never_makes_way_for_one_of_its_name(tmp_path: Path) -> None:
    """States are kept while no event comes: the write-ahead log alone may be larger than a file is to be."""
    journal = opened(tmp_path, max_mb=1)
    for number in range(200):
        journal.record([], {"strip": b"%d" % number * 1000})
    assert journal.position.starts == (1,)
    journal.recover()
    assert journal.states["strip"] == b"199" * 1000
    journal.close()
