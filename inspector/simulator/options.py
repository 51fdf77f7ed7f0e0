"""Readers of what the simulator's command lines say.

Knows: text. Must not know: what the values are for.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from typing import Any

import msgspec

from inspector.images.head import parse_window
from inspector.records.names import COIL_NAME, NAME, SHAPES, CoilName, Name
from inspector.records.recipe import Window
from inspector.simulator.rolls import RollMark

ACROSS_MM = 500.0
"""Where a roll prints, unless it is named."""
LEAST_PERIOD_MM = 100.0


def number(
    *, above: float = -math.inf, at_least: float = -math.inf, at_most: float = math.inf
) -> Callable[[str], float]:
    """Make a reader of finite numbers within limits, for argparse."""

    def read(text: str) -> float:
        value = float(text)
        if not (math.isfinite(value) and value > above and at_least <= value <= at_most):
            least = f" above {above:g}" if above > at_least else f" of at least {at_least:g}" * math.isfinite(at_least)
            most = f", at most {at_most:g}" * math.isfinite(at_most)
            raise argparse.ArgumentTypeError(f"{text}; expected a number{least}{most}")
        return value

    return read


def stretch(text: str) -> tuple[float, float]:
    """Read two metres for argparse.

    Raises: ArgumentTypeError.
    """
    first, _, last = text.partition("-")
    try:
        from_m, to_m = float(first), float(last)
    except ValueError:
        from_m, to_m = 0.0, 0.0
    if not 0 <= from_m < to_m < math.inf:
        raise argparse.ArgumentTypeError(f"{text}; expected two metres, such as 9.5-10.2, the second one the larger")
    return from_m, to_m


def mark(text: str) -> RollMark:
    """Read a roll's mark for argparse.

    Raises: ArgumentTypeError.
    """
    period, _, across = text.partition("@")
    try:
        period_mm, across_mm = float(period), float(across or ACROSS_MM)
    except ValueError:
        period_mm = across_mm = 0.0
    if not (LEAST_PERIOD_MM <= period_mm < math.inf and 0 < across_mm < math.inf):
        raise argparse.ArgumentTypeError(
            f"{text}; expected a distance of at least {LEAST_PERIOD_MM:g} mm, and where across: such as 1257@800"
        )
    return RollMark(period_mm=period_mm, across_mm=across_mm, first_mm=period_mm / 2)


def window(text: str) -> Window:
    """Read levels for argparse.

    Raises: ArgumentTypeError.
    """
    try:
        return parse_window(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def whole(text: str) -> int:
    """Read a whole number of at least 1 for argparse.

    Raises: ArgumentTypeError.
    """
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{text}; expected a whole number of at least 1")
    return value


def coil(text: str) -> str:
    """Read a coil's name for argparse.

    Raises: ArgumentTypeError.
    """
    return _named(text, CoilName, COIL_NAME)


def name(text: str) -> str:
    """Read a camera's name for argparse.

    Raises: ArgumentTypeError.
    """
    return _named(text, Name, NAME)


def _named(text: str, kind: Any, pattern: str) -> str:
    try:
        named: str = msgspec.convert(text, kind)
    except msgspec.ValidationError:
        raise argparse.ArgumentTypeError(f"{text!r}; expected 1 to 64 {SHAPES[pattern]}") from None
    return named
