"""Puts a record's refusal of a value into words for people: a pattern is for programs.

Knows: msgspec's messages, the patterns of records. Must not know: who is refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from msgspec import inspect

from inspector.records.commands import SHAPES as _COMMANDS
from inspector.records.names import SHAPES as _NAMES

SHAPES = {**_NAMES, **_COMMANDS}
"""Patterns of records, and what they ask for."""
OTHERWISE = "text in the form that the reference gives"
_PATTERN = re.compile(r"`str` matching regex (.*?)(?= - at `\$|$)", re.DOTALL)
_FIELD = re.compile(r" - at `\$\.([^`]+)`$")
_STEP = re.compile(r"\w+")
_BOUND = re.compile(r"Expected `(\w+)` (of length )?(>=|<=|>|<) ([\d.]+)")
_CHOICE = re.compile(r"Invalid (enum )?value ")
_KIND = re.compile(r"Expected `(\w+)(?: \| null)?`, got `\w+`")
KINDS = {"float": "a number", "int": "a whole number", "str": "a text", "bool": "true or false"}
LIMITS = {">=": "at least", "<=": "at most", ">": "more than", "<": "less than"}
LONGEST = 40
"""Characters of a value in a refusal."""


def explained(
    error: Exception, given: Mapping[str, object], called: Mapping[str, str] | None = None, of: Any = None
) -> str:
    """What of the `given` was found, and what was expected, for who typed it and has not seen a record.

    `called`: what people know a field by, such as its option; else its own name. `of`: the type that was expected;
    its words are listed where another was given.
    """
    message = plain(error)
    field = _FIELD.search(message)
    if field is None:
        return message
    steps = _STEP.findall(field[1])
    name = next((step for step in reversed(steps) if not step.isdecimal()), "")
    try:
        value = _found(given, steps)
    except (KeyError, IndexError, ValueError):
        return message
    expected = message[: field.start()].removeprefix("Expected ")
    if bound := _BOUND.match(message):
        number = f"{float(bound[4]):.12g}"
        expected = f"{LIMITS[bound[3]]} {number}{_counted(bound[1], number) if bound[2] else ''}"
    elif (kind := _KIND.match(message)) and kind[1] in KINDS:
        expected = KINDS[kind[1]]
    elif _CHOICE.match(message):
        words = ", ".join(map(repr, sorted(set(_choices(of, name))))) if of is not None else ""
        expected = f"one of {words}" if words else "a word that there is"
    elif not message.startswith("Expected "):  # a key too many or too few, of a part of it
        return message
    return f"{(called or {}).get(name, name)} is {_shown(value)}; expected {expected}"


def _found(given: object, steps: Sequence[str]) -> object:
    """What lies at a place.

    Raises: KeyError, IndexError, ValueError where nothing does.
    """
    for step in steps:
        if isinstance(given, Mapping):
            given = given[step]
        elif isinstance(given, Sequence) and not isinstance(given, str):
            given = given[int(step)]
        else:
            raise KeyError(step)
    return given


def _counted(kind: str, number: str) -> str:
    return (" character" if kind == "str" else " item") + ("" if number == "1" else "s")


def _choices(of: Any, name: str) -> Iterator[str]:
    """The words that a field takes, of a record or of any of a union's."""
    kind = inspect.type_info(of)
    for record in kind.types if isinstance(kind, inspect.UnionType) else (kind,):
        if not isinstance(record, inspect.StructType):
            continue
        if record.tag_field == name:
            yield str(record.tag)
        for field in record.fields:
            if field.encode_name == name and isinstance(field.type, inspect.LiteralType):
                yield from map(str, field.type.values)


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, Sequence) and not isinstance(value, str):
        return ", ".join(map(_shown, value)) or "empty"
    words = str(value)
    if isinstance(value, str) and len(words) > LONGEST:
        return f"{words[:LONGEST]!r}... ({len(words)} characters)"
    return repr(value)


def plain(error: Exception) -> str:
    """The message of an error, without the regular expression that was not met."""

    def words(found: re.Match[str]) -> str:
        return next((shape for pattern, shape in SHAPES.items() if found[1] == repr(pattern)), OTHERWISE)

    return _PATTERN.sub(words, str(error))
