"""What a report says in words: title, figures, grades, tables, as HTML. Pure.

Knows: the record. Must not know: the map, files, which language it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from inspector.coil.speech import Speech
from inspector.records.events import CoilRecord


def subtitle(made: CoilRecord, by: Speech) -> str:
    """When it passed, and what inspected it."""
    key = "passed" if made.ended else "passes"
    times = {"started": by.time(made.started) or by.t("unknown_time"), "ended": by.time(made.ended)}
    when = by.t(key, **times, zone=by.zone_at(made.ended or made.started))
    recipes = by.t("inspected_by", recipes=", ".join(made.recipes)) if made.recipes else ""
    lost = "" if made.is_whole else by.t("not_whole")
    return escape(f"{when}{recipes}{lost}")


def figures(made: CoilRecord, by: Speech) -> str:
    """The figures at the top."""
    metre, large = made.worst_metre, by.units.large
    of_all = by.t("all_cameras", large=large) if len({seen.camera for seen in made.coverage}) > 1 else large
    per_100 = "-" if made.per_100_m is None else by.number(f"{made.per_100_m * by.units.large_m:.1f}")
    shown = [
        (by.t("length_estimated" if made.is_estimated else "length"), by.long(made.length_m), large),
        (by.t("inspected"), by.long(made.inspected_m), of_all),
        (by.t("missed"), by.long(made.missed_m, 2), of_all),
        (by.t("defects"), by.count(made.defects), ""),
        (by.t("per_100", large=large), per_100, by.t("of_inspected")),
        (by.t("worst_metre"), by.count(metre.count), by.t("worst_at", place=f"{by.long(metre.start_m, 0)} {large}"))
        if metre
        else (by.t("worst_metre"), "-", ""),
    ]
    return "".join(
        f"<div><dt>{escape(name)}</dt><dd>{value}{f' <small>{escape(unit)}</small>' if unit else ''}</dd></div>"
        for name, value, unit in shown
    )


def grades(made: CoilRecord, by: Speech) -> str:
    """A row for each set of rules, with its reasons."""
    if not made.grades:
        return f'<section class="grades"><p class="note">{escape(by.t("ungraded"))}</p>{_decisions(made, by)}</section>'
    rows = [
        [
            escape(f"{grade.rules} {grade.version}"),
            f'<span class="chip {escape(grade.grade)}">{escape(by.known("grade", grade.grade))}</span>',
            "<ul>" + "".join(f"<li>{escape(by.reason(reason))}</li>" for reason in grade.reasons) + "</ul>"
            if grade.reasons
            else escape(by.t("within_limits")),
            by.count(grade.graded),
            by.count(grade.left_out),
            by.long(grade.missed_m, 2),
        ]
        for grade in made.grades
    ]
    head = _heads(by, "rules", "grade", "reasons", "graded", "left_out", "graded_missed")
    return f'<section class="grades">{_table(head, rows, wide=2)}{_decisions(made, by)}</section>'


def _decisions(made: CoilRecord, by: Speech) -> str:
    """What people decided, next to the machine's grades."""
    rows = []
    for decision in made.decisions:
        grade = by.t("decided", grade=by.known("grade", decision.grade))
        who = by.t(
            "decided_by", operator=decision.operator, time=by.time(decision.time), zone=by.zone_at(decision.time)
        )
        rows.append(f'<p class="decided"><b>{escape(grade)}</b> {escape(who)} {escape(decision.reason)}</p>')
    return "".join(rows)


def tables(made: CoilRecord, by: Speech) -> str:
    """Classes, cameras, what was not surely seen, repeats and alarms."""
    levels = ("minor", "major", "critical")
    classes = [
        [
            escape(sums.name),
            by.count(sums.count),
            *(by.count(sums.severities.get(level, 0)) for level in levels),
            by.number(f"{sums.per_100_m * by.units.large_m:.1f}"),
            by.area(sums.area_mm2),
            by.short(sums.longest_mm),
        ]
        for sums in made.classes
    ]
    severities = [escape(by.known("severity", level)) for level in levels]
    of_class = [*_heads(by, "class", "defects"), *severities, *_heads(by, "per_100", "area", "longest")]
    alarms = [[escape(name), str(times)] for name, times in made.alarms.items()]
    sections = [
        ("classes", of_class, classes),
        ("cameras", _heads(by, "camera", "side", "sees_across", "camera_missed"), _cameras(made, by)),
        ("doubtful", _heads(by, "camera", "why", "first_at", "last_to", "doubtful_m"), _doubtful(made, by)),
        ("repeats", _heads(by, "class", "side", "across", "each", "marks", "printed_by"), _repeats(made, by)),
        ("alarms", _heads(by, "alarm", "raised"), alarms),
    ]
    shown = [
        f'<div class="panel"><div class="bar"><h2>{escape(by.t(title))}</h2></div>{_table(head, rows)}</div>'
        for title, head, rows in sections
        if rows
    ]
    return f'<section class="tables">{"".join(shown)}</section>'


def _cameras(made: CoilRecord, by: Speech) -> list[list[str]]:
    return [
        [
            escape(seen.camera),
            escape(by.known("side", seen.side)),
            escape(by.t("span", left=by.short(seen.left_mm, 0), right=by.short(seen.right_mm, 0))),
            by.long(seen.missed_m, 2),
        ]
        for seen in made.coverage
    ]


def _doubtful(made: CoilRecord, by: Speech) -> list[list[str]]:
    return [
        [
            escape(sums.camera),
            escape(by.faults(sums.faults)),
            by.long(sums.start_m, 2),
            by.long(sums.end_m, 2),
            by.long(sums.doubtful_m, 2),
        ]
        for sums in made.doubtful
    ]


def _repeats(made: CoilRecord, by: Speech) -> list[list[str]]:
    return [
        [
            escape(repeat.name),
            escape(by.known("side", repeat.side)),
            by.short(repeat.across_mm),
            by.short(repeat.period_mm),
            str(repeat.marks),
            escape(by.t("or").join(repeat.rolls) or by.t("no_roll")),
        ]
        for repeat in made.repeats
    ]


def foot(made: CoilRecord, note: str, by: Speech) -> str:
    """What the reader should know of it."""
    parts = [by.t("positions"), by.t("crowded", count=made.crowded) if made.crowded else "", note]
    return escape(" ".join(filter(None, parts)))


def _heads(by: Speech, *keys: str) -> list[str]:
    units = {"large": by.units.large, "small": by.units.small}
    return [escape(by.t(key, **units)) for key in keys]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], wide: int = -1) -> str:
    """A table of cells that are HTML; columns whose cells are all numbers stand to the right."""
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
    return cell.replace("\u202f", "").replace(",", ".", 1).replace(".", "", 1).isdigit()
