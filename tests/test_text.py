"""The words of the project: plain technical English, in code, comments, help, messages and pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PLACES = ("inspector", "trainer", "deploy", "systemd", "tests", ".ci")
SUFFIXES = {
    ".py",
    ".md",
    ".toml",
    ".js",
    ".css",
    ".html",
    ".json",
    ".sh",
    ".c",
    ".cpp",
    ".hpp",
    ".service",
    ".conf",
    "",
}
RETIRED = {
    "told": "reported",
    "said": "reported",
    "hears?|heard": "receives",
    "judge[sd]?|judging": "infers, assesses",
    "wish(?:es|ed)?": "target",
    "surest": "highest confidence",
    "beside": "next to, compared with, in addition to, while it runs",
    "anew": "again",
    r"by\s+turns": "alternating",
    r"so\s+many": "N, the number",
}
"""Each word, as a regular expression, and what to write instead."""
AS_PUBLISHED = {"client_4bdc204.py", "records_4bdc204.py", Path(__file__).name}
"""A client of an earlier version, kept as it was; and this file, which has to name the words."""


def texts() -> Iterator[Path]:
    """Yield every file that people read."""
    for path in sorted(ROOT.iterdir()):
        if path.is_file() and (path.suffix in {".md", ".toml"} or path.name == "Makefile"):
            yield path
    for place in PLACES:
        for path in sorted((ROOT / place).rglob("*")):
            if path.is_file() and path.suffix in SUFFIXES and path.name not in AS_PUBLISHED:
                yield path


def test_retired_words_stay_away() -> None:
    """Nobody has to learn the authors' dialect: none of its words is in a name, a comment, a message or a page."""
    pattern = re.compile(rf"(?<![a-z])(?:{'|'.join(RETIRED)})(?![a-z])", re.IGNORECASE)
    paths = list(texts())
    assert len(paths) > 500
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8")
        found += [
            f"{path.relative_to(ROOT)}:{text.count(chr(10), 0, match.start()) + 1}: {match[0]}"
            for match in pattern.finditer(text)
        ]
    assert not found, f"retired words, and what to write: {RETIRED}"


def test_no_merge_is_left_half_done() -> None:
    """A text with both sides of a conflict in it, and its marks, says nothing to anybody."""
    marks = re.compile(r"^(?:<{7} |>{7} |={7}$)", re.MULTILINE)
    found = [str(path.relative_to(ROOT)) for path in texts() if marks.search(path.read_text(encoding="utf-8"))]
    assert not found
