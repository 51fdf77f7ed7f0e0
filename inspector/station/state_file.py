"""Files that the station keeps for itself: where they lie, and how one is replaced.

Knows: what systemd says of the service's folders. Must not know: what is kept.
"""

from __future__ import annotations

import os
from pathlib import Path


def place(name: str, near: Path) -> Path:
    """Where a file of that name lies: in what systemd keeps for the service, else next to `near`, after its name."""
    kept = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(kept) / name if kept else near.with_name(f"{near.stem}.{name}")


def replace(path: Path, content: bytes, group: int | None = None) -> None:
    """Replace a file in one step; nobody else may read it, but a group that is named.

    Raises: OSError.
    """
    part = path.with_name(path.name + ".tmp")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        if group is not None:
            os.fchown(file.fileno(), -1, group)
            os.fchmod(file.fileno(), 0o640)
        file.write(content)
    part.replace(path)
