"""Which crops of an archive show given defects of a coil: one of each, that which shows most of it.

Laws: an archive is read, never changed; it may be written meanwhile. What is damaged or gone is left out.

Knows: how the archive's files are named. Must not know: what the pictures are for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from inspector.archive.store import LABELLED, SEEN, sidecars
from inspector.errors import ImageError
from inspector.images.reader import decode
from inspector.records.crop import Sidecar
from inspector.records.frame import Bytes2D


def is_archive(folder: Path) -> bool:
    """Whether a folder holds an archive."""
    return any((folder / kind).is_dir() for kind in (SEEN, LABELLED))


def of_defects(folder: Path, coil: str, defects: Iterable[str]) -> Iterator[tuple[str, Bytes2D, Sidecar]]:
    """Yield, in the order of the defects' ids, those that have a crop: its pixels (H, W) and what is known of it."""
    for defect in defects:
        for path in sorted(sidecars(folder, coil, defect), key=_place):
            if crop := _read(path, coil, defect):
                yield defect, *crop
                break


def _read(path: Path, coil: str, defect: str) -> tuple[Bytes2D, Sidecar] | None:
    try:
        facts = msgspec.json.decode(path.read_bytes(), type=Sidecar)
        if (facts.coil, facts.defect) != (coil, defect):
            return None
        size = facts.box_px[2], facts.box_px[3]
        return decode(path.with_suffix(".png").read_bytes(), size, kind="png").pixels, facts
    except (OSError, ValueError, ImageError):
        return None


def _place(path: Path) -> int:
    """Which of its defect's crops it is: 0 shows most of it."""
    last = path.stem.rpartition("-")[2]
    return int(last) if last.isdecimal() else 0
