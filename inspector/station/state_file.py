"""Where the station keeps what is to survive a restart.

Knows: what systemd says of the service's folders. Must not know: what is kept.
"""

from __future__ import annotations

import os
from pathlib import Path


def place(name: str, near: Path) -> Path:
    """Where a file of that name lies: in what systemd keeps for the service, else next to `near`, after its name."""
    kept = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]
    return Path(kept) / name if kept else near.with_name(f"{near.stem}.{name}")
