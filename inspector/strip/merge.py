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

from bisect import bisect_right
from collections.abc import Iterator, Sequence

import msgspec

from inspector.records.events import Defect
from inspector.records.stages import Detection, Inspected, Span

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
        joined: dict[_Open, _Open] = {}  # what went on in another, which has its tails since then
        order = {defect: place for place, defect in enumerate(self._open)}
        met = self._met(inspected.detections)
        for number, piece in enumerate(inspected.detections):
            defect = self._begin(inspected, piece, at_mm, number)
            if before := met.get(number):
                here = sorted({_now(one, joined) for one in before}, key=order.__getitem__)
                defect = _join(here, defect, seen, joined)
            seen.setdefault(defect, []).extend([piece.tail] if piece.tail else [])
        for defect in self._open:
            if defect not in seen and (defect.is_told or defect not in joined):
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

    def _met(self, pieces: Sequence[Detection]) -> dict[int, list[_Open]]:
        """Open defects that pieces of a frame go on from, by the piece's number."""
        heads: dict[int, list[tuple[int, Span]]] = {}
        tails: dict[int, list[tuple[_Open, Span]]] = {}
        for number, piece in enumerate(pieces):
            if piece.head:
                heads.setdefault(piece.class_id, []).append((number, piece.head))
        for defect in self._open:
            tails.setdefault(defect.class_id, []).extend((defect, tail) for tail in defect.tails)
        return {
            number: [tails[class_id][place][0] for place in places]
            for class_id, begun in heads.items()
            if class_id in tails
            for (number, _), places in zip(
                begun, touching([head for _, head in begun], [tail for _, tail in tails[class_id]]), strict=True
            )
        }

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


def touching(heads: Sequence[Span], tails: Sequence[Span]) -> list[list[int]]:
    """Return for each head the places of the tails that it touches, ascending.

    One sweep from left to right: beneath a dirty lens a row has hundreds of each, and pairing all with all would cost
    more than the network.
    """
    places = sorted(range(len(tails)), key=lambda place: tails[place].left_mm)
    lefts = [tails[place].left_mm for place in places]
    met: list[list[int]] = [[] for _ in heads]
    under: list[int] = []  # tails that began left of the head and may reach it
    begun = 0
    for number in sorted(range(len(heads)), key=lambda number: heads[number].left_mm):
        head, passed = heads[number], begun
        begun = bisect_right(lefts, head.left_mm, lo=passed)
        under = [place for place in under + places[passed:begun] if tails[place].right_mm + TOUCH_MM >= head.left_mm]
        met[number] = sorted(under + places[begun : bisect_right(lefts, head.right_mm + TOUCH_MM, lo=begun)])
    return met


def _now(defect: _Open, joined: dict[_Open, _Open]) -> _Open:
    """Return what a defect has gone on in by now."""
    while (later := joined.get(defect)) is not None:
        defect = later
    return defect


def _join(met: list[_Open], piece: _Open, seen: dict[_Open, list[Span]], joined: dict[_Open, _Open]) -> _Open:
    """Make one of the open defects that meet in `piece`, and return it."""
    owner, *others = sorted(met, key=lambda defect: (not defect.is_told, defect.start_mm))
    owner.absorb(piece)
    tails = seen.setdefault(owner, [])
    for other in others:
        joined[other] = owner
        tails += seen.get(other, [])
        if other.is_told:  # its id is out: it ends here
            if other in seen:
                seen[other] = []
        else:
            owner.absorb(other)
            seen.pop(other, None)
    return owner
