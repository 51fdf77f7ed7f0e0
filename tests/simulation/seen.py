"""What must hold of what was seen: every spot is in a defect, every trigger has one last word, repeats begin and end.

Knows: what a subscriber knows, and where spots truly are. Must not know: how anything works.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

from inspector.records.events import CoilReport, Data, Defect, Repeat, Trigger
from inspector.records.stages import Findings
from inspector.triggers.settings import TriggerSection
from tests.simulation.accounts import NEAR_MM, Violation
from tests.simulation.line import SPOT, spots_of

LAST_WORDS = ("due", "late", "void")


class DefectAccount:
    """Spots of inspected frames, and the defects that were reported."""

    def __init__(self) -> None:
        self._spots: dict[str, list[float]] = {}
        """By coil: where spots that were inspected begin."""
        self._defects: dict[str, dict[str, Defect]] = {}
        """By coil and id, as last reported; those that are parts of others are not there."""

    def follow(self, findings: Findings, confused: set[str]) -> None:
        """Take in what was seen in frames, and what was reported of it.

        `confused` are coils of which frames are taken for another's: what was seen there before is seen again.
        """
        for arrival, placed in zip(findings.inspected, findings.placed, strict=True):
            expected = spots_of(arrival.frame)
            if arrival.detections != expected:
                raise Violation(f"in {arrival.frame.header} lies {expected}; seen was {arrival.detections}")
            if expected:
                self._spots.setdefault(placed.coil, []).append(placed.start_mm + SPOT.start_mm)
        for event in findings.events:
            if isinstance(event, Defect):
                mine = self._defects.setdefault(event.coil, {})
                mine[event.id] = event
                if event.part_of:
                    del mine[event.id]
        reports = [event for event in findings.events if isinstance(event, CoilReport)]
        for place, report in enumerate(reports):
            goes_on = any(later.coil == report.coil for later in reports[place + 1 :])
            if report.state == "ended" and not goes_on:  # else nobody knows what was seen before that end
                self._end(report.coil, is_sure=report.coil not in confused)

    def _end(self, coil: str, *, is_sure: bool) -> None:
        """What was seen of a coil is whole now, and none of it is missing."""
        spots_mm, defects = self._spots.pop(coil, []), self._defects.pop(coil, {}).values()
        for defect in defects:
            if defect.is_partial:
                raise Violation(f"{coil} ended; {defect.id} did not")
        for at_mm in spots_mm if is_sure else ():
            end_mm = at_mm + SPOT.end_mm - SPOT.start_mm
            if not any(defect.start_mm - NEAR_MM <= at_mm and end_mm <= defect.end_mm + NEAR_MM for defect in defects):
                raise Violation(f"{coil}: a spot from {at_mm:g} mm was seen; it is in no defect of {[*defects]}")
        found_mm2, most_mm2 = sum(defect.area_mm2 for defect in defects), len(spots_mm) * SPOT.area_mm2
        if found_mm2 > most_mm2 + NEAR_MM:
            raise Violation(f"{coil}: defects of {found_mm2:g} mm2 were reported; {most_mm2:g} were seen")


class TriggerAccount:
    """For each rule and defect: armed, and then exactly one last word."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str], str] = {}
        """The last word, by rule and defect."""
        self._known: set[tuple[str, str]] = set()

    def follow(self, events: Iterable[Data], rules: Sequence[TriggerSection] = ()) -> None:
        """Take in what was reported; each defect that meets one of the `rules` has its trigger by now."""
        met = list[tuple[str, str]]()
        for event in events:
            if isinstance(event, Trigger):
                self._word((event.name, event.defect_id), event)
            elif isinstance(event, Defect) and event.part_of:
                mine = {rule for rule, defect_id in self._done if defect_id == event.id}
                self._known |= {(rule, event.part_of) for rule in mine}  # its part had it
            elif isinstance(event, Defect):
                met += [(rule.name, event.id) for rule in rules if rule.meets(event)]
        for key in met:
            if key not in self._known:
                raise Violation(f"defect {key[1]} meets the trigger {key[0]}; nothing was reported")

    def _word(self, key: tuple[str, str], event: Trigger) -> None:
        if key in self._done:
            raise Violation(f"trigger {key[0]} of {key[1]} is {event.state}; it was {self._done[key]} before")
        self._known.add(key)
        if event.state in LAST_WORDS:
            self._done[key] = event.state


class RepeatAccount:
    """Repeats: new on a coil, then more marks, and one end.

    It is looked for behind the batch: on a coil that a camera has left for the next, it is reported after that began.
    """

    def __init__(self) -> None:
        self._marks: dict[str, tuple[str, int]] = {}
        """By id: the coil of its newest mark, and its marks there."""
        self._under_way: set[str] = set()
        """Those that have not ended, on whichever coil they were reported last."""
        self._ended: set[str] = set()
        self._unsure: set[str] = set()
        """Those reported last with a batch in which a coil of that name began: of the one before, or of that one."""
        self._found: set[str] = set()
        """Those that were found with this batch: one that ends with it, too, is seen by no alarm."""

    def follow(self, events: Sequence[Data]) -> None:
        """Take in what was reported with one batch."""
        begun = {
            event.coil
            for event in events
            if isinstance(event, CoilReport) and event.state == "started" and not event.inspected_m + event.missed_m
        }
        self._found = set()
        for event in events:
            if isinstance(event, Repeat):
                self._count(event, begun)
                self._unsure = (self._unsure - {event.id}) | ({event.id} if event.coil in begun else set())
        self._marks = {name: known for name, known in self._marks.items() if known[0] not in begun}

    def compare(self, under_way: Set[str]) -> None:
        """See that what goes on is what its events leave under way: over a restart too, where no event shows it."""
        if under_way != self._under_way:
            raise Violation(f"repeats {sorted(under_way)} are under way; by their events {sorted(self._under_way)}")

    def _count(self, event: Repeat, begun: Set[str]) -> None:
        coil, before = self._marks.get(event.id, ("", 0))
        if coil != event.coil:
            before = 0
        if event.id in self._ended:
            raise Violation(f"repeat {event.id} is {event.state}; it had ended")
        self._under_way.add(event.id)
        if event.state == "new":
            self._found.add(event.id)
        if event.state == "ended":
            if event.id in self._found:
                raise Violation(f"repeat {event.id} was found and has ended with one batch")
            self._ended.add(event.id)
            self._under_way.remove(event.id)
        elif event.id in self._unsure or (before and event.coil in begun):  # of before, or of the one that begins
            pass
        elif (event.state == "new") != (before == 0):
            raise Violation(f"repeat {event.id} is {event.state} on {event.coil}; it had {before} marks there")
        elif event.marks < before:
            raise Violation(f"repeat {event.id} has {event.marks} marks on {event.coil}; it had {before}")
        self._marks[event.id] = event.coil, event.marks
