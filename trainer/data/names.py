"""Names that a recipe may have, made of whatever people call things. Pure."""

from __future__ import annotations

import re
import unicodedata

LONGEST = 64
"""As `inspector.records.names` allows."""


def allowed_name(text: str, otherwise: str) -> str:
    """Return a name made of `text`: accents left out, what else cannot stand in a name a hyphen; or `otherwise`."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^A-Za-z0-9_.:/-]+", "-", plain).lstrip("_.:/-").rstrip("-")
    return name[:LONGEST].rstrip("-") or otherwise
