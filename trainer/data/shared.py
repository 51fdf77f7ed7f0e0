"""Which frames two sets have in common: what teaches, or chooses, must not measure too.

A name alone says nothing of a file: two mills may both have a folder `data`. So a file is in another set where it is
the same file, or a copy to the byte; a frame of procedural steel where its coil has the same seed and look.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

from inspector.words import counted
from trainer.data.samples import Frames
from trainer.errors import DataError


def refuse_shared(option: str, frames: Frames, others: Frames, where: str) -> None:
    """Raise DataError where frames that an option names are among others, which lie `where`."""
    if found := shared(frames, others):
        are, them = ("is", "it") if len(found) == 1 else ("are", "them")
        raise DataError(
            f"{option}: {counted(len(found), 'frame')} of it {are} {where}, as {frames.name(found[0])}; expected "
            f"others, for what is known already measures nothing. Leave {them} out of either."
        )


def shared(frames: Frames, others: Frames) -> list[int]:
    """Return the indices of the frames that are among `others` too.

    No image is decoded, and of files only those of one size are read. A file that cannot be read is in no other set:
    whoever reads its pixels reports it.
    """
    names: set[str] = set()
    places: set[Path] = set()
    by_size: dict[int, set[Path]] = defaultdict(set)
    for index in range(len(others)):
        path = others.image(index)
        if path is None:
            names.add(others.name(index))
            continue
        with suppress(OSError):
            path = path.resolve()
            places.add(path)
            by_size[path.stat().st_size].add(path)
    digests: dict[int, set[bytes]] = {}
    found = []
    for index in range(len(frames)):
        path = frames.image(index)
        if path is None:
            is_shared = frames.name(index) in names
        else:
            is_shared = path.resolve() in places or _is_copy(path, by_size, digests)
        if is_shared:
            found.append(index)
    return found


def _is_copy(path: Path, by_size: dict[int, set[Path]], digests: dict[int, set[bytes]]) -> bool:
    """Return whether a file has the bytes of another; `digests` are those that were needed so far, by size."""
    try:
        size = path.stat().st_size
        if size not in by_size:
            return False
        if size not in digests:
            digests[size] = {_digest(copy) for copy in by_size[size]}
        return _digest(path) in digests[size]
    except OSError:
        return False


def _digest(path: Path) -> bytes:
    return hashlib.blake2b(path.read_bytes(), digest_size=16).digest()
