"""The simulation in short: schedules that hold, and planted faults that it finds."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.mutants import MUTANTS, hunt, planted
from tests.simulation.run import TIERS, Tally, attempt, run, shrink, worlds
from tests.simulation.schedule import Schedule, draw
from tests.simulation.world import World

SMALL, LARGE = 1500, 40
"""Schedules of each tier."""
FIRST = 1
"""Of the seeds in which each of the faults below is found soon."""
SOON = (
    "one frame fewer is missing",
    "the strip's state is not restored",
    "an alarm's return is not reported",
    "a full batch leaves its last arrival out",
    "frames are acknowledged before the commit",
    "a header that cannot be read is not answered",
    "nothing is seen in planes that frames share",
    "a coil ends without its last defect",
    "a trigger's last word is forgotten",
    "repeats are not restored",
    "what waits for a full disk loses its first event",
    "the end of a fault is that of all",
    "synchronous is NORMAL",
    "synchronous is OFF",
)
"""Faults that the suite plants; `make simulate MUTANTS=1` plants them all."""
QUIET = {"kill": 0, "cut": 0, "stop": 0, "full": 0, "say": 2}
"""How often steps come where a tape and a disk take the same."""


def test_all_holds_in_many_small_schedules() -> None:
    """Frames, strip, triggers, alarms, credit and what is acknowledged: nothing is lost, let in twice or wrong."""
    tally = run(range(SMALL), is_enough=lambda _: False, tier="s")
    assert not tally.failures, tally.failures[0]
    assert (tally.schedules, tally.cuts > 0, tally.published > SMALL) == (SMALL, True, True)


def test_all_holds_in_large_schedules_with_the_journals_files() -> None:
    """The same with files, over whole coils."""
    tally = run(range(LARGE), is_enough=lambda _: False)
    assert not tally.failures, tally.failures[0]
    assert (tally.schedules, tally.cuts > 0, tally.published > 100) == (LARGE, True, True)


def test_power_cuts_lose_nothing_that_was_published() -> None:
    """Nor does a kill in the middle of a write."""
    tally = run(range(100, 108), is_enough=lambda _: False, tier="p")
    assert not tally.failures, tally.failures[0]
    assert tally.cuts > 50


def test_a_tape_records_what_the_journal_records() -> None:
    """Byte for byte, so that what holds for small schedules is no property of the tape."""
    published = [_published(on_disk) for on_disk in (False, True)]
    assert published[0] == published[1]
    assert len(published[0]) > 100


def _published(on_disk: bool) -> list[bytes]:
    """What six schedules publish."""
    mills = list[World]()
    found = list[bytes]()
    with worlds(on_disk) as make:

        def made(schedule: Schedule) -> World:
            mills.append(make(schedule))
            return mills[-1]

        for seed in range(6):
            failure = attempt(made, draw(seed, kinds=QUIET, steps=40), Tally())
            assert failure is None, failure
            found += mills[-1].record.published.values()
    return found


@pytest.mark.parametrize("name", MUTANTS)
def test_each_fault_can_be_planted(name: str) -> None:
    """What it alters is still there: else it would be found by its own failure, or end the run of all."""
    with planted(MUTANTS[name]):
        pass


@pytest.mark.parametrize("name", SOON)
def test_planted_faults_are_found(name: str) -> None:
    """A simulation that cannot fail shows nothing, nor does one that fails without the fault."""
    found = hunt(MUTANTS[name], FIRST).failure
    assert found is not None
    with worlds(TIERS[MUTANTS[name].tier].on_disk) as make:
        assert attempt(make, found.schedule, Tally()) is None


def test_a_schedule_that_fails_is_made_shorter_and_fails_again() -> None:
    """With the same seed the same happens; steps that do not matter are left out."""
    name = "one frame fewer is missing"
    found = hunt(MUTANTS[name], FIRST).failure
    again = hunt(MUTANTS[name], FIRST).failure
    assert found is not None and found == again
    with worlds(TIERS["s"].on_disk) as make:
        assert attempt(make, TIERS["s"].draw(found.schedule.seed), Tally()) is None
        assert shrink(make, found, 0.0) == found


def test_a_seed_shows_the_same_in_another_process() -> None:
    """Nothing depends on how Python mixes the hashes of names, which is different in each process."""
    shown = [_shown(mix) for mix in "12"]
    assert shown[0] == shown[1]
    assert "all holds" in shown[0]


def _shown(mix: str) -> str:
    """What a replay prints in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation", "--seed", "d461"]
    environ = {**os.environ, "PYTHONHASHSEED": mix}
    root = Path(__file__).parents[2]
    return subprocess.run(command, env=environ, cwd=root, capture_output=True, text=True, check=True).stdout
