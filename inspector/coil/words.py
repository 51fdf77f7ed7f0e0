"""What a report says in words: title, figures, grades, tables, as HTML. Pure.

Knows: the record. Must not know: the map, files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from inspector.coil.units import METRIC, Units
from inspector.records.events import CoilRecord
from inspector.words import counted


def subtitle(made: CoilRecord) -> str:
    """When it passed, and what inspected it."""
    when = f"{_time(made.started)} to {_time(made.ended)}" if made.ended else f"since {_time(made.started)}"
    by = f", inspected by {', '.join(made.recipes)}" if made.recipes else ""
    lost = "" if made.is_whole else ". The journal no longer holds all of it."
    return escape(f"{when} UTC{by}{lost}")


def figures(made: CoilRecord, units: Units = METRIC) -> str:
    """The figures at the top."""
    metre = made.worst_metre
    shown = [
        ("length, estimated" if made.is_estimated else "length", units.long(made.length_m), units.large),
        ("inspected", units.long(made.inspected_m), units.large),
        ("not inspected", units.long(made.missed_m, 2), units.large),
        ("defects", _thousands(made.defects), ""),
        (
            f"on 100 {units.large}",
            "-" if made.per_100_m is None else f"{made.per_100_m * units.large_m:.1f}",
            "inspected",
        ),
        (
            "worst metre" if units is METRIC else units.reworded("worst 1 m"),
            units.long(metre.start_m, 0) if metre else "-",
            f"{units.large}: {metre.count}" if metre else "",
        ),
    ]
    return "".join(
        f"<div><dt>{name}</dt><dd>{value}{f' <small>{unit}</small>' if unit else ''}</dd></div>"
        for name, value, unit in shown
    )


def grades(made: CoilRecord, units: Units = METRIC) -> str:
    """A row for each set of rules, with its reasons."""
    if not made.grades:
        words = "Not graded: the configuration has no [[grading]] rules."
        return f'<section class="grades"><p class="note">{words}</p>{_decisions(made)}</section>'
    rows = [
        [
            escape(f"{grade.rules} {grade.version}"),
            f'<span class="chip {escape(grade.grade)}">{escape(grade.grade)}</span>',
            "<ul>" + "".join(f"<li>{escape(units.reworded(reason))}</li>" for reason in grade.reasons) + "</ul>"
            if grade.reasons
            else "within all limits",
            f"{_thousands(grade.graded)}",
            f"{_thousands(grade.left_out)}",
            units.long(grade.missed_m, 2),
        ]
        for grade in made.grades
    ]
    head = ["rules", "grade", "reasons", "graded defects", "in dead zones", f"graded strip missed {units.large}"]
    return f'<section class="grades">{_table(head, rows, wide=2)}{_decisions(made)}</section>'


def _decisions(made: CoilRecord) -> str:
    """What people decided, next to the machine's grades."""
    return "".join(
        f'<p class="decided"><b>Decided: {escape(decision.grade)}</b> by {escape(decision.operator)}, '
        f"{_time(decision.time)} UTC: {escape(decision.reason)}</p>"
        for decision in made.decisions
    )


def tables(made: CoilRecord, units: Units = METRIC) -> str:
    """Classes, cameras, repeats and alarms."""
    classes = [
        [
            escape(sums.name),
            _thousands(sums.count),
            *(_thousands(sums.severities.get(level, 0)) for level in ("minor", "major", "critical")),
            f"{sums.per_100_m * units.large_m:.1f}",
            _thousands(round(sums.area_mm2 / units.small_mm**2)),
            units.short(sums.longest_mm),
        ]
        for sums in made.classes
    ]
    alarms = [[escape(name), str(times)] for name, times in made.alarms.items()]
    small, large = units.small, units.large
    of_class = [
        "class",
        "defects",
        "minor",
        "major",
        "critical",
        f"on 100 {large}",
        f"area {small}²",
        f"longest {small}",
    ]
    sections = [
        ("Classes", of_class, classes),
        ("Cameras", ["camera", "side", f"sees across {small}", f"missed {large}"], _cameras(made, units)),
        (
            "Repeating marks",
            ["class", "side", f"across {small}", f"each {small}", "marks", "printed by"],
            _repeats(made, units),
        ),
        ("Alarms", ["alarm", "raised"], alarms),
    ]
    shown = [
        f'<div class="panel"><div class="bar"><h2>{title}</h2></div>{_table(head, rows)}</div>'
        for title, head, rows in sections
        if rows
    ]
    return f'<section class="tables">{"".join(shown)}</section>'


def _cameras(made: CoilRecord, units: Units) -> list[list[str]]:
    return [
        [
            escape(seen.camera),
            escape(seen.side),
            f"{units.short(seen.left_mm, 0)} to {units.short(seen.right_mm, 0)}",
            units.long(seen.missed_m, 2),
        ]
        for seen in made.coverage
    ]


def _repeats(made: CoilRecord, units: Units) -> list[list[str]]:
    return [
        [
            escape(repeat.name),
            escape(repeat.side),
            units.short(repeat.across_mm),
            units.short(repeat.period_mm),
            str(repeat.marks),
            escape(" or ".join(repeat.rolls)) or "none that is known",
        ]
        for repeat in made.repeats
    ]


def foot(made: CoilRecord, note: str) -> str:
    """What the reader should know of the file."""
    crowded = (
        f" {counted(made.crowded, 'frame')} showed more than can be listed (cross-hatched)." if made.crowded else ""
    )
    more = f" {note}" if note else ""
    return escape(
        f"Positions from the head, across from the left.{crowded}{more} This file loads nothing from elsewhere."
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], wide: int = -1) -> str:
    """A table; columns whose cells are all numbers stand to the right."""
    rows = list(rows)
    numbers = [all(_is_number(row[place]) for row in rows) for place in range(len(head))]
    kinds = [
        ' class="wrap"' if place == wide else ' class="number"' if numbers[place] else "" for place in range(len(head))
    ]
    top = "".join(f"<th{kind}>{name}</th>" for name, kind in zip(head, kinds, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for cell, kind in zip(row, kinds, strict=True)) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _is_number(cell: str) -> bool:
    return cell.replace("\u202f", "").replace(".", "", 1).isdigit()


def _thousands(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _time(text: str) -> str:
    return text[:19].replace("T", " ") or "unknown"
