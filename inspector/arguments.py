"""What several commands read from their arguments: whole numbers, process ids, seconds, where in a journal to begin.

Raises from each: argparse.ArgumentTypeError, with what was found and expected.
"""

from __future__ import annotations

import argparse
import math
from datetime import datetime

LONGEST_S = 10**6


def process_id(text: str) -> int:
    """Read the number of a process; 0 and negative numbers would mean groups of them."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"PID is {text}; expected a process's number")
    return int(text)


def at_least_0(text: str) -> int:
    """Read a whole number that is not negative."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text}: expected a whole number, 0 or more")
    return int(text)


def since(text: str) -> int | datetime:
    """Read where to begin: a `seq`, or a time of RFC 3339, of this machine's zone where it names none."""
    if text.isdecimal():
        return int(text)
    try:
        return datetime.fromisoformat(text).astimezone()
    except (ValueError, OverflowError, OSError) as error:
        raise argparse.ArgumentTypeError(
            f"{text}: expected a whole number, or a time as 2026-03-01T14:00 or 2026-03-01T13:00Z"
        ) from error


def seconds(text: str) -> float:
    """Read a time; `nan` and `inf` are none."""
    try:
        time_s = float(text)
    except ValueError:
        time_s = math.nan
    if not 0 <= time_s <= LONGEST_S:
        raise argparse.ArgumentTypeError(f"{text}: expected seconds, 0 to {LONGEST_S}")
    return time_s
