"""Which events still matter to a viewer of the line now: what a browser that comes late is given first. Pure.

Knows: which event replaces which. Must not know: browsers, sockets; what is made of the events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import deepcopy

import msgspec

from inspector.records.coil import MOST_PIECES
from inspector.records.envelope import Event
from inspector.records.events import (
    ArchiveStatus,
    CameraStatus,
    CoilRecord,
    CoilReport,
    Crowded,
    Decision,
    Defect,
    Doubtful,
    Flood,
    Health,
    JournalStatus,
    Missed,
    RecipeStatus,
    Repeat,
)

COILS, MANY = 2, 1 + MOST_PIECES
"""Coils that are shown: the one that runs, and the one before it on the same screen. More where they are short: all
that lie between two cameras, having ended under the first, go on under the next."""
MOST = 1500
"""Events of a coil that are kept, its newest: a megabyte for each browser that comes. Of many short coils there are as
many as of two."""
OF_ITSELF = ("coil", "record", "decision")
"""Kinds of which a coil has few: they are kept while others are."""


class PublishedEvent(msgspec.Struct, frozen=True):
    """An event as it was published, and its place in the journal."""

    epoch: str
    seq: int
    payload: bytes


class Dropped(msgspec.Struct):
    """What of a coil is not kept: it counts all the same."""

    defects: Counter[str] = msgspec.field(default_factory=Counter)
    """By class."""
    missed_mm: float = 0.0
    """Strip not inspected."""
    doubtful_mm: float = 0.0
    """Strip inspected and not surely seen, stretch by stretch: what two of them have in common counts twice."""
    crowded: int = 0
    """Frames with more in them than can be listed."""

    def take(self, data: object) -> None:
        """Count one more event."""
        match data:
            case Defect(name=name):
                self.defects[name] += 1
            case Missed(start_mm=start_mm, end_mm=end_mm):
                self.missed_mm += end_mm - start_mm
            case Doubtful(start_mm=start_mm, end_mm=end_mm):
                self.doubtful_mm += end_mm - start_mm
            case Crowded():
                self.crowded += 1


class KeptEvents:
    """The events that matter now."""

    def __init__(self, counted: Mapping[str, Dropped]) -> None:
        """`counted` is what came of coils, by subject, before the first event that is taken."""
        self._counted = counted
        self._standing: dict[tuple[str, ...], PublishedEvent] = {}
        """Of no coil: cameras, recipe, archive, the inspector itself."""
        self._coils: dict[str, dict[tuple[str, ...], tuple[Event, PublishedEvent]]] = {}
        """By name, the one that began last at the end."""
        self.dropped: dict[str, Dropped] = {}
        """What is not kept of the coils that are."""
        self.put_away: dict[str, None] = {}
        """Names of coils that are shown no longer, the last ones: what still comes of them makes none the newest."""

    def take(self, event: Event, sent: PublishedEvent) -> None:
        """Keep an event, in place of the one that it replaces."""
        if isinstance(event.data, msgspec.Struct) and (standing := _standing(event.data)):
            self._standing.pop(standing, None)
            self._standing[standing] = sent
        elif place := _of_coil(event):
            self._take(event, *place, sent)

    def _take(self, event: Event, coil: str, key: tuple[str, ...], sent: PublishedEvent) -> None:
        if isinstance(event.data, Repeat) and event.data.coils_since:
            return  # of a coil that went when the next of its name began
        begins = isinstance(event.data, CoilReport) and event.data.begins
        if begins:
            self._coils.pop(coil, None)  # another of the same name
            self.dropped.pop(coil, None)
        if coil not in self._coils:
            if self._is_over(coil, event.data):
                return
            self.put_away.pop(coil, None)
            if isinstance(event.data, CoilReport) and not begins:  # others have begun since
                self._coils = {coil: {}, **self._coils}
            else:
                self._coils[coil] = {}
            if not begins and event.subject in self._counted:
                self.dropped[coil] = deepcopy(self._counted[event.subject])
            while self._is_full():
                self._put_away(next(iter(self._coils)))
        if (its := self._coils.get(coil)) is None:
            return
        its.pop(key, None)
        its[key] = event, sent
        if len(its) > MOST:
            gone, _ = its.pop(next((place for place in its if place[0] not in OF_ITSELF), key))
            self.dropped.setdefault(coil, Dropped()).take(gone.data)

    def _is_over(self, coil: str, data: object) -> bool:
        """Whether an event is of a coil that is shown no longer, and does not go on under the next camera."""
        if isinstance(data, CoilRecord | Decision):
            return bool(self._coils)
        return coil in self.put_away and not (isinstance(data, CoilReport) and data.state == "started")

    def _put_away(self, coil: str) -> None:
        del self._coils[coil]
        self.dropped.pop(coil, None)
        self.put_away[coil] = None
        if len(self.put_away) > MANY:
            del self.put_away[next(iter(self.put_away))]

    def _is_full(self) -> bool:
        return len(self._coils) > MANY or (len(self._coils) > COILS and sum(map(len, self._coils.values())) >= 2 * MOST)

    def clear(self) -> None:
        """Forget all: another journal begins."""
        self._standing.clear()
        self._coils.clear()
        self.dropped.clear()
        self.put_away.clear()

    def __iter__(self) -> Iterator[PublishedEvent]:
        """Yield what is kept, in the order of the journal."""
        of_coils = (sent for kept in self._coils.values() for _, sent in kept.values())
        every = [*self._standing.values(), *of_coils]
        return iter(sorted(every, key=lambda sent: sent.seq))


def _standing(data: object) -> tuple[str, ...]:
    match data:
        case CameraStatus():
            return ("camera", data.camera, data.fault)
        case RecipeStatus():
            return ("recipe", data.camera, data.fault)
        case ArchiveStatus() | JournalStatus():
            return (data.device, data.fault)
        case Flood() | Health():
            return (str(data.__struct_config__.tag),)
    return ()


def _of_coil(event: Event) -> tuple[str, tuple[str, ...]] | None:
    """The coil's name, and what an event of it replaces; None of others."""
    match event.data:
        case Defect(coil=coil, id=name, name=kind):
            key: tuple[str, ...] = (name, kind)
        case Repeat(coil=coil, id=name):
            key = (name,)
        case CoilReport(coil=coil, state=state, begins=begins):
            key = ("begun" if begins else state,)
        case Missed(coil=coil) | Doubtful(coil=coil) | Crowded(coil=coil):
            key = (str(event.seq),)
        case CoilRecord(coil=coil) | Decision(coil=coil):
            key = ()
        case _:
            return None
    return coil, (str(event.data.__struct_config__.tag), *key)
