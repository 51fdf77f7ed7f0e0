"""What lies within the last metres of each coil under each camera: the quantity of most rules. Pure, stateful.

Laws: a thing is counted once however often it is reported as it grows; what the window has left behind, what lies
beyond a position set back, and coils that have left are forgotten; memory is bounded.

Knows: positions along coils. Must not know: rules' limits, states.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable

import msgspec

from inspector.records.extent import size_mm
from inspector.records.stages import Findings

MOST_ITEMS = 100_000
"""Of one camera: the oldest are forgotten beyond that. 30 MB; no limit that a rule may have needs more."""
KEPT_ITEMS = 32
"""Of one camera, this many at most are kept one by one for a restart: 3 kB with each commit."""
DIGITS = 3
"""Of lengths in millimetres that are kept: what is reported has one."""
CELLS = 64
"""More are kept as sums over as many parts of the window: 1 kB, and exact to such a part."""


class WindowItem(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Something on the coil, and what a rule may ask of it."""

    id: str
    coil: str
    camera: str
    start_mm: float
    end_mm: float
    name: str = ""
    """Class; empty where several were put together."""
    severity: int = 0
    """Its rank."""
    width_mm: float = 0.0
    area_milli: int = 0
    """Thousandths of square millimetres: whole numbers add up without an error."""
    count: int = 1

    @property
    def length_mm(self) -> float:
        """Along the travel."""
        return size_mm(self.start_mm, self.end_mm)


class Cell(msgspec.Struct, array_like=True, gc=False):
    """Sums of the items that end in one part of the window."""

    count: int = 0
    area_milli: int = 0
    length_mm: float = 0.0


class LaneSums(msgspec.Struct, frozen=True, array_like=True):
    """What is kept of the many items of one camera on one coil."""

    coil: str
    camera: str
    cells: dict[int, Cell]
    """As they are: to be written down before anything else is counted."""


class KeptWindow(msgspec.Struct, frozen=True, array_like=True):
    """What a window has to know after a restart."""

    items: tuple[WindowItem, ...]
    sums: tuple[LaneSums, ...]


class LaneWindow(msgspec.Struct):
    """The window of one camera on one coil."""

    ends: list[tuple[float, str]] = []
    """Where items end, and their ids; in order."""
    count: int = 0
    area_milli: int = 0
    length_mm: float = 0.0
    """Of all items; those of missed strip do not overlap."""
    begin_mm: float = 0.0
    """Where the window begins."""
    cells: dict[int, Cell] = {}
    """By position, in parts of the window's length."""


class StripWindow(msgspec.Struct):
    """The windows of all coils and cameras."""

    within_mm: float
    sums_length: bool = True
    """Whether a rule asks how long its items are."""
    lanes: dict[str, dict[str, LaneWindow]] = {}
    """By coil and camera."""
    items: dict[str, WindowItem] = {}
    """All that are in a window, by id."""
    reached_mm: dict[tuple[str, str], float] = {}
    """How far each coil has come under each camera."""

    def most(self, amount: Callable[[LaneWindow], float]) -> float:
        """The sum over a coil's cameras, of the coil that has most."""
        sums = (sum(map(amount, cameras.values())) for cameras in self.lanes.values())
        return max(sums, default=0.0)

    def missed_mm(self, lane: LaneWindow) -> float:
        """Length of its items within the window: the first may have begun before."""
        if not lane.ends:
            return 0.0
        return lane.length_mm - max(0.0, lane.begin_mm - self.items[lane.ends[0][1]].start_mm)

    def add(self, item: WindowItem) -> None:
        """Put an item into its window; one that has grown takes the place of its part."""
        if item.id in self.items:
            self._remove(item.id)
        self.items[item.id] = item
        cameras = self.lanes.get(item.coil)
        if cameras is None:
            cameras = self.lanes[item.coil] = {}
        lane = cameras.get(item.camera)
        if lane is None:
            begin_mm = self.reached_mm.get((item.coil, item.camera), self.within_mm) - self.within_mm
            lane = cameras[item.camera] = LaneWindow(begin_mm=begin_mm)
        insort(lane.ends, (item.end_mm, item.id))
        self._count(lane, item, 1)
        if len(lane.ends) > MOST_ITEMS:
            self._remove(lane.ends[0][1])

    def move(self, findings: Findings) -> None:
        """Drop what the window has left behind, what lies beyond a position set back, and coils that have left."""
        self.reached_mm = findings.reached_mm
        for coil, cameras in list(self.lanes.items()):
            for camera, lane in list(cameras.items()):
                reached_mm = findings.reached_mm.get((coil, camera))
                first = last = len(lane.ends)
                if reached_mm is not None:
                    lane.begin_mm = reached_mm - self.within_mm
                    first = bisect_left(lane.ends, (lane.begin_mm, ""))
                    last = bisect_left(lane.ends, (reached_mm + self.within_mm, "\U0010ffff"))
                for _, name in (*lane.ends[:first], *lane.ends[last:]):
                    self._count(lane, self.items.pop(name), -1)
                del lane.ends[last:], lane.ends[:first]
                if not lane.ends:
                    del cameras[camera]
            if not cameras:
                del self.lanes[coil]

    def drop(self, name: str) -> bool:
        """Take an item out; False where there is none of this id."""
        if name not in self.items:
            return False
        self._remove(name)
        return True

    def keep(self, matches: Callable[[WindowItem], bool]) -> None:
        """Drop what does not match; what was put together stays."""
        for item in [item for item in self.items.values() if item.name and not matches(item)]:
            self._remove(item.id)

    def kept(self, most: int) -> KeptWindow:
        """What is kept for a restart: of each camera the newest `most` items, or sums where these are too many."""
        items: list[WindowItem] = []
        sums: list[LaneSums] = []
        for coil, cameras in self.lanes.items():
            for camera, lane in cameras.items():
                if min(most, len(lane.ends)) <= KEPT_ITEMS:
                    items += [self.items[name] for _, name in lane.ends[-most:]]
                else:
                    sums.append(LaneSums(coil, camera, lane.cells))
        return KeptWindow(tuple(items), tuple(sums))

    def go_on(self, kept: KeptWindow) -> None:
        """Take up what was kept."""
        for item in kept.items:
            self.add(item)
        for sums in kept.sums:
            for number, cell in sums.cells.items():
                self.add(self._together(sums.coil, sums.camera, number, cell))

    @property
    def _cell_mm(self) -> float:
        return self.within_mm / CELLS

    def _together(self, coil: str, camera: str, number: int, cell: Cell) -> WindowItem:
        """One item for all of a cell."""
        end_mm = (number + 0.5) * self._cell_mm
        start_mm = end_mm - cell.length_mm
        return WindowItem(
            f"{coil} {camera} {number}", coil, camera, start_mm, end_mm, "", 0, 0.0, cell.area_milli, cell.count
        )

    def _remove(self, name: str) -> None:
        item = self.items.pop(name)
        lane = self.lanes[item.coil][item.camera]
        del lane.ends[bisect_left(lane.ends, (item.end_mm, name))]
        self._count(lane, item, -1)

    def _count(self, lane: LaneWindow, item: WindowItem, sign: int) -> None:
        number = int(item.end_mm * CELLS // self.within_mm)
        if (cell := lane.cells.get(number)) is None:
            cell = lane.cells[number] = Cell()
        count, area_milli = sign * item.count, sign * item.area_milli
        lane.count += count
        lane.area_milli += area_milli
        cell.count += count
        cell.area_milli += area_milli
        if self.sums_length:
            length_mm = sign * (item.end_mm - item.start_mm)
            lane.length_mm += length_mm
            cell.length_mm = round(cell.length_mm + length_mm, DIGITS)
        if not cell.count:
            del lane.cells[number]
