"""A blind screen is reported once, and returned by the one that takes its place."""

from pathlib import Path

from inspector import recipe
from inspector.engines.screening import ScreenAccount, ScreenAccounts
from inspector.engines.stub import Stub
from inspector.infer import Loaded
from inspector.records.events import Data, RecipeStatus
from inspector.service.screen_watch import ScreenWatch
from tests.recipes import write_recipe


def states(reports: list[Data]) -> list[str]:
    """The state of each report."""
    return [report.state for report in reports if isinstance(report, RecipeStatus)]


def test_a_blind_screen_is_reported_once_and_returned_by_another(tmp_path: Path) -> None:
    """However often one looks, one report when the screen goes blind, and one when it is no longer in force."""
    write_recipe(tmp_path / "recipe")
    card = recipe.read_card(tmp_path / "recipe")
    account, reports = ScreenAccount(0.1), list[Data]()
    watch, loaded = ScreenWatch(reports.append), Loaded(card, Stub(card), screen=account)
    watch.look(loaded)
    assert reports == []
    account.count(held_back=90, passed=10, audited=10, found=0, missed=10)
    watch.look(loaded)
    watch.look(loaded)
    assert states(reports) == ["raised"]
    for _ in range(2):
        watch.look(Loaded(card, Stub(card)))
    assert states(reports) == ["raised", "returned"]


def test_a_blind_screen_stays_blind_over_reloads_and_restarts() -> None:
    """The same recipe with the same screen is not asked again, whatever else was changed; another permission is."""
    before = ScreenAccounts()
    account = before.of("pair", 0.1)
    assert before.of("pair", 0.1) is account and not before.of("pair", 0.5).is_blind
    account.count(held_back=90, passed=10, audited=10, found=0, missed=10)
    assert before.of("pair", 0.1) is account and before.of("pair", 0.5).is_blind
    assert not before.of("other", 0.1).is_blind
    after = ScreenAccounts()
    after.restore(before.state(), 0)
    restored = after.of("pair", 0.1)
    assert restored.is_blind and restored.now().missed_ratio == account.now().missed_ratio
    assert "in 10 of 10 audited frames" in str(restored.now())
    assert after.state() == before.state() and not after.of("other", 0.1).is_blind


def test_a_blind_screen_behind_a_blind_one_is_reported_too(tmp_path: Path) -> None:
    """One screen's blindness returns before that of the next is raised."""
    write_recipe(tmp_path / "recipe")
    card = recipe.read_card(tmp_path / "recipe")
    reports = list[Data]()
    watch = ScreenWatch(reports.append)
    for _ in range(2):
        account = ScreenAccount(0.1)
        account.count(held_back=90, passed=10, audited=10, found=0, missed=10)
        watch.look(Loaded(card, Stub(card), screen=account))
    assert states(reports) == ["raised", "returned", "raised"]
