"""The report's tables: defects by class, what was taken for what, pixels under their conventions."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from inspector.records.recipe import DefectClass
from trainer.assessment.acceptance import AcceptanceReport
from trainer.assessment.defect_counts import ClassCounts
from trainer.assessment.page import chart
from trainer.assessment.page.formatting import figure, per_100m, share, swatch
from trainer.recipe.evaluate import NAMES


def defects(report: AcceptanceReport) -> str:
    """Return every class's count with its bounds, and the settings it was made at."""
    head = (
        "<tr><th>class</th><th>true</th><th>found</th><th>confused</th><th>missed</th><th>recall<br>"
        "(≥ with 95 %)</th><th>reported</th><th>right</th><th>invented</th><th>precision<br>(≥ with 95 %)</th>"
        "<th>invented per 100 m<br>(≤ with 95 %)</th></tr>"
    )
    rows = [_row(counts, swatch(number) + escape(counts.name)) for number, counts in enumerate(report.classes)]
    rows.append(_row(report.total, "all").replace("<tr>", '<tr class="total">', 1))
    settings = "; ".join(
        f"{escape(kind.name)}: outline at {kind.threshold:g}, highest confidence ≥ {kind.min_confidence:g}, "
        f"area ≥ {kind.min_area_mm2:g} mm²{_least_probability(kind)}"
        for kind in report.settings
    )
    return (
        "<h2>Defects by class</h2><p>The full bar reaches to what is sure, the faint one to what was seen.</p>"
        f'<table>{head}{"".join(rows)}</table><p class="note" style="margin-top:8px">Settings: {settings}.</p>'
    )


def _least_probability(kind: DefectClass) -> str:
    return f", probability ≥ {kind.min_probability:g}" if kind.min_probability else ""


def _row(counts: ClassCounts, name: str) -> str:
    def rate(value: float | None, bound: float | None) -> str:
        if value is None:
            return "<td><small>not measured</small></td>"
        return f"<td>{share(value)} <small>≥ {share(bound)}</small>{chart.bar(value, bound)}</td>"

    small = f" <small>({counts.small} small)</small>" if counts.small else ""
    return (
        f"<tr><td>{name}</td><td>{counts.true}{small}</td><td>{counts.found}</td>"
        f"<td>{counts.confused}</td><td>{counts.missed}</td>"
        f"{rate(counts.recall, counts.recall_at_least)}"
        f"<td>{counts.reported}</td><td>{counts.right}</td><td>{counts.false}</td>"
        f"{rate(counts.precision, counts.precision_at_least)}"
        f"<td>{per_100m(counts.false_per_100m)} <small>≤ {per_100m(counts.false_per_100m_at_most)}</small></td></tr>"
    )


def matrices(report: AcceptanceReport) -> str:
    """Return the confusion of defects and of pixels."""
    names = [counts.name for counts in report.classes]
    return (
        "<h2>What was taken for what</h2><p>Rows are the truth, columns what the recipe reported; shades are shares of "
        "the "
        'row.</p><div class="two">'
        f"<div><h3>Defects</h3>{_matrix(report.confusion, names, 'missed', 'nothing there')}</div>"
        f"<div><h3>Pixels labelled, in "
        f"thousands</h3>{_matrix(report.pixel_confusion, names, 'sound', 'sound')}</div></div>"
    )


def _matrix(counts: Sequence[Sequence[int]], names: Sequence[str], column: str, row: str) -> str:
    """Return a confusion matrix whose index 0 comes last; what is right is framed."""
    is_pixels = column == row
    order = [*range(1, len(names) + 1), 0]
    head = "".join(f"<th>{escape(name)}</th>" for name in (*names, column))
    lines = []
    for i in order:
        total = sum(counts[i])
        cells = []
        for j in order:
            if i == j == 0 and not is_pixels:
                cells.append("<td></td>")  # nothing there and nothing reported: not countable
                continue
            part = counts[i][j] / total if total else 0.0
            words = f"{counts[i][j] / 1000:,.1f}" if is_pixels else f"{counts[i][j]}"
            ground = f"rgba(45,91,134,{0.75 * part**0.7:.3f})"
            light = ";color:#fff" if part > 0.6 else ""
            mark = ' class="right"' if i == j else ""
            cells.append(f'<td{mark} style="background:{ground}{light}" title="{part:.1%}">{words}</td>')
        lines.append(f"<tr><td>{escape((row, *names)[i])}</td>{''.join(cells)}</tr>")
    return f'<table class="matrix"><tr><th></th>{head}</tr>{"".join(lines)}</table>'


def pixels(report: AcceptanceReport) -> str:
    """Return Dice and IoU in every convention."""
    keys = [(name, f"{name}", meaning) for name, meaning in NAMES.items()]
    keys += [
        (f"micro_{number}", f"micro, {counts.name}", "this class alone, pixels summed over all frames")
        for number, counts in enumerate(report.classes, 1)
    ]
    lines = "".join(
        f'<tr><td>{escape(name)}</td><td class="words">{escape(meaning)}</td>'
        + "".join(f"<td>{figure(side[f'{score}_{key}'])}</td>" for side in sides for score in ("dice", "iou"))
        + "</tr>"
        for sides in [(report.outlined, report.reported)]
        for key, name, meaning in keys
    )
    return (
        "<h2>Pixels</h2><p>Dice and IoU differ by tens of percent between conventions; each stands under its name. "
        "<i>Outlined</i> is all that the network labels, <i>reported</i> what the recipe's confidences and areas let "
        'through.</p><table><tr><th>convention</th><th class="words">meaning</th><th>Dice<br>outlined</th>'
        f"<th>IoU<br>outlined</th><th>Dice<br>reported</th><th>IoU<br>reported</th></tr>{lines}</table>"
    )
