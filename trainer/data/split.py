"""Which frames teach and which measure; knows frames' names, classes and twins, never their pixels."""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspector.words import counted
from trainer.data import sources
from trainer.data.duplicates import near_duplicates
from trainer.data.followed import refuse_followed
from trainer.data.rows import read_rows
from trainer.data.samples import Derived, Frames
from trainer.data.sizes import check_sizes
from trainer.errors import DataError
from trainer.files import refuse_foreign, replace_file
from trainer.settings import Settings

TRAIN_SHARE = 0.8  # the paper's 80:20
PARTS = ("train", "validation")
HEAD = b"name,part,classes"
"""How a split that we write begins."""
KEPT = "warning: another {} stood there: it is kept as {}"


@dataclass(frozen=True)
class Part(Derived):
    """Some frames of a set, in the set's order."""

    source: Frames
    indices: tuple[int, ...]

    @property
    def base(self) -> Frames:
        """The set itself."""
        return self.source

    def __len__(self) -> int:
        return len(self.indices)

    def at(self, index: int) -> tuple[Frames, int]:
        """Return the set itself and the frame's index there."""
        return self.source, self.indices[index]


def open_data(
    settings: Settings,
    run: Path | None = None,
    classes: Sequence[str] | None = None,
    taught: Callable[[Frames], Collection[int]] | None = None,
) -> tuple[Frames, Frames]:
    """Return the frames that a run learns from and those that it is measured on; the same each time.

    `classes` are those of the run's network, once it has one. `taught` says which frames, by index, a network has
    learnt from that the run begins with: where the set is divided 80 to 20 they teach.

    What `split.csv` in the folder `run` says holds, then what `settings.split` says; else the set is divided again, in
    `settings.fold` and the rest where that is given. With `settings.folds` all frames teach. However it is divided,
    frames that the run's `split.csv` does not name, or that are gone, are a fault.

    Raises:
        DataError: data that cannot be used, a split of other data, or a fold next to another way to divide.
    """
    if (settings.fold or settings.folds) and (settings.validate or settings.split):
        option = f"--fold {settings.fold}" if settings.fold else f"--folds {settings.folds}"
        raise DataError(f"{option} stands next to --split or --validate; expected one. Leave one.")
    specs = [*settings.data, *settings.validate]
    frames = sources.frames(specs, settings.only, classes=classes, window=settings.grey_window, size=settings.size)
    sources.check_only([*specs, *settings.extra], settings.only)
    if not frames.class_names:
        raise DataError(f"{' '.join(specs)}: has no class; expected one or more to learn. Add frames with defects.")
    check_sizes(frames)
    if not settings.validate and (faults := ambiguous(frames)):
        raise DataError(*faults)
    written = run / "split.csv" if run and (run / "split.csv").is_file() else None
    if settings.folds:  # its networks have frames to measure on, the run itself has none
        folds(frames, settings.seed, near_duplicates(frames), settings.folds)
        return _as_written(written, Part(frames, tuple(range(len(frames)))), Part(frames, ()))
    if settings.validate and settings.split:
        raise DataError(f"--split {settings.split} stands next to --validate; expected one. Leave one.")
    if settings.validate:
        assert isinstance(frames, sources.Joined), "data and more"
        own = sum(map(len, frames.sources[: len(settings.data)]))
        parts = Part(frames, tuple(range(own))), Part(frames, tuple(range(own, len(frames))))
        return _as_written(written, *parts)
    if written:
        return read_split(written, frames)
    if settings.split:
        return read_split(Path(settings.split), frames)
    known = taught(frames) if taught and not settings.fold else ()
    return divide(frames, settings.seed, near_duplicates(frames), settings.fold, known)


def divide(
    source: Frames, seed: int, together: Sequence[Sequence[int]], fold: str | None, taught: Collection[int] = ()
) -> tuple[Part, Part]:
    """Divide a set in (train, validation): 80 to 20, or with `fold`, as `2/5`, in the other folds and that one.

    Raises:
        DataError: a set too small, or no such fold.
    """
    if fold:
        return hold_out(source, seed, together, *parse_fold(fold))
    return split(source, seed, together, taught=taught)


def split(
    source: Frames,
    seed: int,
    together: Sequence[Sequence[int]] = (),
    train_share: float = TRAIN_SHARE,
    taught: Collection[int] = (),
) -> tuple[Part, Part]:
    """Divide a set in (train, validation), each stratum alike; the same for the same seed and names.

    A stratum is the frames with the same set of defect classes; where the classes are not known before rendering
    (procedural steel), the frames of one coil. A stratum of one goes to train. Groups of indices in `together` stay on
    one side, in the stratum of all their classes; a stratum's share is then met as nearly as its groups allow. The
    indices in `taught`, and what belongs together with them, go to train.

    Raises:
        DataError: nothing would be left to validate on.
    """
    strata, known = _strata(source, together), frozenset(taught)
    chance = np.random.default_rng(seed)
    train: list[int] = []
    validation: list[int] = []
    for key in sorted(strata):
        members = strata[key]
        total = sum(map(len, members))
        room = min(total - 1, round(total * (1 - train_share)))
        for at in chance.permutation(len(members)):
            fits = len(members[at]) <= room and known.isdisjoint(members[at])
            room -= len(members[at]) if fits else 0
            (validation if fits else train).extend(members[at])
    if not validation and known:
        raise DataError(
            f"{counted(len(source), 'frame')}, of which {len(known)} have taught the network to begin with: too few "
            "others to hold any out; expected 5 or more of a kind that it never saw. Add some, or give --validate."
        )
    if not validation:
        single = len(source) - sum(map(len, together)) + len(together)
        as_one = f", which count as {single} by near-duplication" if together else ""
        raise DataError(
            f"{counted(len(source), 'frame')}{as_one}: too few to hold any out for validation; "
            "expected 5 or more of a kind"
        )
    return Part(source, tuple(sorted(train))), Part(source, tuple(sorted(validation)))


def parse_fold(text: str) -> tuple[int, int]:
    """Read `K/N`: fold K of N, counted from 1.

    Raises:
        DataError: it is something else.
    """
    match = re.fullmatch(r"(\d{1,4})/(\d{1,4})", text)
    number, count = map(int, match.groups()) if match else (0, 0)
    if not 1 <= number <= count or count < 2:
        raise DataError(f"--fold {text}: expected K/N, fold K of N, as 1/5 to 5/5; N is 2 or more")
    return number, count


def hold_out(
    source: Frames, seed: int, together: Sequence[Sequence[int]], number: int, count: int
) -> tuple[Part, Part]:
    """Return (train, validation): fold `number` of `count`, from 1, is held out, the others teach."""
    held = folds(source, seed, together, count)[number - 1]
    out = set(held.indices)
    return Part(source, tuple(index for index in range(len(source)) if index not in out)), held


def folds(source: Frames, seed: int, together: Sequence[Sequence[int]], count: int) -> list[Part]:
    """Divide a set in `count` folds, each stratum (see `split`) alike; the same for the same seed and names.

    Each frame lies in one fold, a group of indices in `together` within one. Where nothing is grouped, folds differ by
    at most one frame, in every stratum and on the whole; of groups the larger are dealt first, so that the smaller and
    the single frames even out what they leave.

    Raises:
        DataError: a fold would be empty.
    """
    chance = np.random.default_rng(seed)
    dealt: list[list[int]] = [[] for _ in range(count)]
    strata = _strata(source, together)
    for key in sorted(strata):
        of_stratum = [0] * count
        shuffled = [strata[key][at] for at in chance.permutation(len(strata[key]))]
        for group in sorted(shuffled, key=len, reverse=True):
            least = min(range(count), key=lambda fold: (of_stratum[fold], len(dealt[fold])))
            of_stratum[least] += len(group)
            dealt[least].extend(group)
    if not all(dealt):
        raise DataError(
            f"{counted(len(source), 'frame')}, near-duplicates together: too few for {count} folds; "
            "expected at least one in each. Ask for fewer folds."
        )
    return [Part(source, tuple(sorted(indices))) for indices in dealt]


def few_of(frames: Frames, count: int, seed: int) -> Part:
    """Return `count` of the frames, strata (see `split`) in turn; those for fewer are among those for more.

    Raises:
        DataError: there are fewer.
    """
    if count > len(frames):
        raise DataError(
            f"--learn-from {count}: the data has {counted(len(frames), 'frame')} to learn from; "
            "expected as many or fewer"
        )
    chance = np.random.default_rng(seed)
    strata = _strata(frames, ())
    shuffled = [[strata[key][at][0] for at in chance.permutation(len(strata[key]))] for key in sorted(strata)]
    # Each stratum's frames lie evenly on 0..1: taken in that order, every prefix has all strata in their shares.
    places = [((at + 0.5) / len(members), index) for members in shuffled for at, index in enumerate(members)]
    return Part(frames, tuple(sorted(index for _, index in sorted(places)[:count])))


def _strata(source: Frames, together: Sequence[Sequence[int]]) -> dict[str, list[tuple[int, ...]]]:
    """Return the groups of each stratum, single frames as groups of one, in order."""
    grouped = {index for group in together for index in group}
    groups = sorted([tuple(group) for group in together] + [(i,) for i in range(len(source)) if i not in grouped])
    strata: dict[str, list[tuple[int, ...]]] = defaultdict(list)
    for group in groups:
        strata[_stratum(source, group)].append(group)
    return strata


def _stratum(source: Frames, group: Sequence[int]) -> str:
    classes: set[int] = set()
    for index in group:
        if (of_frame := source.classes(index)) is None:
            return source.name(index).rpartition("/")[0]
        classes |= of_frame
    return "+".join(map(str, sorted(classes)))


def across(train: Part, validation: Part, together: Sequence[Sequence[int]]) -> list[tuple[int, ...]]:
    """Return the groups of which some frames teach and others measure: what was learned by heart counts as found."""
    teaching, measuring = set(train.indices), set(validation.indices)
    return [tuple(group) for group in together if not (teaching.isdisjoint(group) or measuring.isdisjoint(group))]


def ambiguous(source: Frames) -> list[str]:
    """Say which names several frames of a set have: a split could not tell them apart."""
    counts = Counter(source.name(index) for index in range(len(source)))
    return [
        f"{count} frames of DATA are named {name}; expected each name once. Rename one of the folders, or of the files."
        for name, count in counts.items()
        if count > 1
    ]


def training_rows(path: Path) -> dict[str, str]:
    """Return the names of the frames that teach, as a `split.csv` says, each with its classes as `say_classes` has it.

    Raises:
        DataError: it cannot be read, or has other columns.
    """
    return {row["name"]: row.get("classes", "") for _, row in _named_rows(path) if row["part"] == PARTS[0]}


def read_training(path: Path, source: Frames) -> Part:
    """Return the frames of a set that teach, as a run's `split.csv` says: all of them where it has none to measure on.

    Raises:
        DataError: as `read_split`.
    """
    return _read(path, source, needed=PARTS[:1])[0]


def read_split(path: Path, source: Frames) -> tuple[Part, Part]:
    """Divide a set as a `split.csv` says, whose columns `name` and `part` are needed.

    Raises:
        DataError: no such file or column, a part other than train and validation, a name twice, nothing to learn from
            or to measure on, or other frames than the set's; all of them.
    """
    return _read(path, source, needed=PARTS)


def _as_written(path: Path | None, train: Frames, validation: Frames) -> tuple[Frames, Frames]:
    """Return both parts; raise DataError where a `split.csv` has other frames in one, for nobody asked for those."""
    if path:
        rows = Counter((row["name"], row["part"]) for _, row in _named_rows(path))
        found = Counter(
            (of.name(index), part)
            for part, of in zip(PARTS, (train, validation), strict=True)
            for index in range(len(of))
        )
        new, gone = ([name for name, _ in (more - than).elements()] for more, than in ((found, rows), (rows, found)))
        if faults := _differences(path, new, gone):
            raise DataError(*faults)
    return train, validation


def _named_rows(path: Path) -> Iterator[tuple[str, Mapping[str, str]]]:
    """Return a split's rows, each with its place; raise DataError where its columns are others."""
    columns, lines = read_rows(path)
    if not {"name", "part"} <= set(columns):
        raise DataError(f"{path}: line 1: columns are {', '.join(columns)}; expected name,part")
    return lines


def _read(path: Path, source: Frames, needed: Sequence[str]) -> tuple[Part, Part]:
    """Divide a set as a `split.csv` says; the parts that are `needed` have some frames each."""
    if not path.is_file():
        raise DataError(f"{path}: no such file; expected a split.csv that `trainer check` or `trainer fit` wrote")
    parts: dict[str, str] = {}
    faults = []
    for place, row in _named_rows(path):
        where = f"{place}: {row['name']}"
        if row["part"] not in PARTS:
            faults.append(f"{where} is in part {row['part']!r}; expected {' or '.join(PARTS)}")
        if row["name"] in parts:
            faults.append(f"{where} stands there twice; expected each frame once")
        parts[row["name"]] = row["part"]
    names = [source.name(index) for index in range(len(source))]
    faults += [*ambiguous(source), *_strangers(path, names, parts)]
    train, validation = (
        Part(source, tuple(index for index, name in enumerate(names) if parts.get(name) == part)) for part in PARTS
    )
    if not faults and not all(len(of) for part, of in zip(PARTS, (train, validation), strict=True) if part in needed):
        faults.append(
            f"{path}: {counted(len(train), 'frame')} in train, {len(validation)} in validation; expected some in each"
        )
    if faults:
        raise DataError(*faults)
    return train, validation


def _strangers(path: Path, names: Sequence[str], parts: dict[str, str]) -> list[str]:
    """Say where a split and a set of frames differ."""
    return _differences(path, [name for name in names if name not in parts], sorted(parts.keys() - set(names)))


def _differences(path: Path, new: Sequence[str], gone: Sequence[str]) -> list[str]:
    """Say which frames a split does not know, and which it alone has."""
    faults = []
    for strangers, words in ((new, "of DATA not in the split"), (gone, "in the split not in DATA")):
        if strangers:
            faults.append(
                f"{path}: {counted(len(strangers), 'frame')} {words}, as {strangers[0]}; expected the same frames. "
                "Give the DATA it was made of, or make a new split with `trainer check`."
            )
    return faults


def keep_split(path: Path, train: Frames, validation: Frames) -> Path | None:
    """Write a split; return where another that stood there is kept, for somebody may have made it by hand.

    One that divides the same frames alike is left as it is.

    Raises: UserError, where a run follows the one that stands there, or it is no split.
    """
    if path.is_file():
        with suppress(DataError):
            _as_written(path, train, validation)
            return None
    refuse_followed(path)
    if not path.is_file():
        write_split(path, train, validation)
        return None
    refuse_foreign(path, HEAD)
    number = 1
    while (before := path.with_name(f"{path.stem}-before-{number}{path.suffix}")).exists():
        number += 1
    path.rename(before)
    write_split(path, train, validation)
    return before


def say_classes(frames: Frames, index: int) -> str:
    """Return a frame's classes as a `split.csv` has them; `?`: only reading the frame would tell."""
    classes = frames.classes(index)
    return "?" if classes is None else "+".join(map(str, sorted(classes)))


def write_split(path: Path, train: Frames, validation: Frames) -> None:
    """Write `name,part,classes` of every frame: what a run learned from, and what it was measured on."""
    parts = zip(PARTS, (train, validation), strict=True)
    lines = [(of.name(index), part, say_classes(of, index)) for part, of in parts for index in range(len(of))]
    with (
        replace_file(path, HEAD) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(("name", "part", "classes"))
        writer.writerows(lines)
