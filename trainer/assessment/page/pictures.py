"""What is looked at rather than read: reliability diagrams and pictures of the worst frames."""

from __future__ import annotations

import base64
from collections import Counter
from collections.abc import Iterable, Sequence
from html import escape

from inspector.words import counted
from trainer.assessment.acceptance import AcceptanceReport, BadFrame
from trainer.assessment.page import chart
from trainer.assessment.page.formatting import colour, figure, swatch

Shots = tuple[tuple[bytes, bytes, bytes], float]
"""Image, truth and found of a frame as JPEG, and its width / height."""
ALL_COLOUR = "#2d5b86"
LISTED = 3
"""Defects listed one by one in a caption."""
WIDE = 1.6  # frames this much wider than high are shown one below the other


def reliability(report: AcceptanceReport) -> str:
    """Return a diagram of each class's probabilities, and of all."""
    charts = []
    for number, trust in enumerate(report.reliability):
        kinds = report.settings if number == 0 else report.settings[number - 1 : number]
        least = min(kind.threshold for kind in kinds)
        pen = colour(number - 1) if number else ALL_COLOUR
        pixels = sum(cell.pixels for cell in trust.bins)
        words = f"{pixels / 1000:,.1f} thousand px, error {figure(trust.error)}" if pixels else "no pixel labelled"
        name = "all classes" if number == 0 else escape(trust.name)
        charts.append(
            f"<div><h3>{name} <small style='color:var(--soft);font-weight:400'>{words}</small></h3>"
            f"{chart.reliability(trust.bins, least, pen)}</div>"
        )
    trust = report.defect_reliability
    defects = sum(cell.pixels for cell in trust.bins)
    words = f"{counted(defects, 'defect')}, error {figure(trust.error)}" if defects else "no defect reported"
    charts.append(
        f"<div><h3>defects <small style='color:var(--soft);font-weight:400'>{words}</small></h3>"
        f"{chart.reliability(trust.bins, 0.0, ALL_COLOUR)}</div>"
    )
    return (
        "<h2>Is a probability what it says?</h2><p>Of the pixels labelled with some probability, the share that "
        "truly is of "
        "that class; on the dashed line the two agree, above it the network is too modest, below it too sure. Bars "
        "show how "
        "many pixels there are. Below a class's threshold (hatched) the deployed network tells no probability, so "
        "nothing is "
        "known there. The last diagram is of the defects that were reported, each with the probability of its event. "
        "Pixels of one defect are no independent trials: no bounds are given.</p>"
        f'<div class="charts">{"".join(charts)}</div>'
    )


def worst(report: AcceptanceReport, shots: Iterable[Shots]) -> str:
    """Return the worst frames as pictures, `shots` in their order."""
    names = "".join(f"<span>{swatch(number)}{escape(kind.name)}</span>" for number, kind in enumerate(report.classes))
    figures = "".join(
        _figure_of(number, frame, pictures, ratio)
        for number, (frame, (pictures, ratio)) in enumerate(zip(report.worst, shots, strict=True), 1)
    )
    return (
        f"<h2>The {len(report.worst)} worst frames</h2><p>By defects missed, confused or invented, then by wrong "
        f"pixels. A red "
        "box marks what was missed or confused (in the truth) and what was invented (in what was found); grey "
        "outlines were "
        f'held back by the recipe\'s settings.</p><p class="legend">{names}</p>{figures}'
    )


def _figure_of(number: int, frame: BadFrame, pictures: tuple[bytes, bytes, bytes], ratio: float) -> str:
    wrong = [
        f'<span class="bad">{word}</span> {escape(_listed(things))}'
        for word, things in (("missed", frame.missed), ("confused", frame.confused), ("invented", frame.invented))
        if things
    ]
    words = " · ".join([*wrong, f"{frame.wrong_px:,} px wrong"])
    images = "".join(
        f'<div><span>{name}</span><img alt="{name}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(jpeg).decode()}"></div>'
        for name, jpeg in zip(("image", "truth", "found"), pictures, strict=True)
    )
    shape = "" if ratio > WIDE else " narrow"
    return (
        f"<figure><figcaption><b>{number}. {escape(frame.name)}</b> · {words}</figcaption>"
        f'<div class="shots{shape}">{images}</div></figure>'
    )


def _listed(labels: Sequence[str]) -> str:
    """Return a few defects in full, many as counts by class; all of them stand in `report.json`."""
    if len(labels) <= LISTED:
        return "; ".join(labels)
    counts = Counter(label.partition(" of ")[0] for label in labels)
    return ", ".join(f"{count} {name}" for name, count in counts.most_common())
