"""An empty journal for the tests of events."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from inspector.events.journal import Journal


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    """An empty journal of epoch e1."""
    journal = Journal(
        tmp_path / "journal", 64, "/inspector/l", clock_utc=lambda: datetime.now(UTC), new_epoch=lambda: "e1"
    )
    yield journal
    journal.close()
