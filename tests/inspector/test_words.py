"""Words for counts."""

import pytest

from inspector.words import counted, no_formula


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 alarms"), (1, "1 alarm"), (2, "2 alarms"), (17_000, "17000 alarms")]
)
def test_one_is_singular(count: int, words: str) -> None:
    """Exactly one is singular."""
    assert counted(count, "alarm") == words


def test_a_plural_of_its_own() -> None:
    """A noun may bring its plural."""
    assert (counted(1, "batch", "batches"), counted(3, "batch", "batches")) == ("1 batch", "3 batches")


@pytest.mark.parametrize(
    ("cell", "kept"), [("=1+1", "'=1+1"), ("-5", "'-5"), ("\t=1", "'\t=1"), ("", ""), ("A-1", "A-1"), (-5.5, -5.5)]
)
def test_no_spreadsheet_runs_a_name(cell: object, kept: object) -> None:
    """A text that begins as a formula does stays text; a number stays a number."""
    assert no_formula(cell) == kept
