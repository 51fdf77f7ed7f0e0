"""The archive's defects as a person looks through them: one tile each, in the order that was asked for, bounded.

Laws: the archive is only read, and may be written meanwhile. A coil's folder is read again only when it has changed.
The newest crops are taken, `MOST` of them.

Knows: sidecars, what people stated of a defect. Must not know: HTTP, who may label.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import msgspec

from inspector.archive.files import under
from inspector.archive.store import LABELLED, SEEN, sidecars
from inspector.records.crop import Label
from inspector.records.extent import Extent

MOST = 50_000
"""Crops that are looked through: the newest."""
SETTLED_NS = 2 * 10**9
"""A folder that changed so lately may change again within the same tick of its clock."""
Order = Literal["newest", "uncertain", "unlike", "disagree"]
State = Literal["all", "unlabelled", "labelled", "otherwise"]
Opinions = Mapping[tuple[str, str], Mapping[str, str]]
"""What each person stated last of a defect, by coil and id."""


class GalleryTile(msgspec.Struct, frozen=True, kw_only=True):
    """A defect, with the crop that shows most of it; read from a sidecar, of which it is a part."""

    image: str
    coil: str
    side: str
    camera: str
    time: str
    place: Extent
    defect: str
    name: str
    confidence: float
    recipe: str
    classes: tuple[str, ...]
    distance: float | None = None
    label: Label | None = None


class GalleryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Which defects are asked for, and in which order."""

    name: str = ""
    """Class that the network gave; empty: all."""
    labelled: str = ""
    """Class that a person gave."""
    coil: str = ""
    """A part of the coil's name."""
    state: State = "all"
    """`otherwise`: a person says something else than the network."""
    least: float = 0.0
    """Confidence, at least."""
    most: float = 1.0
    order: Order = "newest"

    def has(self, tile: GalleryTile) -> bool:
        """Whether a defect is asked for."""
        label = tile.label.name if tile.label else ""
        states = {"all": True, "unlabelled": not label, "labelled": bool(label)}
        return (
            (not self.name or tile.name == self.name)
            and (not self.labelled or label == self.labelled)
            and self.coil.lower() in tile.coil.lower()
            and self.least <= tile.confidence <= self.most
            and states.get(self.state, bool(label) and label != tile.name)
        )


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far the labels of a class have come."""

    name: str
    """Class by the network."""
    defects: int
    labelled: int
    confirmed: int
    """Of which the person stated the same."""


class Gallery:
    """Tiles of one archive; from any thread."""

    def __init__(self) -> None:
        self._folders: dict[Path, tuple[int, list[GalleryTile]]] = {}
        self._lock = threading.Lock()

    def tiles(self, archive: Path) -> list[GalleryTile]:
        """All defects with a crop, the newest first; of `MOST` crops, and the rest of that coil."""
        with self._lock:
            found: dict[tuple[str, str], GalleryTile] = {}
            seen, kept = 0, dict[Path, tuple[int, list[GalleryTile]]]()
            for folder in _folders(archive):
                known = self._read(archive, folder)
                if known is None:
                    continue
                kept[folder] = known
                for tile in known[1]:
                    if found.setdefault((tile.coil, tile.defect), tile).label is None and tile.label:
                        found[tile.coil, tile.defect] = tile
                seen += len(known[1])
                if seen >= MOST:
                    break
            self._folders = kept
        return sorted(found.values(), key=lambda tile: tile.time, reverse=True)

    def _read(self, archive: Path, folder: Path) -> tuple[int, list[GalleryTile]] | None:
        try:
            changed_ns = folder.stat().st_mtime_ns
            if (known := self._folders.get(folder)) and known[0] == changed_ns:
                return known
            paths = sorted(folder.glob("*-*.json"), key=_place)
        except OSError:  # it went meanwhile
            return None
        tiles = [tile for path in paths if (tile := _tile(archive, path)) and tile.defect]
        return (0 if time.time_ns() - changed_ns < SETTLED_NS else changed_ns), tiles


def one(archive: Path, coil: str, defect: str) -> GalleryTile | None:
    """A defect as it stands now; None when the archive has no crop of it."""
    try:
        found = [tile for path in sidecars(archive, coil, defect) if (tile := _tile(archive, path))]
    except (OSError, ValueError):
        return None
    return next((tile for tile in found if tile.defect == defect), None)


def chosen(tiles: Iterable[GalleryTile], wanted: GalleryQuery, opinions: Opinions) -> list[GalleryTile]:
    """The tiles that are wanted, in the order that is wanted."""
    kept = [tile for tile in tiles if wanted.has(tile)]
    if wanted.order == "uncertain":
        kept.sort(key=lambda tile: tile.confidence)
    elif wanted.order == "unlike":
        kept.sort(key=lambda tile: -1.0 if tile.distance is None else tile.distance, reverse=True)
    elif wanted.order == "disagree":
        kept = [tile for tile in kept if len(set(opinions.get((tile.coil, tile.defect), {}).values())) > 1]
    return kept


def progress(tiles: Iterable[GalleryTile], classes: Sequence[str]) -> list[Progress]:
    """How far the labels have come, by the network's class."""
    defects, labelled, confirmed = Counter[str](), Counter[str](), Counter[str]()
    for tile in tiles:
        defects[tile.name] += 1
        labelled[tile.name] += tile.label is not None
        confirmed[tile.name] += tile.label is not None and tile.label.name == tile.name
    names = dict.fromkeys([*classes, *sorted(defects)])
    return [
        Progress(name=name, defects=defects[name], labelled=labelled[name], confirmed=confirmed[name]) for name in names
    ]


def _folders(archive: Path) -> list[Path]:
    """Folders of coils, the newest days first; of a day those with labels first."""
    days: list[tuple[str, bool, Path]] = []
    for kind in (LABELLED, SEEN):
        with contextlib.suppress(OSError):  # a folder that cannot be read
            days += [(day.name, kind == LABELLED, day) for day in under(archive / kind, "*")]
    folders: list[Path] = []
    for *_, day in sorted(days, reverse=True):
        with contextlib.suppress(OSError):
            folders += under(day, "*")
    return folders


def _place(sidecar: Path) -> tuple[int, str]:
    """Which of its defect's crops a sidecar is of; a file that is none of ours comes last, and `_tile` sees that."""
    number = sidecar.stem.rpartition("-")[2]
    return (int(number) if number.isdecimal() and number.isascii() else sys.maxsize), sidecar.name


def _tile(archive: Path, path: Path) -> GalleryTile | None:
    try:
        tile = msgspec.json.decode(path.read_bytes(), type=GalleryTile)
    except (OSError, ValueError):  # it went meanwhile, or is damaged
        return None
    return msgspec.structs.replace(tile, image=str(path.with_suffix(".png").relative_to(archive)))
