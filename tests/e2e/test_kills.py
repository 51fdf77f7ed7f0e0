"""Killed under load: what is lost in credit mode (nothing), what of PUSH/PULL (exactly what is reported)."""

from pathlib import Path

import pytest

from tests.e2e.kills import survive, survive_camera_kills
from tests.e2e.mill import FRAME_MM

KILLS = 3


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_frame_is_lost_when_the_inspector_is_killed(tmp_path: Path) -> None:
    """Every frame is inspected once, however often it was sent; tests/soak/kills.py kills 20 times."""
    found = survive(tmp_path, KILLS, "credit")
    assert (found.inspected, found.missed, found.missed_mm) == (found.passed, 0, 0.0), found
    assert found.defects == found.marked, found
    assert found.resent > 0


@pytest.mark.long
@pytest.mark.timeout(600)
def test_an_acknowledgement_before_the_commit_would_be_noticed(tmp_path: Path) -> None:
    """The test above can fail: an inspector that acknowledges what is not on disk loses frames in it."""
    found = survive(tmp_path, KILLS, "credit", early=True)
    assert found.inspected < found.passed, found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_no_frame_is_lost_when_the_camera_is_killed(tmp_path: Path) -> None:
    """A camera with a spool sends what it had kept after its start; what had come before is known, in its old boot."""
    found = survive_camera_kills(tmp_path, KILLS, frames=300)
    assert (found.missed, found.missed_mm) == (0, 0.0), found
    assert found.passed <= found.inspected <= found.passed + KILLS, found
    assert found.defects == found.marked, found


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_what_push_loses_is_reported_to_the_frame(tmp_path: Path) -> None:
    """Of a PUSH socket's frames each is inspected or reported as missed; what was published is journalled."""
    found = survive(tmp_path, KILLS, "push")
    assert found.inspected + found.missed == found.passed, found
    assert found.missed_mm == pytest.approx(found.missed * FRAME_MM), found.uneven
    assert found.missed > 0
    assert found.published and not found.unrecorded, found
    print(found.ledger)
    assert found.ledger and found.ledger.starts > KILLS and not found.ledger.wrong
