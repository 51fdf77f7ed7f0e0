"""Rolls suspected of a period."""

from inspector.strip.rolls import Roll, indistinct, suspects

ROLLS = (Roll("work roll", 1900.0, 1.02), Roll("bridle 1", 2500.0), Roll("bridle 2", 2501.0), Roll("pinch", 969.5))


def test_the_closest_roll_is_suspected_first() -> None:
    """Elongation after the roll counts, and a roll that prints each turn comes before one that prints each second."""
    found = suspects(1938.5, ROLLS, 0.002)
    assert [(suspect.roll.name, suspect.harmonic) for suspect in found] == [("work roll", 1), ("pinch", 2)]
    assert abs(found[0].off) < 1e-3


def test_nobody_is_suspected_without_reason() -> None:
    """A period that no roll explains has no suspect."""
    assert suspects(1500.0, ROLLS, 0.002) == []


def test_rolls_that_no_period_tells_apart_are_named() -> None:
    """Equal distances are found in the table before anyone relies on it."""
    assert [(first.name, second.name) for first, second in indistinct(ROLLS, 0.002)] == [("bridle 1", "bridle 2")]
