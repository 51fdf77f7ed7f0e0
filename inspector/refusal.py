"""What a record's own check says of a value, in words for people: a pattern is for programs.

Knows: msgspec's messages, the patterns of records. Must not know: who is refused.
"""

from __future__ import annotations

import re

from inspector.records.commands import SHAPES as _COMMANDS
from inspector.records.names import SHAPES as _NAMES

SHAPES = {**_NAMES, **_COMMANDS}
"""Patterns of records, and what they ask for."""
OTHERWISE = "text in the form that the reference gives"
_PATTERN = re.compile(r"`str` matching regex (.*?)(?= - at `\$|$)", re.DOTALL)


def plain(error: Exception) -> str:
    """The message of an error, without the regular expression that was not met."""

    def words(found: re.Match[str]) -> str:
        return next((shape for pattern, shape in SHAPES.items() if found[1] == repr(pattern)), OTHERWISE)

    return _PATTERN.sub(words, str(error))
