"""Words for counts."""

import pytest

from inspector.words import counted


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 alarms"), (1, "1 alarm"), (2, "2 alarms"), (17_000, "17000 alarms")]
)
def test_one_is_singular(count: int, words: str) -> None:
    """Exactly one is singular."""
    assert counted(count, "alarm") == words


def test_a_plural_of_its_own() -> None:
    """A noun may bring its plural."""
    assert (counted(1, "batch", "batches"), counted(3, "batch", "batches")) == ("1 batch", "3 batches")
