"""Which roll prints at a distance: the line's roll table against a period that was found. Pure.

A roll prints its mark once a turn; what the strip is elongated by after it pulls the marks apart. Knows: the table.
Must not know: how the period was found.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, permutations

import msgspec

from inspector.strip.settings import RollSection

HARMONICS = (1, 2, 3)
"""A mark that prints only every second or third turn shows a multiple of the roll's distance."""


class Roll(msgspec.Struct, frozen=True):
    """One roll of the line."""

    name: str
    circumference_mm: float
    elongation: float = 1.0
    """How many times longer the strip is at the cameras than behind this roll: 1.02 after 2 % of temper rolling."""

    @property
    def period_mm(self) -> float:
        """Distance of its marks at the cameras."""
        return self.circumference_mm * self.elongation


def table(sections: Iterable[RollSection]) -> list[Roll]:
    """Return the rolls of a configuration."""
    return [Roll(roll.name, roll.circumference_mm, 1 + roll.elongation_percent / 100) for roll in sections]


class Suspect(msgspec.Struct, frozen=True):
    """A roll that explains a period."""

    roll: Roll
    harmonic: int
    """It prints once in this number of turns."""
    off: float
    """Difference between the period found and the expected one, as a share of the expected one."""


def suspects(period_mm: float, rolls: Sequence[Roll], tolerance: float) -> list[Suspect]:
    """Rolls whose marks lie `period_mm` apart within `tolerance` (a share), the likeliest first.

    A roll that prints every turn is likelier than one that prints every second; then the closer one.
    """
    found = []
    for roll in rolls:
        for harmonic in HARMONICS:
            off = period_mm / (harmonic * roll.period_mm) - 1.0
            if abs(off) <= tolerance:
                found.append(Suspect(roll, harmonic, off))
    return sorted(found, key=lambda suspect: (suspect.harmonic, abs(suspect.off)))


def remarks(rolls: Sequence[Roll], tolerance: float, from_mm: float, to_mm: float) -> Iterator[str]:
    """Say which rolls no repeat can identify: equal or multiple distances, or none that are looked for."""
    for first, second in indistinct(rolls, tolerance):
        yield (
            f"rolls {first.name} and {second.name} print marks {first.period_mm:g} and {second.period_mm:g} mm apart, "
            f"equal within repeat.stretch_percent, {100 * tolerance:g} %: no repeat can tell which of them it is, so "
            "it names both. Correct circumference_mm or elongation_percent if they are not the same size."
        )
    for small, large in permutations(rolls, 2):
        for turns in HARMONICS[1:]:
            if abs(large.period_mm / (turns * small.period_mm) - 1) <= tolerance:
                yield (
                    f"rolls {small.name} and {large.name} print marks {small.period_mm:g} and {large.period_mm:g} mm "
                    f"apart: {small.name} looks like {large.name} where it prints once in {turns} turns, and a repeat "
                    "may name either. Correct circumference_mm or elongation_percent if that is not so."
                )
    for roll in rolls:
        if not from_mm <= roll.period_mm <= to_mm:
            yield (
                f"roll {roll.name} prints a mark each {roll.period_mm:g} mm, and repeats are looked for from "
                f"{from_mm:g} to {to_mm:g} mm: it is never found. Change repeat.min_period_mm or max_period_mm."
            )


def indistinct(rolls: Sequence[Roll], tolerance: float) -> list[tuple[Roll, Roll]]:
    """Pairs of rolls whose marks lie equally far apart within `tolerance`: no period can tell which of them it is."""
    ordered = sorted(rolls, key=lambda roll: roll.period_mm)
    return [
        (small, large) for small, large in pairwise(ordered) if large.period_mm <= small.period_mm * (1 + tolerance)
    ]
