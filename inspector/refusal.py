"""What a record's own check says of a value, in words for people: a pattern is for programs.

Knows: msgspec's messages, the patterns of records. Must not know: who is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from inspector.records.commands import SHAPES as _COMMANDS
from inspector.records.names import SHAPES as _NAMES

SHAPES = {**_NAMES, **_COMMANDS}
"""Patterns of records, and what they ask for."""
OTHERWISE = "text in the form that the reference gives"
_PATTERN = re.compile(r"`str` matching regex (.*?)(?= - at `\$|$)", re.DOTALL)
_FIELD = re.compile(r" - at `\$\.(\w+)[^`]*`$")
_BOUND = re.compile(r"Expected `\w+` (of length )?(>=|<=|>|<) ([\d.]+)")
_KIND = re.compile(r"Expected `(\w+)(?: \| null)?`, got `\w+`")
KINDS = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false"}
LIMITS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
LONGEST = 40
"""Characters of a value in a refusal."""


def explained(error: Exception, given: Mapping[str, object], called: Mapping[str, str] | None = None) -> str:
    """What of the `given` was found, and what was expected, for who typed it and has not seen a record.

    `called`: what people know a field by, such as its option; else its own name.
    """
    message = plain(error)
    field = _FIELD.search(message)
    if field is None or field[1] not in given:
        return message
    name, expected = field[1], message[: field.start()].removeprefix("Expected ")
    if bound := _BOUND.match(message):
        number = f"{float(bound[3]):.12g}"
        what = "" if not bound[1] else " character" if number == "1" else " characters"
        expected = f"{LIMITS[bound[2]]} {number}{what}"
    elif (kind := _KIND.match(message)) and kind[1] in KINDS:
        expected = KINDS[kind[1]]
    return f"{(called or {}).get(name, name)} is {_shown(given[name])}; expected {expected}"


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_shown, value))
    words = str(value)
    if isinstance(value, str) and len(words) > LONGEST:
        return f"{words[:LONGEST]!r}... ({len(words)} characters)"
    return repr(value)


def plain(error: Exception) -> str:
    """The message of an error, without the regular expression that was not met."""

    def words(found: re.Match[str]) -> str:
        return next((shape for pattern, shape in SHAPES.items() if found[1] == repr(pattern)), OTHERWISE)

    return _PATTERN.sub(words, str(error))
