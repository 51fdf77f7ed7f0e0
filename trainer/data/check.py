"""A data report before anything is trained: what the set holds, what is wrong with it, and how it would be split.

Writes `split.csv`, for `fit --split`, and `contact.png`, a sheet of frames with their masks outlined.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from inspector.records.recipe import Window
from inspector.words import counted
from trainer.data import contact, sources
from trainer.data.census import Census, find_oddities, take_census
from trainer.data.duplicates import near_duplicates
from trainer.data.samples import Frames
from trainer.data.sizes import line_size
from trainer.data.split import KEPT, Part, across, ambiguous, divide, keep_split, read_split
from trainer.errors import DataError

LABEL = 16
"""Characters before what a line says."""
NAMED = 5
"""Groups of duplicates that the report names, and warnings that a run repeats."""
FEW = 20
"""Frames to measure on, below which all are better measured out of fold."""

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is to be checked."""

    data: Sequence[str]
    only: str | None
    split: Path | None
    """A split to check; None: make one from `seed`."""
    seed: int
    out: Path
    """Folder for `split.csv` and `contact.png`."""
    fold: str | None = None
    """`K/N`, as in `Settings`."""
    window: Window | None = None
    size: tuple[int, int] | None = None
    """Height and width of the line's frames, pixels, where they are stated."""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What is wrong with data, each a line of its own."""

    faults: Sequence[str]
    """These stop training."""
    warnings: Sequence[str]
    """These do not stop it, and are reported."""


def check(wanted: Wanted, say: Say, watch: Callable[[int], Iterable[int]] = range) -> CheckResult:
    """Report on data through `say`; return what is wrong with it.

    `watch` yields the numbers below its argument, one as each frame is read, and may show how far it is.
    """
    opened = sources.open_all(wanted.data, wanted.only, window=wanted.window, size=wanted.size)
    frames, faults = opened.frames, [*opened.faults]
    try:
        sources.check_only(wanted.data, wanted.only)
    except DataError as error:
        faults += error.faults
    if frames is None:
        return CheckResult(faults, opened.warnings)
    census = take_census(frames, watch(len(frames)))
    faults += census.faults
    if not frames.class_names:
        faults.append(f"no class in {' '.join(wanted.data)}; expected one or more to learn. Add frames with defects.")
    for line in _contents(census, frames):
        say(line)
    if census.facts:
        try:
            say(f"{'line':16}{_line(census, opened.size)}")
        except DataError as error:
            faults += error.faults
    if census.facts and frames.class_names:
        wanted.out.mkdir(parents=True, exist_ok=True)
        readable = Part(frames, tuple(frame.index for frame in census.facts))
        faults += _check_split(wanted, readable, _positions(census.copies(), readable), say)
        contact.save(
            contact.draw(frames, census, " + ".join(Path(spec).name for spec in wanted.data)),
            wanted.out / "contact.png",
        )
        say(f"{'contact sheet':16}{wanted.out / 'contact.png'}")
    gaps = _without_frames(census, frames.class_names)
    return CheckResult(faults, [*opened.warnings, *census.warnings, *census.oddities, *gaps])


def remarks(
    data: Sequence[str], only: str | None = None, *, window: Window | None = None, size: tuple[int, int] | None = None
) -> list[str]:
    """Return what to know of data before it teaches, of `CheckResult.warnings` what needs no pixels: few lines.

    Pixels of several classes, and classes without frames, a run reports of its own parts. Faults are left to it, too.
    """
    opened = sources.open_all(data, only, window=window, size=size, reads_masks=False)
    found = [*opened.warnings, *(find_oddities(opened.frames) if opened.frames else ())]
    more = counted(len(found) - NAMED, "more warning")
    return [*found[:NAMED], *([f"and {more}; `trainer check` lists them all"] if len(found) > NAMED else ())]


def _line(census: Census, stated: tuple[int, int] | None) -> str:
    """Return the size of the line's frames, in words, and what becomes of frames of others."""
    sizes = [(facts.height_px, facts.width_px) for facts in census.facts]
    height, width = line_size(sizes, stated)
    smaller = sum(size != (height, width) and size[0] <= height and size[1] <= width for size in sizes)
    larger = sum(size[0] > height or size[1] > width for size in sizes)
    done = [
        f"{count} {words}"
        for count, words in ((smaller, "smaller frames are padded with black"), (larger, "larger are cut into tiles"))
        if count
    ]
    return f"frames of {width} x {height} px" + (f": {', '.join(done)}; --size gives another" if done else "")


def _without_frames(census: Census, class_names: Sequence[str]) -> list[str]:
    """Say which classes no frame has."""
    return [
        f"no frame has class {class_id} ({name}); a network taught on this set never finds one. Add some."
        for class_id, name in enumerate(class_names, 1)
        if census.facts and not census.having(class_id)
    ]


def _contents(census: Census, frames: Frames) -> Iterator[str]:
    """Yield counts, sizes and classes."""
    read, opened = len(census.facts), len(frames)
    yield f"{'frames':16}{read} read" + (f", {opened - read} with faults" if opened > read else "")
    sizes = [f"{width} x {height} px ({count})" for (height, width), count in census.sizes()]
    more = f" and {len(sizes) - NAMED} more" if len(sizes) > NAMED else ""
    yield f"{'sizes':16}{', '.join(sizes[:NAMED])}{more}"
    yield f"{'sound':16}{counted(census.sound(), 'frame')}, {census.sound() / max(1, read):.1%}"
    yield f"{'overlaps':16}" + (
        f"{census.overlapping} frames have pixels of several classes; the class with fewer in the frame keeps them"
        if census.overlapping
        else "none: no pixel is of several classes"
    )
    wide = max([LABEL, *(len(f"{number} {name} ") for number, name in enumerate(frames.class_names, 1))])
    yield f"{'class':{wide}}{'frames':>8}{'of all':>9}{'of all pixels':>16}"
    for class_id, name in enumerate(frames.class_names, 1):
        having = len(census.having(class_id))
        yield (
            f"{f'{class_id} {name}':{wide}}{having:8}{having / max(1, read):9.1%}{census.pixel_share(class_id):16.3%}"
            + ("" if having else "   cannot be learned from this set")
        )


def _check_split(wanted: Wanted, readable: Part, copies: Sequence[tuple[int, ...]], say: Say) -> list[str]:
    """Report duplicates and the split; write the split unless one was given; return what stops training."""
    near = near_duplicates(readable)
    for kind, groups in (("exact copies", copies), ("near-duplicates", near)):
        text = f"{_groups(groups)}, {counted(sum(map(len, groups)), 'frame')}" if groups else "none"
        say(f"{kind:16}{text}")
        for group in groups[:NAMED]:
            say(f"{'':16}{', '.join(readable.name(index) for index in group[:NAMED])}{_rest(group)}")
        if len(groups) > NAMED:
            say(f"{'':16}... and {counted(len(groups) - NAMED, 'more group')}")
    try:
        if not wanted.split and (faults := ambiguous(readable)):
            return faults
        if wanted.split:
            train, validation = read_split(wanted.split, readable)
        else:
            train, validation = divide(readable, wanted.seed, near, wanted.fold)
    except DataError as error:
        return list(error.faults)
    leaks = across(train, validation, near)
    fold = f", fold {wanted.fold}" if wanted.fold else ""
    made = str(wanted.split) if wanted.split else f"seed {wanted.seed}{fold}"
    say(f"{'split':16}{counted(len(train), 'frame')} to learn from, {len(validation)} to measure on ({made})")
    if len(validation) < FEW and not wanted.split:
        say(f"{'few frames':16}these few measure little: fit --folds 3 has all of them teach, and measures on all")
    say(f"{'leaks':16}" + (f"{_groups(leaks)} on both sides" if leaks else "no near-duplicates on both sides"))
    for group in leaks[:NAMED]:
        say(f"{'':16}{', '.join(readable.name(index) for index in group[:NAMED])}{_rest(group)}")
    if not wanted.split:
        path = wanted.out / "split.csv"
        if kept := keep_split(path, train, validation):
            say(KEPT.format(path, kept))
        say(f"{'split written':16}{path}; use it with: fit --split {shlex.quote(str(path))}")
    return []


def _groups(groups: Sequence[tuple[int, ...]]) -> str:
    return f"{len(groups)} group{'' if len(groups) == 1 else 's'}"


def _rest(group: Sequence[int]) -> str:
    return f" and {len(group) - NAMED} more" if len(group) > NAMED else ""


def _positions(groups: Sequence[tuple[int, ...]], part: Part) -> list[tuple[int, ...]]:
    """Turn groups of indices of the whole set into groups of positions in a part of it."""
    at = {index: position for position, index in enumerate(part.indices)}
    return [tuple(at[index] for index in group) for group in groups]
