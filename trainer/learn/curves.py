"""A run's course as one picture: losses, Dice by convention, Dice by class. Knows figures, not who made them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from trainer.metrics import CONVENTIONS

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe & Ito: distinct for the colour-blind too
INK, FAINT = "#333333", "#dddddd"
APART = 0.045  # of the axis' height: names closer than that would lie on each other
MOST_CLASSES = 12

Lines = Sequence[Mapping[str, float | None]]


def draw_curves(lines: Lines, class_names: Sequence[str], path: Path) -> None:
    """Write the picture of a run's epochs, one mapping each, as PNG; a figure that is None or absent leaves a gap."""
    figure = Figure(figsize=(15, 4.8), dpi=100, layout="constrained")
    canvas = FigureCanvasAgg(figure)  # no pyplot: it would keep figures, and look for a display
    losses, conventions, classes = figure.subplots(1, 3)
    _draw(losses, lines, {"training": "loss", "validation": "validation_loss"}, "Loss", (0, None))
    _draw(conventions, lines, {name: f"dice_{name}" for name in CONVENTIONS}, "Dice by convention", (0, 1))
    by_class = _weakest({f"{i} {name}": f"dice_micro_{i}" for i, name in enumerate(class_names, 1)}, lines[-1])
    _draw(classes, lines, by_class, "Dice by class (micro)", (0, 1))
    if best := _best(lines):
        epoch, score = best
        conventions.axvline(epoch, color=FAINT, linewidth=1, zorder=0)
        classes.axvline(epoch, color=FAINT, linewidth=1, zorder=0)
        figure.suptitle(f"best.pt: epoch {epoch:g}, Dice micro_mean {score:.4f}", x=0.01, ha="left", color=INK)
    # savefig would draw everything twice.
    canvas.print_png(path)  # type: ignore[no-untyped-call]  # matplotlib leaves it untyped


def _weakest(by_class: Mapping[str, str], last: Mapping[str, float | None]) -> dict[str, str]:
    """Return the classes with room in the picture, those with the lowest figures; in order."""
    figures = {label: 1.0 if (value := last.get(key)) is None else value for label, key in by_class.items()}
    shown = sorted(figures, key=figures.__getitem__)[:MOST_CLASSES]
    return {label: key for label, key in by_class.items() if label in shown}


def _draw(axes: Axes, lines: Lines, curves: Mapping[str, str], title: str, span: tuple[float, float | None]) -> None:
    ends = []
    for (label, key), colour in zip(curves.items(), cycle(COLOURS), strict=False):
        points = [(line["epoch"], line.get(key)) for line in lines]
        marker = "o" if len(lines) < 30 else ""
        x, y = zip(*((epoch, float("nan") if value is None else value) for epoch, value in points), strict=True)
        axes.plot(x, y, color=colour, linewidth=1.8, marker=marker, markersize=3.5, clip_on=False)
        if (last := points[-1][1]) is not None:
            ends.append((last, f"{label} {last:.3f}", colour))
    axes.set_title(title, loc="left", fontsize=12, color=INK)
    axes.set_xlabel("epoch", color=INK)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(colors=INK, length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_ylim(*span)
    axes.set_xlim(lines[0]["epoch"], max(lines[-1]["epoch"] or 0, 2))
    _name_ends(axes, sorted(ends))


def _name_ends(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Write each curve's name and last value next to its end, in its colour: no legend to look up."""
    lowest, highest = axes.get_ylim()
    places = [(value - lowest) / (highest - lowest) for value, _, _ in ends]
    for i in range(1, len(places)):
        places[i] = max(places[i], places[i - 1] + APART)
    for i in reversed(range(len(places))):
        places[i] = min(places[i], places[i + 1] - APART if i + 1 < len(places) else 1.0)
    for place, (_, text, colour) in zip(places, ends, strict=True):
        axes.text(1.02, place, text, color=colour, va="center", fontsize=10, transform=axes.transAxes)


def _best(lines: Lines) -> tuple[float, float] | None:
    scored = [(score, line["epoch"]) for line in lines if (score := line.get("dice_micro_mean")) is not None]
    if not scored:
        return None
    score, epoch = max(scored, key=lambda pair: pair[0])
    return float(epoch or 0), score
