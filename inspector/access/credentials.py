"""Secrets that the service manager hands over (systemd's LoadCredential=), each a file in one folder.

Knows: that folder. Must not know: what a secret is for.
"""

from __future__ import annotations

import logging
from pathlib import Path

from inspector import plain_file

log = logging.getLogger("inspector")

ABSENT = "none"
"""Stands in a credential whose file is not there: SetCredential= of systemd 252 takes no empty one."""


def credential(folder: Path | None, name: str) -> Path | None:
    """Return the file of a secret; None where there is no such secret, nobody hands any over, or it cannot be read.

    In some containers systemd makes the folder and cannot put anything into it: then the secret is sought elsewhere.
    """
    if folder is None:
        return None
    path = folder / name
    try:
        return None if plain_file.read(path).strip() in (b"", ABSENT.encode()) else path
    except FileNotFoundError:
        return None
    except OSError as error:
        log.warning("%s: cannot be read: %s. The file that the configuration names is taken.", path, error.strerror)
        return None
