"""How a map's confidence is written in eight bits: the one place that knows what a code means.

A probability near 1 has no room in equal steps of probability: 0.998 and 0.99999 were one code, and no threshold could
tell them apart. Equal steps of log-odds hold 0.019 to 0.99999, each a sixteenth of a unit from the next.

Knows numbers alone. The trainer's graph encodes by the same constants. Must not know recipes.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Encoding = Literal["linear", "log_odds"]
"""`linear`: code = 255 p, as recipes were exported at first; `log_odds`: code = 64 + 16 ln(p / (1 - p)).

Both are rounded, 0 only where the strip is sound; the codes of log-odds end at 1 and 255.
"""

PER_UNIT, EVEN = 16.0, 64.0
"""Codes of log-odds for one unit of them, and the code of even odds (p = 0.5)."""
LEAST, MOST = 1.0, 255.0
LEAST_PROBABILITY = 1e-7
"""What is divided by or has its logarithm taken is at least this: beyond what the codes hold."""


@cache
def probabilities(encoding: Encoding) -> NDArray[np.float64]:
    """Return the probability (256,) that each code stands for; 0 for code 0."""
    codes = np.arange(256.0)
    table = codes / 255 if encoding == "linear" else 1 / (1 + np.exp((EVEN - codes) / PER_UNIT))
    table[0] = 0.0
    table.setflags(write=False)
    return table


@cache
def log_odds(encoding: Encoding) -> NDArray[np.float64]:
    """Return the log-odds (256,) that each code stands for; the ends of `linear`, half a step within 0 and 1."""
    codes = np.arange(256.0)
    if encoding == "log_odds":
        table = (codes - EVEN) / PER_UNIT
    else:
        within = np.clip(codes, 0.5, 254.5)
        table = np.log(within / (255 - within))
    table.setflags(write=False)
    return table


def encode(probability: NDArray[Any], encoding: Encoding) -> NDArray[np.uint8]:
    """Return the code of each probability, 0 where it is 0; as the graph does, but for rounding."""
    if encoding == "linear":
        return np.asarray(np.rint(probability * 255), np.uint8)
    certain = np.clip(np.asarray(probability, np.float64), LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    codes = np.clip(np.rint(EVEN + PER_UNIT * np.log(certain / (1 - certain))), LEAST, MOST)
    return np.asarray(np.where(probability > 0, codes, 0), np.uint8)
