"""The token of HTTP's POST: a secret text in a file, sent as `Authorization: Bearer TOKEN` (RFC 6750).

Knows: the file, its rights, the header. Must not know: what is posted.
"""

from __future__ import annotations

import hmac
import os
import stat
from pathlib import Path

from inspector import plain_file
from inspector.access.credentials import credential
from inspector.errors import AccessError

CREDENTIAL = "http.token"
"""Its name among the service manager's credentials (systemd's LoadCredential=)."""
SHORTEST, LONGEST = 16, 1024
SCHEME = "Bearer "


def read_token(path: Path, *, is_credential: bool = False) -> str:
    """Read a token's file; the service manager guards the rights of a credential.

    Raises: AccessError for one that is missing, open to other users, or too short to be a secret.
    """
    try:
        with plain_file.opened(path) as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            token = file.read(LONGEST + 2).decode("ascii").strip()
    except (OSError, ValueError) as error:
        words = (error.strerror if isinstance(error, OSError) else None) or "it is not ASCII text"
        raise AccessError(f"{path}: cannot be read: {words}. Write a token into it: openssl rand -hex 32.") from error
    if os.name == "posix" and not is_credential and mode & 0o027:
        raise AccessError(
            f"{path}: has mode {mode:04o}, so other users can take the token; expected 0600. chmod 600 it."
        )
    if not SHORTEST <= len(token) <= LONGEST or not token.isprintable() or " " in token:
        raise AccessError(
            f"{path}: holds {len(token)} characters; expected {SHORTEST} to {LONGEST} without blanks. "
            "Make a token with: openssl rand -hex 32."
        )
    return token


def find_token(token_file: str, credentials: Path | None) -> str:
    """Return the token, from the credentials first, else from the configured file; empty where there is neither.

    Raises: AccessError as `read_token`.
    """
    handed = credential(credentials, CREDENTIAL)
    if handed is not None:
        return read_token(handed, is_credential=True)
    return read_token(Path(token_file)) if token_file else ""


def is_right(header: str, token: str) -> bool:
    """Whether an Authorization header carries the token, in a time that does not say how much of it is right."""
    given = header.removeprefix(SCHEME) if header.startswith(SCHEME) else ""
    return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), token.encode()) and bool(token)
