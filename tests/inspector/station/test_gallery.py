"""The gallery: one tile a defect, as the archive stands, in the order that was asked for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import numpy as np
import pytest

from inspector.archive.draft import Draft, entry
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.records.commands import Relabel
from inspector.records.events import Labelled
from inspector.records.extent import Extent
from inspector.records.stages import Crop, Detection, Placed
from inspector.station import gallery
from inspector.station.gallery import Gallery, GalleryQuery, chosen, one, progress
from inspector.station.opinions import OpinionReader
from tests.coil_journals import new_journal
from tests.defects import any_defect
from tests.frames import header, inspected

SEEN = Detection(start_mm=7, end_mm=8, left_mm=10, right_mm=12, area_mm2=2, class_id=1, confidence=0.9)
DISTANCES = (0.4, None, 1.7)
BOX = Extent(start_mm=2.0, end_mm=42.0, left_mm=3.0, right_mm=53.0, area_mm2=2000.0)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An archive with three defects."""
    opened = filled(tmp_path)
    yield opened
    opened.close()


def filled(folder: Path) -> Store:
    """An archive with three defects, of the first of which it has two crops."""
    opened = Store(ArchiveSection(path=str(folder / "archive")), "l", lambda: datetime.now(UTC))
    for number, confidence in enumerate((0.9, 0.5, 0.7)):
        defect = any_defect(id=name(number), coil="C/1", name="dark", confidence=confidence)
        for place in range(2 if number == 0 else 1):
            crop = Crop(0, 0, 2, 3, np.zeros((40, 50), np.uint8), np.array([[0, 5, 7, 9]], np.int32), BOX)
            seen = msgspec.structs.replace(inspected(header(number), SEEN), distance=DISTANCES[number])
            draft = Draft(crop, seen, Placed("C/1", "top", 1000.0))
            opened.add(entry(draft, defect, place, lambda piece: piece))
    return opened


def name(number: int) -> str:
    """Id of a defect."""
    return f"C/1/top/b/{number}/0"


def label(store: Store, number: int, label: str) -> None:
    """Have Kim label a defect."""
    assert store.relabel(Relabel(coil="C/1", defect=name(number), label=label, operator="Kim"))[0].is_done


def test_a_defect_is_one_tile_as_it_stands(store: Store) -> None:
    """However many crops it has; a label and its end are seen at once."""
    tiles_of = Gallery().tiles
    assert sorted(tile.defect for tile in tiles_of(store.folder)) == [name(0), name(1), name(2)]
    label(store, 0, "bright")
    label(store, 2, "dark")
    found = {tile.defect: tile for tile in tiles_of(store.folder)}
    stands = found[name(0)].label
    assert stands and stands.name == "bright" and (store.folder / found[name(0)].image).is_file()
    assert one(store.folder, "C/1", name(0)) == found[name(0)]
    counted = progress(found.values(), ("dark", "bright"))
    assert [(shown.name, shown.defects, shown.labelled, shown.confirmed) for shown in counted] == [
        ("dark", 3, 2, 1),
        ("bright", 0, 0, 0),
    ]
    label(store, 0, "")
    assert [tile.label for tile in tiles_of(store.folder) if tile.defect == name(0)] == [None]


def test_a_stray_file_hides_no_defect(store: Store) -> None:
    """As a file manager leaves one between the folders of days, or a person in a coil's."""
    (store.folder / "seen" / ".DS_Store").write_bytes(b"junk")
    sidecar = next((store.folder / "seen").glob("*/*/*-0.json"))
    for stray in ("notes.json", "the-notes.json", f"Copy of {sidecar.stem} (1).json", "a-\u0663.json"):
        (sidecar.parent / stray).write_bytes(b"{}" if "notes" in stray else sidecar.read_bytes())
    tiles = Gallery().tiles(store.folder)
    assert len(tiles) == 3 and all((store.folder / tile.image).is_file() for tile in tiles)


def test_the_newest_days_are_looked_through(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there are more crops than are looked through, old ones with labels do not stand before new ones without."""
    label(store, 0, "bright")
    (day,) = (store.folder / "labelled").iterdir()
    day.rename(day.with_name("2020-01-01"))
    monkeypatch.setattr(gallery, "MOST", 2)
    assert [tile.defect for tile in Gallery().tiles(store.folder)] == [name(2), name(1)]


def test_what_is_wanted_comes_in_its_order(store: Store) -> None:
    """By confidence, distance, state, class and coil; those of whom people disagree alone."""
    label(store, 1, "bright")
    tiles = Gallery().tiles(store.folder)
    by = [tile.confidence for tile in chosen(tiles, GalleryQuery(order="uncertain"), {})]
    assert by == [0.5, 0.7, 0.9]
    assert [tile.distance for tile in chosen(tiles, GalleryQuery(order="unlike"), {})] == [1.7, 0.4, None]
    assert len(chosen(tiles, GalleryQuery(state="unlabelled"), {})) == 2
    assert len(chosen(tiles, GalleryQuery(state="otherwise"), {})) == 1
    assert len(chosen(tiles, GalleryQuery(labelled="bright", coil="c/"), {})) == 1
    assert len(chosen(tiles, GalleryQuery(least=0.6, most=0.8), {})) == 1
    assert not chosen(tiles, GalleryQuery(name="bright"), {})
    opinions = {("C/1", name(0)): {"Kim": "dark", "Lee": "sound"}, ("C/1", name(1)): {"Kim": "dark", "Lee": "dark"}}
    assert [tile.defect for tile in chosen(tiles, GalleryQuery(order="disagree"), opinions)] == [name(0)]


def test_each_persons_last_word_counts(tmp_path: Path) -> None:
    """What was taken back is none; what comes later is read too."""
    journal = new_journal(tmp_path)
    reader = OpinionReader()
    journal.record([stated("Kim", "dark"), stated("Lee", "sound")])
    assert reader.read(tmp_path) == {("C", "d"): {"Kim": "dark", "Lee": "sound"}}
    journal.record([stated("Kim", "bright"), stated("Lee", "")])
    assert reader.read(tmp_path) == {("C", "d"): {"Kim": "bright"}}
    journal.close()


def stated(operator: str, label: str) -> Labelled:
    """A label of one defect."""
    return Labelled(coil="C", id="d", name="dark", label=label, crops=1, operator=operator, reason="")
