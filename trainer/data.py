"""Where labelled frames come from, as the command line names it: procedural steel, Severstal, a folder of masks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from inspector.simulator.sheet import Sheet
from trainer.samples import CLASS_NAMES, Frames, Plane, Sample, read_grey
from trainer.severstal import SeverstalFrames


class SheetFrames:
    """Procedural steel: `frames` frames of each coil, one coil a seed."""

    def __init__(self, seeds: Sequence[int], frames: int, **sheet: float) -> None:
        self._sheets = [Sheet(seed, **sheet) for seed in seeds]  # type: ignore[arg-type]  # checked by frames()
        self._seeds = tuple(seeds)
        self._frames = frames

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


class MaskFrames:
    """A folder of `images/` and `masks/`: for each image a PNG of the same stem whose grey values are class ids.

    Raises:
        ValueError: no images, an image without mask; on reading, a mask of another size or with a value above 4.
    """

    def __init__(self, folder: Path) -> None:
        images = sorted(p for p in (folder / "images").iterdir() if p.suffix in (".jpg", ".png", ".bmp"))
        self._pairs = [(image, folder / "masks" / f"{image.stem}.png") for image in images]
        self._folder = folder
        if not self._pairs:
            raise ValueError(f"{folder / 'images'}: no .jpg, .png or .bmp in it")
        for image, mask in self._pairs:
            if not mask.is_file():
                raise ValueError(f"{image}: has no mask {mask}; expected one for each image, all zero if it is sound")
        self._classes: dict[int, frozenset[int]] = {}

    def __len__(self) -> int:
        return len(self._pairs)

    def __getitem__(self, index: int) -> Sample:
        image, mask = self._pairs[index]
        pixels, labels = read_grey(image), self._read_mask(index)
        if pixels.shape != labels.shape:
            raise ValueError(f"{mask}: is {labels.shape[::-1]} px; expected the image's {pixels.shape[::-1]} px")
        return Sample(self.name(index), pixels, labels)

    def _read_mask(self, index: int) -> Plane:
        mask = self._pairs[index][1]
        labels = read_grey(mask)
        if labels.max() > len(CLASS_NAMES):
            raise ValueError(f"{mask}: holds the value {labels.max()}; expected class ids 0..{len(CLASS_NAMES)}")
        return labels

    def name(self, index: int) -> str:
        """Return the frame's name without reading it."""
        return f"{self._folder.name}/{self._pairs[index][0].stem}"

    def classes(self, index: int) -> frozenset[int] | None:
        """Return the defect classes in a frame, None where only reading it would tell."""
        if index not in self._classes:
            self._classes[index] = frozenset(np.unique(self._read_mask(index)).tolist()) - {0}
        return self._classes[index]


@dataclass(frozen=True, slots=True)
class Joined:
    """Several sets, one after the other."""

    sources: Sequence[Frames]

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


SHEET = re.compile(r"sheet:(?P<first>\d+)(-(?P<last>\d+))?:(?P<frames>\d+)(:(?P<options>[a-z_0-9=.,]+))?")
SHEET_OPTIONS = {"defects": "defects_per_m", "lookalikes": "lookalikes_per_m"}


def frames(specs: Sequence[str], only: str | None = None) -> Frames:
    """Open what the command line names, joined in that order.

    A spec is a folder, or `sheet:SEED:FRAMES` or `sheet:FIRST-LAST:FRAMES`: so many frames of each coil, optionally
    followed by `:defects=6,lookalikes=2`, both a metre of strip.

    Raises:
        ValueError: no such folder, neither of the two layouts, or a sheet that cannot be read.
    """
    sources = [_sheet(spec) if spec.startswith("sheet:") else _folder(Path(spec), only) for spec in specs]
    return sources[0] if len(sources) == 1 else Joined(sources)


def _sheet(spec: str) -> Frames:
    match = SHEET.fullmatch(spec)
    if not match:
        raise ValueError(f"{spec}: expected sheet:SEED:FRAMES, as sheet:7:500, sheet:100-139:2000:defects=6")
    first, last = int(match["first"]), int(match["last"] or match["first"])
    options = dict(pair.partition("=")[::2] for pair in match["options"].split(",")) if match["options"] else {}
    odd = options.keys() - SHEET_OPTIONS.keys()
    if odd or last < first or int(match["frames"]) < 1:
        raise ValueError(
            f"{spec}: "
            + (f"unknown {', '.join(sorted(odd))}; expected {', '.join(SHEET_OPTIONS)}" if odd else "is empty")
        )
    try:
        numbers = {SHEET_OPTIONS[name]: float(value) for name, value in options.items()}
    except ValueError as error:
        raise ValueError(f"{spec}: {error}; expected numbers a metre, as defects=6") from None
    return SheetFrames(range(first, last + 1), int(match["frames"]), **numbers)


def _folder(folder: Path, only: str | None) -> Frames:
    if (folder / "train.csv").is_file() and (folder / "train_images").is_dir():
        return SeverstalFrames(folder, only)
    if (folder / "images").is_dir() and (folder / "masks").is_dir():
        return MaskFrames(folder)
    raise ValueError(
        f"{folder}: expected a folder with train_images/ and train.csv (Severstal), or with images/ and masks/"
        + ("" if folder.is_dir() else "; there is no such folder")
    )
