"""Frames to learn from in addition to a run's own: never measured on, and without copies of what is measured on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from trainer.data import sources
from trainer.data.duplicates import near_duplicates
from trainer.data.samples import UNKNOWN, Frames, Sample
from trainer.data.severstal import is_severstal
from trainer.data.sources import Joined
from trainer.data.split import Part
from trainer.data.unlabelled import Unlabelled, is_plain, open_plain
from trainer.errors import DataError


class UnlabelledExtra(Unlabelled):
    """Unlabelled images: every pixel is UNKNOWN."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        sample.labels.fill(UNKNOWN)
        return replace(sample)


def open_extra(
    specs: Sequence[str],
    train: Frames,
    validation: Frames,
    only: str | None = None,
    *,
    size: tuple[int, int] | None = None,
    has_teacher: bool = False,
) -> Frames | None:
    """Return what the specs name, with the class numbers of `train`; None without specs.

    `only` leaves frames of Severstal's layout out, and `size` states the line's frames, as in `trainer.data.sources`.

    A spec is DATA as `trainer.data.sources` reads it or, with a teacher, a folder of nothing but images, whose labels
    are UNKNOWN.
    Near-duplicates of the frames in `validation` are left out.

    Raises:
        DataError: data that cannot be used, or nothing that is left.
    """
    if not specs:
        return None
    opened: list[Frames] = []
    for spec in specs:
        plain = Path(spec)
        if is_plain(plain) and not has_teacher:
            raise DataError(f"--extra {spec}: images without labels; expected --teacher, which says what is in them")
        unlabelled = open_plain(plain).paths if is_plain(plain) else None
        frames = UnlabelledExtra(unlabelled, train.window, train.class_names) if unlabelled else None
        opened.append(frames or _labelled(spec, train, only, size))
    extra = opened[0] if len(opened) == 1 else Joined(opened)
    measured = len(validation)
    copies: set[int] = set()
    for group in near_duplicates(Joined([validation, extra])):
        if group[0] < measured:
            copies.update(index - measured for index in group if index >= measured)
    return Part(extra, tuple(index for index in range(len(extra)) if index not in copies))


def _labelled(spec: str, train: Frames, only: str | None, size: tuple[int, int] | None) -> Frames:
    only = only if is_severstal(Path(spec)) else None
    return sources.frames([spec], only, classes=train.class_names, window=train.window, size=size)
