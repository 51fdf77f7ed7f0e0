"""What the review page makes."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from inspector.archive import review
from inspector.station.review import Review
from inspector.station.watch import Watch
from tests.inspector.station.test_gallery import filled
from tests.inspector.station.test_watch import LINE


def test_a_training_set_that_fails_leaves_the_one_of_before(tmp_path: Path) -> None:
    """Somebody may still fetch it; the next one takes its place, and its room."""
    filled(tmp_path).close()
    watch, made = Watch(msgspec.structs.replace(LINE, archive=tmp_path / "archive")), Review({}, "")
    made._export(watch, review.Choice())
    before = made._made
    with pytest.raises(review.NoneChosen):
        made._export(watch, review.Choice(classes=("scratch",)))
    assert made._made == before and before and before[1].is_file()
    made._export(watch, review.Choice())
    assert not before[1].exists() and made._made and made._made[1].is_file()
    made._made[2].cleanup()
