"""The report's comparison with another recipe on the same frames."""

from __future__ import annotations

from html import escape

from trainer.assessment.acceptance import AcceptanceReport
from trainer.assessment.bounds import LEAST_RESAMPLED
from trainer.assessment.comparison import TITLES, ComparedClass, Comparison, Difference
from trainer.assessment.page.formatting import NOTHING


def comparison(report: AcceptanceReport) -> str:
    """Return both recipes' figures, any class first; nothing where no other recipe was named."""
    compared = report.comparison
    if compared is None:
        return ""
    heads = "".join(f'<th colspan="3">{escape(title)}</th>' for title in TITLES.values())
    sides = "".join("<th>this</th><th>other</th><th>difference</th>" for _ in TITLES)
    rows = "".join(_row(row) for row in compared.rows)
    return (
        f"<h2>Against {escape(compared.other)}</h2><p>{_meaning(compared)}</p>"
        f'<table class="compared"><tr><th rowspan="2">class</th><th rowspan="2">true</th>{heads}</tr><tr>{sides}</tr>'
        f'{rows}</table><p class="note" style="margin-top:8px">The other\'s model: '
        f"<code>{escape(compared.other_sha256)}</code></p>"
    )


def _meaning(compared: Comparison) -> str:
    return (
        f"Both recipes on the same {compared.frames} frames, each at its own settings. For <i>any class</i> a defect "
        "is found where anything is reported there, whatever it is called; a class is compared where both recipes "
        "have one of its name. Below a difference stands the interval of 95 % of "
        f"{compared.draws} resamplings of the frames, the same for both: where it does not hold 0, chance alone does "
        f"not explain the difference. Where fewer than {LEAST_RESAMPLED} frames have what is measured there is none."
    )


def _row(row: ComparedClass) -> str:
    cells = "".join(_cells(difference) for difference in row.differences)
    return f"<tr><td>{escape(row.name)}</td><td>{row.defects}</td>{cells}</tr>"


def _cells(difference: Difference) -> str:
    own, other = difference.own, difference.other
    if own is None or other is None:
        return f"<td>{_figure(own, difference)}</td><td>{_figure(other, difference)}</td><td></td>"
    interval = ""
    if difference.low is not None and difference.high is not None:
        low, high = (_signed(bound, difference) for bound in (difference.low, difference.high))
        interval = f"<br><small>{low} to {high}</small>"
    return (
        f"<td>{_figure(own, difference)}</td><td>{_figure(other, difference)}</td>"
        f"<td>{_signed(own - other, difference)}{interval}</td>"
    )


def _figure(value: float | None, difference: Difference) -> str:
    return NOTHING if value is None else f"{value:.{_places(difference)}f}"


def _signed(value: float, difference: Difference) -> str:
    return f"{value:+.{_places(difference)}f}"


def _places(difference: Difference) -> int:
    return 0 if difference.figure == "false_per_100m" else 2
