"""An export is what the trainer reads, in both forms the same, with what people say in place of the network."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from inspector.archive.review import Choice, NoneChosen, export, read
from inspector.archive.store import SEEN, Store, sidecars
from inspector.archive.tiles import STRIP, TileName, names
from inspector.errors import InspectorError
from tests.inspector.archive.test_store import add, clock, label, store
from trainer.data import sources

__all__ = ["clock", "store"]


def test_the_trainer_reads_what_people_say(store: Store, tmp_path: Path) -> None:
    """As index masks and as COCO alike; what the network found stands next to it, with its confidence."""
    ids = [add(store, number) for number in range(4)]
    label(store, ids[1], "sound")
    label(store, ids[2], "bright")
    done = export(store.folder, tmp_path / "out", Choice())
    assert (done.crops, done.labelled, done.coils, done.faults) == (4, 2, 1, ())
    masks = sources.frames([str(tmp_path / "out")])
    coco = sources.frames([str(tmp_path / "out" / "annotations.json")])
    assert masks.class_names == coco.class_names == ("dark", "bright")
    table = (tmp_path / "out" / "crops.csv").read_text().splitlines()[1:]
    numbers = [int(row.split(",")[4]) for row in table]
    for place, number in enumerate(numbers):
        drawn = np.zeros((40, 50), np.uint8)
        drawn[5, 7:9] = {0: 1, 1: 0, 2: 2, 3: 1}[number]
        assert np.array_equal(masks[place].labels, drawn) and np.array_equal(coco[place].labels, drawn)
        assert np.array_equal(masks[place].pixels, np.random.default_rng(number).integers(0, 255, (40, 50)))
    results = msgspec.json.decode((tmp_path / "out" / "network.json").read_bytes())
    assert [(found["category_id"], found["score"], found["bbox"]) for found in results] == [(1, 0.9, [7, 5, 2, 1])] * 4
    for path in (tmp_path / "out" / "network").iterdir():
        mask = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        assert mask is not None and mask[5, 7] == 1
    assert cv2.imread(str(tmp_path / "out" / "contact.png")) is not None


@pytest.mark.parametrize(
    ("choice", "numbers"),
    [
        (Choice(coils=("C2",)), [3]),
        (Choice(classes=("bright",)), [2]),
        (Choice(classes=("dark",)), [0, 1, 2, 3]),
        (Choice(classes=("sound",)), [1]),
        (Choice(labelled=True), [1, 2]),
        (Choice(coils=("C/1",), classes=("dark",), labelled=True), [1, 2]),
    ],
)
def test_crops_are_chosen(store: Store, tmp_path: Path, choice: Choice, numbers: list[int]) -> None:
    """By coil, by what the network or a person says, and by whether anybody labelled it."""
    ids = [add(store, number, "C2" if number == 3 else "C/1") for number in range(4)]
    label(store, ids[1], "sound")
    label(store, ids[2], "bright")
    export(store.folder, tmp_path / "out", choice)
    table = (tmp_path / "out" / "crops.csv").read_text().splitlines()[1:]
    assert sorted(int(row.split(",")[4]) for row in table) == numbers


def test_a_coils_name_is_no_formula(store: Store, tmp_path: Path) -> None:
    """A spreadsheet opens the table without running what a coil is called."""
    add(store, 0, "=1+1")
    export(store.folder, tmp_path / "out", Choice())
    assert ",'=1+1,top," in (tmp_path / "out" / "crops.csv").read_text()


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(coils=("C/1", "D")), "no crop is of coil D; expected one of C/1. Correct it."),
        (Choice(classes=("drak",)), "no crop is of class drak; expected one of dark, bright, sound. Correct it."),
    ],
)
def test_a_name_that_no_crop_has_is_refused(store: Store, tmp_path: Path, choice: Choice, words: str) -> None:
    """With the names that there are, next to names of crops too; nothing is written."""
    add(store, 0, "C/1")
    with pytest.raises(NoneChosen, match=re.escape(words)):
        export(store.folder, tmp_path / "out", choice)
    assert not (tmp_path / "out").exists()


def test_what_is_damaged_is_left_out_and_named(store: Store, tmp_path: Path) -> None:
    """After a loss of power: a picture cut short, a sidecar cut short; the rest is exported."""
    for number in range(4):
        add(store, number)
    paths = sorted(store.folder.glob(f"{SEEN}/*/*/*.json"))
    paths[0].write_bytes(paths[0].read_bytes()[:100])
    picture = paths[1].with_suffix(".png")
    picture.write_bytes(b"")
    done = export(store.folder, tmp_path / "out", Choice())
    assert done.crops == 2 and len(done.faults) == 2
    assert str(paths[0]) in done.faults[0] and str(picture) in done.faults[1]


def test_folders_that_go_meanwhile_are_passed_over(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The inspector tidies up while it is read: an export, a defect's crops and the strip's tiles are what stays."""
    defect = add(store, 1)
    tile = store.folder / STRIP / "2024-11-27" / "C%2F1" / str(TileName("top", 4.0, 0, 1, "top"))
    tile.parent.mkdir(parents=True)
    tile.write_bytes(b"")
    for kind in (SEEN, STRIP):
        (store.folder / kind / "2024-11-25" / "C%2F1").mkdir(parents=True)

    def late(look: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Look into a folder that goes as one looks, if it is of an older day."""

        def look_late(folder: Any) -> Any:
            if str(folder).endswith("2024-11-25/C%2F1"):
                raise FileNotFoundError(folder)
            return look(folder)

        return look_late

    monkeypatch.setattr("os.listdir", late(os.listdir))
    monkeypatch.setattr("os.scandir", late(os.scandir))
    assert [crop.facts.number for crop in read(store.folder)[0]] == [1]
    assert len(sidecars(store.folder, "C/1", defect)) == 1
    assert [path for path, _ in names(store.folder, "C/1")] == [tile]


def test_an_export_replaces_nothing(store: Store, tmp_path: Path) -> None:
    """What cannot be exported is refused in words."""
    with pytest.raises(InspectorError, match="holds no archive"):
        export(tmp_path, tmp_path / "out", Choice())
    (tmp_path / "empty" / "seen").mkdir(parents=True)
    with pytest.raises(NoneChosen, match="holds no crop; expected some"):
        export(tmp_path / "empty", tmp_path / "out", Choice())
    add(store, 1)
    with pytest.raises(InspectorError, match="none of its 1 crops is wanted"):
        export(store.folder, tmp_path / "out", Choice(labelled=True))
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("")
    with pytest.raises(InspectorError, match="holds something already"):
        export(store.folder, tmp_path / "out", Choice())
