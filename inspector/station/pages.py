"""Pages as HTML: files with places, filled; words from one catalogue for each language.

A place is `{{name}}` (a value, escaped unless it is `Html`) or `{{t:key}}` (words). A further language is a file in
`words/`, and nothing else.

Knows: files, escaping, languages. Must not know: what a page is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

import msgspec

from inspector.errors import InspectorError

HERE = Path(__file__).parent
PLACE = re.compile(r"\{\{(t:)?([a-z0-9_.]+)\}\}")
DEFAULT = "en"

Words = Mapping[str, str]


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


@cache
def languages() -> dict[str, Words]:
    """All catalogues, by the language's code; what a language lacks is English."""
    read = {path.stem: _catalogue(path) for path in sorted((HERE / "words").glob("*.json"))}
    return {code: {**read[DEFAULT], **words} for code, words in read.items()}


def language(wanted: str, accepted: str) -> str:
    """The language of a reader who chose `wanted`, else the first of `Accept-Language` that there is."""
    known = languages()
    codes = [wanted, *(part.partition(";")[0].strip()[:2].lower() for part in accepted.split(","))]
    return next((code for code in codes if code in known), DEFAULT)


def in_units(words: Words, units: str) -> Words:
    """A catalogue for a reader of these units: a word that has a twin for them, like `length.in`, is that."""
    return {key: words.get(f"{key}.{units}", text) for key, text in words.items()}


def filled(page: str, words: Words, values: Mapping[str, str]) -> Html:
    """Fill in a page's places, each once: a value that looks like a place stays text."""

    def fill(place: re.Match[str]) -> str:
        if place[1]:
            return escape(words[place[2]])
        value = values[place[2]]
        return value if isinstance(value, Html) else escape(value)

    return Html(PLACE.sub(fill, _text(page)))


def data(value: object) -> Html:
    """JSON that ends no script element."""
    return Html(msgspec.json.encode(value).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028"))


@cache
def _text(page: str) -> str:
    return (HERE / "pages" / page).read_text(encoding="utf-8")


def _catalogue(path: Path) -> Words:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except ValueError as error:
        raise InspectorError(f"{path}: is no catalogue of words: {error}. Mend it.") from error
