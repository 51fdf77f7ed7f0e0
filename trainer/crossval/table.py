"""A cross-validation's report as Markdown, for people and terminals; knows the report alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from inspector.words import counted
from trainer.assessment.bounds import LEAST_RESAMPLED
from trainer.crossval.pooled import Figure, PooledFigures, PooledReport
from trainer.metrics import CONVENTIONS

DASH = "-"
MEANINGS = (
    "kaggle: mean over (frame, class), both empty = 1. meter: per frame, classes flattened, both empty = 1; IoU where "
    "a defect is. micro: pixels summed over all frames, classes pooled. micro_mean: the same for each class that is "
    "there, then the mean. present: mean over the (frame, class) pairs with a defect."
)


def progress(report: PooledReport) -> str:
    """Return one line on the folds so far."""
    way = report.flips or report.plain
    by_class = " ".join(
        _cell(way.pooled[f"dice_micro_{number}"]) for number in range(1, len(report.frames_by_class) + 1)
    )
    dice = "  ".join(f"{name} {_cell(way.pooled[f'dice_{name}'])}" for name in CONVENTIONS)
    done = f"{counted(report.frames, 'frame')} so far{', flips' if report.flips else ''}"
    return f"{done}: Dice {dice}  micro by class {by_class}"


def markdown(report: PooledReport, class_names: Sequence[str] = ()) -> str:
    """Return the whole report; classes are numbered where they are not named."""
    names = class_names or [f"class {number}" for number in range(1, len(report.frames_by_class) + 1)]
    ways = [("as they are", report.plain), *([("four flips, mean", report.flips)] if report.flips else [])]
    lines = [
        f"{counted(report.frames, 'frame')}, each assessed once by a network that saw neither it nor its "
        f"near-duplicates; in brackets {report.confidence:.0%} intervals from {report.draws} resamplings of the "
        f"frames; none where fewer than {LEAST_RESAMPLED} of them measure it.",
    ]
    for title, way in ways:
        lines += ["", f"Frames {title}:", "", *_conventions(way), "", *_classes(way, names, report), "", *_folds(way)]
    edges = [_cell(report.edges["dice_micro"])]
    edges += [_cell(report.edges[f"dice_micro_{number}"]) for number in range(1, len(names) + 1)]
    lines += [
        "",
        f"Micro Dice where an outline may lie {report.edges_px} px off, pooled and by class: {', '.join(edges)}.",
        "",
        MEANINGS,
    ]
    return "\n".join(lines) + "\n"


def _conventions(way: PooledFigures) -> Iterator[str]:
    yield "| convention | Dice | IoU |"
    yield "|---|---|---|"
    for name in CONVENTIONS:
        yield f"| {name} | {_cell(way.pooled[f'dice_{name}'])} | {_cell(way.pooled[f'iou_{name}'])} |"


def _classes(way: PooledFigures, names: Sequence[str], report: PooledReport) -> Iterator[str]:
    conventions = ("micro", "present", "kaggle")
    heads = [f"{ratio}, {name}" for name in conventions for ratio in ("Dice", "IoU")]
    yield f"| class | frames with it | {' | '.join(heads)} |"
    yield "|---" * (2 + len(heads)) + "|"
    for number, name in enumerate(names, 1):
        cells = [
            _cell(way.pooled[f"{ratio}_{convention}_{number}"])
            for convention in conventions
            for ratio in ("dice", "iou")
        ]
        yield f"| {name} | {report.frames_by_class[number - 1]} | {' | '.join(cells)} |"


def _folds(way: PooledFigures) -> Iterator[str]:
    yield f"| fold | {' | '.join(f'Dice / IoU, {name}' for name in CONVENTIONS)} |"
    yield "|---" * (1 + len(CONVENTIONS)) + "|"
    for number, fold in enumerate(way.by_fold, 1):
        cells = [f"{_plain(fold, f'dice_{name}')} / {_plain(fold, f'iou_{name}')}" for name in CONVENTIONS]
        yield f"| {number} | {' | '.join(cells)} |"


def _plain(figures: Mapping[str, float | None], name: str) -> str:
    value = figures[name]
    return DASH if value is None else f"{value:.3f}"


def _cell(figure: Figure) -> str:
    if figure.value is None:
        return DASH
    interval = "" if figure.low is None or figure.high is None else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.3f}{interval}"
