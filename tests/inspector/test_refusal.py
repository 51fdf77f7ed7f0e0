"""What is refused is refused in words: no regular expression reaches people."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
import pytest

from inspector.records.commands import Command
from inspector.records.frame import Header
from inspector.refusal import OTHERWISE, SHAPES, explained, plain
from inspector.station.review import Labels


def patterns(kind: object) -> Iterator[str]:
    """Yield the patterns in the schema of a record."""
    if isinstance(kind, dict):
        yield from (value for key, value in kind.items() if key == "pattern")
        for value in kind.values():
            yield from patterns(value)
    elif isinstance(kind, list):
        for value in kind:
            yield from patterns(value)


def test_every_pattern_that_people_meet_has_words() -> None:
    """Of commands, which people give, and of frames, which their cameras send."""
    assert set(patterns([msgspec.json.schema(Command), msgspec.json.schema(Header)])) <= set(SHAPES)


@pytest.mark.parametrize(
    "facts",
    [
        {"command": "acknowledge", "alarm": "a b", "operator": "Kim"},
        {"command": "acknowledge", "alarm": "a", "operator": " "},
        {"command": "unshelve", "alarm": "a", "operator": "Kim\n"},
    ],
)
def test_a_refusal_names_the_field_and_what_it_takes(facts: dict[str, str]) -> None:
    """A name that is none, a blank one, one of two lines."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(facts, Command)
    words = plain(caught.value)
    assert OTHERWISE not in words and "[" not in words and "regex" not in words
    assert words.startswith("Expected ") and words.endswith(("`$.alarm`", "`$.operator`"))


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"minutes": 100000}, "minutes is 100000; expected at most 10080"),
        ({"minutes": 0}, "minutes is 0; expected more than 0"),
        ({"operator": ""}, "operator is ''; expected at least 1 character"),
        ({"reason": "a\nb"}, "reason is 'a\\nb'; expected text on one line, without control characters"),
        ({"minutes": "7"}, "minutes is '7'; expected a number"),
        ({"more": 1}, "Object contains unknown field `more`"),
    ],
)
def test_what_was_typed_is_explained(facts: dict[str, object], words: str) -> None:
    """What was found and what is expected, by the field's own name; an error of no field stays as it is."""
    given = {"command": "shelve", "alarm": "a", "operator": "Kim", "minutes": 5, **facts}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, Command)
    assert explained(caught.value, given) == words


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ({"command": "explode"}, "command is 'explode'; expected one of"),
        ({"grade": "maybe"}, "grade is 'maybe'; expected one of 'block', 'hold', 'release'"),
    ],
)
def test_the_words_that_there_are_are_listed(facts: dict[str, object], words: str) -> None:
    """Of a union's tag, and of one record's field."""
    given = {"command": "decide", "coil": "C1", "operator": "Kim", "reason": "seen", "grade": "hold", **facts}
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(given, Command)
    assert explained(caught.value, given, of=Command).startswith(words)
    assert "Invalid" not in explained(caught.value, given)


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], "items is empty; expected at least 1 item"),
        ([{"coil": "C1", "defect": "d", "seen": ""}, {"coil": 1, "defect": "d"}], "coil is 1; expected a text"),
        ([{"coil": "C1", "defect": "d"}], "Object missing required field `seen` - at `$.items[0]`"),
    ],
)
def test_what_lies_deep_is_found(items: list[dict[str, object]], words: str) -> None:
    """The value within a list's part; how many parts a list takes."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"items": items}, Labels)
    assert explained(caught.value, {"items": items}) == words


def test_other_errors_stay_as_they_are() -> None:
    """A number where a text is to be."""
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert({"command": "acknowledge", "alarm": 1, "operator": "Kim"}, Command)
    assert plain(caught.value) == str(caught.value)
