"""An engine that is not proven yet, in a folder of its own next to the one that the line starts with.

That one stays in force until the candidate is proven: a crash, a reboot or a reload meanwhile finds an engine.

Knows: the files and their folder. Must not know: how engines are built or proven.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.engines.nvidia.manifest import ENGINE, KERNELS, MANIFEST
from inspector.errors import EngineRefused

FOLDER = "engine.new"


def find(folder: Path) -> Path | None:
    """Return where the candidate of the recipe in `folder` lies; None where there is none.

    One that was proven, and that a power cut kept from its place, is put there first.

    Raises: OSError.
    """
    place = folder / FOLDER
    if not (place / MANIFEST).is_file():
        return None
    try:
        is_proven = manifest.read(place).verified
    except EngineRefused:
        is_proven = False
    if is_proven:
        promote(folder)
        return None
    return place


def begin(folder: Path) -> Path:
    """Make the empty folder of a new candidate in place of the one before, and return it."""
    discard(folder)
    (place := folder / FOLDER).mkdir()
    return place


def discard(folder: Path) -> None:
    """Remove the candidate, if there is one."""
    place = folder / FOLDER
    if place.is_symlink():
        place.unlink()
    elif place.exists():
        shutil.rmtree(place)


def promote(folder: Path) -> None:
    """Put a proven candidate in the place of the engine in force, the manifest last: with it the other files count.

    Between the last two steps neither engine fits its manifest; what was not finished `find` takes up again.
    """
    place = folder / FOLDER
    if manifest.read(place).kernels_sha256 is None:
        (folder / KERNELS).unlink(missing_ok=True)
    for name in (KERNELS, ENGINE, MANIFEST):
        if (place / name).exists():
            manifest.share(place / name, folder / recipe.CARD)
            (place / name).replace(folder / name)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    discard(folder)
