"""What the review page makes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from inspector.archive import review
from inspector.station.review import Review


def test_a_training_set_that_fails_leaves_the_one_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may still fetch it; the next one takes its place, and its room."""
    watch: Any = SimpleNamespace(line=SimpleNamespace(archive=tmp_path, name="l"))
    made, choice = Review({}, ""), review.Choice()

    def export(archive: Path, out: Path, choice: review.Choice) -> dict[str, int]:
        out.mkdir()
        return {}

    def fails(archive: Path, out: Path, choice: review.Choice) -> dict[str, int]:
        raise review.NoneChosen

    monkeypatch.setattr(review, "export", export)
    made._export(watch, choice)
    before = made._made
    monkeypatch.setattr(review, "export", fails)
    with pytest.raises(review.NoneChosen):
        made._export(watch, choice)
    assert made._made == before and before and before[1].is_file()
    monkeypatch.setattr(review, "export", export)
    made._export(watch, choice)
    assert not before[1].exists() and made._made and made._made[1].is_file()
    made._made[2].cleanup()
