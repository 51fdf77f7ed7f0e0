"""One defect from the pieces it leaves in consecutive frames of one camera. Pure, stateful.

Laws: a region that touches a frame's last row stays open until the next frame of that camera shows whether it
goes on; it is reported once when it ends, and as partial before that if it is long. Minimum areas are those
of the whole, not of its pieces. Must not know: gaps, coils' totals, other cameras.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from inspector.records import Defect, Detection, Inspected, Span

PARTIAL_MM = 2000.0
"""A defect that still goes on is reported every so many millimetres, so that nobody waits for its end."""
TOUCH_MM = 2.0
"""Spans on neighbouring rows this close belong together; a few pixels, as the maps' edges are uncertain."""


class _Open(msgspec.Struct):
    """A defect under construction; positions on the coil."""

    id: str
    class_id: int
    start_mm: float
    end_mm: float
    left_mm: float
    right_mm: float
    area_mm2: float
    confidence: float
    frames: int
    told_mm: float
    """Position up to which it was reported as partial."""
    tails: list[Span]

    def absorb(self, piece: Detection, at_mm: float) -> None:
        """Grow by a region of the frame that begins at `at_mm`."""
        self._grow(
            at_mm + piece.start_mm, at_mm + piece.end_mm, piece.left_mm, piece.right_mm, piece.area_mm2, piece.confidence
        )

    def join(self, other: _Open) -> None:
        """Grow by another open defect that turned out to be the same."""
        self._grow(other.start_mm, other.end_mm, other.left_mm, other.right_mm, other.area_mm2, other.confidence)
        self.frames = max(self.frames, other.frames)

    def _grow(self, start: float, end: float, left: float, right: float, area: float, confidence: float) -> None:
        self.start_mm = min(self.start_mm, start)
        self.end_mm = max(self.end_mm, end)
        self.left_mm = min(self.left_mm, left)
        self.right_mm = max(self.right_mm, right)
        self.area_mm2 += area
        self.confidence = max(self.confidence, confidence)


class Merge:
    """The open defects of one camera on one coil."""

    def __init__(self, camera: str, coil: str, side: str) -> None:
        self._camera, self._coil, self._side = camera, coil, side
        self._open: list[_Open] = []
        self._last: Inspected | None = None

    def add(self, inspected: Inspected, at_mm: float) -> Iterator[Defect]:
        """Add the frame that begins at `at_mm`, directly after the frame added before; yield what it completes."""
        going: list[tuple[_Open, list[Span]]] = []
        earlier, self._open = self._open, []
        for number, piece in enumerate(inspected.detections):
            owner = self._owner(piece, earlier, going)
            if owner is None:
                owner = self._begin(inspected, piece, at_mm, number)
            else:
                owner.absorb(piece, at_mm)
            tails = [piece.tail] if piece.tail else []
            going.append((owner, tails))
        continued: dict[int, _Open] = {}
        for owner, tails in going:
            if id(owner) not in continued:
                owner.tails = []
                owner.frames += 1
                continued[id(owner)] = owner
            owner.tails += tails
        for defect in earlier:
            if id(defect) not in continued:
                yield from self._tell(defect, self._last or inspected, partial=False)
        for defect in continued.values():
            if not defect.tails:
                yield from self._tell(defect, inspected, partial=False)
                continue
            self._open.append(defect)
            if defect.end_mm - defect.told_mm >= PARTIAL_MM:
                defect.told_mm = defect.end_mm
                yield from self._tell(defect, inspected, partial=True)
        self._last = inspected

    def close(self) -> Iterator[Defect]:
        """Complete everything that is open: no frame follows."""
        for defect in self._open:
            assert self._last is not None, "an open defect came from a frame"
            yield from self._tell(defect, self._last, partial=False)
        self._open = []

    @staticmethod
    def _owner(piece: Detection, earlier: list[_Open], going: list[tuple[_Open, list[Span]]]) -> _Open | None:
        """The open defect that `piece` continues; several that meet in it become one."""
        head = piece.head
        if head is None:
            return None
        met = [
            defect
            for defect in earlier
            if defect.class_id == piece.class_id and any(_touch(head, tail) for tail in defect.tails)
        ]
        if not met:
            return None
        owner, *others = met
        for other in others:
            owner.join(other)
            earlier.remove(other)
            going[:] = [(owner if defect is other else defect, tails) for defect, tails in going]
        return owner

    def _begin(self, inspected: Inspected, piece: Detection, at_mm: float, number: int) -> _Open:
        header = inspected.frame.header
        return _Open(
            id=f"{self._coil}/{self._camera}/{header.boot}/{header.number}/{number}",
            class_id=piece.class_id,
            start_mm=at_mm + piece.start_mm,
            end_mm=at_mm + piece.end_mm,
            left_mm=piece.left_mm,
            right_mm=piece.right_mm,
            area_mm2=piece.area_mm2,
            confidence=piece.confidence,
            frames=0,
            told_mm=at_mm + piece.start_mm,
            tails=[],
        )

    def _tell(self, defect: _Open, seen: Inspected, *, partial: bool) -> Iterator[Defect]:
        kind = seen.recipe.classes[defect.class_id - 1]
        if defect.area_mm2 < kind.min_area_mm2:
            return
        yield Defect(
            id=defect.id,
            name=kind.name,
            camera=self._camera,
            coil=self._coil,
            side=self._side,
            start_mm=round(defect.start_mm, 1),
            end_mm=round(defect.end_mm, 1),
            left_mm=round(defect.left_mm, 1),
            right_mm=round(defect.right_mm, 1),
            area_mm2=round(defect.area_mm2, 1),
            confidence=round(defect.confidence, 3),
            is_partial=partial,
            frames=defect.frames,
            recipe=str(seen.recipe),
            captured_ns=seen.frame.header.captured_ns,
        )


def _touch(a: Span, b: Span) -> bool:
    return a.left_mm <= b.right_mm + TOUCH_MM and b.left_mm <= a.right_mm + TOUCH_MM
