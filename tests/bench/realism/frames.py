"""Frames of both kinds of steel, and what is measured of each once."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from inspector.simulator.sheet import CLASSES, ROWS, WIDTH_PX
from tests.bench.realism import pixels
from tests.bench.realism.pieces import Pieces
from trainer.data import rle
from trainer.data.duplicates import near_duplicates
from trainer.data.samples import Frames
from trainer.recipe.distance import FeatureGraph

Floats = npt.NDArray[np.float64]
NAMES = CLASSES


@dataclass(frozen=True, slots=True)
class Measured:
    """One set of frames."""

    plain: Floats
    """(N, D) of those that show enough strip."""
    encoded: Floats
    """(N, E): what a network's encoder makes of them."""
    groups: npt.NDArray[np.int64]
    """(N,): frames of one number show the same steel."""
    pieces: Pieces


def measure(
    frames: Sequence[Frames], most: int, encoder: FeatureGraph, *, filed: bool, seed: int = 0
) -> tuple[Measured, list[str]]:
    """Measure at most `most` frames, drawn from `seed`; return the names of the features too.

    `filed`: as JPEG, as the real ones were.
    """
    every = [(source, index) for source in frames for index in range(len(source))]
    group_of = _groups(frames)
    drawn = np.random.default_rng(seed).permutation(len(every))[:most]
    plain, groups, shown, names = [], [], [], []
    pieces = Pieces(NAMES)
    for at in sorted(drawn.tolist()):
        source, index = every[at]
        sample = source[index]
        grey = pixels.as_filed(sample.pixels) if filed else sample.pixels
        if source.class_names:
            pieces.add(sample.labels)
        if (found := pixels.measure(grey)) is not None:
            plain.append(list(found.values()))
            names = list(found)
            groups.append(group_of[at])
            shown.append(grey)
    return Measured(np.array(plain), encoder.features(shown), np.array(groups), pieces), names


def _groups(frames: Sequence[Frames]) -> npt.NDArray[np.int64]:
    """Number the frames of all sources, those that show the same steel alike."""
    sizes = [len(source) for source in frames]
    numbers = np.arange(sum(sizes))
    for source, behind in zip(frames, np.cumsum([0, *sizes[:-1]]), strict=True):
        for group in near_duplicates(source):
            numbers[[behind + index for index in group]] = behind + group[0]
    return numbers


def read_masks(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Yield the labels (ROWS, WIDTH_PX) of each frame in a CSV of runs, compressed or not."""
    opener = gzip.open if path.suffix == ".gz" else open
    rows = defaultdict(list)
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            rows[row["ImageId"]].append((int(row["ClassId"]), row["EncodedPixels"]))
    for runs in rows.values():
        labels = np.zeros((ROWS, WIDTH_PX), np.uint8)
        for class_id, text in runs:
            labels[rle.decode(text, ROWS, WIDTH_PX)] = class_id
        yield labels
