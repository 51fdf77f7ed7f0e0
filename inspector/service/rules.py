"""Checks of a configuration over all rooms: contradictions, rules that can never be met, what is hardly meant.

Knows: which room checks which sections. Must not know: files, engines, sockets.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from inspector.alarms import check as alarms
from inspector.alarms.check import LineFacts
from inspector.alarms.settings import FloodSection
from inspector.archive.settings import ArchiveSection
from inspector.coil import settings as coil
from inspector.config import geometry, severity
from inspector.records.recipe import MOST_LOG_ODDS, Recipe, logistic
from inspector.service.line import Config
from inspector.strip import rolls
from inspector.strip.settings import DefectSection
from inspector.triggers import check as triggers


def faults(settings: Config, card: Recipe) -> Iterator[str]:
    """Say what is refused."""
    names = [kind.name for kind in card.classes]
    widths_mm = geometry.widths_mm(settings.camera, card)
    width_mm = max(widths_mm.values())
    line = LineFacts(
        cameras=len(settings.camera),
        width_mm=width_mm,
        rolls=tuple(roll.name for roll in settings.roll),
        severities=settings.severity,
        classes=tuple(names),
        is_graded=bool(settings.grading),
        worst=coil.worst(settings.grading),
        frame_mm=min((camera.height or card.height) * camera.mm_per_row for camera in settings.camera),
        frame_defects=max(
            settings.analysis.most_regions(card, camera.height or card.height, camera.width or card.width)
            for camera in settings.camera
        ),
    )
    stations_m = {camera.name: camera.station_m for camera in settings.camera}
    yield from alarms.faults(settings.alarm, settings.flood, line)
    yield from severity.faults(settings.severity, width_mm)
    yield from coil.unseen(settings.grading, widths_mm, settings.severity, names)
    yield from triggers.faults(settings.trigger, stations_m, width_mm, settings.severity, names)
    yield from _class_faults(settings, names, str(card))
    yield from _confidence_faults(settings, card)
    yield from _circles(settings)


def remarks(settings: Config, card: Recipe) -> Iterator[str]:
    """Say what is no fault, but hardly meant."""
    yield from alarms.remarks(settings.alarm)
    yield from geometry.remarks(settings.camera, card)
    widths_mm = geometry.widths_mm(settings.camera, card)
    yield from coil.remarks(settings.grading, widths_mm)
    yield from triggers.remarks(settings.trigger, widths_mm)
    repeat = settings.repeat
    yield from rolls.remarks(
        rolls.table(settings.roll), repeat.stretch_percent / 100, repeat.min_period_mm, repeat.max_period_mm
    )
    yield from _idle(settings)


def _idle(settings: Config) -> Iterator[str]:
    """Sections that change nothing as they stand."""
    for kind in settings.defect:
        if kind == DefectSection(kind.name):
            yield (
                f'[[defect]] "{kind.name}" changes nothing: its gaps are those of a class without such a section. '
                "Write join_along_mm or join_across_mm, or remove it."
            )
    if settings.flood != FloodSection() and not settings.alarm:
        yield "[flood] changes nothing: the file has no [[alarm]]. Write one, or remove the section."
    if settings.archive != ArchiveSection() and not settings.archive.path:
        yield "[archive] keeps nothing: archive.path is empty. Write a folder, or remove the section."


def _confidence_faults(settings: Config, card: Recipe) -> Iterator[str]:
    """Rules for defects more certain than the recipe ever is."""
    stated = float(card.probabilities.max())
    most = round(stated, 6)
    for kind in card.classes:
        highest = logistic(MOST_LOG_ODDS) if kind.certainty else stated
        asked_of = (("min_confidence", kind.min_confidence, stated), ("min_probability", kind.min_probability, highest))
        for name, least, reached in asked_of:
            if least > reached:
                yield (
                    f'recipe {card}: {name} of class "{kind.name}" is {least:g}: no such defect is ever reported, for '
                    f"the recipe states at most {reached:.7f}. Lower it in its recipe.toml."
                )
    if any(kind.certainty for kind in card.classes):
        most = 1.0  # by its size a defect may be more certain than any of its pixels
    asked = [(f'trigger "{trigger.name}"', trigger.min_confidence) for trigger in settings.trigger]
    asked += [
        (f'grading "{grading.name}": limit "{limit.name}"', limit.min_confidence)
        for grading in settings.grading
        for limit in grading.limit
    ]
    for where, least in asked:
        if least > most:
            yield (
                f"{where}: min_confidence is {least:g}: it can never decide, for recipe {card} states at most "
                f"{most:g}. Lower it."
            )


def _circles(settings: Config) -> Iterator[str]:
    """Limits on alarms that a grade raises, where it would ask about itself, and on alarms that there are not."""
    others = [alarm for alarm in settings.alarm if alarm.name not in settings.by_grade]
    but = " but those that a grade raises" if settings.alarm else ""
    for grading in settings.grading:
        for limit in grading.limit:
            if limit.counts == "alarms" and not others and not limit.classes:
                yield (
                    f'grading "{grading.name}": limit "{limit.name}" counts alarms, and the file has no '
                    f"[[alarm]]{but}: it can never decide. Write one, or remove the limit."
                )
            for name in limit.classes if limit.counts == "alarms" else ():
                if name in settings.by_grade:
                    yield (
                        f'grading "{grading.name}": limit "{limit.name}" counts alarm "{name}", which a grade raises: '
                        "it asks about itself. Take the alarm out of its classes."
                    )


def _class_faults(settings: Config, known: Sequence[str], card: str) -> Iterator[str]:
    """Rules that name a class or an alarm which cannot come: they would never decide."""
    for alarm in settings.alarm:
        for name in alarm.classes:
            if name not in known:
                yield (
                    f'alarm "{alarm.name}" watches class "{name}"; expected one of {", ".join(known)} (recipe {card}). '
                    "Correct its classes."
                )
    for kind in settings.defect:
        if kind.name not in known:
            yield (
                f'[[defect]] names class "{kind.name}"; expected one of {", ".join(known)} (recipe {card}). '
                "Correct its name."
            )
    alarm_names = [alarm.name for alarm in settings.alarm]
    asked = [(f"severity {rule.level}", rule.classes, known) for rule in settings.severity]
    asked += [(f'trigger "{trigger.name}"', trigger.classes, known) for trigger in settings.trigger]
    asked += [
        (
            f'grading "{grading.name}": limit "{limit.name}"',
            limit.classes,
            alarm_names if limit.counts == "alarms" else known,
        )
        for grading in settings.grading
        for limit in grading.limit
    ]
    for key, names, choice in asked:
        for name in names:
            if name not in choice:
                if choice is alarm_names:
                    wanted = f"one of {', '.join(choice)}" if choice else "none: the file has no [[alarm]]"
                    yield f'{key} names alarm "{name}"; expected {wanted}. Correct its classes.'
                    continue
                yield (
                    f'{key} names class "{name}"; expected one of {", ".join(choice)} (recipe {card}). '
                    "Correct its classes."
                )
