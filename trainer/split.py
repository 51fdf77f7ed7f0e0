"""Which frames teach and which measure; knows frames' names and classes, never their pixels."""

from __future__ import annotations

import csv
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trainer import data
from trainer.checkpoint import Settings
from trainer.files import replace_file
from trainer.samples import Frames, Sample

TRAIN_SHARE = 0.8  # the paper's 80:20


@dataclass(frozen=True, slots=True)
class Part:
    """Some frames of a set, in the set's order."""

    source: Frames
    indices: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.indices)

    def __getitem__(self, index: int) -> Sample:
        return self.source[self.indices[index]]

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return self.source.name(self.indices[index])

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, None where only reading it would tell."""
        return self.source.classes(self.indices[index])


def open_data(settings: Settings) -> tuple[Frames, Frames]:
    """Return the frames that a run learns from and those that it is measured on; the same each time.

    Raises:
        ValueError: data that cannot be used.
    """
    frames = data.frames(settings.data, settings.only)
    if settings.validate:
        return frames, data.frames(settings.validate, settings.only)
    return split(frames, settings.seed)


def split(source: Frames, seed: int, train_share: float = TRAIN_SHARE) -> tuple[Part, Part]:
    """Divide a set in (train, validation), each stratum alike; the same for the same seed and names.

    A stratum is the frames with the same set of defect classes; where the classes are not known before rendering
    (procedural steel), the frames of one coil. A stratum of one goes to train.

    Raises:
        ValueError: nothing would be left to validate on.
    """
    strata: dict[str, list[int]] = defaultdict(list)
    for index in range(len(source)):
        classes = source.classes(index)
        coil = source.name(index).rpartition("/")[0]
        strata[coil if classes is None else "+".join(map(str, sorted(classes)))].append(index)
    chance = np.random.default_rng(seed)
    train: list[int] = []
    validation: list[int] = []
    for key in sorted(strata):
        members = chance.permutation(strata[key]).tolist()
        held_out = min(len(members) - 1, round(len(members) * (1 - train_share)))
        validation += members[:held_out]
        train += members[held_out:]
    if not validation:
        raise ValueError(
            f"{len(source)} frames are too few to hold any out for validation; expected 5 or more of a kind"
        )
    return Part(source, tuple(sorted(train))), Part(source, tuple(sorted(validation)))


def write_split(path: Path, train: Frames, validation: Frames) -> None:
    """Write `name,part,classes` of every frame: what a run learned from, and what it was measured on."""
    lines = []
    for part, members in (("train", train), ("validation", validation)):
        for index in range(len(members)):
            classes = members.classes(index)
            lines.append((members.name(index), part, "?" if classes is None else "+".join(map(str, sorted(classes)))))
    with replace_file(path) as temporary, temporary.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("name", "part", "classes"))
        writer.writerows(lines)
