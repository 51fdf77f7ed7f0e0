"""The token of a station on loopback, where nobody logs in: the same over restarts, for pages that stay open.

Laws: who may not read the station's files learns nothing of it. A file that holds something else, as a line's secret,
is neither shown in pages nor replaced; a token that others may read or write, or that is another user's, makes room for
a new one. Where none can be kept the log says so once, and the token ends with the station.

Knows: a file of its own. Must not know: what carries the token.
"""

from __future__ import annotations

import errno
import logging
import os
import re
import secrets
from pathlib import Path

from inspector import plain_file
from inspector.station import state_file

log = logging.getLogger("inspector")

BYTES = 24
PREFIX = "station-"
"""Tells it from any other secret."""
FORM = re.compile(PREFIX + r"[\w-]{32}", re.ASCII)
"""What `secrets` makes of them, behind the prefix."""


def own_token(path: Path) -> str:
    """The token that a file keeps; a new one, which it keeps from now on, where it has none."""
    made = PREFIX + secrets.token_urlsafe(BYTES)
    try:
        if kept := _read(path):
            return kept
        state_file.replace(path, f"{made}\n".encode())
    except OSError as error:
        words = error.strerror or error
        log.warning("%s cannot keep the pages' token: %s. Reload pages that are open over a restart.", path, words)
    return made


def _read(path: Path) -> str:
    """The token that is kept; empty where there is none, or others may know it.

    Raises: OSError where the file cannot be read, or is not the station's.
    """
    try:
        with plain_file.opened(path) as file:
            of_file, kept = os.fstat(file.fileno()), file.read().decode("ascii", "replace").strip()
    except FileNotFoundError:
        return ""
    if kept and not FORM.fullmatch(kept):
        raise FileExistsError(errno.EEXIST, "it holds something else", str(path))
    return "" if of_file.st_uid != os.geteuid() or of_file.st_mode & 0o077 else kept
