"""An archive's crops as a data set, with what the network found and what people say.

    images/  NAME.png     the crops
    masks/   NAME.png     index masks: 0 sound, else the class; labels of people in place of what the network found
    network/ NAME.png     the same as the network found
    classes.toml          the classes' names, as the trainer reads them
    annotations.json      the masks once more, as COCO's annotations
    network.json          what the network found, as COCO's results, with its confidence as the score
    contact.png           the first of them on one picture
    crops.csv             a row for each crop: where it was, what the network found, what a person says

Laws: an archive is read, never changed; it may be written meanwhile. What is damaged is left out and reported.

Knows: the archive's files, masks. Must not know: the line, who trains.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import cv2
import msgspec
import numpy as np
from numpy.typing import NDArray

from inspector.archive import contact, masks
from inspector.archive.files import under
from inspector.archive.store import LABELLED, SEEN
from inspector.errors import ImageError, InspectorError
from inspector.images.reader import decode
from inspector.records.crop import SOUND, Region, Sidecar
from inspector.records.names import shortened
from inspector.words import no_formula

MOST_NAME = 240
"""Bytes of a picture's name in a data set, without what follows its dot."""
MOST_NAMED = 8
"""Names in a refusal."""
COLUMNS = (
    "image",
    "coil",
    "side",
    "camera",
    "number",
    "time",
    "start_mm",
    "left_mm",
    "defect",
    "network",
    "confidence",
    "label",
    "operator",
    "reason",
    "recipe",
)


class ArchivedCrop(NamedTuple):
    """A crop of the archive."""

    path: Path
    """Of its picture."""
    facts: Sidecar

    @property
    def name(self) -> str:
        """What it is called in a data set."""
        return shortened(f"{quote(self.facts.coil, safe='')}-{self.path.stem}", MOST_NAME)


class Choice(msgspec.Struct, frozen=True):
    """Which crops are wanted; what is empty chooses all."""

    coils: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    """By what the network found or by what a person says; `sound` is one."""
    labelled: bool = False
    """Only what a person has labelled."""

    def has(self, facts: Sidecar) -> bool:
        """Whether a crop is wanted."""
        return (
            (not self.coils or facts.coil in self.coils)
            and (not self.classes or facts.name in self.classes or facts.labelled in self.classes)
            and (not self.labelled or facts.label is not None)
        )


class NoneChosen(InspectorError):
    """No crop is what is asked for."""


class Exported(msgspec.Struct, frozen=True):
    """What an export holds."""

    crops: int
    labelled: int
    """Crops whose defect a person has labelled."""
    coils: int
    faults: tuple[str, ...]
    """What could not be read, a line each."""


def read(folder: Path) -> tuple[list[ArchivedCrop], list[str]]:
    """Return all crops of an archive by name, and what of it cannot be used.

    Raises: InspectorError when there is no archive.
    """
    if not any((folder / kind).is_dir() for kind in (SEEN, LABELLED)):
        raise InspectorError(f"{folder}: holds no archive; expected the folder that archive.path names.")
    found: dict[str, ArchivedCrop] = {}
    faults = []
    for kind in (SEEN, LABELLED):  # what was cut short while it was labelled lies in both
        for path in under(folder / kind, "*", "*", "*.json"):
            try:
                kept = ArchivedCrop(path.with_suffix(".png"), msgspec.json.decode(path.read_bytes(), type=Sidecar))
            except FileNotFoundError:  # it went meanwhile, for age or room
                continue
            except (OSError, ValueError) as error:
                faults.append(f"{path}: {error}; left out")
                continue
            found[kept.name] = kept
    return [found[name] for name in sorted(found)], faults


def export(folder: Path, out: Path, choice: Choice) -> Exported:
    """Write what is chosen of an archive as a data set.

    Raises: NoneChosen, also for a name that no crop has; InspectorError when there is no archive, or `out` is no
    empty folder.
    """
    kept, faults = read(folder)
    labels = {(crop.facts.coil, crop.facts.defect): crop.facts.label.name for crop in kept if crop.facts.label}
    chosen = [crop for crop in kept if choice.has(crop.facts)]
    classes = _classes(crop.facts for crop in kept)
    _refuse_unknown(choice, kept, classes)
    if not kept:
        raise NoneChosen(
            f"{folder}: holds no crop; expected some. Crops come with defects: see archive.sound_per_km too."
        )
    if not chosen:
        raise NoneChosen(f"{folder}: none of its {len(kept)} crops is wanted; expected some. Ask for others.")
    if out.exists() and any(out.iterdir()):
        raise InspectorError(f"{out}: holds something already; expected a new or empty folder. Give another --out.")
    for part in ("images", "masks", "network"):
        (out / part).mkdir(parents=True, exist_ok=True)
    writer = _Writer(out, classes, labels)
    for crop in chosen:
        try:
            writer.add(crop)
        except FileNotFoundError:  # it went meanwhile, for age or room
            continue
        except (OSError, ValueError, ImageError) as error:
            faults.append(f"{crop.path}: {error}; left out")
    writer.finish()
    return Exported(
        crops=len(writer.rows),
        labelled=sum(crop.facts.label is not None for crop in chosen),
        coils=len({crop.facts.coil for crop in chosen}),
        faults=tuple(faults),
    )


def _refuse_unknown(choice: Choice, kept: Sequence[ArchivedCrop], classes: Sequence[str]) -> None:
    """Refuse names that no crop of the archive has."""
    coils = list(
        dict.fromkeys(crop.facts.coil for crop in sorted(kept, key=lambda crop: crop.facts.time, reverse=True))
    )
    for noun, asked, known in (("coil", choice.coils, coils), ("class", choice.classes, [*classes, SOUND])):
        for name in asked:
            if name not in known:
                some = ", ".join(known[:MOST_NAMED]) + (" ..." if len(known) > MOST_NAMED else "")
                raise NoneChosen(f"no crop is of {noun} {name}; expected one of {some or 'none'}. Correct it.")


class _Writer:
    """A data set under construction."""

    def __init__(self, out: Path, classes: Sequence[str], labels: dict[tuple[str, str], str]) -> None:
        self._out, self._labels = out, labels
        self._ids = {name: number for number, name in enumerate(classes, 1)}
        self._images: list[dict[str, object]] = []
        self._annotations: list[dict[str, object]] = []
        self._results: list[dict[str, object]] = []
        self._shown: list[tuple[NDArray[np.uint8], Sidecar]] = []
        self.rows: list[tuple[object, ...]] = []

    def add(self, kept: ArchivedCrop) -> None:
        """Add a crop.

        Raises: OSError, ValueError, ImageError when it is damaged.
        """
        facts, height, width = kept.facts, kept.facts.box_px[3], kept.facts.box_px[2]
        content = kept.path.read_bytes()
        pixels = decode(content, (width, height), kind="png").pixels
        drawn = [(region, masks.from_counts(region.counts, height, width)) for region in facts.regions]
        (self._out / "images" / f"{kept.name}.png").write_bytes(content)
        image = len(self._images) + 1
        self._images.append({"id": image, "file_name": f"{kept.name}.png", "height": height, "width": width})
        truth, predicted = np.zeros((2, height, width), np.uint8)
        for region, mask in drawn:
            predicted[mask] = self._ids[region.name]
            self._results.append(
                {"image_id": image, **self._shape(region, region.name, height, width), "score": region.confidence}
            )
            label = self._labels.get((facts.coil, region.defect), region.name)
            if label != SOUND:
                truth[mask] = self._ids[label]
                number = {"id": len(self._annotations) + 1, "image_id": image, "iscrowd": 0}
                self._annotations.append({**number, **self._shape(region, label, height, width)})
        _write_png(self._out / "masks" / f"{kept.name}.png", truth)
        _write_png(self._out / "network" / f"{kept.name}.png", predicted)
        self.rows.append(_row(kept))
        if len(self._shown) < contact.MOST:
            self._shown.append((pixels, facts))

    def finish(self) -> None:
        """Write what there is one of."""
        categories = [{"id": number, "name": name} for name, number in self._ids.items()]
        whole = {"images": self._images, "annotations": self._annotations, "categories": categories}
        (self._out / "annotations.json").write_bytes(msgspec.json.encode(whole))
        (self._out / "network.json").write_bytes(msgspec.json.encode(self._results))
        if self._shown:
            _write_png(self._out / "contact.png", contact.draw(self._shown))
        names = msgspec.json.encode(list(self._ids)).decode()  # the same in TOML
        (self._out / "classes.toml").write_text(f"names = {names}\n", encoding="utf-8")
        table = io.StringIO()
        csv.writer(table, lineterminator="\n").writerows(map(no_formula, row) for row in (COLUMNS, *self.rows))
        (self._out / "crops.csv").write_text(table.getvalue(), encoding="utf-8")

    def _shape(self, region: Region, name: str, height: int, width: int) -> dict[str, object]:
        return {
            "category_id": self._ids[name],
            "bbox": list(region.box_px),
            "area": sum(region.counts[1::2]),
            "segmentation": {"counts": list(region.counts), "size": [height, width]},
        }


def _classes(sidecars: Iterator[Sidecar]) -> list[str]:
    """Names of all classes, in the order of the recipe that knows most of them."""
    lists = sorted({facts.classes for facts in sidecars}, key=lambda names: (-len(names), names))
    return list(dict.fromkeys(name for names in lists for name in names))


def _write_png(path: Path, pixels: NDArray[np.uint8]) -> None:
    is_made, png = cv2.imencode(".png", pixels)
    assert is_made, "8-bit pixels make a PNG"
    path.write_bytes(png.tobytes())


def _row(kept: ArchivedCrop) -> tuple[object, ...]:
    facts, label = kept.facts, kept.facts.label
    where = facts.extent or facts.place
    return (
        f"{kept.name}.png",
        facts.coil,
        facts.side,
        facts.camera,
        facts.number,
        facts.time,
        where.start_mm,
        where.left_mm,
        facts.defect,
        facts.name,
        facts.confidence,
        label.name if label else "",
        label.operator if label else "",
        label.reason if label else "",
        facts.recipe,
    )
