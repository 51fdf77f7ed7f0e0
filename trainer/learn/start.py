"""How a run begins: its data, its network and its card, new or from the checkpoint that it goes on from."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from torch import Tensor

from inspector.words import counted
from trainer.data import sources
from trainer.data.census import check_labels, find_overlaps, say_overlaps
from trainer.data.extra import open_extra
from trainer.data.samples import Frames
from trainer.data.shapes import Shapes, read_shapes
from trainer.data.shared import refuse_shared
from trainer.data.split import KEPT, few_of, keep_split, open_data
from trainer.errors import UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.learn.crops import Crops, CropSettings
from trainer.learn.network import TrainingNetwork
from trainer.learn.origin import keep_teaching, refuse_measured
from trainer.learn.parallel import Ranks
from trainer.learn.taught import build_taught, load_taught, read_taught, say_kept
from trainer.learn.unet import UNet, load_encoder
from trainer.settings import MAY_CHANGE, STRIDE_PX, Settings

SURVEY_FRAMES = 64
SURVEY_CROPS, SURVEY_BATCH = 32, 8
Last = tuple[Card, dict[str, Tensor], dict[str, object]]
"""A run's last checkpoint: card, weights and training state."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """Classes, by id, that a part of the data has no frame of; empty where only reading all frames would tell."""

    untaught: tuple[int, ...] = ()
    unmeasured: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Begun:
    """A run that can take its next step."""

    card: Card
    network: TrainingNetwork
    train: Frames
    extra: Frames | None
    """Frames to learn from besides."""
    shapes: Shapes | None
    """Outlines that pasted defects take on."""
    validation: Frames
    gaps: Gaps
    ranks: Ranks


def start(settings: Settings, run: Path, console: Console, ranks: Ranks, resume: bool) -> Begun:
    """Open the data and make the network of a new run, or with `resume` those of `run` as it was left.

    Raises:
        UserError: data, weights or a checkpoint that cannot be used; a run where none should be, or none to resume.
    """
    last = load_last(run, settings, resume)
    settings = last[0].settings if last else settings
    classes = last[0].class_names if last else None
    ranks.share(settings.batch)
    if not ranks.first:
        ranks.wait()  # it need not look for near-duplicates again
        return _begin_on(open_data(settings, run, classes), settings, last, console, ranks)
    parts = open_data(settings, run if last else None, classes, keep_teaching(settings, console))
    if not last and (settings.fold or settings.folds or settings.split or settings.validate):
        refuse_measured(settings, parts[0] if settings.folds else parts[1])
        if settings.validate:
            refuse_shared("--validate", parts[1], parts[0], "in DATA too, which teaches")
    check_labels(*parts)
    split = run / "split.csv"
    was_there = split.is_file()
    kept = None if last else keep_split(split, *parts)
    ranks.wait()
    try:
        begun = _begin_on(parts, settings, last, console, ranks)
    except UserError:  # nothing is left of a run that is refused
        if kept:
            kept.replace(split)
        elif not was_there:
            split.unlink(missing_ok=True)
        raise
    if kept:
        console.print(KEPT.format(split, kept), soft_wrap=True, markup=False, highlight=False)
    return begun


def _begin_on(
    parts: tuple[Frames, Frames], settings: Settings, last: Last | None, console: Console, ranks: Ranks
) -> Begun:
    """Make the network for data that is divided, and say what is learnt from and what lacks."""
    train, validation = parts
    if settings.learn_from:
        train = few_of(train, settings.learn_from, settings.seed)
    extra = open_extra(settings, train, validation)
    if ranks.first and extra:
        check_labels(extra)
        for line in sources.say_by_place(extra):
            console.print(line, soft_wrap=True)
    besides = f" and {len(extra)} besides" if extra else ""
    measuring = f"{len(validation)} to measure on" if len(validation) else "none of its own to measure on"
    console.print(f"{counted(len(train), 'frame')} to learn from{besides}, {measuring}")
    for line in say_overlaps([*find_overlaps(train), *find_overlaps(validation)]) if ranks.first else ():
        console.print(line, soft_wrap=True)
    sources.build_coils(validation)
    gaps = find_gaps(train, validation)
    warn_of(gaps, train.class_names, console)
    shapes = open_shapes(settings, train)
    if last:
        card, weights, training = last
        network = TrainingNetwork(checkpoint.build(card), settings, ranks, open_teacher(card, train))
        network.restore(training, weights, card.step)
    else:
        card, unet = begin(settings, train, partial(console.print, soft_wrap=True))
        network = TrainingNetwork(unet, settings, ranks, open_teacher(card, train))
    return Begun(card, network, train, extra, shapes, validation, gaps, ranks)


def load_last(run: Path, settings: Settings, resume: bool) -> Last | None:
    """Return the run's last checkpoint where one is to be resumed, with what `settings` has of MAY_CHANGE.

    Raises:
        UserError: there is a run but none is to be resumed, or the other way round.
    """
    if not resume:
        if (run / "last.pt").exists():
            raise UserError(f"{run}: holds a run already; go on with it by --resume, or give another --out")
        if (run / "best.pt").exists():
            raise UserError(
                f"{run}: holds a run already, whose last.pt is gone: its best.pt can be exported, not resumed; "
                "expected a folder without one. Give another --out, or move best.pt away."
            )
        return None
    card, weights, training = checkpoint.load(run / "last.pt")
    if training is None:
        raise UserError(f"{run / 'last.pt'}: has no training state; it can be exported, not resumed")
    if card.scores and not card.measured_step:  # by a trainer that did not write down when it measured
        card = replace(card, measured_step=card.step)
    asked = {name: value for name in MAY_CHANGE if (value := getattr(settings, name)) is not None}
    return replace(card, settings=replace(card.settings, **asked)), weights, training


def begin(settings: Settings, train: Frames, say: Callable[[str], object] = print) -> tuple[Card, UNet]:
    """Return the card and the network of a new run: random from the seed, with a pre-trained encoder, or taught before.

    Of one that was taught before `say` gets which classes it keeps.

    Raises:
        UserError: weights or a checkpoint that cannot be used.
    """
    torch.manual_seed(settings.seed)
    if settings.start:
        taught = read_taught(settings.start)
        settings = replace(
            settings,
            encoder=taught.encoder,
            decoder=taught.decoder,
            downscale=settings.downscale or taught.downscale,
        )
        card = replace(survey(train, settings), mean=taught.mean, std=taught.std)
        unet = checkpoint.build(card)
        load_taught(unet, taught, card.class_names, usual_crops(train, card))
        say(say_kept(taught, card.class_names))
    else:
        card = survey(train, settings)
        unet = checkpoint.build(card)
        if settings.weights:
            load_encoder(unet, settings.encoder, settings.weights)
    return card, unet


def open_shapes(settings: Settings, train: Frames) -> Shapes | None:
    """Return the outlines that pasted defects take on, None where none are given.

    Raises:
        UserError: they cannot be read, or nothing is pasted.
    """
    if settings.paste_shapes is None:
        return None
    if not settings.paste_share:
        raise UserError("--paste-shapes: nothing is pasted; expected --paste-share too, as 0.4")
    return read_shapes(Path(settings.paste_shapes), len(train.class_names), settings.size or train.size(0))


def open_teacher(card: Card, train: Frames) -> UNet | None:
    """Return the network whose probabilities are learnt, None where there is none.

    Raises:
        UserError: it cannot be used, or knows other classes.
    """
    if card.settings.teacher is None:
        return None
    taught = read_taught(card.settings.teacher)
    if tuple(map(str.casefold, taught.class_names)) != tuple(map(str.casefold, card.class_names)):
        raise UserError(
            f"--teacher {taught.origin}: knows the classes {', '.join(taught.class_names)}; expected those of DATA: "
            f"{', '.join(card.class_names)}"
        )
    unet = build_taught(taught)
    load_taught(unet, taught, card.class_names, usual_crops(train, card))
    return unet


def usual_crops(train: Frames, card: Card) -> Iterator[Tensor]:
    """Yield batches of grey levels (N, 1, H, W) float32 as the run will learn from, read when asked for."""
    settings = card.settings
    look = CropSettings(
        settings.crop_height_px, settings.crop_width_px, settings.defect_share, card.class_shares, per_frame=1
    )
    crops = Crops(train, SURVEY_CROPS, settings.seed, look)
    for first in range(0, SURVEY_CROPS, SURVEY_BATCH):
        yield torch.stack([crops[number].pixels for number in range(first, first + SURVEY_BATCH)]).float()


def survey(frames: Frames, settings: Settings) -> Card:
    """Look at some of the training frames: mean and deviation of their grey levels, shares of the classes, size."""
    chosen = np.random.default_rng(settings.seed).permutation(len(frames))[:SURVEY_FRAMES]
    samples = [frames[int(index)] for index in chosen]
    mean, square = np.mean([(s.pixels.mean(), np.square(s.pixels, dtype=np.float64).mean()) for s in samples], axis=0)
    names = frames.class_names
    having = np.mean([[(s.labels == i).any() for i in range(1, len(names) + 1)] for s in samples], axis=0)
    deviation = max(1.0, math.sqrt(max(0.0, square - mean**2)))  # a set of blank frames must not divide by zero
    shares = tuple(float(share) for share in np.maximum(having, 1 / len(samples)))
    sizes_px = np.max([sample.pixels.shape for sample in samples], axis=0)
    height_px, width_px = (-(-int(size_px) // STRIDE_PX) * STRIDE_PX for size_px in sizes_px)
    return Card(
        settings,
        round(float(mean), 3),
        round(deviation, 3),
        shares,
        names,
        frame_height_px=height_px,
        frame_width_px=width_px,
    )


def find_gaps(train: Frames, validation: Frames) -> Gaps:
    """Return which classes no training frame teaches and no validation frame measures."""
    return Gaps(*(_absent(frames) if len(frames) else () for frames in (train, validation)))


def _absent(frames: Frames) -> tuple[int, ...]:
    wanted = set(range(1, len(frames.class_names) + 1))
    for index in range(len(frames)):
        present = frames.classes(index)
        if present is None:
            return ()
        wanted -= present
        if not wanted:
            break
    return tuple(sorted(wanted))


def warn_of(gaps: Gaps, class_names: Sequence[str], console: Console) -> None:
    """Say which classes cannot be learnt or measured on this data."""
    for class_ids, lack, then in (
        (gaps.untaught, "training", "it cannot be learnt. Add frames that have it, or never trust this class"),
        (
            gaps.unmeasured,
            "validation",
            "its figures are not measured. Add frames that have it, or --folds 3",
        ),
    ):
        for class_id in class_ids:
            name = class_names[class_id - 1]
            console.print(
                f"warning: no {lack} frame has class {class_id}, {name}; expected one or more: {then}.", soft_wrap=True
            )
