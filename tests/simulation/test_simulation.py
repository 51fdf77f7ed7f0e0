"""The simulation in short: schedules that hold, and planted faults that it finds."""

from __future__ import annotations

import pytest

from tests.simulation.mutants import MUTANTS, hunt
from tests.simulation.run import POWER, Tally, attempt, run, shrink
from tests.simulation.schedule import draw
from tests.simulation.world import worlds

SEEDS = 60
FIRST = 1
"""Of the seeds in which each of the faults below is found soon."""
SOON = (
    "one frame fewer is missing",
    "the strip's state is not restored",
    "an alarm's return is not reported",
    "a full batch leaves its last arrival out",
    "frames are acknowledged before the commit",
    "synchronous is NORMAL",
    "synchronous is OFF",
)
"""Faults that the suite plants; `make simulate MUTANTS=1` plants them all."""


def test_all_holds_in_random_schedules() -> None:
    """Frames, strip, alarms, credit and journal: nothing is lost, let in twice or reported wrongly."""
    tally = run(range(SEEDS), is_enough=lambda _: False)
    assert not tally.failures, tally.failures[0]
    assert (tally.schedules, tally.cuts > 0, tally.published > 100) == (SEEDS, True, True)


def test_power_cuts_lose_nothing_that_was_published() -> None:
    """Nor does a kill in the middle of a write."""
    tally = run(range(100, 108), is_enough=lambda _: False, kinds=POWER)
    assert not tally.failures, tally.failures[0]
    assert tally.cuts > 50


@pytest.mark.parametrize("name", SOON)
def test_planted_faults_are_found(name: str) -> None:
    """A simulation that cannot fail shows nothing."""
    assert hunt(MUTANTS[name], FIRST).failure is not None


def test_a_schedule_that_fails_is_made_shorter_and_fails_again() -> None:
    """With the same seed the same happens; steps that do not matter are left out."""
    name = "one frame fewer is missing"
    found = hunt(MUTANTS[name], FIRST).failure
    again = hunt(MUTANTS[name], FIRST).failure
    assert found is not None and found == again
    with worlds() as make:
        assert attempt(make, draw(found.schedule.seed), Tally()) is None
        assert shrink(make, found, 0.0) == found
