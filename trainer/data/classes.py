"""The classes of data: their ids and names, from whatever the data calls them, and what a `classes.toml` states.

Knows names and numbers; must not know layouts or frames. A class's id is its place: 1 is the first name's.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import numpy as np

from inspector.records.recipe import Window
from trainer.data.names import allowed_name
from trainer.data.rows import read_text
from trainer.data.samples import Plane
from trainer.errors import DataError

MOST, NOBODY = 254, 255
"""Label maps are bytes; 0 is sound and 255 belongs to nobody."""
STATED = "classes.toml"
MANY = 4
"""Names that a message gives."""

Side = Annotated[int, msgspec.Meta(ge=32, le=16384)]


class Stated(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `classes.toml` next to the data says; each key may be left out."""

    names: Annotated[tuple[str, ...], msgspec.Meta(max_length=MOST)] = ()
    """Of classes 1, 2, ..."""
    window: Window | None = None
    """Which levels of images of more than 8 bits are black and white."""
    size: tuple[Side, Side] | None = None
    """Height and width of the frames on the line, pixels."""


NOTHING = Stated()


@dataclass(frozen=True, slots=True)
class ClassList:
    """The classes of one source of frames."""

    names: tuple[str, ...]
    """Of its ids 1, 2, ..., as a recipe may have them."""
    is_named: bool = True
    """Whether the data names its classes; if not, only their places are known, and the names are ours."""
    ids: Mapping[str, int] = field(default_factory=dict)
    """By what the data calls them, case folded."""
    warnings: tuple[str, ...] = ()
    where: str = ""
    """The folder or file whose classes have no names."""

    def find(self, label: str) -> int | None:
        """Return the id of a class by what the data calls it, or by its number."""
        return self.ids.get(label.casefold())


def read_stated(folder: Path) -> Stated:
    """Read a folder's `classes.toml`; where there is none nothing is stated.

    Raises:
        DataError: it is not UTF-8 or no TOML, or holds another key or value.
    """
    path = folder / STATED
    if not os.path.lexists(path):
        return NOTHING
    if not path.is_file():
        raise DataError(f"{path}: is no file; expected TOML. Remove it, or mend its link.")
    text = read_text(path)
    try:
        stated = msgspec.convert(tomllib.loads(text), Stated)
    except (ValueError, RecursionError) as error:  # tomllib's, msgspec's and text's are ValueErrors
        raise DataError(
            f'{path}: {error}; expected names = ["pitted", "crack"], and where needed window = [0, 4095] and '
            "size = [256, 1600]"
        ) from error
    if stated.window and stated.window.white <= stated.window.black:
        raise DataError(f"{path}: window is {stated.window}; expected black below white, as [0, 4095]")
    return stated


def list_classes(labels: Sequence[str], stated: Sequence[str], where: Path) -> ClassList:
    """Return the classes of data that calls them `labels`, in their order, or as `stated`.

    Numbers alone are places of classes without names.

    Raises:
        DataError: names and numbers mixed, two labels of one name, one that gives no name, or too many.
    """
    if stated:
        return _of_names(stated, where)
    numbers = [label for label in labels if label.isascii() and label.isdigit()]
    if labels and len(numbers) == len(labels):
        return unnamed(max(map(int, numbers)), where)
    if numbers:
        raise DataError(
            f"{where}: classes are called {', '.join(labels)}; expected names or numbers. State them in {STATED}."
        )
    return _of_names(labels, where)


def unnamed(count: int, where: Path) -> ClassList:
    """Return `count` classes of which only the places are known.

    Raises:
        DataError: more than a label map holds.
    """
    if count > MOST:
        raise DataError(f"{where}: holds class {count}; expected at most {MOST}")
    numbers = {str(number): number for number in range(1, count + 1)}
    names = tuple(f"class-{number}" for number in range(1, count + 1))
    return ClassList(names, is_named=False, ids=numbers, where=str(where))


def _of_names(labels: Sequence[str], where: Path) -> ClassList:
    if len(labels) > MOST:
        raise DataError(f"{where}: has {len(labels)} classes; expected at most {MOST}")
    names = tuple(allowed_name(label, "") for label in labels)
    nameless = [label for label, name in zip(labels, names, strict=True) if not name]
    if nameless:
        raise DataError(
            f"{where}: a class is called {nameless[0]!r}, of which no name can be made; expected letters or digits. "
            f"Rename it, or state names in {STATED}."
        )
    twice = {name for name in names if sum(name.casefold() == later.casefold() for later in names) > 1}
    if twice:
        raise DataError(
            f"{where}: several classes are called {', '.join(sorted(twice))}; expected each name once. Rename one, or "
            f"state names in {STATED}."
        )
    warnings = tuple(
        f"{where}: class {number}, {label!r}, is called {name}: a recipe's names have letters, digits and _.:/- only"
        for number, (label, name) in enumerate(zip(labels, names, strict=True), 1)
        if name != label
    )
    ids = {str(number): number for number in range(1, len(labels) + 1)}
    for number, (label, name) in enumerate(zip(labels, names, strict=True), 1):
        ids |= {label.casefold(): number, name.casefold(): number}
    return ClassList(names, ids=ids, warnings=warnings)


def unite(sources: Sequence[ClassList], given: Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of all sources' classes, in the order of the first that has them, or exactly those `given`.

    Raises:
        DataError: classes known by their places stand next to named ones, or more of them than a label map holds.
    """
    if given is not None:
        return tuple(given)
    placed = next((classes for classes in sources if classes.names and not classes.is_named), None)
    named = next((classes for classes in sources if classes.names and classes.is_named), None)
    if placed and named:
        raise DataError(
            f"classes 1 to {len(placed.names)} of some masks have no names, and those of other DATA do "
            f"({', '.join(named.names[:MANY])}); expected names for all. State those of the masks in {STATED}."
        )
    names: list[str] = []
    known: set[str] = set()
    for classes in sources:
        if classes.is_named:
            names += [name for name in classes.names if name.casefold() not in known]
            known |= {name.casefold() for name in classes.names}
    for classes in sources:
        if not classes.is_named:
            names += classes.names[len(names) :]
    if len(names) > MOST:
        raise DataError(f"{len(names)} classes in all; expected at most {MOST}")
    return tuple(names)


def taken_by_place(classes: ClassList, names: Sequence[str]) -> str:
    """Say which of `names` the classes of a source without names are taken for; nothing where all are ours for places.

    Another tool may have numbered the same classes otherwise, and all that is counted would be wrong.
    """
    pairs = list(zip(classes.names, names, strict=False))
    if classes.is_named or all(own == name for own, name in pairs):
        return ""
    taken = ", ".join(f"{number} for {name}" for number, (_, name) in enumerate(pairs[:MANY], 1))
    return (
        f"{classes.where}: its classes have no names, and are taken by their numbers: {taken}"
        f"{', ...' if len(pairs) > MANY else ''}. If they are others, state names in {STATED}."
    )


def lookup(classes: ClassList, names: Sequence[str]) -> Plane:
    """Return a table (256,) uint8 from a source's ids to those of `names`; NOBODY where they lack a class."""
    places = {name.casefold(): number for number, name in enumerate(names, 1)}
    table: Plane = np.full(256, NOBODY, np.uint8)
    table[0] = 0
    for number, name in enumerate(classes.names, 1):
        own = number if number <= len(names) else NOBODY
        table[number] = places.get(name.casefold(), NOBODY) if classes.is_named else own
    return table
