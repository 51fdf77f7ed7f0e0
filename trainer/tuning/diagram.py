"""Reliability of a recipe's defects as a picture: share right over the probability that was reported."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from trainer.files import replace_file
from trainer.tuning.certainty import DefectReliability


def draw_reliability(shown: Sequence[DefectReliability], path: Path) -> None:
    """Draw a diagram for each, side by side, with the number of defects at each point, into a PNG."""
    figure = Figure(figsize=(3.6 * len(shown), 3.9), layout="constrained")
    FigureCanvasAgg(figure)
    for number, part in enumerate(shown, 1):
        axes = figure.add_subplot(1, len(shown), number)
        axes.plot((0, 1), (0, 1), color="0.7", linewidth=1)
        places = [cell.confidence for cell in part.bins], [cell.right for cell in part.bins]
        axes.plot(*places, marker="o", color="tab:blue")
        for cell in part.bins:
            axes.annotate(
                str(cell.pixels), (cell.confidence, cell.right), (4, -9), textcoords="offset points", fontsize=7
            )
        title = f"{part.name}, {part.defects}\nerror {part.words}"
        axes.set_title(title, fontsize=8)
        axes.set_xlabel("probability reported")
        axes.set_ylabel("share right")
        axes.set_xlim(-0.02, 1.02)
        axes.set_ylim(-0.02, 1.02)
    with replace_file(path) as temporary:
        figure.savefig(temporary, format="png")
