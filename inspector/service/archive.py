"""A line's archive as its configuration asks for it: what cuts crops, what keeps them, and the thread that writes.

Knows: the sections. Must not know: the flow, what a crop shows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from random import Random

from inspector.archive.collect import Collect
from inspector.archive.cut import Cut
from inspector.archive.keeper import Keeper
from inspector.archive.store import Store
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
        if section.path:
            store = Store(section, settings.line, lambda: datetime.now(UTC))
            self.keeper = keeper = Keeper(store, report)
            self.cut = Cut(settings.camera, section.sound_per_km, keeper.has_room, keeper.skipped, Random())
        self.collect = Collect(self.keeper, section.crops_per_defect)

    def close(self, patience_s: float) -> bool:
        """Write what waits, and end; False when that takes longer."""
        return self.keeper is None or self.keeper.close(patience_s)
