"""Strip that was inspected and not surely seen, as its camera or the recipe had a fault. Pure.

Laws: on each coil it begins with the first of the frames in a row that show a fault which is raised there, at the head
where it stands already, and ends before the first over which none stands; strip that comes by again counts as it was
first seen. What only shows as the coil leaves the camera counts where it began no farther than the middle of what
was seen, for a plate may be over before anything is raised; else it is none: pictures are dark where strip ends.

Knows: faults, positions. Must not know: by what a fault shows, what is made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Set

import msgspec

from inspector.records.events import RecipeFault

PIECE_MM = 10_000.0
"""So much of it is reported though the fault still stands."""
SCREEN: RecipeFault = "screen_blind"


class Doubt(msgspec.Struct):
    """What is doubtful under one camera on one coil, and not reported yet."""

    since_mm: dict[str, float] = {}
    """Where the strip begins over which each fault shows or stands."""
    faults: set[str] = set()
    """That stood over what waits to be reported; empty: nothing does."""
    start_mm: float = 0.0
    end_mm: float = 0.0
    begin_mm: float | None = None
    """Where the strip begins that was seen; None: none was yet."""
    last_mm: float = 0.0
    """Where it ends."""

    def see(self, doubts: Mapping[str, bool], start_mm: float, end_mm: float) -> bool:
        """Take a frame's doubts, and its strip that was not seen before; return whether to report what waits."""
        self.since_mm = {fault: self.since_mm.get(fault, start_mm) for fault in doubts}
        self.begin_mm, self.last_mm = start_mm if self.begin_mm is None else self.begin_mm, end_mm
        standing = {fault for fault, stands in doubts.items() if stands}
        self._count(standing)
        return bool(self.faults) and (not standing or self.end_mm - self.start_mm >= PIECE_MM)

    def leave(self) -> None:
        """Count what shows since the middle or before, though the coil had too few frames for it to be raised.

        Not what a screen looked at: that is sure until the screen is found to be blind.
        """
        middle_mm = ((self.begin_mm or 0.0) + self.last_mm) / 2
        self._count({fault for fault, at_mm in self.since_mm.items() if at_mm <= middle_mm} - {SCREEN})

    def find_blind(self) -> None:
        """Count what the recipe's screen looked at, for it was found to be blind."""
        self._count({SCREEN} & self.since_mm.keys())

    def take(self) -> tuple[float, float, tuple[str, ...]]:
        """Take away what waits: its begin, its end and the faults that stood."""
        taken = self.start_mm, self.end_mm, tuple(sorted(self.faults))
        self.since_mm |= dict.fromkeys(self.faults & self.since_mm.keys(), self.end_mm)
        self.faults = set()
        return taken

    def fall_back(self, from_mm: float, by_mm: float) -> None:
        """Take what lies from there on for lying farther back."""

        def place(at_mm: float) -> float:
            return at_mm - by_mm if at_mm >= from_mm else at_mm

        self.since_mm = {fault: place(at_mm) for fault, at_mm in self.since_mm.items()}
        self.start_mm, self.end_mm = place(self.start_mm), place(self.end_mm)
        self.begin_mm, self.last_mm = place(self.begin_mm or 0.0), place(self.last_mm)

    def _count(self, faults: Set[str]) -> None:
        """Take all for doubtful from where these faults begin to the end of what was seen."""
        if faults:
            begin_mm = min(self.since_mm[fault] for fault in faults)
            self.start_mm = min(begin_mm, self.start_mm) if self.faults else begin_mm
            self.faults, self.end_mm = self.faults | faults, self.last_mm
