"""One defect from the pieces it leaves: over frames, tiles and cameras of one side of a coil. Pure, stateful.

Laws: two pieces of one class are one defect where pixels of theirs lie no farther apart than the class's gap, along
and across; what lies farther apart is joined only by what lies between. A defect is reported as soon as it is large
and sure enough (`new`), while it grows (`update`), and once when no later frame can touch it (`end`). Minimum areas,
confidences and probabilities are those of the whole: where a class asks for a probability, a defect is first reported
at its end, or once the strip has gone on 2 m from its begin. Two that were reported before they met become one: the
other ends as `part_of` it. What is kept of an open defect is bounded, however long it is.

Knows: places on the coil. Must not know: gaps in the strip, coils' totals.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

import msgspec
import numpy as np

from inspector.config.geometry import ROUNDING_MM
from inspector.config.joins import USUAL, JoinGap
from inspector.config.severity import SeveritySection, severity
from inspector.records.events import Defect, Phase
from inspector.records.extent import Extent
from inspector.records.recipe import DefectClass
from inspector.records.stages import Detection, Inspected, Outline, piece_id
from inspector.strip.edges import UNKNOWN, EdgeDistance, from_left, from_right
from inspector.strip.touching import Boxes, Touchable, connected

UPDATE_MM = 2000.0
"""A defect that goes on is reported each time it has grown by this, or doubled its area: its end is not waited for."""
LAG_MM = 20_000.0
"""A camera that is this far behind another on its side is not waited for."""
MOST_OPEN = 4096
"""Defects open at once; beyond it the one that ends first is ended. The field's heaviest coils have 100 in a metre."""
MOST_BOXES = 4096
"""Boxes that are kept of an open defect, the newest: each is one row of it."""
NOTHING_UNCONFIRMED: Mapping[str, float] = {}
FEW_PAIRS = 4000
"""Pieces and what they may touch, of all classes: with fewer pairs the time goes into calls, not into pairs."""


class Joins(msgspec.Struct, frozen=True):
    """What the user says of defects: gaps by class, and how severe they are."""

    gaps: dict[str, JoinGap] = {}
    severities: tuple[SeveritySection, ...] = ()

    def gap(self, name: str) -> JoinGap:
        """The gap of a class."""
        return self.gaps.get(name, USUAL)


class Open(msgspec.Struct, eq=False):
    """A defect under construction; positions on the coil."""

    id: str
    class_id: int
    camera: str
    """That saw it first."""
    extent: Extent
    confidence: float
    """Of its most certain pixel."""
    captured_ns: int
    frames: int = 1
    last: dict[str, str] = {}
    """The frame that each camera saw it in last."""
    near: bytes = b""
    """Boxes that a later frame may touch: (R, 4) float64."""
    edge: EdgeDistance = UNKNOWN
    """From the strip's edge on the operator's side."""
    far_edge: EdgeDistance = UNKNOWN
    """From the other one."""
    is_estimated: bool = False
    is_reported: bool = False
    reported_mm: float = 0.0
    """Its end when it was reported last."""
    reported_mm2: float = 0.0

    def boxes(self) -> Boxes:
        """Return `near` as an array; all of it where none is kept, as a state of 0.3 may say."""
        if not self.near:
            box = self.extent
            return np.array([[box.start_mm, box.end_mm, box.left_mm, box.right_mm]])
        return np.frombuffer(self.near).reshape(-1, 4)

    def absorb(self, other: Open) -> None:
        """Grow by what turned out to be the same defect."""
        is_apart = other.extent.start_mm >= self.extent.end_mm or self.extent.start_mm >= other.extent.end_mm
        fresh = any(self.last.get(camera) != frame for camera, frame in other.last.items())
        if other.frames == 1:
            self.frames += fresh
        else:
            self.frames = self.frames + other.frames if is_apart else max(self.frames, other.frames)
        self.extent = self.extent.joined(other.extent)
        self.confidence = max(self.confidence, other.confidence)
        self.captured_ns = max(self.captured_ns, other.captured_ns)
        self.last = {**other.last, **self.last} if not fresh else {**self.last, **other.last}
        self.near += other.near
        self.is_estimated |= other.is_estimated
        self.edge, self.far_edge = self.edge.joined(other.edge), self.far_edge.joined(other.far_edge)

    def keep(self, from_mm: float) -> None:
        """Forget boxes that end before `from_mm`, but for the farthest."""
        boxes = self.boxes()
        self.near = boxes[boxes[:, 1] >= min(from_mm, boxes[:, 1].max())][-MOST_BOXES:].tobytes()

    @property
    def has_grown(self) -> bool:
        """Whether it is time to report it again."""
        return self.extent.end_mm - self.reported_mm >= UPDATE_MM or self.extent.area_mm2 >= 2 * self.reported_mm2


class Assembly(msgspec.Struct, eq=False):
    """The open defects of one side of one coil."""

    coil: str
    side: str
    reached_mm: dict[str, float]
    """How far each camera that is expected on this side has come."""
    open: list[Open] = []
    recipe: str = ""
    """Name and version of the one that saw what is open."""
    classes: tuple[DefectClass, ...] = ()
    """Its classes."""

    def add(
        self,
        inspected: Inspected,
        at_mm: float,
        end_mm: float,
        joins: Joins,
        *,
        joined: dict[str, str] | None = None,
        known: Collection[int] = (),
    ) -> list[Defect]:
        """Add a frame that lies from `at_mm` to `end_mm`; return what there is to report.

        `joined` receives what became a part of another, by their ids; `known` are places of detections to leave out.
        """
        joined = {} if joined is None else joined
        reported: list[Defect] = []
        by = str(inspected.recipe), inspected.recipe.classes
        if (self.recipe, self.classes) != by:  # classes may mean something else now
            reported += self.flush(joins)
            self.recipe, self.classes = by
        pieces = [self._begin(inspected, piece, at_mm, number) for number, piece in enumerate(inspected.detections)]
        moved = np.array((at_mm, at_mm, 0.0, 0.0))
        for piece, boxes in zip(pieces, _boxes(inspected.detections, inspected.outline), strict=True):
            piece.near = (boxes + moved).tobytes()
        fresh = [piece for number, piece in enumerate(pieces) if number not in known]
        touched: list[Open] = []
        for group in _together(fresh, len(self.open)):
            touched += self._join(group, joins, reported, joined)
        reported += self.reach(inspected.frame.header.camera, end_mm, joins)
        still = {id(defect) for defect in self.open}
        for defect in touched:
            if id(defect) in still:
                defect.keep(self.settled_mm() - self._gap(defect, joins).along_mm)
                if defect.has_grown if defect.is_reported else not self._asks(defect):
                    self._report(defect, "update" if defect.is_reported else "new", joins, reported)
        return reported

    def reach(self, camera: str, to_mm: float, joins: Joins) -> list[Defect]:
        """Note how far a camera has come; end what no later frame can touch, report what was waited for long enough."""
        self.reached_mm[camera] = to_mm
        settled_mm = self.settled_mm()
        limits_mm = {kind.id: settled_mm - joins.gap(kind.name).along_mm - ROUNDING_MM for kind in self.classes}
        done = [defect for defect in self.open if defect.extent.end_mm < limits_mm[defect.class_id]]
        if (over := len(self.open) - len(done) - MOST_OPEN) > 0:
            rest = [defect for defect in self.open if defect.extent.end_mm >= limits_mm[defect.class_id]]
            done += sorted(rest, key=lambda defect: defect.extent.end_mm)[:over]
        reported = self._end(done, joins) if done else []
        for defect in self.open:
            if not defect.is_reported and self._asks(defect) and self._is_long_ago(defect):
                self._report(defect, "new", joins, reported)
        return reported

    def leave(self, camera: str, joins: Joins) -> list[Defect]:
        """Wait for a camera no longer."""
        self.reached_mm.pop(camera, None)
        if not self.reached_mm:
            return self.flush(joins)
        remaining = next(iter(self.reached_mm))
        return self.reach(remaining, self.reached_mm[remaining], joins)

    def flush(self, joins: Joins) -> list[Defect]:
        """End everything that is open: nothing that follows belongs to it."""
        return self._end(self.open, joins)

    def settled_mm(self, unconfirmed_mm: Mapping[str, float] = NOTHING_UNCONFIRMED) -> float:
        """Up to here no frame is still to come; `unconfirmed_mm` is what of each camera's way rests on one frame."""
        reached_mm = [mm - unconfirmed_mm.get(camera, 0.0) for camera, mm in self.reached_mm.items()]
        return max(min(reached_mm), max(reached_mm) - LAG_MM)

    # --- the parts of it ------------------------------------------------------------------------------------

    def _asks(self, defect: Open) -> bool:
        """Whether its class asks for a probability, which a part does not have."""
        return bool(self.classes[defect.class_id - 1].min_probability)

    def _is_long_ago(self, defect: Open) -> bool:
        """Whether those that see it have come so far from its begin that its end is not waited for."""
        reached_mm = [self.reached_mm[camera] for camera in defect.last if camera in self.reached_mm]
        return max(reached_mm or self.reached_mm.values()) - defect.extent.start_mm >= UPDATE_MM

    def _gap(self, defect: Open, joins: Joins) -> JoinGap:
        return joins.gap(self.classes[defect.class_id - 1].name)

    def _begin(self, inspected: Inspected, piece: Detection, at_mm: float, number: int) -> Open:
        header, edge_mm, far_edge_mm = inspected.frame.header, inspected.edge_mm, inspected.far_edge_mm
        return Open(
            id=piece_id(self.coil, header, number),
            class_id=piece.class_id,
            camera=header.camera,
            extent=piece.moved(at_mm),
            confidence=piece.confidence,
            captured_ns=header.captured_ns,
            last={header.camera: f"{header.boot}/{header.number}"},
            edge=from_left(edge_mm, piece.left_mm, piece.right_mm),
            far_edge=from_right(far_edge_mm, piece.left_mm, piece.right_mm),
            is_estimated=header.is_estimated,
        )

    def _join(self, pieces: list[Open], joins: Joins, reported: list[Defect], joined: dict[str, str]) -> list[Open]:
        """Join a frame's pieces with each other and with what is open; return what they became, class by class."""
        kinds = {piece.class_id for piece in pieces}
        members = [defect for defect in self.open if defect.class_id in kinds]
        begun = len(members)
        members += pieces
        gaps = {kind: joins.gap(self.classes[kind - 1].name) for kind in kinds}
        shapes = [Touchable(member.class_id, member.boxes(), *gaps[member.class_id].reach_mm) for member in members]
        groups = connected(shapes, begun)
        groups.sort(key=lambda group: members[group[0]].class_id)
        touched = []
        for group in groups:
            owner, *parts = sorted((members[place] for place in group), key=_rank)
            for part in parts:
                owner.absorb(part)
                joined[part.id] = owner.id
                if part.is_reported:
                    self._report(part, "end", joins, reported, part_of=owner.id)
            touched.append(owner)
        gone = {id(members[place]) for group in groups for place in group if place < begun}
        self.open = [defect for defect in self.open if id(defect) not in gone] + touched
        return touched

    def _end(self, done: list[Open], joins: Joins) -> list[Defect]:
        reported: list[Defect] = []
        for defect in sorted(done, key=lambda defect: (defect.extent.start_mm, defect.extent.left_mm, defect.id)):
            self._report(defect, "end", joins, reported)
        gone = {id(defect) for defect in done}
        self.open = [defect for defect in self.open if id(defect) not in gone]
        return reported

    def _report(self, defect: Open, phase: Phase, joins: Joins, reported: list[Defect], *, part_of: str = "") -> None:
        """Report a defect, if it is large and sure enough, or has been reported before it became less probable."""
        kind, extent = self.classes[defect.class_id - 1], defect.extent
        if not (defect.is_reported or kind.reports(extent.area_mm2, extent.length_mm, defect.confidence)):
            return
        confidence = kind.probability(extent.area_mm2, extent.length_mm, defect.confidence)
        defect.is_reported = True
        defect.reported_mm, defect.reported_mm2 = extent.end_mm, extent.area_mm2
        shown = extent.rounded()
        reported.append(
            Defect(
                **shown,
                id=defect.id,
                name=kind.name,
                camera=defect.camera,
                coil=self.coil,
                side=self.side,
                confidence=round(confidence, 6),
                is_partial=phase != "end",
                phase=phase,
                part_of=part_of,
                severity=severity(joins.severities, kind.name, Extent(**shown)),  # as a grade sees it
                edge_mm=defect.edge.near_mm,
                far_edge_mm=defect.far_edge.near_mm,
                reach_mm=defect.edge.reach_mm,
                far_reach_mm=defect.far_edge.reach_mm,
                is_estimated=defect.is_estimated,
                frames=defect.frames,
                recipe=self.recipe,
                captured_ns=defect.captured_ns,
            )
        )


def _rank(defect: Open) -> tuple[bool, float, str]:
    """Which of those that meet gives the name: one that is out, then the earliest."""
    return not defect.is_reported, defect.extent.start_mm, defect.id


def _boxes(detections: Sequence[Detection], outline: Outline | None) -> Iterator[Boxes]:
    """Boxes of each detection, from the frame's first row."""
    if outline is None:
        for piece in detections:
            yield np.array([[piece.start_mm, piece.end_mm, piece.left_mm, piece.right_mm]])
        return
    order = np.argsort(outline.of, kind="stable")
    ends = np.searchsorted(outline.of[order], np.arange(1, len(detections)))
    yield from np.split(outline.boxes_mm[order], ends)


def _together(pieces: list[Open], begun: int) -> Iterable[list[Open]]:
    """Part pieces into those that are looked at at once: all of them where there are few pairs, else class by class."""
    if len(pieces) * (begun + len(pieces)) <= FEW_PAIRS:
        return [pieces] if pieces else []
    by_class: dict[int, list[Open]] = {}
    for piece in pieces:
        by_class.setdefault(piece.class_id, []).append(piece)
    return [by_class[kind] for kind in sorted(by_class)]
