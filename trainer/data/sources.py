"""Where labelled frames come from, as the command line names it: procedural steel, folders in three layouts, COCO."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import accumulate
from pathlib import Path
from typing import Any

from inspector.records.recipe import Window
from inspector.simulator.looks import LOOKS, PLAIN
from inspector.simulator.sheet import ROWS, WIDTH_PX, Sheet
from trainer.data.classes import STATED, list_classes, lookup, read_stated, unite
from trainer.data.coco import read_coco
from trainer.data.labelled import LabelledFrames, Listing
from trainer.data.masks import read_mask_folder
from trainer.data.samples import CLASS_NAMES, UNKNOWN, Derived, Frames, Plane, Sample
from trainer.data.severstal import is_severstal, read_severstal
from trainer.errors import DataError


def coil_name(seed: int, look: str) -> str:
    """Return what the names of a procedural coil's frames begin with, up to the slash."""
    return f"sheet-{seed}" if look == PLAIN else f"sheet-{look}-{seed}"


class SheetFrames:
    """Procedural steel: `frames` frames of each coil, one coil a seed. A coil is built when it is first looked at.

    Raises:
        ValueError: densities that no coil can have.
    """

    window = None

    def __init__(self, seeds: Sequence[int], frames: int, *, look: str = PLAIN, **densities: float) -> None:
        coil = partial(Sheet, look=look, **densities)  # type: ignore[arg-type]  # names are those of SHEET_OPTIONS
        self._build: Callable[[int], Sheet] = lru_cache(maxsize=None)(coil)
        self._seeds = tuple(seeds)
        self._build(self._seeds[0])
        self._look = look
        self._frames = frames
        self.use_classes(CLASS_NAMES)

    def use_classes(self, names: tuple[str, ...]) -> None:
        """Count classes as `names` does; pixels of one that it lacks are UNKNOWN."""
        self.class_names = names
        self._table = lookup(STEEL_CLASSES, names)

    def __len__(self) -> int:
        return len(self._seeds) * self._frames

    def __getitem__(self, index: int) -> Sample:
        # Neighbours in the index are different coils: a short walk through it sees all of them.
        rendered = self.coil(index).frame(index // len(self._seeds))
        return Sample(self.name(index), rendered.pixels, self._table[rendered.labels])

    def coil(self, index: int) -> Sheet:
        """Return the coil that a frame is of."""
        return self._build(self._seeds[index % len(self._seeds)])

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        seed = self._seeds[index % len(self._seeds)]
        return f"{coil_name(seed, self._look)}/{index // len(self._seeds)}"

    def classes(self, index: int) -> frozenset[int] | None:
        """Return None: only reading the frame would tell."""
        return None

    def image(self, index: int) -> Path | None:
        """Return None: no file holds the frame."""
        return None

    def grey(self, index: int) -> Plane:
        """Draw a frame's grey levels (H, W) uint8."""
        return self[index].pixels

    def size(self, index: int) -> tuple[int, int]:
        """Return a frame's height and width, pixels."""
        return ROWS, WIDTH_PX


class Joined(Derived):
    """Several sets, one after the other."""

    def __init__(self, sources: Sequence[Frames]) -> None:
        self.sources = sources
        self._ends = list(accumulate(map(len, sources)))

    @property
    def base(self) -> Frames:
        """The first, which has the classes of all."""
        return self.sources[0]

    @property
    def window(self) -> Window | None:
        """How images of more than 8 bits became grey, where any source has such."""
        return next((source.window for source in self.sources if source.window), None)

    def __len__(self) -> int:
        return self._ends[-1]

    def at(self, index: int) -> tuple[Frames, int]:
        """Return the set that a frame is of, and its index there."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        number = bisect_right(self._ends, index)
        return self.sources[number], index - (self._ends[number - 1] if number else 0)


def say_by_place(frames: Frames) -> list[str]:
    """Return a warning for each source of a set whose classes have no names and are taken for those of a network."""
    if isinstance(frames, Joined):
        return [line for source in frames.sources for line in say_by_place(source)]
    if isinstance(frames, Derived):
        return say_by_place(frames.base)
    return [f"warning: {frames.by_place}"] if isinstance(frames, LabelledFrames) and frames.by_place else []


def steel_table(names: Sequence[str]) -> Plane:
    """Return a table (256,) uint8 from procedural steel's own class ids to those of `names`.

    Raises:
        DataError: they lack one.
    """
    table = lookup(STEEL_CLASSES, names)
    if lacked := [name for number, name in enumerate(CLASS_NAMES, 1) if table[number] == UNKNOWN]:
        raise DataError(
            f"procedural steel has {', '.join(lacked)}; expected no other classes than the recipe's: "
            f"{', '.join(names)}. Give frames of those, or a recipe that knows this steel's."
        )
    return table


def build_coils(frames: Frames) -> None:
    """Build all procedural coils of a set now, so that processes that are forked later have them."""
    for index in range(len(frames)):
        source, at = frames, index
        while isinstance(source, Derived):
            source, at = source.at(at)
        if isinstance(source, SheetFrames):
            source.coil(at)


STEEL_CLASSES = list_classes(CLASS_NAMES, (), Path("procedural steel"))
MOST_DIGITS = 9
"""Of a seed or a count: their product stays below what Python can index."""
SHEET = re.compile(r"sheet:(?P<first>\d+)(-(?P<last>\d+))?:(?P<frames>\d+)(:(?P<options>[a-z_0-9=.,]+))?")
SHEET_OPTIONS = {"defects": "defects_per_m", "lookalikes": "lookalikes_per_m"}
LOOK = "look"
"""The option that is a name."""


def frames(
    specs: Sequence[str],
    only: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    window: Window | None = None,
    size: tuple[int, int] | None = None,
) -> Frames:
    """Open what the command line names, joined in that order.

    A spec is a folder, a COCO file, or `sheet:SEED:FRAMES` or `sheet:FIRST-LAST:FRAMES`: FRAMES of each coil,
    optionally followed by `:defects=6,lookalikes=2`, both a metre of strip, and `look=mill`.

    `only` is about folders in Severstal's layout; whether a command has any, `check_only` says. `classes` are those of
    a network, and no other may be found; else they are all that the data has. `window` is that of all sources.
    `size` (height, width) states the line's frames: then images may be of any.

    Raises:
        DataError: no such folder, none of the layouts, another window stated, or anything wrong with the files that say
            what is in the frames.
    """
    opened = open_all(specs, only, classes=classes, window=window, size=size)
    if opened.faults or opened.frames is None:
        raise DataError(*opened.faults)
    return opened.frames


@dataclass(frozen=True, slots=True)
class Opened:
    """What the command line names, as far as it can be read."""

    frames: Frames | None
    """None: nothing can be read at all."""
    faults: Sequence[str]
    warnings: Sequence[str] = ()
    size: tuple[int, int] | None = None
    """Height and width of the line's frames, where they are stated."""


def open_all(
    specs: Sequence[str],
    only: str | None = None,
    *,
    classes: Sequence[str] | None = None,
    window: Window | None = None,
    size: tuple[int, int] | None = None,
    reads_masks: bool = True,
) -> Opened:
    """Open what the command line names as far as it can be read; return it with all that is wrong.

    Without `reads_masks` no mask is decoded, and its frames are good for their images alone: which classes there are
    of which a folder of index masks states no names, only all of its masks say.
    """
    found: list[tuple[str, SheetFrames | Listing]] = []
    faults: list[str] = []
    for spec in specs:
        try:
            source = _sheet(spec) if spec.startswith("sheet:") else _read(Path(spec), only, reads_masks)
        except DataError as error:
            faults += error.faults
        else:
            found.append((spec, source))
            faults += source.faults if isinstance(source, Listing) else ()
    lists = [STEEL_CLASSES if isinstance(source, SheetFrames) else source.classes for _, source in found]
    states = [source.stated for _, source in found if isinstance(source, Listing)]
    try:
        names = unite(lists, classes)
        size = size or _agreed("size", {stated.size for stated in states} - {None})
        faults += _other_windows(found, window)
        window = window or _agreed("window", {stated.window for stated in states} - {None})
    except DataError as error:
        return Opened(None, [*faults, *error.faults])
    opened: list[Frames] = []
    for _, source in found:
        if isinstance(source, SheetFrames):
            source.use_classes(names)
            opened.append(source)
        else:
            opened.append(LabelledFrames(source, names, window, any_size=size is not None))
    warnings = [warning for labels in lists for warning in labels.warnings]
    warnings += [warning for _, source in found if isinstance(source, Listing) for warning in source.warnings]
    joined = None if not opened else opened[0] if len(opened) == 1 else Joined(opened)
    return Opened(joined, faults, warnings, size)


def check_only(specs: Sequence[str], only: str | None) -> None:
    """Refuse an `only` that is about none of a command's specs: whoever gives it takes frames to be left out.

    Opening asks for no such thing: a command may open its specs one by one, and `only` be about another of them.

    Raises:
        DataError: no spec is in Severstal's layout.
    """
    if only and not any(is_severstal(Path(spec)) for spec in specs):
        raise DataError(
            f"--only {only}: works on Severstal's layout alone, a folder with train_images/ and train.csv; expected "
            "one in DATA. Leave --only out."
        )


def stated_size(specs: Sequence[str]) -> tuple[int, int] | None:
    """Return the height and width of the line's frames that the data itself states, None where it does not.

    Raises:
        DataError: several sources state different ones.
    """
    paths = [Path(spec) for spec in specs if not spec.startswith("sheet:")]
    states = [read_stated(path if path.is_dir() else path.parent) for path in paths]
    size: tuple[int, int] | None = _agreed("size", {stated.size for stated in states} - {None})
    return size


def _other_windows(found: Sequence[tuple[str, SheetFrames | Listing]], window: Window | None) -> list[str]:
    """Say which sources state another window than the one that is given: levels would mean something else there."""
    return [
        f"{spec}: {STATED}: window is {source.stated.window}; expected {window}, that of the recipe or of --window. "
        "Leave it out there, or give DATA of the same window."
        for spec, source in found
        if isinstance(source, Listing) and window and source.stated.window not in (None, window)
    ]


def _agreed(key: str, values: set[Any]) -> Any:
    """Return what the sources state alike, or None where none states it."""
    if len(values) > 1:
        raise DataError(f"{STATED}: {key} is {' and '.join(map(str, values))} in several folders; expected one for all")
    return next(iter(values), None)


def _sheet(spec: str) -> SheetFrames:
    match = SHEET.fullmatch(spec)
    if not match:
        raise DataError(f"{spec}: expected sheet:SEED:FRAMES, as sheet:7:500, sheet:100-139:2000:defects=6")
    if max(len(match[name] or "") for name in ("first", "last", "frames")) > MOST_DIGITS:
        raise DataError(f"{spec}: expected numbers of at most {MOST_DIGITS} digits, as sheet:100-139:2000")
    first, last = int(match["first"]), int(match["last"] or match["first"])
    options = dict(pair.partition("=")[::2] for pair in match["options"].split(",")) if match["options"] else {}
    look = options.pop(LOOK, PLAIN)
    odd = options.keys() - SHEET_OPTIONS.keys()
    if odd or last < first or int(match["frames"]) < 1:
        raise DataError(
            f"{spec}: "
            + (f"unknown {', '.join(sorted(odd))}; expected {', '.join([*SHEET_OPTIONS, LOOK])}" if odd else "is empty")
        )
    if look not in LOOKS:
        raise DataError(f"{spec}: look is {look or 'nothing'}; expected {' or '.join(LOOKS)}, as look=mill")
    try:
        numbers = {SHEET_OPTIONS[name]: float(value) for name, value in options.items()}
    except ValueError as error:
        raise DataError(f"{spec}: {error}; expected numbers a metre, as defects=6") from None
    try:
        return SheetFrames(range(first, last + 1), int(match["frames"]), look=look, **numbers)
    except ValueError as error:
        raise DataError(f"{spec}: {error}") from None


def _read(path: Path, only: str | None, reads_masks: bool) -> Listing:
    if path.suffix.lower() == ".json" and path.is_file():
        return read_coco(path)
    if is_severstal(path):
        return read_severstal(path, only)
    if (path / "images").is_dir() and (path / "masks").is_dir():
        return read_mask_folder(path, reads_masks=reads_masks)
    raise DataError(
        f"{path}: expected a folder with train_images/ and train.csv (Severstal), a folder with images/ and masks/, "
        "or a COCO file ending in .json" + ("" if path.exists() else "; there is no such file or folder")
    )
