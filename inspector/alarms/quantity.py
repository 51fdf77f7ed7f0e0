"""What a rule watches, from the findings of each batch: one number, compared with the rule's limit. Pure, stateful.

Along the coil each rule counts for itself, from when it is there; of what stands it reads what is kept for all of them.

Knows: which events each kind of rule reads, and how they add up. Must not know: limits' delays, states, operators.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence

import msgspec

from inspector.alarms.settings import OF_DEFECTS, WITHIN, AlarmSection
from inspector.alarms.standing import KeptLevel, LastEvent, StandingReports
from inspector.alarms.window import BEFORE, KEPT_ITEMS, KeptWindow, LaneWindow, StripWindow, WindowItem
from inspector.config.severity import SEVERITIES
from inspector.records.events import CoilReport, Crowded, Data, Defect, Missed
from inspector.records.stages import Findings
from inspector.words import counted

DIGITS = 9
"""Of a sum, which floats miss by less: 0.7 under one camera and 0.1 under another reach a limit of 0.8."""


class KeptQuantity(msgspec.Struct, frozen=True, array_like=True):
    """What a quantity has to know after a restart."""

    window: KeptWindow
    levels: dict[str, KeptLevel]
    """Of 0.3, where each rule kept what stands for itself; empty since."""
    source: LastEvent


class Noted:
    """What a batch has for the rules, sorted once for all of them.

    With what lies on the strip is noted how many coils of that name begin behind it.
    """

    def __init__(self, findings: Findings) -> None:
        self.findings = findings
        self.defects: list[tuple[Defect, WindowItem, int]] = []
        self.of_class: dict[str, list[tuple[Defect, WindowItem, int]]] = {}
        """The same by class."""
        self.stretches: list[tuple[Missed | Crowded, int]] = []
        self.others: list[Data] = []
        reports = (event for event in findings.events if isinstance(event, CoilReport))
        self.begun = Counter(report.coil for report in reports if report.begins)
        """Coils that begin, by name."""
        to_begin = dict(self.begun)
        for event in findings.events:
            match event:
                case Defect():
                    behind = to_begin.get(event.coil, 0)
                    defect = event, _item(event, behind), behind
                    self.defects.append(defect)
                    self.of_class.setdefault(event.name, []).append(defect)
                case Missed() | Crowded():
                    self.stretches.append((event, to_begin.get(event.coil, 0)))
                case _:
                    self.others.append(event)
                    if isinstance(event, CoilReport) and event.begins:
                        to_begin[event.coil] -= 1

    def of(self, classes: tuple[str, ...]) -> Sequence[tuple[Defect, WindowItem, int]]:
        """Defects of these classes, none: of all."""
        if len(classes) == 1:
            return self.of_class.get(classes[0], ())
        return [defect for defect in self.defects if not classes or defect[1].name in classes]


class Quantity:
    """The number that one rule watches."""

    def __init__(self, section: AlarmSection, standing: StandingReports) -> None:
        """`standing` is that of all rules: whoever has it lets it follow what was found, before any rule."""
        self._standing = standing
        self._seen: int | None = None
        """Which change of what stands was looked at last, and the highest value then."""
        self._most = 0.0
        self._follow(section)
        self.window = _window(section)
        self.source = LastEvent()

    @property
    def value(self) -> float:
        """Its value now."""
        section, window = self.section, self.window
        amounts: dict[str, Callable[[LaneWindow], float]] = {
            "defects": lambda lane: lane.count,
            "crowded": lambda lane: lane.count,
            "density": lambda lane: lane.count / section.within_m,
            "area": lambda lane: lane.area_milli / 1000,
            "missed": lambda lane: window.missed_mm(lane) / 1000,
        }
        if section.kind in amounts:
            return round(window.most(amounts[section.kind]), DIGITS)
        self._look()
        return self._most

    def follow(self, noted: Noted, *, is_awaited: bool = False) -> None:
        """Take in what was found; `is_awaited`: whether coils that have left before still count."""
        section = self.section
        self.source = self.source.behind(noted.begun[self.source.coil])
        if section.kind in WITHIN:
            self.window.move(noted.findings, noted.begun, is_awaited=is_awaited)
        if section.kind in OF_DEFECTS:
            for defect, item, behind in noted.of(section.classes):
                if defect.part_of:  # the other one has its place now
                    self.window.drop(item.id)
                elif self._matches(item) and self.window.add(item):
                    self.source = LastEvent(defect.coil, defect.camera, defect.id, behind)
        elif section.kind in WITHIN:
            for event, behind in noted.stretches:
                if self._is_of_kind(event):
                    self.window.add(_stretch(event, behind))
                    self.source = LastEvent(event.coil, event.camera, "", behind)
        else:
            self._look()

    def rest_mm(self) -> float:
        """How far the strip may come before it is less; endless for what stands until it is reported otherwise."""
        return self.window.rest_mm() if self.section.kind in WITHIN else math.inf

    def replace(self, section: AlarmSection) -> None:
        """Follow another rule from now on: what it leaves out counts no more."""
        before = self.section
        self._follow(section)
        if section.kind != before.kind:
            self.window = _window(section)
        elif section.within_m != before.within_m:
            self.window = self.window.of_length(section.within_m * 1000)
        if section.kind in OF_DEFECTS:
            self.window.keep(self._matches)

    def kept(self) -> KeptQuantity:
        """What is kept for a restart."""
        # More than a rule's count are of no consequence, but are shown.
        most = max(self.section.count, KEPT_ITEMS) if self.section.kind == "defects" else len(self.window.items)
        return KeptQuantity(self.window.kept(max(most, 1)), {}, self.source)

    def go_on(self, kept: KeptQuantity) -> None:
        """Take up what was kept."""
        self.window.go_on(kept.window)
        self.source = kept.source

    def words(self) -> str:
        """What is measured, for people."""
        section, value = self.section, self.value
        if section.kind not in WITHIN:
            levels = [level for level in self._standing.levels(section) if 0 < level.value == value]
            return levels[-1].words if levels else "no longer reported"
        amounts = {
            "defects": lambda: counted(round(value), "defect"),
            "crowded": lambda: counted(round(value), "crowded frame"),
            "density": lambda: f"{value:.3g} defects a metre",
            "area": lambda: f"{value:.1f} mm² of defects",
            "missed": lambda: f"{value:.2f} m of strip missed",
        }
        return f"{amounts[section.kind]()} {self._where()}"

    def words_of_return(self) -> str:
        """What is no longer so, for people."""
        section = self.section
        if section.kind == "defects" and section.count == 1:
            return f"no defect {self._where()}"
        if section.kind == "defects" and not section.deadband:
            return f"fewer than {section.count} defects {self._where()}"
        return self.words()

    def _where(self) -> str:
        section = self.section
        kinds = f" ({' or '.join(section.classes)})" if section.classes else ""
        return f"within {section.within_m:g} m{kinds}"

    def _look(self) -> None:
        """See what stands of what the rule asks about, where any of it has changed."""
        if self._seen == self._standing.changes:
            return
        self._seen = self._standing.changes
        levels = [*self._standing.levels(self.section)]
        self._most = max((level.value for level in levels), default=0.0)
        for level in reversed(levels):
            if level.value >= self.section.limit:
                self.source = level.source
                break

    def _follow(self, section: AlarmSection) -> None:
        """Take the limits of a rule, with which each defect is compared."""
        self.section = section
        self._seen = None
        self._least_rank = SEVERITIES.index(section.min_severity)
        self._least_milli = round(section.min_area_mm2 * 1000)

    # --- along the coil ---------------------------------------------------------------------------------------

    def _is_of_kind(self, event: Missed | Crowded) -> bool:
        if isinstance(event, Missed):
            return self.section.kind == "missed" and event.end_mm + event.at_most_mm > event.start_mm
        classes = self.section.classes
        return self.section.kind == "crowded" and (not classes or not event.regions.keys().isdisjoint(classes))

    def _matches(self, item: WindowItem) -> bool:
        section = self.section
        if section.kind not in OF_DEFECTS:
            return True
        return (
            (not section.classes or item.name in section.classes)
            and item.severity >= self._least_rank
            and item.area_milli >= self._least_milli
            and item.length_mm >= section.min_length_mm
            and item.width_mm >= section.min_width_mm
        )


def _window(section: AlarmSection) -> StripWindow:
    """The window of a rule, still empty."""
    return StripWindow(section.within_m * 1000, sums_length=section.kind == "missed")


def _item(defect: Defect, behind: int) -> WindowItem:
    """What of a defect counts; `behind`: how many coils of its coil's name begin behind it."""
    return WindowItem(
        id=BEFORE * behind + defect.id,
        coil=BEFORE * behind + defect.coil,
        camera=defect.camera,
        start_mm=defect.start_mm,
        end_mm=defect.end_mm,
        name=defect.name,
        severity=_rank(defect),
        width_mm=defect.width_mm,
        area_milli=round(defect.area_mm2 * 1000),
        is_open=defect.is_partial,
    )


def _stretch(event: Missed | Crowded, behind: int) -> WindowItem:
    """The same of missed strip, or of a frame with too much in it: strip that may have been missed counts, too."""
    mark = BEFORE * behind
    name = f"{mark}{event.camera} {event.start_mm} {event.end_mm} {event.coil}"
    more_mm = event.at_most_mm if isinstance(event, Missed) else 0.0
    return WindowItem(name, mark + event.coil, event.camera, event.start_mm, event.end_mm + more_mm)


def _rank(defect: Defect) -> int:
    """How severe a defect is; one without a rating is `minor`."""
    severity = getattr(defect, "severity", "")
    return SEVERITIES.index(severity) if severity in SEVERITIES else 0
