"""A coil's file, for the next machine, the office, a spreadsheet. Changing it breaks who reads it.

Knows: the file's form. Must not know: how it is made, drawn or carried on.
"""

from __future__ import annotations

import msgspec

from inspector.records.events import Alarm, CoilRecord, Crowded, Defect, Doubtful, Missed, Repeat

VERSION = 1


class CoilFile(msgspec.Struct, frozen=True, kw_only=True):
    """One coil, complete."""

    v: int = VERSION
    """Version of this form; grows when an old reader would break."""
    record: CoilRecord
    """Its record, as at its end or so far."""
    welds_mm: tuple[float, ...] = ()
    """Welds within the coil and at its ends, millimetres from its head."""
    before: str = ""
    """The coil that is welded to its head; empty where none is known."""
    after: str = ""
    """The one at its tail."""
    defects: tuple[Defect, ...]
    """Each as last reported, in the order in which they were."""
    missed: tuple[Missed, ...] = ()
    """Strip that was not inspected."""
    doubtful: tuple[Doubtful, ...] = ()
    """Strip that was inspected and not surely seen; empty in files of before 0.4."""
    repeats: tuple[Repeat, ...] = ()
    """Marks that repeat, each as last reported."""
    crowded: tuple[Crowded, ...] = ()
    """Frames with more in them than can be listed."""
    raised: tuple[Alarm, ...] = ()
    """Alarms, each time one was raised; the record has their numbers. Empty in files of before 0.3."""
    length_mm: float = 0.0
    """Its exact length, which the record rounds; 0 in files of before 0.3."""
