"""One defect from the pieces it leaves in consecutive frames of one camera. Pure, stateful.

Laws: a region that touches a frame's last row stays open until the next frame of that camera shows whether it
goes on; it is reported once when it ends, and as partial before that if it is long. Minimum areas and
confidences are those of the whole, not of its pieces. No area is reported twice. Must not know: gaps, coils'
totals, other cameras.

Tolerance: pieces are joined by their extents on the two rows where frames meet, so that what lies within a
fork's prongs or `TOUCH_MM` next to it counts as part of it; and two defects that were both reported as partial
before they met remain two.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence

import msgspec

from inspector.records.events import Defect
from inspector.records.extent import Extent
from inspector.records.recipe import DefectClass
from inspector.records.stages import Detection, Inspected, Span

PARTIAL_MM = 2000.0
"""A defect that still goes on is reported each time it has grown by this, so that nobody waits for its end."""
TOUCH_MM = 2.0
"""Spans on neighbouring rows this close belong together; a few pixels, as the maps' edges are uncertain."""


class Open(msgspec.Struct, eq=False):
    """A defect under construction; positions on the coil."""

    id: str
    class_id: int
    extent: Extent
    confidence: float
    reported_mm: float
    """Position up to which it was reported as partial."""
    is_reported: bool = False
    """Whether it was reported as partial at all."""
    frames: int = 0
    tails: tuple[Span, ...] = ()
    """Where it touches the last row of the frame before."""

    def absorb(self, other: Open) -> None:
        """Grow by what turned out to be the same defect."""
        self.extent = self.extent.joined(other.extent)
        self.confidence = max(self.confidence, other.confidence)
        self.frames = max(self.frames, other.frames)


class Merge(msgspec.Struct, eq=False):
    """The open defects of one camera on one coil."""

    camera: str
    coil: str
    side: str
    open: list[Open] = []
    recipe: str = ""
    """Name and version of the one that saw what is open."""
    classes: tuple[DefectClass, ...] = ()
    """Its classes."""
    captured_ns: int = 0
    """Capture time of the last frame."""

    def add(self, inspected: Inspected, at_mm: float) -> list[Defect]:
        """Add the frame that begins at `at_mm`, directly after the one before; return what it completes."""
        reported: list[Defect] = []
        by = str(inspected.recipe), inspected.recipe.classes
        if (self.recipe, self.classes) != by:  # classes may mean something else now
            reported += self.close()
            self.recipe, self.classes = by
        seen: dict[Open, list[Span]] = {}  # open defects in this frame, and where they leave it
        joined: dict[Open, Open] = {}  # what went on in another, which has its tails since then
        order = {defect: place for place, defect in enumerate(self.open)}
        met = self._met(inspected.detections)
        for number, piece in enumerate(inspected.detections):
            defect = self._begin(inspected, piece, at_mm, number)
            if before := met.get(number):
                owners = sorted({_now(owner, joined) for owner in before}, key=order.__getitem__)
                defect = _join(owners, defect, seen, joined)
            seen.setdefault(defect, []).extend([piece.tail] if piece.tail else [])
        for defect in self.open:
            if defect not in seen and (defect.is_reported or defect not in joined):
                self._report(defect, reported, partial=False)
        self.captured_ns, self.open = inspected.frame.header.captured_ns, []
        for defect, tails in seen.items():
            defect.frames += 1
            defect.tails = tuple(tails)
            if not tails:
                self._report(defect, reported, partial=False)
                continue
            self.open.append(defect)
            if defect.extent.end_mm - defect.reported_mm >= PARTIAL_MM:
                self._report(defect, reported, partial=True)
        return reported

    def close(self) -> list[Defect]:
        """Complete everything that is open: no frame follows."""
        reported: list[Defect] = []
        for defect in self.open:
            self._report(defect, reported, partial=False)
        self.open = []
        return reported

    def _met(self, pieces: Sequence[Detection]) -> dict[int, list[Open]]:
        """Open defects that pieces of a frame go on from, by the piece's number."""
        heads: dict[int, list[tuple[int, Span]]] = {}
        tails: dict[int, list[tuple[Open, Span]]] = {}
        for number, piece in enumerate(pieces):
            if piece.head:
                heads.setdefault(piece.class_id, []).append((number, piece.head))
        for defect in self.open:
            tails.setdefault(defect.class_id, []).extend((defect, tail) for tail in defect.tails)
        return {
            number: [tails[class_id][place][0] for place in places]
            for class_id, begun in heads.items()
            if class_id in tails
            for (number, _), places in zip(
                begun, touching([head for _, head in begun], [tail for _, tail in tails[class_id]]), strict=True
            )
        }

    def _begin(self, inspected: Inspected, piece: Detection, at_mm: float, number: int) -> Open:
        header, extent = inspected.frame.header, piece.moved(at_mm)
        return Open(
            id=f"{self.coil}/{self.camera}/{header.boot}/{header.number}/{number}",
            class_id=piece.class_id,
            extent=extent,
            confidence=piece.confidence,
            reported_mm=extent.start_mm,
        )

    def _report(self, defect: Open, reported: list[Defect], *, partial: bool) -> None:
        """Report a defect, as last seen in the last frame, if it is large and sure enough."""
        kind = self.classes[defect.class_id - 1]
        if not kind.reports(defect.extent.area_mm2, defect.confidence):
            return
        defect.is_reported, defect.reported_mm = True, defect.extent.end_mm
        reported.append(
            Defect(
                **defect.extent.rounded(),
                id=defect.id,
                name=kind.name,
                camera=self.camera,
                coil=self.coil,
                side=self.side,
                confidence=round(defect.confidence, 3),
                is_partial=partial,
                frames=defect.frames,
                recipe=self.recipe,
                captured_ns=self.captured_ns,
            )
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


def _now(defect: Open, joined: dict[Open, Open]) -> Open:
    """Return what a defect has gone on in by now."""
    while (later := joined.get(defect)) is not None:
        defect = later
    return defect


def _join(met: list[Open], piece: Open, seen: dict[Open, list[Span]], joined: dict[Open, Open]) -> Open:
    """Make one of the open defects that meet in `piece`, and return it."""
    owner, *others = sorted(met, key=lambda defect: (not defect.is_reported, defect.extent.start_mm))
    owner.absorb(piece)
    tails = seen.setdefault(owner, [])
    for other in others:
        joined[other] = owner
        tails += seen.get(other, [])
        if other.is_reported:  # its id is out: it ends here
            if other in seen:
                seen[other] = []
        else:
            owner.absorb(other)
            seen.pop(other, None)
    return owner
