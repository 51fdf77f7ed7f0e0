"""Reloaded under load, in short; tests/soak/reloads.py does so 50 times, with the null engine too."""

from pathlib import Path

from tests.e2e.reloads import reload

RELOADS = 4


def test_a_reload_loses_no_frame_and_each_defect_names_its_recipe(tmp_path: Path) -> None:
    """Nor does the stop, and whoever scrapes meanwhile finds every frame accounted for."""
    found = reload(tmp_path, RELOADS)
    print(f"{found.fps:.0f} frames/s, drained in {found.drain_s:.1f} s; {found.ledger}")
    assert (found.lost, found.code) == (0, 0), found
    assert found.recipes == [f"tiny@{version}" for version in range(2, RELOADS + 2)]
    assert len(found.named) == found.passed and found.names_its_recipe(), found
    assert found.ledger.scrapes and not found.ledger.wrong
