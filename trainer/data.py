"""Where labelled frames come from: procedural steel, a Severstal folder, a folder of masks.

Knows files and labels. Must not know crops, batches or the network. Every source is random access and reads a frame
only when asked for it, so a set may be larger than memory or endless.
"""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

from inspector.simulator.sheet import CLASSES, Sheet
from trainer import rle

Plane = npt.NDArray[np.uint8]
KAGGLE_CLASSES = 4
CLASS_NAMES = CLASSES
"""Names of classes 1..4, in order: what Severstal's numbers mean and what procedural steel shows."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled frame."""

    name: str
    """Unique within its source."""
    pixels: Plane
    """(H, W) uint8 grey levels."""
    labels: Plane
    """(H, W) uint8, 0 = sound, else the class id 1..4."""


class Frames(Protocol):
    """A set of labelled frames; indices 0..len-1; reading one may raise ValueError with the file's name."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Sample: ...

    def name(self, index: int) -> str:
        """Name of a frame, without reading it; `source/frame`."""
        ...

    def classes(self, index: int) -> frozenset[int] | None:
        """Defect classes in a frame, or None where only reading it would tell."""
        ...


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
        return f"sheet-{self._seeds[index % len(self._seeds)]}/{index // len(self._seeds)}"

    def classes(self, index: int) -> frozenset[int] | None:
        return None


class SeverstalFrames:
    """Kaggle's folder: `train_images/` and `train.csv`, in either of the forms it was published in.

    An image that the CSV does not name is sound, and so is one it names with no pixels. `only`, as
    `manifest.csv:kind=full_masks`, keeps the frames whose row in that CSV (columns ImageId, file) says so:
    a frame labelled for some classes only would teach that its other defects are sound steel.

    Raises:
        ValueError: a missing file or column, an id twice, a class other than 1..4, nothing left to read.
    """

    def __init__(self, folder: Path, only: str | None = None) -> None:
        self._runs = _kaggle_runs(folder / "train.csv")
        keep = _manifest(folder, only) if only else None
        files = {p.stem: p for p in sorted((folder / "train_images").iterdir()) if p.suffix in (".jpg", ".png")}
        self._files = [files[stem] for stem in sorted(files) if keep is None or stem in keep]
        self._folder = folder
        if not self._files:
            raise ValueError(
                f"{folder}: no .jpg or .png frame in train_images/ to use" + (f" with {only}" if only else "")
            )

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Sample:
        path = self._files[index]
        pixels = _read_grey(path)
        labels = np.zeros_like(pixels)
        for class_id, runs in sorted(self._runs.get(path.stem, {}).items()):
            try:
                labels[rle.decode(runs, *pixels.shape)] = class_id  # a later class wins a shared pixel
            except ValueError as error:
                raise ValueError(f"{self._folder / 'train.csv'}: {path.stem} class {class_id}: {error}") from error
        return Sample(self.name(index), pixels, labels)

    def name(self, index: int) -> str:
        return f"{self._folder.name}/{self._files[index].stem}"

    def classes(self, index: int) -> frozenset[int] | None:
        return frozenset(self._runs.get(self._files[index].stem, {}))


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
        pixels, labels = _read_grey(image), self._read_mask(index)
        if pixels.shape != labels.shape:
            raise ValueError(f"{mask}: is {labels.shape[::-1]} px; expected the image's {pixels.shape[::-1]} px")
        return Sample(self.name(index), pixels, labels)

    def _read_mask(self, index: int) -> Plane:
        mask = self._pairs[index][1]
        labels = _read_grey(mask)
        if labels.max() > KAGGLE_CLASSES:
            raise ValueError(f"{mask}: holds the value {labels.max()}; expected class ids 0..{KAGGLE_CLASSES}")
        return labels

    def name(self, index: int) -> str:
        return f"{self._folder.name}/{self._pairs[index][0].stem}"

    def classes(self, index: int) -> frozenset[int] | None:
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
        source, at = self._at(index)
        return source.name(at)

    def classes(self, index: int) -> frozenset[int] | None:
        source, at = self._at(index)
        return source.classes(at)


SHEET = re.compile(r"sheet:(?P<first>\d+)(-(?P<last>\d+))?:(?P<frames>\d+)(:(?P<options>[a-z_0-9=.,]+))?")
SHEET_OPTIONS = {"defects": "defects_per_m", "lookalikes": "lookalikes_per_m"}


def frames(specs: Sequence[str], only: str | None = None) -> Frames:
    """Opens what the command line names, joined in that order.

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


def _read_grey(path: Path) -> Plane:
    image = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if image is None:
        raise ValueError(f"{path}: cannot be read as an image. Is the file cut off?")
    return np.asarray(image, np.uint8)


def _kaggle_runs(path: Path) -> dict[str, dict[int, str]]:
    """Stem of the image -> class -> runs, from `ImageId,ClassId,EncodedPixels` or `ImageId_ClassId,EncodedPixels`."""
    runs: dict[str, dict[int, str]] = defaultdict(dict)
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        columns = reader.fieldnames or []
        joined = "ImageId_ClassId" in columns
        if "EncodedPixels" not in columns or not (joined or {"ImageId", "ClassId"} <= set(columns)):
            raise ValueError(f"{path}: columns are {', '.join(columns)}; expected ImageId,ClassId,EncodedPixels")
        for row in reader:
            image, _, class_text = (
                row["ImageId_ClassId"].rpartition("_") if joined else (row["ImageId"], "", row["ClassId"])
            )
            where = f"{path}: line {reader.line_num}"
            if class_text not in {str(i + 1) for i in range(KAGGLE_CLASSES)} or not image:
                raise ValueError(f"{where}: class is {class_text!r}; expected 1..{KAGGLE_CLASSES}")
            of_image = runs[Path(image).stem]
            if not (row["EncodedPixels"] or "").strip():
                continue
            if int(class_text) in of_image:
                raise ValueError(f"{where}: {image} has class {class_text} twice; join its runs in one row")
            of_image[int(class_text)] = row["EncodedPixels"]
    return dict(runs)


def _manifest(folder: Path, only: str) -> frozenset[str]:
    """Stems that a CSV in the folder marks, for `FILE:COLUMN=VALUE`; its column `file` may name another suffix."""
    name, _, condition = only.partition(":")
    column, equals, value = condition.partition("=")
    if not equals or not (folder / name).is_file():
        raise ValueError(
            f"--only {only}: expected FILE:COLUMN=VALUE with FILE in {folder}, as manifest.csv:kind=full_masks"
        )
    with (folder / name).open(newline="") as file:
        reader = csv.DictReader(file)
        if not {column, "ImageId"} <= set(reader.fieldnames or []):
            raise ValueError(f"{folder / name}: has no column {column} or no ImageId")
        return frozenset(Path(row.get("file") or row["ImageId"]).stem for row in reader if row[column] == value)
