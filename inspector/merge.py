"""One defect from the pieces it leaves in consecutive frames of one camera. Pure, stateful.

Laws: a region that touches a frame's last row stays open until the next frame of that camera shows whether it
goes on; it is reported once when it ends, and as partial before that if it is long. Minimum areas and
confidences are those of the whole, not of its pieces. No area is reported twice. Must not know: gaps, coils'
totals, other cameras.

Tolerance: pieces are joined by their extents on the two rows where frames meet, so that what lies within a
fork's prongs or `TOUCH_MM` beside it counts as part of it; and two defects that were both reported as partial
before they met remain two.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from inspector.records import Defect, Detection, Inspected, Span

PARTIAL_MM = 2000.0
"""A defect that still goes on is reported every so many millimetres, so that nobody waits for its end."""
TOUCH_MM = 2.0
"""Spans on neighbouring rows this close belong together; a few pixels, as the maps' edges are uncertain."""


class _Open(msgspec.Struct, eq=False):
    """A defect under construction; positions on the coil."""

    id: str
    class_id: int
    start_mm: float
    end_mm: float
    left_mm: float
    right_mm: float
    area_mm2: float
    confidence: float
    told_mm: float
    """Position up to which it was reported as partial."""
    is_told: bool = False
    """Whether it was reported as partial at all."""
    frames: int = 0
    tails: tuple[Span, ...] = ()
    """Where it touches the last row of the frame before."""

    def meets(self, head: Span) -> bool:
        """Whether a piece of this class that begins the next frame at `head` continues this."""
        return any(_touch(head, tail) for tail in self.tails)

    def absorb(self, other: _Open) -> None:
        """Grow by what turned out to be the same defect."""
        self.start_mm = min(self.start_mm, other.start_mm)
        self.end_mm = max(self.end_mm, other.end_mm)
        self.left_mm = min(self.left_mm, other.left_mm)
        self.right_mm = max(self.right_mm, other.right_mm)
        self.area_mm2 += other.area_mm2
        self.confidence = max(self.confidence, other.confidence)
        self.frames = max(self.frames, other.frames)


class Merge:
    """The open defects of one camera on one coil."""

    def __init__(self, camera: str, coil: str, side: str) -> None:
        self._camera, self._coil, self._side = camera, coil, side
        self._open: list[_Open] = []
        self._last: Inspected | None = None

    def add(self, inspected: Inspected, at_mm: float) -> Iterator[Defect]:
        """Add the frame that begins at `at_mm`, directly after the one before; yield what it completes."""
        if self._last and self._last.recipe != inspected.recipe:  # classes may mean something else now
            yield from self.close()
        seen: dict[_Open, list[Span]] = {}  # open defects in this frame, and where they leave it
        before: dict[int, list[_Open]] = {}  # by class: thousands are open under a dirty lens
        for defect in self._open:
            before.setdefault(defect.class_id, []).append(defect)
        for number, piece in enumerate(inspected.detections):
            defect = self._begin(inspected, piece, at_mm, number)
            if piece.head and (met := [one for one in before.get(piece.class_id, ()) if one.meets(piece.head)]):
                defect = self._join(met, defect, seen)
            seen.setdefault(defect, []).extend([piece.tail] if piece.tail else [])
        for defect in self._open:
            if defect not in seen:
                yield from self._tell(defect, partial=False)
        self._last, self._open = inspected, []
        for defect, tails in seen.items():
            defect.frames += 1
            defect.tails = tuple(tails)
            if not tails:
                yield from self._tell(defect, partial=False)
                continue
            self._open.append(defect)
            if defect.end_mm - defect.told_mm >= PARTIAL_MM:
                yield from self._tell(defect, partial=True)

    def close(self) -> Iterator[Defect]:
        """Complete everything that is open: no frame follows."""
        for defect in self._open:
            yield from self._tell(defect, partial=False)
        self._open = []

    def _join(self, met: list[_Open], piece: _Open, seen: dict[_Open, list[Span]]) -> _Open:
        """Make one of the open defects that meet in `piece`, and return it."""
        owner, *others = sorted(met, key=lambda defect: (not defect.is_told, defect.start_mm))
        owner.absorb(piece)
        tails = seen.setdefault(owner, [])
        for other in others:
            owner.tails, other.tails = owner.tails + other.tails, ()
            tails += seen.get(other, [])
            if other.is_told:  # its id is out: it ends here
                if other in seen:
                    seen[other] = []
            else:
                owner.absorb(other)
                self._open.remove(other)
                seen.pop(other, None)
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
            told_mm=at_mm + piece.start_mm,
        )

    def _tell(self, defect: _Open, *, partial: bool) -> Iterator[Defect]:
        """Report a defect, as last seen in the last frame, if it is large and sure enough."""
        assert self._last is not None, "an open defect came from a frame"
        kind = self._last.recipe.classes[defect.class_id - 1]
        if defect.area_mm2 < kind.min_area_mm2 or defect.confidence < kind.min_confidence:
            return
        defect.is_told, defect.told_mm = True, defect.end_mm
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
            recipe=str(self._last.recipe),
            captured_ns=self._last.frame.header.captured_ns,
        )


def _touch(a: Span, b: Span) -> bool:
    return a.left_mm <= b.right_mm + TOUCH_MM and b.left_mm <= a.right_mm + TOUCH_MM
