"""An acceptance report as one HTML file that needs nothing else: pictures, charts and style are in it.

Knows the report and how it reads; counts nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape
from pathlib import Path

from inspector.words import counted
from trainer.assessment.acceptance import AcceptanceReport
from trainer.assessment.page.comparison import comparison
from trainer.assessment.page.formatting import figure, per_100m, share
from trainer.assessment.page.pictures import Shots, reliability, worst
from trainer.assessment.page.tables import defects, matrices, pixels

CSS = Path(__file__).with_name("page.css")
COUNTING = (
    "Every frame is assessed by itself, by the engine and the rules that run on the line. A true defect is a "
    "connected region "
    "of one class in the labels, however small. It is <b>found</b> when a reported defect of its class overlaps its "
    "box or "
    "lies within 5 mm of it (or 16 px, where those are less, or 4 px, where those are more), <b>confused</b> when only "
    "defects of other classes do, else "
    "<b>missed</b>. A reported "
    "defect "
    "is <b>right</b> when it overlaps a true one of its class, and <b>invented</b> when it overlaps none of any "
    "class. A "
    "defect that crosses frames counts in each. Bounds are one-sided and exact, at 95 % confidence: Clopper-Pearson "
    "for "
    "recall and precision, Poisson for invented defects. They take defects for independent; several in one frame "
    "are less "
    "than that, and the bounds then a little too tight."
)


def write(report: AcceptanceReport, shots: Iterable[Shots]) -> str:
    """Return the page; `shots` are those of the worst frames, in order."""
    body = "".join(
        (
            _head(report),
            _cards(report),
            _basis(report),
            defects(report),
            comparison(report),
            matrices(report),
            pixels(report),
            reliability(report),
            worst(report, shots),
            f"<h2>How it was counted</h2><p>{COUNTING}</p>",
            _signature(),
        )
    )
    title = escape(f"Acceptance of {report.basis.recipe}")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{CSS.read_text(encoding='utf-8')}</style></head><body>{body}</body></html>\n"
    )


def _head(report: AcceptanceReport) -> str:
    basis = report.basis
    return (
        f"<header><div><h1>Acceptance report</h1><p>Surface inspection recipe, assessed on {basis.frames} labelled "
        f"frames, "
        f'{basis.metres:.1f} m of strip</p></div><div class="stamp"><b>{escape(basis.recipe)}</b><br>'
        f"{escape(basis.assessed_at[:10])}</div></header>"
    )


def _cards(report: AcceptanceReport) -> str:
    total, dice = report.total, report.outlined["dice_micro"]
    cards = (
        (
            "Recall",
            share(total.recall),
            f"≥ {share(total.recall_at_least)} · {total.found} of {counted(total.true, 'defect')}",
        ),
        (
            "Precision",
            share(total.precision),
            f"≥ {share(total.precision_at_least)} · {total.right} of {total.reported} reported",
        ),
        (
            "Invented per 100 m",
            per_100m(total.false_per_100m),
            f"≤ {per_100m(total.false_per_100m_at_most)} · {total.false} on {report.basis.metres:.1f} m",
        ),
        ("Dice of pixels (micro)", figure(dice), "summed over all frames and classes"),
    )
    return (
        '<div class="cards">'
        + "".join(
            f'<div class="card"><div class="name">{name}</div><div class="value">{value}</div>'
            f'<div class="bound">{bound}</div></div>'
            for name, value, bound in cards
        )
        + '</div><p class="note" style="margin-top:8px">Bounds hold with 95 % confidence.</p>'
    )


def _basis(report: AcceptanceReport) -> str:
    basis = report.basis
    rows = (
        ("Recipe", f"{escape(basis.recipe)}, {escape(basis.encoder)}, {basis.precision}"),
        ("sha256 of the model", f"<code>{basis.sha256}</code>"),
        ("Trained on", escape(basis.trained_on)),
        ("Settings chosen on", escape(basis.settings_chosen_on or "nothing that the recipe tells of")),
        ("Assessed on", f"<code>{escape(basis.data)}</code>"),
        ("Frames, strip", f"{counted(basis.frames, 'frame')}, {basis.metres:.2f} m at {escape(basis.scale)}"),
        ("True defects", f"{basis.defects}"),
        ("Engine, software", f"{escape(basis.engine)}, version {escape(basis.version)}"),
        ("Assessed at", escape(basis.assessed_at)),
    )
    lines = "".join(f"<tr><td>{name}</td><td>{value}</td></tr>" for name, value in rows)
    return (
        "<h2>What it rests on</h2><p>The figures say something of strip like this, and nothing of other strip; they "
        "count "
        f"only if none of these frames taught the recipe or chose its settings.</p><table "
        f'class="basis">{lines}</table>'
    )


def _signature() -> str:
    return (
        '<h2>Verdict</h2><p class="verdict"><span><i></i>accepted</span><span><i></i>accepted with conditions</span>'
        "<span><i></i>rejected</span></p>"
        '<div class="sign"><div>Name</div><div>Date</div><div>Signature</div></div>'
    )
