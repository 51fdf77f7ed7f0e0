"""Words and pages: nothing that is shown lacks its words, and no name becomes markup."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import msgspec
import pytest

from inspector.coil.report import PAGE
from inspector.languages.catalogue import HERE, language, languages
from inspector.records.events import (
    ArchiveFault,
    CameraFault,
    IsaState,
    JournalFault,
    Ne107,
    Priority,
    RecipeFault,
)
from inspector.station import pages
from inspector.station.pages import Html, data, filled

ROOM = Path(pages.__file__).parent
ENGLISH = languages()["en"]


def used() -> Iterator[str]:
    """Yield every key that a page or a script names."""
    for page in (ROOM / "pages").glob("*.html"):
        yield from re.findall(r"\{\{t:([a-z0-9_.]+)\}\}", page.read_text())
    for script in (ROOM / "static").glob("*.js"):
        yield from re.findall(r"""\bt\(["']([a-z0-9_.]+)["']""", script.read_text())
    for page in PAGE.glob("*.html"):
        yield from (f"report.{key}" for key in re.findall(r"\{\{t:([a-z0-9_.]+)\}\}", page.read_text()))
    for script in PAGE.glob("*.js"):
        yield from (f"report.{key}" for key in re.findall(r"""\bt\(["']([a-z0-9_.]+)["']""", script.read_text()))
    for kind, words in (
        ("state", IsaState),
        ("ne107", Ne107),
        ("priority", Priority),
        *(("fault", faults) for faults in (CameraFault, RecipeFault, JournalFault, ArchiveFault)),
    ):
        yield from (f"{kind}.{word}" for word in get_args(words))


def test_every_word_is_in_the_catalogue() -> None:
    """Of each page, each script, and each state that an event may bring; a fault without words is shown by its name."""
    assert sorted(set(used()) - ENGLISH.keys()) == []


def test_languages_have_the_same_keys_and_places() -> None:
    """Nothing is left in English, and every {place} is filled in."""
    for code in languages():
        words = msgspec.json.decode((HERE / f"{code}.json").read_bytes(), type=dict[str, str])
        assert words.keys() == ENGLISH.keys(), code
        for key, text in words.items():
            assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", ENGLISH[key])), (code, key)


def test_values_stay_text() -> None:
    """A name that looks like markup or like a place of the page is shown as it is."""
    made = filled("link.html", {}, {"address": '"><script>', "text": "{{here}}<b>", "here": Html(" aria-current")})
    assert made.strip() == '<a href="&quot;&gt;&lt;script&gt;" aria-current>{{here}}&lt;b&gt;</a>'
    assert data("</script>") == '"\\u003c/script>"'


@pytest.mark.parametrize(
    ("chosen", "accepted", "code"),
    [("", "", "en"), ("", "de-CH,de;q=0.9", "de"), ("en", "de", "en"), ("xx", "fr, de;q=0.5", "de"), ("", "fr", "en")],
)
def test_the_readers_language_is_taken(chosen: str, accepted: str, code: str) -> None:
    """What was chosen, else what the browser asks for, else English."""
    assert language(chosen, accepted) == code


def test_scripts_and_styles_come_from_here() -> None:
    """No page and no script names another machine, and none holds a script or a style of its own."""
    for path in [*(ROOM / "pages").glob("*"), *(ROOM / "static").glob("*")]:
        text = path.read_text(encoding="utf-8")
        assert set(re.findall(r"https?://[^\s\"'`]+", text)) <= {"http://www.w3.org/2000/svg"}, path
        if path.suffix == ".html":
            assert not re.search(r"<style|\sstyle=|\son[a-z]+=", text), path
            assert all("src=" in tag or "application/json" in tag for tag in re.findall(r"<script[^>]*>", text)), path


def test_every_file_is_in_the_wheel() -> None:
    """What the pages need is packed: a wheel without a style sheet would be found out in the mill."""
    patterns = tomllib.loads((ROOM.parents[1] / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]
    packed = {path for pattern in patterns["inspector"] for path in ROOM.parent.glob(pattern)}
    needed = {path for part in ("pages", "static", "words") for path in (ROOM / part).rglob("*") if path.is_file()}
    assert len(needed) > 20 and needed <= packed
    assert set((ROOM.parent / "coil" / "page").iterdir()) <= packed
