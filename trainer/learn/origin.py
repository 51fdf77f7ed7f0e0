"""What a network that a run begins with, or is taught by, has learnt from itself, as far as that is written down.

A frame that it was taught and that the run is measured on makes every figure too good. A run's `split.csv` lists what
its network was taught; what that one began with is looked into as well. Recipes list nothing, and what is listed may be
gone: of those it is doubted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from inspector import recipe
from inspector.errors import RecipeError
from inspector.words import counted
from trainer.data import sources
from trainer.data.samples import Frames
from trainer.data.shared import shared
from trainer.data.split import Part, few_of, say_classes, training_rows
from trainer.data.unlabelled import is_plain, open_plain
from trainer.errors import DataError, UserError
from trainer.learn import checkpoint
from trainer.learn.checkpoint import Card
from trainer.settings import Settings

ASKED = "crossval.json"
"""What a cross-validation was asked for, in its folder."""
SPLIT = "split.csv"
"""Which frame taught a run's network, in its folder."""


def find_taught(settings: Settings, frames: Frames) -> dict[int, str]:
    """Return which frames, by index, one of a run's networks has learnt from, and which: as `--start a/best.pt`.

    Raises:
        UserError: what an option names is a file and no checkpoint.
    """
    found: dict[int, str] = {}
    for option, origin in _named(settings):
        for path, card in _line(origin):
            known = _known_of(path, card)
            taught = {index for index in range(len(frames)) if frames.name(index) in known.lost}
            for index in sorted(taught.union(*(shared(frames, of) for of in known.sets))):
                found.setdefault(index, f"{option} {origin}")
    return found


def keep_teaching(settings: Settings, console: Console) -> Callable[[Frames], dict[int, str]]:
    """Return `find_taught` for a division that leaves such frames where they teach; it says how many they are."""

    def find(frames: Frames) -> dict[int, str]:
        found = find_taught(settings, frames)
        if found:
            words = f"{counted(len(found), 'frame')} that {' and '.join(dict.fromkeys(found.values()))} has learnt from"
            console.print(f"{words}: none of them is measured on", soft_wrap=True, markup=False, highlight=False)
        return found

    return find


def refuse_measured(settings: Settings, measured: Frames) -> None:
    """Raise DataError where a run would be measured on frames that one of its networks has learnt from."""
    found = find_taught(settings, measured)
    if not found:
        return
    if settings.folds:
        way = "Begin with a network of other data."
    elif settings.fold:
        number, _, count = settings.fold.partition("/")
        origin = "FOLDER" if number == "*" else f"FOLDER/fold-{number}/last.pt"
        way = (
            f"Begin with a network of other data, or with {origin} of a cross-validation with the same DATA, --seed "
            f"and --folds {count}."
        )
    elif settings.split:
        way = f"Move them to train in {settings.split}, or leave --split out: then they teach."
    else:
        way = "Give other frames to --validate, or leave it out: then others of DATA are measured on."
    first, origin = next(iter(found.items()))
    raise DataError(
        f"{origin}: has learnt from {counted(len(found), 'frame')} to be measured on, as {measured.name(first)}; "
        f"expected frames that it never saw. {way}"
    )


def refuse_taught(option: str, origin: str, settings: Settings) -> None:
    """Raise DataError where the network that an option names has learnt from DATA, of which a part is held out."""
    for _, card in _line(origin):
        if _places(card.settings.data, card.settings.extra) & _places(settings.data):
            way = "" if settings.folds else ", or the folder of a cross-validation with the same folds"
            raise DataError(
                f"{option} {origin}: has learnt from DATA, so that it knows what is held out; expected a network of "
                f"other data{way}"
            )


def doubts(settings: Settings) -> list[str]:
    """Return in words what may make the figures too good: what a network has learnt from and cannot be compared.

    A recipe does not list it, nor does a checkpoint away from its run; what is listed may be gone. Of another
    cross-validation the first fold is looked into: all began alike.
    """
    found = []
    for option, origin in _named(settings):
        if not _checkpoint_of(origin) and _is_recipe(origin):
            words = "a recipe does not list what it has learnt from. If DATA is among it, every figure is too good: "
            found.append(f"{option} {origin}: {words}read trained_on in its recipe.toml.")
        is_folds = (Path(origin) / ASKED).is_file()
        line = list(_line(str(Path(origin) / "fold-1" / "last.pt") if is_folds else origin))
        read = {path.resolve() for path, _ in line}
        for path, card in line:
            for how, before in _named(card.settings):
                if (earlier := _checkpoint_of(before)) is None or earlier.resolve() not in read:
                    words = f"its own run {'began with' if how == '--start' else 'was taught by'} {before}"
                    found.append(f"{option} {origin}: {words}. If that has learnt from DATA, every figure is too good.")
            found += [f"{option} {origin}: {words}, every figure is too good." for words in _gaps(path, card)]
    return found


def _gaps(path: Path, card: Card) -> list[str]:
    """Return in words which frames that a checkpoint's run was taught cannot be compared, up to what follows."""
    if not (path.parent / SPLIT).is_file():
        return [f"no {SPLIT} stands next to {path} and lists what it has learnt from. If DATA is among it"]
    known, found = _known_of(path, card), []
    if known.lost:
        are, they = ("is", "it is") if len(known.lost) == 1 else ("are", "they are")
        found.append(
            f"{counted(len(known.lost), 'frame')} that taught {path}, as {min(known.lost)}, {are} not found in "
            f"{' '.join(card.settings.data)} any more and compared by name alone. If {they} measured on under another"
        )
    return found + [
        f"{spec}, which taught {path} besides, cannot be opened. If DATA is among it" for spec in known.unread
    ]


def _named(settings: Settings) -> list[tuple[str, str]]:
    """Return the options that name a network, each with what it names."""
    return [
        (option, origin) for option, origin in (("--start", settings.start), ("--teacher", settings.teacher)) if origin
    ]


def _checkpoint_of(origin: str) -> Path | None:
    """Return the checkpoint of what an option names: the file itself, or that of the run that a recipe lies in."""
    path = Path(origin)
    if path.is_file():
        return path
    best = path.parent / "best.pt"
    return best if (path / "recipe.toml").is_file() and best.is_file() else None


def _is_recipe(origin: str) -> bool:
    """Return whether an option names a recipe, of which there may be none of that name: then it is refused."""
    try:
        recipe.find(origin, Path())
    except RecipeError:
        return False
    return True


def _line(origin: str) -> Iterator[tuple[Path, Card]]:
    """Yield the checkpoint that is named, then those that it began with or was taught by, as far as they are there."""
    waiting, seen = [origin], set[Path]()
    while waiting:
        path = _checkpoint_of(waiting.pop(0))
        if path is None or path.resolve() in seen:
            continue
        try:
            card = checkpoint.load(path)[0]
        except UserError:
            if not seen:
                raise
            continue
        seen.add(path.resolve())
        yield path, card
        waiting += [before for _, before in _named(card.settings)]


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of the frames that a run was taught."""

    sets: Sequence[Frames] = ()
    """Those that can be opened."""
    lost: frozenset[str] = frozenset()
    """Names of those that are in none of them: frames of the same name are taken for the same."""
    unread: Sequence[str] = ()
    """What was learnt from besides and cannot be opened."""


def _known_of(path: Path, card: Card) -> _Known:
    """Return what is known of the frames that a checkpoint's run was taught; nothing where it has no split.csv."""
    split, asked = path.parent / SPLIT, card.settings
    if not split.is_file():
        return _Known()
    names = lost = _names_of(split, card)
    sets: list[Frames] = []
    for spec in asked.data:
        with suppress(DataError):
            own = _open([spec], asked)
            taught = Part(own, tuple(index for index in range(len(own)) if own.name(index) in names))
            lost -= {taught.name(index) for index in range(len(taught))}
            sets.append(taught)
    unread = []
    for spec in asked.extra:
        try:
            sets.append(open_plain(Path(spec)) if is_plain(Path(spec)) else _open([spec], asked))
        except DataError:
            unread.append(spec)
    return _Known(sets, lost, unread)


def _names_of(split: Path, card: Card) -> frozenset[str]:
    """Return the names of the frames that a run was taught; with --learn-from, those of the training part that it took.

    Where its DATA, or what is in these frames, is another by now, which it took cannot be repeated: all of the part.
    """
    rows, asked = training_rows(split), card.settings
    if asked.learn_from:
        with suppress(DataError):
            own = _open(asked.data, asked, card.class_names)
            train = Part(own, tuple(index for index in range(len(own)) if own.name(index) in rows))
            if {train.name(index): say_classes(train, index) for index in range(len(train))} == rows:
                few = few_of(train, asked.learn_from, asked.seed)
                return frozenset(few.name(index) for index in range(len(few)))
    return frozenset(rows)


def _open(specs: Sequence[str], asked: Settings, classes: Sequence[str] | None = None) -> Frames:
    return sources.frames(specs, asked.only, classes=classes, window=asked.grey_window, size=asked.size)


def _places(*specs: Sequence[str]) -> set[str]:
    """Return sources of data, each in one spelling, however it was written."""
    return {str(Path(spec).resolve()) if Path(spec).exists() else spec for given in specs for spec in given}
