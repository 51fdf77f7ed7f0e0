"""Lengths as a reader wants them: millimetres and metres, or inches and feet. Pure.

Knows: units. Must not know: what is measured.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

UnitsName = Literal["mm", "in"]
NUMBER = r"\d+(?:\.\d+)?(?:e[+-]\d+)?"
LENGTH = re.compile(rf"({NUMBER})(?: to ({NUMBER}))? (mm|m)\b")
DECIMALS = re.compile(r"(?:\.(\d+))?(?:e([+-]\d+))?$")
MM_PER_INCH, M_PER_FOOT = 25.4, 0.3048


class Units(msgspec.Struct, frozen=True, kw_only=True):
    """A short and a long unit of length."""

    name: UnitsName
    small: str
    large: str
    small_mm: float
    """Millimetres in the short one."""
    large_m: float
    """Metres in the long one."""

    def short(self, length_mm: float, digits: int = 1) -> str:
        """A length in the short unit, without its name: a larger unit takes a digit more."""
        return f"{length_mm / self.small_mm:.{digits + (self.small_mm > 1)}f}"

    def long(self, length_m: float, digits: int = 1) -> str:
        """A length in the long unit, without its name."""
        return f"{length_m / self.large_m:.{digits}f}"

    def reworded(self, text: str) -> str:
        """A sentence of ours with its lengths in these units, each with as many digits: 0.010 m are 0.033 ft."""
        return text if self.name == "mm" else LENGTH.sub(self._length, text)

    def _length(self, found: re.Match[str]) -> str:
        is_short = found[3] == "mm"
        write = self.short if is_short else self.long
        written = [write(float(text), max(1, _decimals(text) - is_short)) for text in found.group(1, 2) if text]
        return f"{' to '.join(written)} {self.small if is_short else self.large}"


def _decimals(text: str) -> int:
    """How many digits behind the point a number has, were it written without an exponent."""
    found = DECIMALS.search(text)
    return len(found[1] or "") - int(found[2] or 0) if found else 0


METRIC = Units(name="mm", small="mm", large="m", small_mm=1.0, large_m=1.0)
INCHES = Units(name="in", small="in", large="ft", small_mm=MM_PER_INCH, large_m=M_PER_FOOT)
UNITS: dict[str, Units] = {units.name: units for units in (METRIC, INCHES)}
