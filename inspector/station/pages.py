"""Pages as HTML: files with places, filled; words from one catalogue for each language.

A place is `{{name}}` (a value, escaped unless it is `Html`) or `{{t:key}}` (words).

Knows: files, escaping. Must not know: what a page is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from html import escape
from pathlib import Path

import msgspec

from inspector.languages.catalogue import Words

HERE = Path(__file__).parent
PLACE = re.compile(r"\{\{(t:)?([a-z0-9_.]+)\}\}")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


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
