"""Names that people type, as every record and section takes them. Knows: the patterns. Must not know: who is named."""

from __future__ import annotations

import hashlib
from typing import Annotated
from urllib.parse import quote

from msgspec import Meta

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.:/-]*$(?!\n)"  # Python's $ alone would let a last newline pass

Name = Annotated[str, Meta(min_length=1, max_length=64, pattern=NAME)]
"""A name that people type and that becomes a topic, a metric label or a file name."""

_UNSEEN = (
    r"\x00-\x1f\x7f-\xa0\xad\u0600-\u0605\u061c\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000"
    r"\ud800-\uf8ff\ufeff\ufff0-\uffff"
)
"""Controls, marks of direction, spaces but the plain one, halves of letters, private use: not seen, or not alike."""
COIL_NAME = rf"^[^{_UNSEEN} ./:_=+@-]([^{_UNSEEN}]*[^{_UNSEEN} ])?$(?!\n)"

CoilName = Annotated[str, Meta(min_length=1, max_length=64, pattern=COIL_NAME)]
"""A coil's name, as the mill has it: any letters, digits and signs of any script, a space but not at its ends.

What it begins with is no sign that a shell takes for an option, a file system for a place, or a spreadsheet for a
formula. It is never a topic or a metric label; a file of it is named by `file_name`.
"""

SHAPES = {
    NAME: "letters, digits and _ . : / -, a letter or digit first",
    COIL_NAME: "letters, digits, signs that are seen and spaces between them, none of . / : _ = + @ - first",
}
"""What a pattern asks for, in words."""

LONGEST = 200
"""Bytes of a file's name that stay as they are: all of a name of up to 64 ASCII characters."""
HASH = 16


def file_name(text: str, most: int = LONGEST) -> str:
    """Return a name for a file or folder: escaped as in a URL, and what is too long cut off and given a hash of all."""
    escaped = quote(text, safe="")
    return shortened(escaped, most)


def shortened(name: str, most: int = LONGEST) -> str:
    """Return a file's name, which is ASCII; of what is longer the beginning, and a hash of all."""
    if len(name) <= most:
        return name
    return f"{name[: most - HASH - 1]}~{hashlib.sha256(name.encode()).hexdigest()[:HASH]}"
