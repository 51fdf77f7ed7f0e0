"""Files and folders of an archive: written whole, counted as the disk does, tidied up.

Knows: disks. Must not know: what a file holds.
"""

from __future__ import annotations

import fnmatch
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROBE_BYTES = 2**18
"""As much as a crop has."""
BLOCK = 4096
PART = ".tmp"
"""How the name of a file ends that is being written."""
TRIMMED = 0.95
"""Share of a limit that is left when the oldest have gone."""
DAY_S = 86_400.0


def write(path: Path, content: bytes) -> None:
    """Write a file that is there whole, or not at all.

    Raises: OSError.
    """
    part = path.with_suffix(PART)
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def try_out(folder: Path, least_free: int = 0) -> None:
    """Write a file into a folder, or into the nearest there is above it, and look how much room there is.

    Leaves nothing behind, and disturbs no other writer.

    Raises: OSError where nothing can be written, or fewer than `least_free` bytes are free.
    """
    place = next(place for place in (folder, *folder.absolute().parents) if place.is_dir())
    with tempfile.TemporaryDirectory(prefix=".probe-", dir=place) as probe:
        (Path(probe) / "probe").write_bytes(bytes(PROBE_BYTES))
    free = shutil.disk_usage(place).free
    if free < least_free:
        raise OSError(f"the disk has {free / 2**20:.0f} MB free; expected at least {least_free / 2**20:.0f} MB")


def refusal(folder: Path, error: OSError) -> str:
    """Say that an archive cannot be in a folder."""
    return (
        f"archive.path is {folder}, where nothing can be written: {error.strerror or error}. Make room, let "
        "the inspector write there, give another path, or leave out [archive]."
    )


def under(folder: Path, *patterns: str) -> Iterator[Path]:
    """Yield what lies below a folder in the order of names, by a pattern for each level; `*` may stand for all.

    What goes meanwhile is passed over, and so is what is no folder and should be one.

    Raises: OSError where a folder cannot be read.
    """
    pattern, *deeper = patterns
    try:
        names = sorted(fnmatch.filter(os.listdir(folder), pattern)) if "*" in pattern else [pattern]
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        if deeper:
            yield from under(folder / name, *deeper)
        else:
            yield folder / name


def entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Yield what lies in a folder, in no order; for walks over a whole archive, which take twice as long by paths.

    Raises: OSError where it cannot be read.
    """
    try:
        with os.scandir(folder) as found:
            yield from found
    except (FileNotFoundError, NotADirectoryError):
        return


def oldest(folder: Path, pattern: str) -> Iterator[tuple[Path, float]]:
    """Yield files in DAY/COIL and when they were written, the oldest day first, in it the oldest first; tidy up behind.

    Raises: OSError.
    """
    for day in under(folder, "*"):
        dated = []
        for path in under(day, "*", pattern):
            with suppress(FileNotFoundError):
                dated.append((path.stat().st_mtime, path))
        for written_s, path in sorted(dated):
            yield path, written_s
        tidy(day)


def tidy(day: Path) -> None:
    """Remove the folders of a day in which nothing is left."""
    for folder in (*under(day, "*"), day):
        with suppress(OSError):  # not empty, or no folder
            folder.rmdir()


def remove(path: Path) -> int:
    """Remove a file; how much disk space that gives: none where somebody else has removed it.

    Raises: OSError.
    """
    size = disk_bytes(path)
    path.unlink(missing_ok=True)
    return size


def disk_bytes(path: Path | os.DirEntry[str]) -> int:
    """Disk space that a file takes; none where it is gone.

    Raises: OSError.
    """
    try:
        return blocks(path.stat().st_size)
    except FileNotFoundError:
        return 0


def blocks(size: int) -> int:
    """Disk space that a file of this size takes, bytes."""
    return -(-size // BLOCK) * BLOCK
