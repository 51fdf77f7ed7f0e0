"""A line's archive as its configuration asks for it: what cuts crops, what keeps them, and the thread that writes.

Knows: the sections. Must not know: the flow, what a crop shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from random import Random

from inspector.archive.collect import Collect
from inspector.archive.cut import Cut
from inspector.archive.decimate import Decimate
from inspector.archive.keeper import Keeper, StripArchive
from inspector.archive.store import Store
from inspector.archive.strip_picture import StripPicture
from inspector.archive.tiles import TileStore
from inspector.config.camera import CameraSection
from inspector.records.events import Data
from inspector.service.line import Config


class Archive:
    """Open from construction to `close`; without `archive.path` it keeps nothing.

    Raises: ArchiveError when the folder cannot be used.
    """

    def __init__(self, settings: Config, report: Callable[[Data], None]) -> None:
        """`report` receives, on the archive's thread, what goes wrong."""
        section = settings.archive
        self.keeper: Keeper | None = None
        self.cut: Cut | None = None
        """Copies crops for the archive, where there is one."""
        self.decimate: Decimate | None = None
        """Makes small pictures for the archive, where it keeps a strip picture."""
        if section.path:
            store, mm_per_px = Store(section, settings.line, _utc), section.strip_mm_per_px
            picture = StripPicture(settings.line, mm_per_px, _utc) if mm_per_px else None
            strip = StripArchive(picture, TileStore(section, _utc)) if picture else None
            self.keeper = keeper = Keeper(store, report, strip)
            self.cut = Cut(settings.camera, section.sound_per_km, keeper.has_room, keeper.skipped, Random())
            if strip:
                self.decimate = Decimate(settings.camera, mm_per_px, keeper.has_room_for_strip, keeper.undrawn)
        self.collect = Collect(self.keeper, section.crops_per_defect)

    def replace(self, cameras: Iterable[CameraSection]) -> None:
        """Go on with other calibrations of the same cameras; between two batches."""
        for stage in (self.cut, self.decimate):
            if stage:
                stage.replace(cameras)

    def give_way(self, is_behind: Callable[[], bool]) -> None:
        """Draw no strip picture while the line is behind; before the first batch."""
        if self.decimate:
            self.decimate.give_way(is_behind)

    def close(self, patience_s: float) -> bool:
        """Write what waits, and end; False when that takes longer."""
        return self.keeper is None or self.keeper.close(patience_s)


def _utc() -> datetime:
    return datetime.now(UTC)
