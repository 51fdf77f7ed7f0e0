"""All words that people read on the station's pages and in a coil's report, by language.

A further language is a file next to this one, and nothing else: `fr.json` with the keys of `en.json`. What it lacks is
English. A word that has a twin for a unit, like `length.in`, is that for readers of this unit.

Knows: files, languages. Must not know: what a word is for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import msgspec

from inspector.errors import InspectorError

HERE = Path(__file__).parent
DEFAULT = "en"
PLACE = re.compile(r"\{(\w+)\}")

Words = Mapping[str, str]


@cache
def languages() -> dict[str, Words]:
    """All catalogues, by the language's code; what a language lacks is English."""
    read = {path.stem: _catalogue(path) for path in sorted(HERE.glob("*.json"))}
    return {code: {**read[DEFAULT], **words} for code, words in read.items()}


def language(wanted: str, accepted: str) -> str:
    """The language of a reader who chose `wanted`, else the first of `Accept-Language` that there is."""
    known = languages()
    codes = [wanted, *(part.partition(";")[0].strip()[:2].lower() for part in accepted.split(","))]
    return next((code for code in codes if code in known), DEFAULT)


def in_units(words: Words, units: str) -> Words:
    """A catalogue for a reader of these units: a word that has a twin for them, like `length.in`, is that."""
    return {key: words.get(f"{key}.{units}", text) for key, text in words.items()}


def worded(text: str, values: Mapping[str, object]) -> str:
    """A sentence of a catalogue with its {places} filled in, each once: a value that looks like a place stays text."""
    return PLACE.sub(lambda place: str(values.get(place[1], place[0])), text)


def _catalogue(path: Path) -> Words:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, str])
    except ValueError as error:
        raise InspectorError(f"{path}: is no catalogue of words: {error}. Mend it.") from error
