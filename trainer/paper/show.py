"""Frames as a recipe sees them, for Figure 1: opened with or without truth, assessed by the daemon's own engine.

Knows recipes, engines and frames; how they are drawn is `figure`'s. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from inspector.engines.segmenter import Segmenter
from inspector.images.reader import SUFFIXES
from inspector.records.recipe import Recipe
from inspector.words import counted
from trainer.data import sources
from trainer.data.samples import Frames
from trainer.data.sizes import size_words
from trainer.data.split import Part
from trainer.data.unlabelled import Unlabelled, is_plain, open_plain
from trainer.errors import DataError
from trainer.paper.figure import Page, Shown
from trainer.recipe import evaluate

MOST = 60
"""Frames on a page; it would be 20 000 px high."""


def open_images(specs: Sequence[str], only: str | None, card: Recipe) -> list[Frames]:
    """Open what the command line names: image files and folders of nothing else, or DATA as `data.sources` has it.

    Raises:
        DataError: neither, or no image in it.
    """
    sources.check_only(specs, only)
    names, size = [kind.name for kind in card.classes], (card.height, card.width)
    opened: list[Frames] = []
    for spec in specs:
        path = Path(spec)
        if path.suffix.lower() in SUFFIXES:
            opened.append(Unlabelled([path], card.window))
        elif is_plain(path):
            opened.append(open_plain(path, card.window))
        else:
            opened.append(sources.frames([spec], only, classes=names, window=card.window, size=size))
    return opened


def infer(engine: Segmenter, card: Recipe, sources: Sequence[Frames], count: int | None) -> Iterator[Shown]:
    """Yield the first `count` frames, or all of them, as the engine sees them.

    Raises:
        DataError: more frames than a page takes, or one that cannot be read.
        EngineError: the engine failed.
    """
    total = sum(map(len, sources))
    if min(total, count or total) > MOST:
        raise DataError(f"{count or total} frames; expected {MOST} at most on a page. Give --frames {MOST} or fewer.")
    left = count or total
    for source in sources:
        part = Part(source, tuple(range(min(left, len(source)))))
        left -= len(part)
        known = not isinstance(source, Unlabelled)
        for sample, maps in evaluate.infer(engine, part, card):
            yield Shown(sample.name, sample.pixels, sample.labels if known else None, maps.labels[0])


def describe(card: Recipe, engine: Segmenter, frames: Sequence[Shown], total: int) -> Page:
    """Return what stands around the frames: which recipe, on what, and what the figures mean."""
    labelled = sum(frame.truth is not None for frame in frames)
    foot = [
        "prediction: pixels whose probability reaches their class's threshold; "
        "the classes' other settings, which decide what is reported, are not applied."
    ]
    if labelled:
        foot.append(
            f"Dice (meter): {evaluate.NAMES['meter'].partition(';')[0]}. Next to it each class of the frame alone."
        )
    if labelled < len(frames):
        foot.append(
            f"{counted(len(frames) - labelled, 'frame')} came as images alone: "
            "no truth, and so no error map and no Dice."
        )
    shown = f"{len(frames)} of {counted(total, 'frame')}" if len(frames) < total else counted(total, "frame")
    return Page(
        title=f"{card}",
        notes=(
            f"{card.encoder}, {card.precision}, on {engine.name}; trained on {card.trained_on}",
            f"{shown} of {size_words(frame.pixels.shape for frame in frames)}: x runs across the strip, y along it.",
        ),
        foot=tuple(foot),
        class_names=[kind.name for kind in card.classes],
    )
