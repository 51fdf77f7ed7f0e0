"""Which recipe a demo runs."""

import os
import re
from pathlib import Path

import pytest

from inspector.demo import recipes
from inspector.demo.recipes import FAST, FULL, LEAST_FPS, RecipeChoice, capacity_fps, choose_recipe, within_budget
from inspector.demo.setup import set_up
from inspector.harness.ports import Ports
from inspector.service import line
from inspector.simulator.looks import LOOKS, PLAIN


def test_steel_of_another_look_has_the_recipe_that_learnt_it() -> None:
    """The reason names the look; the full recipe is blind there."""
    for look in LOOKS.keys() - {PLAIN}:
        choice = choose_recipe(look)
        assert choice.recipe == FAST and look in choice.reason


def test_a_slow_machine_has_the_fast_recipe() -> None:
    """What the machine can do decides, and the reason has it."""
    assert within_budget(LEAST_FPS).recipe == FULL
    slow = within_budget(LEAST_FPS / 2)
    assert slow.recipe == FAST and f"{LEAST_FPS / 2:.1f} frames/s" in slow.reason


@pytest.fixture
def _one_round(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure once: these differences are larger than any noise."""
    monkeypatch.setattr(recipes, "ROUNDS", 1)


@pytest.mark.usefixtures("_one_round")
def test_what_the_machine_can_do_is_measured() -> None:
    """The fast recipe infers more of the demo's frames a second than the full one; plain steel has either, by that."""
    choice = choose_recipe(PLAIN)
    (full_fps,) = re.findall(rf"{FULL} infers ([\d.]+) frames/s", choice.reason)
    assert capacity_fps(FAST) > float(full_fps) > 0


@pytest.mark.usefixtures("_one_round")
def test_cores_that_others_have_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a machine's cores those count on which this process may run."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(1000))
    many_fps = capacity_fps(FAST)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(1))
    assert many_fps > 50 * capacity_fps(FAST)


def test_a_shipped_recipe_is_named_as_it_is(tmp_path: Path) -> None:
    """A line's own configuration may name it so too."""
    setup = set_up(tmp_path / "demo", Ports.free(), lambda: RecipeChoice(FAST, ""))
    assert line.load(setup.config).recipe.path == FAST and setup.recipe.name == FAST
