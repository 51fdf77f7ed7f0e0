"""A coil's defects packed for a browser: columns of small numbers, deflated. 200 000 of them in 3 MB.

Knows: the layout that `page/data.js` unpacks. Must not know: how anything is drawn.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inspector.coil.columns import Columns, Ints

TENTHS = 10
"""Positions and lengths are kept in tenths of a millimetre, as they are reported."""
LEVEL = 3
"""Of DEFLATE: a tenth larger than 6, in a third of the time."""


def order(columns: Columns) -> Ints:
    """Places of the defects along the coil: the order in which they are packed."""
    return np.argsort(columns.start_mm, kind="stable").astype(np.int64)


def pack(columns: Columns, kinds: Ints, severities: Ints, along: Ints) -> tuple[list[tuple[str, str]], bytes]:
    """Return names and types of the columns, and the columns; begins of defects as differences from one to the next.

    Of each column the lowest bytes of all numbers come first, then the next ones: those are alike, and pack well.
    `kinds` numbers the classes as the page does.
    """
    start = np.round(columns.start_mm[along] * TENTHS)
    facts: list[tuple[str, str, NDArray[Any]]] = [
        ("start", "i4", np.diff(start, prepend=0)),
        ("length", "i4", np.round(columns.length_mm[along] * TENTHS)),
        ("left", "i4", np.round(columns.left_mm[along] * TENTHS)),
        ("width", "i4", np.round(columns.width_mm[along] * TENTHS)),
        ("area", "f4", columns.area_mm2[along]),
        ("confidence", "u2", np.round(columns.confidence[along] * 1000)),
        ("kind", "u1", kinds[along]),
        ("side", "u1", columns.side[along]),
        ("severity", "u1", severities[along]),
        ("camera", "u1", columns.camera[along]),
    ]
    content = b"".join(_planes(values.astype(f"<{kind}")) for _, kind, values in facts)
    return [(name, kind) for name, kind, _ in facts], deflated(content)


def lines(words: Iterable[str]) -> bytes:
    """Pack words, a line for each."""
    return deflated("\n".join(word.replace("\n", " ") for word in words).encode())


def deflated(content: bytes) -> bytes:
    """Content as raw DEFLATE."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


def text(packed: bytes) -> str:
    """What was packed as base 64: a file of HTML holds no bytes."""
    return base64.b64encode(packed).decode()


def _planes(values: NDArray[Any]) -> bytes:
    return values.view(np.uint8).reshape(len(values), values.itemsize).T.tobytes()
