"""Which recipe a demo runs."""

from pathlib import Path

from inspector.demo.recipes import FAST, FULL, capacity_fps, choose_recipe, within_budget
from inspector.demo.setup import set_up
from inspector.harness.ports import Ports
from inspector.service import line
from inspector.simulator.looks import LOOKS, PLAIN


def test_steel_of_another_look_has_the_recipe_that_learnt_it() -> None:
    """The reason names the look; the full recipe is blind there."""
    for look in LOOKS.keys() - {PLAIN}:
        choice = choose_recipe(look, seconds=1.0)
        assert choice.recipe == FAST and look in choice.reason


def test_a_slow_machine_has_the_fast_recipe() -> None:
    """What the machine can do and what the drive needs decide; the reason has both."""
    assert within_budget(able_fps=4.0, needed_fps=1.0).recipe == FULL
    slow = within_budget(able_fps=0.5, needed_fps=1.0)
    assert slow.recipe == FAST and "0.5 frames/s" in slow.reason and "1.0 are needed" in slow.reason


def test_the_budget_is_measured_here() -> None:
    """A drive of all day has time for the full recipe on any machine, one of no time on none."""
    assert choose_recipe(PLAIN, seconds=1e6).recipe == FULL
    assert choose_recipe(PLAIN, seconds=1e-3).recipe == FAST
    assert capacity_fps(FAST) > 0


def test_a_shipped_recipe_is_named_as_it_is(tmp_path: Path) -> None:
    """A line's own configuration may name it so too."""
    setup = set_up(tmp_path / "demo", Ports.free(), FAST)
    assert line.load(setup.config).recipe.path == FAST and setup.recipe.name == FAST
