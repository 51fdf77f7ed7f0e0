"""What lies within the last metres of each coil under each camera: the quantity of most rules. Pure, stateful.

Laws: a thing is counted once however often it is reported as it grows; what the window has left behind and what lies
beyond a position set back is forgotten; memory is bounded. What lies at a coil's end counts in the batch in which the
coil leaves, and after that as long as somebody waits for it or another camera is on the coil. The window goes on as the
strip does, whether it counts or not: a coil that goes on, as behind a frame with a wrong name, has what it had.

Knows: positions along coils. Must not know: rules' limits and delays, states.
"""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter
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
MOST_LEFT = 32
"""Windows on coils that their cameras have left: the oldest are forgotten beyond that."""
MOST_PASSED = 1000
"""Open things that the window has left behind: the oldest are forgotten beyond that, over a restart `KEPT_ITEMS`."""
BEFORE = "-"
"""Marks a coil, and its items, once for each other of its name that has begun since. Nothing begins so of its own: no
coil's or camera's name may, and an item's id begins with one of these."""


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
    is_open: bool = False
    """It may still grow: then it is reported again."""

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
    left: tuple[tuple[str, str, float], ...] = ()
    """Coil, camera, and how far the one would have come under the other that has left it."""
    silent: tuple[str, ...] = ()
    """Coils that count no more."""
    passed_mm: dict[str, float] = {}
    """Where open things end that the window has left behind, by id."""


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
    open: set[str] = set()
    """Items that are in no cell, `KEPT_ITEMS` at most: each is still to be known when it is reported again."""


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
    left_mm: dict[tuple[str, str], float] = {}
    """How far coils would have come under cameras that have left them."""
    silent: set[str] = set()
    """Coils that count no more, unless they go on."""
    ran_mm: dict[str, float] = {}
    """How far strip has come on under each camera while coils that were left were followed; what runs back counts
    nothing. The frames of one camera may come in other batches than another's."""
    passed_mm: dict[str, float] = {}
    """Where open things end that the window has left behind, by id: those of a coil's tail are reported once more as
    its last camera leaves."""

    def most(self, amount: Callable[[LaneWindow], float]) -> float:
        """The sum over a coil's cameras, of the coil that has most."""
        sums = (sum(map(amount, cameras.values())) for coil, cameras in self.lanes.items() if coil not in self.silent)
        return max(sums, default=0.0)

    def missed_mm(self, lane: LaneWindow) -> float:
        """Length of its items within the window: the first may have begun before."""
        if not lane.ends:
            return 0.0
        return lane.length_mm - max(0.0, lane.begin_mm - self.items[lane.ends[0][1]].start_mm)

    def rest_mm(self) -> float:
        """How far the strip may come until something that counts leaves a window, or begins to where lengths count."""
        lanes = (lane for coil, cameras in self.lanes.items() if coil not in self.silent for lane in cameras.values())
        firsts = ((lane.begin_mm, self.items[lane.ends[0][1]]) for lane in lanes)
        ways_mm = ((item.start_mm if self.sums_length else item.end_mm) - begin_mm for begin_mm, item in firsts)
        return max(0.0, min(ways_mm, default=math.inf))

    def add(self, item: WindowItem) -> bool:
        """Put what was found into its window; what has grown takes the place of its part.

        False where it counts no more: it has not grown since the window left it behind.
        """
        if self._has_passed(item):
            return False
        place = item.coil, item.camera
        lane = self._put(item)
        if place not in self.reached_mm and item.end_mm > self.left_mm.get(place, 0.0):  # so far the coil had come
            self.left_mm[place] = item.end_mm
            self._cut(lane, item.end_mm)
        if len(lane.ends) > MOST_ITEMS:
            self._remove(lane.ends[0][1])
        return True

    def move(self, findings: Findings, begun: Counter[str], *, is_awaited: bool = False) -> None:
        """Drop what the window has left behind, and what lies beyond a position set back.

        `begun`: how many coils of a name begin; `is_awaited`: whether those that have left before still count.
        """
        if self.left_mm or self.silent or findings.left_mm or begun:
            self._leave(findings, begun, is_awaited=is_awaited)
        self.reached_mm = findings.reached_mm
        for coil, cameras in list(self.lanes.items()):
            for camera, lane in list(cameras.items()):
                self._cut(lane, self._come_mm(coil, camera))
                if not lane.ends:
                    del cameras[camera]
            if not cameras:
                del self.lanes[coil]

    def drop(self, name: str) -> bool:
        """Take an item out; False where there is none of this id."""
        self.passed_mm.pop(name.lstrip(BEFORE), None)
        if name not in self.items:
            return False
        self._remove(name)
        return True

    def of_length(self, within_mm: float) -> StripWindow:
        """The same things in a window of another length."""
        window = StripWindow(within_mm, self.sums_length, reached_mm=self.reached_mm, left_mm=self.left_mm)
        window.silent, window.ran_mm, window.passed_mm = self.silent, self.ran_mm, self.passed_mm
        for item in self.items.values():
            window._put(item)
        return window

    def keep(self, matches: Callable[[WindowItem], bool]) -> None:
        """Drop what does not match; what was put together stays."""
        for item in [item for item in self.items.values() if item.name and not matches(item)]:
            self._remove(item.id)

    def kept(self, most: int) -> KeptWindow:
        """What is kept for a restart: of each camera the newest `most` items, or sums where these are too many.

        Only of what is whole: the end of an open defect takes the place of what it was.
        """
        items: list[WindowItem] = []
        sums: list[LaneSums] = []
        for coil, cameras in self.lanes.items():
            for camera, lane in cameras.items():
                if min(most, len(lane.ends)) <= KEPT_ITEMS:
                    items += [self.items[name] for _, name in lane.ends[-most:]]
                else:
                    items += [self.items[name] for name in sorted(lane.open)]
                    sums.append(LaneSums(coil, camera, lane.cells))
        left = ((coil, camera, round(left_mm, DIGITS)) for (coil, camera), left_mm in self.left_mm.items())
        passed_mm = dict([*self.passed_mm.items()][-KEPT_ITEMS:])
        return KeptWindow(tuple(items), tuple(sums), tuple(left), tuple(sorted(self.silent)), passed_mm)

    def go_on(self, kept: KeptWindow) -> None:
        """Take up what was kept."""
        self.left_mm = {(coil, camera): left_mm for coil, camera, left_mm in kept.left}
        self.silent, self.passed_mm = set(kept.silent), {**kept.passed_mm}
        for item in kept.items:
            self._put(item)
        for sums in kept.sums:
            for number, cell in sums.cells.items():
                self._put(self._together(sums.coil, sums.camera, number, cell))

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

    def _leave(self, findings: Findings, begun: Counter[str], *, is_awaited: bool) -> None:
        """Take in which coils cameras left, and how far the strip has come since under those that left before."""
        under = {coil for coil, _ in findings.reached_mm}
        ways_mm, farthest_mm = self._ways_mm(findings)
        left_mm = {
            (coil, camera): at_mm + ways_mm.get(camera, farthest_mm)
            for (coil, camera), at_mm in self.left_mm.items()
            if camera in self.lanes.get(coil, {})
        }
        now_mm = {place: at_mm for place, at_mm in self.reached_mm.items() if place[0] in begun}  # so far at least
        short_mm = dict[tuple[str, str], float]()  # of coils that have begun and left at once
        for place, at_mm in findings.left_mm.items():
            (short_mm if place[0] in begun.keys() - under else now_mm)[place] = at_mm
        if begun:
            self._call_otherwise(begun)
        left_mm = {(_called(coil, begun), camera): at_mm for (coil, camera), at_mm in (left_mm | now_mm).items()}
        left_mm = {place: at_mm for place, at_mm in (left_mm | short_mm).items() if place not in findings.reached_mm}
        for coil, camera in list(left_mm)[:-MOST_LEFT]:
            del left_mm[coil, camera]
        self.left_mm = left_mm
        counts = under | {_called(coil, begun) for coil, _ in now_mm} | {coil for coil, _ in short_mm}
        gone = self.lanes.keys() - counts
        self.silent = gone & self.silent if is_awaited else gone

    def _ways_mm(self, findings: Findings) -> tuple[dict[str, float], float]:
        """How far the strip has come under each camera, and under one that sees nothing."""
        ways_mm = {
            camera: max(0.0, reached_mm - self.reached_mm[coil, camera])
            for (coil, camera), reached_mm in findings.reached_mm.items()
            if (coil, camera) in self.reached_mm
        }
        before_mm = max(self.ran_mm.values(), default=0.0)
        ran_mm = {camera: self.ran_mm.get(camera, before_mm) + way_mm for camera, way_mm in ways_mm.items()}
        self.ran_mm = self.ran_mm | ran_mm
        return ways_mm, max(self.ran_mm.values(), default=0.0) - before_mm

    def _call_otherwise(self, begun: Counter[str]) -> None:
        """Mark the coils that others of their name follow."""
        self.silent = {_called(coil, begun) for coil in self.silent}
        for coil in sorted(self.lanes, key=len, reverse=True):  # what is marked already makes room
            if (name := _called(coil, begun)) == coil:
                continue
            mark = name.removesuffix(coil)
            cameras = self.lanes[name] = self.lanes.pop(coil)
            for lane in cameras.values():
                for _, item in lane.ends:
                    self.items[mark + item] = msgspec.structs.replace(self.items.pop(item), id=mark + item, coil=name)
                lane.ends = [(end_mm, mark + item) for end_mm, item in lane.ends]
                lane.open = {mark + item for item in lane.open}

    def _come_mm(self, coil: str, camera: str) -> float | None:
        """How far a coil has come under a camera, or would have, had it not left; None where neither is known."""
        reached_mm = self.reached_mm.get((coil, camera))
        return self.left_mm.get((coil, camera)) if reached_mm is None else reached_mm

    def _put(self, item: WindowItem) -> LaneWindow:
        """Put an item into its window, and return this."""
        if item.id in self.items:
            self._remove(item.id)
        self.items[item.id] = item
        cameras = self.lanes.get(item.coil)
        if cameras is None:
            cameras = self.lanes[item.coil] = {}
        lane = cameras.get(item.camera)
        if lane is None:
            come_mm = self._come_mm(item.coil, item.camera)
            begin_mm = 0.0 if come_mm is None else come_mm - self.within_mm
            lane = cameras[item.camera] = LaneWindow(begin_mm=begin_mm)
        insort(lane.ends, (item.end_mm, item.id))
        self._count(lane, item, 1)
        return lane

    def _cut(self, lane: LaneWindow, reached_mm: float | None) -> None:
        """Drop what does not lie around this position; all where nobody knows it."""
        first = last = len(lane.ends)
        if reached_mm is not None:
            lane.begin_mm = reached_mm - self.within_mm
            first = bisect_left(lane.ends, (lane.begin_mm, ""))
            last = bisect_left(lane.ends, (reached_mm + self.within_mm, "\U0010ffff"))
        for number, (_, name) in enumerate((*lane.ends[:first], *lane.ends[last:])):
            item = self.items.pop(name)
            self._count(lane, item, -1)
            if item.is_open and number < first:
                self._pass(item)
        del lane.ends[last:], lane.ends[:first]

    def _pass(self, item: WindowItem) -> None:
        """Note that the window has left behind what may still be reported."""
        self.passed_mm[item.id.lstrip(BEFORE)] = item.end_mm
        if len(self.passed_mm) > MOST_PASSED:
            del self.passed_mm[next(iter(self.passed_mm))]

    def _has_passed(self, item: WindowItem) -> bool:
        """Whether the window has left this behind, all of it; its end is its last report."""
        name = item.id.lstrip(BEFORE)
        if (passed_mm := self.passed_mm.get(name)) is None:
            return False
        if item.end_mm > passed_mm or not item.is_open:
            del self.passed_mm[name]
        return item.end_mm <= passed_mm

    def _remove(self, name: str) -> None:
        item = self.items.pop(name)
        lane = self.lanes[item.coil][item.camera]
        del lane.ends[bisect_left(lane.ends, (item.end_mm, name))]
        self._count(lane, item, -1)

    def _count(self, lane: LaneWindow, item: WindowItem, sign: int) -> None:
        count, area_milli = sign * item.count, sign * item.area_milli
        length_mm = sign * (item.end_mm - item.start_mm) if self.sums_length else 0.0
        lane.count += count
        lane.area_milli += area_milli
        lane.length_mm += length_mm
        if sign < 0 and item.id in lane.open:
            lane.open.remove(item.id)
            return
        if sign > 0 and item.is_open and len(lane.open) < KEPT_ITEMS:
            lane.open.add(item.id)
            return
        number = int(item.end_mm * CELLS // self.within_mm)
        if (cell := lane.cells.get(number)) is None:
            cell = lane.cells[number] = Cell()
        cell.count += count
        cell.area_milli += area_milli
        if self.sums_length:
            cell.length_mm = round(cell.length_mm + length_mm, DIGITS)
        if not cell.count:
            del lane.cells[number]


def _called(coil: str, begun: Counter[str]) -> str:
    """What a coil is called once others of its name have begun."""
    return BEFORE * begun[coil.lstrip(BEFORE)] + coil
