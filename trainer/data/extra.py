"""Frames to learn from in addition to a run's own: never measured on, and without copies of what is measured on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from trainer.data import sources
from trainer.data.duplicates import near_duplicates
from trainer.data.samples import UNKNOWN, Frames, Sample
from trainer.data.shared import shared
from trainer.data.sources import Joined
from trainer.data.split import Part
from trainer.data.unlabelled import Unlabelled, is_plain, open_plain
from trainer.errors import DataError
from trainer.settings import Settings


class UnlabelledExtra(Unlabelled):
    """Unlabelled images: every pixel is UNKNOWN."""

    def __getitem__(self, index: int) -> Sample:
        sample = super().__getitem__(index)
        sample.labels.fill(UNKNOWN)
        return replace(sample)


def open_extra(settings: Settings, train: Frames, validation: Frames) -> Frames | None:
    """Return what `--extra` names, with the class numbers of `train`; None where it names nothing.

    That is DATA as `trainer.data.sources` reads it or, with a teacher, a folder of nothing but images, whose labels
    are UNKNOWN.
    The frames in `validation`, and near-duplicates of them, are left out.

    Raises:
        DataError: data that cannot be used, or nothing that is left.
    """
    if not settings.extra:
        return None
    opened: list[Frames] = []
    for spec in settings.extra:
        plain = Path(spec)
        if is_plain(plain) and not settings.teacher:
            raise DataError(f"--extra {spec}: images without labels; expected --teacher, which says what is in them")
        unlabelled = open_plain(plain).paths if is_plain(plain) else None
        frames = UnlabelledExtra(unlabelled, train.window, train.class_names) if unlabelled else None
        opened.append(frames or _labelled(spec, train, settings))
    extra = opened[0] if len(opened) == 1 else Joined(opened)
    measured = len(validation)
    copies: set[int] = set()
    for group in near_duplicates(Joined([validation, extra])):
        if group[0] < measured:
            copies.update(index - measured for index in group if index >= measured)
    copies.update(shared(extra, validation))  # procedural steel, too
    if len(copies) == len(extra):
        raise DataError(
            f"--extra {' '.join(settings.extra)}: all of it is measured on; expected frames that are not. Give others, "
            "or leave it out."
        )
    return Part(extra, tuple(index for index in range(len(extra)) if index not in copies))


def _labelled(spec: str, train: Frames, settings: Settings) -> Frames:
    names, window = train.class_names, train.window
    return sources.frames([spec], settings.only, classes=names, window=window, size=settings.size)
