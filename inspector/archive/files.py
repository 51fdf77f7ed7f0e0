"""Files and folders of an archive: written whole, counted as the disk does, tidied up.

Knows: disks. Must not know: what a file holds.
"""

from __future__ import annotations

from pathlib import Path

BLOCK = 4096
TRIMMED = 0.95
"""Share of a limit that is left when the oldest have gone."""
DAY_S = 86_400.0


def write(path: Path, content: bytes) -> None:
    """Write a file that is there whole, or not at all.

    Raises: OSError.
    """
    part = path.with_suffix(".tmp")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def tidy(day: Path) -> None:
    """Remove the folders of a day in which nothing is left."""
    for folder in (*day.iterdir(), day):
        try:
            folder.rmdir()
        except OSError:  # not empty
            continue


def disk_bytes(path: Path) -> int:
    """Disk space that a file takes.

    Raises: OSError.
    """
    return blocks(path.stat().st_size)


def blocks(size: int) -> int:
    """Disk space that a file of this size takes, bytes."""
    return -(-size // BLOCK) * BLOCK
