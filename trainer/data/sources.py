"""Where labelled frames come from, as the command line names it: procedural steel, folders in three layouts, COCO."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from inspector.simulator.sheet import Sheet
from trainer.data.coco import read_coco
from trainer.data.labelled import Found, LabelledFrames
from trainer.data.masks import read_mask_folder
from trainer.data.samples import CLASS_NAMES, Frames, Sample
from trainer.data.severstal import read_severstal
from trainer.faults import DataError


class SheetFrames:
    """Procedural steel: `frames` frames of each coil, one coil a seed."""

    def __init__(self, seeds: Sequence[int], frames: int, **sheet: float) -> None:
        self._sheets = [Sheet(seed, **sheet) for seed in seeds]  # type: ignore[arg-type]  # checked by frames()
        self._seeds = tuple(seeds)
        self._frames = frames
        self.class_names = CLASS_NAMES

    def __len__(self) -> int:
        return len(self._sheets) * self._frames

    def __getitem__(self, index: int) -> Sample:
        # Neighbours in the index are different coils: a short walk through it sees all of them.
        rendered = self._sheets[index % len(self._sheets)].frame(index // len(self._sheets))
        return Sample(self.name(index), rendered.pixels, rendered.labels)

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return f"sheet-{self._seeds[index % len(self._seeds)]}/{index // len(self._seeds)}"

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, None where only reading it would tell."""
        return None

    def image(self, index: int) -> Path | None:
        """Return None: no file holds the frame."""
        return None


@dataclass(frozen=True, slots=True)
class Joined:
    """Several sets, one after the other."""

    sources: Sequence[Frames]

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the defect classes, which all sets share."""
        return self.sources[0].class_names

    def __len__(self) -> int:
        return sum(len(source) for source in self.sources)

    def _at(self, index: int) -> tuple[Frames, int]:
        for source in self.sources:
            if index < len(source):
                return source, index
            index -= len(source)
        raise IndexError(index)

    def __getitem__(self, index: int) -> Sample:
        source, at = self._at(index)
        return source[at]

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        source, at = self._at(index)
        return source.name(at)

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, None where only reading it would tell."""
        source, at = self._at(index)
        return source.classes(at)

    def image(self, index: int) -> Path | None:
        """Return the file of a frame's pixels, None where there is none."""
        source, at = self._at(index)
        return source.image(at)


SHEET = re.compile(r"sheet:(?P<first>\d+)(-(?P<last>\d+))?:(?P<frames>\d+)(:(?P<options>[a-z_0-9=.,]+))?")
SHEET_OPTIONS = {"defects": "defects_per_m", "lookalikes": "lookalikes_per_m"}


def frames(specs: Sequence[str], only: str | None = None) -> Frames:
    """Open what the command line names, joined in that order.

    A spec is a folder, a COCO file, or `sheet:SEED:FRAMES` or `sheet:FIRST-LAST:FRAMES`: so many frames of each coil,
    optionally followed by `:defects=6,lookalikes=2`, both a metre of strip.

    Raises:
        DataError: no such folder, none of the layouts, or anything wrong with the files that say what is in the frames.
    """
    opened, faults = open_all(specs, only)
    if faults:
        raise DataError(*faults)
    return opened


def open_all(specs: Sequence[str], only: str | None = None) -> tuple[Frames, list[str]]:
    """Open what the command line names as far as it can be read; return it with all that is wrong."""
    sources: list[Frames] = []
    faults: list[str] = []
    for spec in specs:
        try:
            if spec.startswith("sheet:"):
                sources.append(_sheet(spec))
                continue
            found = _read(Path(spec), only)
        except DataError as error:
            faults += error.faults
        else:
            sources.append(LabelledFrames(found.entries, found.class_names))
            faults += found.faults
    return sources[0] if len(sources) == 1 else Joined(sources), faults


def _sheet(spec: str) -> Frames:
    match = SHEET.fullmatch(spec)
    if not match:
        raise DataError(f"{spec}: expected sheet:SEED:FRAMES, as sheet:7:500, sheet:100-139:2000:defects=6")
    first, last = int(match["first"]), int(match["last"] or match["first"])
    options = dict(pair.partition("=")[::2] for pair in match["options"].split(",")) if match["options"] else {}
    odd = options.keys() - SHEET_OPTIONS.keys()
    if odd or last < first or int(match["frames"]) < 1:
        raise DataError(
            f"{spec}: "
            + (f"unknown {', '.join(sorted(odd))}; expected {', '.join(SHEET_OPTIONS)}" if odd else "is empty")
        )
    try:
        numbers = {SHEET_OPTIONS[name]: float(value) for name, value in options.items()}
    except ValueError as error:
        raise DataError(f"{spec}: {error}; expected numbers a metre, as defects=6") from None
    return SheetFrames(range(first, last + 1), int(match["frames"]), **numbers)


def _read(path: Path, only: str | None) -> Found:
    if path.suffix.lower() == ".json" and path.is_file():
        return read_coco(path)
    if (path / "train.csv").is_file() and (path / "train_images").is_dir():
        return read_severstal(path, only)
    if (path / "images").is_dir() and (path / "masks").is_dir():
        return read_mask_folder(path)
    raise DataError(
        f"{path}: expected a folder with train_images/ and train.csv (Severstal), a folder with images/ and masks/, "
        "or a COCO file ending in .json" + ("" if path.exists() else "; there is no such file or folder")
    )
