"""Names that a recipe may have, made of whatever people call things. Pure."""

from __future__ import annotations

import hashlib
import re
import unicodedata

LONGEST = 64
"""As `inspector.records.names` allows."""
ACCENTS = range(0x300, 0x370)
"""Marks that stand above and below Latin letters."""
SPELT = str.maketrans({"ß": "ss", "ẞ": "SS", "æ": "ae", "Æ": "AE", "ø": "o", "Ø": "O", "œ": "oe", "Œ": "OE", "ł": "l"})
"""Latin letters that are none with an accent."""


def allowed_name(text: str, otherwise: str) -> str:
    """Return a name made of `text`: accents left out, what else cannot stand in a name a hyphen; or `otherwise`.

    A letter of another script is its code point, as `u5212` for U+5212: the same text has the same name everywhere,
    and another text another. What is longer than a name may be ends in a digest of the whole.
    """
    plain = "".join(map(_plain, unicodedata.normalize("NFC", text.translate(SPELT))))
    name = re.sub(r"[^A-Za-z0-9_.:/-]+", "-", plain).lstrip("_.:/-").rstrip("-")
    if len(name) > LONGEST:
        name = f"{name[: LONGEST - 9]}-{hashlib.blake2b(text.encode(errors='replace'), digest_size=4).hexdigest()}"
    return name or otherwise


def _plain(character: str) -> str:
    """Return a character without accents, or its code point where it is of another script."""
    bare = "".join(part for part in unicodedata.normalize("NFKD", character) if ord(part) not in ACCENTS)
    if bare.isascii():
        return bare
    return f"u{ord(character):04x}" if unicodedata.category(character)[0] in "LMN" else "-"
