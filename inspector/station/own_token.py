"""The token of a station on loopback, where nobody logs in: the same over restarts, for pages that stay open.

Laws: who may not read the station's files learns nothing of it. Where no file can be written the log says so once, and
the token ends with the station.

Knows: a file of its own. Must not know: what carries the token.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
from pathlib import Path

from inspector import plain_file

log = logging.getLogger("inspector")

BYTES = 24
FORM = re.compile(r"[\w-]{32}", re.ASCII)
"""What `secrets` makes of them."""


def own_token(path: Path) -> str:
    """The token that a file keeps; a new one, which it keeps from now on, where it has none."""
    try:
        kept = plain_file.read_text(path).strip()
    except (OSError, ValueError):  # UnicodeDecodeError is one
        kept = ""
    if FORM.fullmatch(kept):
        return kept
    made = secrets.token_urlsafe(BYTES)
    try:
        _write(path, made)
    except OSError as error:
        log.warning("%s cannot be written: %s. Reload pages that are open over a restart.", path, error.strerror)
    return made


def _write(path: Path, token: str) -> None:
    """Replace the file in one step; nobody else may read it."""
    part = path.with_name(path.name + ".tmp")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(f"{token}\n")
    part.replace(path)
