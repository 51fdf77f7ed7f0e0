import csv
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.trainer.frames import MadeFrames
from trainer.data.samples import Sample
from trainer.data.sources import Joined
from trainer.data.split import (
    across,
    divide,
    few_of,
    folds,
    open_data,
    parse_fold,
    read_split,
    read_training,
    split,
    write_split,
)
from trainer.errors import DataError
from trainer.settings import Settings


class Named(MadeFrames):
    """Frames known by their classes alone."""

    def __init__(self, classes: list[frozenset[int]]) -> None:
        self._classes = classes

    def __len__(self) -> int:
        return len(self._classes)

    def __getitem__(self, index: int) -> Sample:
        return Sample(self.name(index), np.zeros((1, 1), np.uint8), np.zeros((1, 1), np.uint8))

    def name(self, index: int) -> str:
        return f"coil/{index}"

    def classes(self, index: int) -> frozenset[int] | None:
        return self._classes[index]


SETS = st.lists(st.frozensets(st.integers(1, 4), max_size=2), min_size=1, max_size=60)


@given(SETS, st.integers(0, 9))
def test_every_frame_lands_in_one_part_and_every_stratum_is_shared_80_to_20(
    classes: list[frozenset[int]], seed: int
) -> None:
    """No frame is lost or in both parts, and a set of classes is held out to a fifth, rounded."""
    source = Named([frozenset()] * 5 + classes)  # enough sound frames that something is held out
    train, validation = split(source, seed)
    assert sorted(train.indices + validation.indices) == list(range(len(source)))
    for stratum in set(map(source.classes, range(len(source)))):
        held_out = sum(source.classes(i) == stratum for i in validation.indices)
        total = held_out + sum(source.classes(i) == stratum for i in train.indices)
        assert held_out == min(total - 1, round(total * 0.2))
    assert split(source, seed) == (train, validation)


def test_split_csv_says_where_each_frame_went(tmp_path: Path) -> None:
    """The run's record can be read back by any program."""
    source = Named([frozenset({1, 3})] * 5)
    write_split(tmp_path / "split.csv", *split(source, 0))
    rows = list(csv.DictReader((tmp_path / "split.csv").read_text().splitlines()))
    assert sorted(row["name"] for row in rows) == [f"coil/{i}" for i in range(5)]
    assert [row["part"] for row in rows] == ["train"] * 4 + ["validation"]
    assert {row["classes"] for row in rows} == {"1+3"}


def grouped(classes: list[frozenset[int]], chance: random.Random) -> tuple[Named, list[list[int]]]:
    """Twenty sound frames and the others, and half of all in groups of three that belong together."""
    source = Named([frozenset()] * 20 + classes)
    members = list(range(len(source)))
    chance.shuffle(members)
    return source, [members[i : i + 3] for i in range(0, len(members) // 2, 3)]


@given(SETS, st.integers(0, 9), st.randoms())
def test_frames_that_belong_together_are_never_parted(
    classes: list[frozenset[int]], seed: int, chance: random.Random
) -> None:
    """Whatever the groups, none lies on both sides, no frame is lost, and no more than a fifth is held out."""
    source, groups = grouped(classes, chance)
    everything = list(range(len(source)))
    train, validation = split(source, seed, groups)
    assert not across(train, validation, groups)
    assert sorted(train.indices + validation.indices) == everything
    assert across(*split(source, seed), [everything]) == [tuple(everything)]


def test_a_written_split_is_followed(tmp_path: Path) -> None:
    """What one run was taught, the next is taught too, whatever its seed."""
    source = Named([frozenset({1})] * 30)
    parts = split(source, 5)
    write_split(tmp_path / "split.csv", *parts)
    assert read_split(tmp_path / "split.csv", source) == parts != split(source, 0)


@given(SETS, st.integers(0, 9), st.randoms(), st.sets(st.integers(0, 79)))
def test_what_a_network_was_taught_is_never_held_out_from_it(
    classes: list[frozenset[int]], seed: int, chance: random.Random, taught: set[int]
) -> None:
    """Nor what shows the same steel; the others are, and where there are none that is refused with what to do."""
    source, groups = grouped(classes, chance)
    taught &= set(range(10, len(source)))  # ten sound frames are new
    known = {index for group in groups if taught & set(group) for index in group} | taught
    train, validation = split(source, seed, groups, taught=taught)
    assert not known & set(validation.indices) and not across(train, validation, groups)
    assert sorted(train.indices + validation.indices) == list(range(len(source)))
    with pytest.raises(DataError, match="too few others to hold any out; expected 5 or more of a kind that it never"):
        split(source, seed, groups, taught=range(len(source)))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file; expected a split.csv that"),
        ("frame,side\n", "line 1: columns are frame, side; expected name,part"),
        ("name,part\ncoil/0,train\ncoil/1,test\n", "line 3: coil/1 is in part 'test'; expected train or validation"),
        ("name,part\ncoil/0,train\ncoil/0,train\ncoil/1,validation\n", "line 3: coil/0 stands there twice"),
        ("name,part\ncoil/0,train\n", "1 frame of DATA not in the split, as coil/1"),
        ("name,part\ncoil/0,train\ncoil/1,validation\ncoil/2,train\n", "1 frame in the split not in DATA, as coil/2"),
        ("name,part\ncoil/0,train\ncoil/1,train\n", "2 frames in train, 0 in validation; expected some in each"),
    ],
)
def test_a_split_of_other_frames_is_refused(tmp_path: Path, content: str | None, says: str) -> None:
    """A split that does not fit teaches nobody; the message leads to the line."""
    if content:
        (tmp_path / "split.csv").write_text(content)
    with pytest.raises(DataError) as caught:
        read_split(tmp_path / "split.csv", Named([frozenset()] * 2))
    assert says in str(caught.value)


def test_a_split_needs_names_that_tell_frames_apart(tmp_path: Path) -> None:
    """Two folders of one name would make it ambiguous."""
    one = Named([frozenset()] * 2)
    (tmp_path / "split.csv").write_text("name,part\ncoil/0,train\ncoil/1,validation\n")
    with pytest.raises(DataError, match="2 frames of DATA are named coil/0; expected each name once"):
        read_split(tmp_path / "split.csv", Joined([one, one]))


def test_names_that_tell_no_frames_apart_are_refused_before_anything_is_taught(mask_folder: Path) -> None:
    """Not after hours, by the first command that reads the run's split; frames to measure on need no split."""
    twice = (str(mask_folder), str(mask_folder))
    with pytest.raises(DataError, match=r"2 frames of DATA are named .*/000; expected each name once"):
        open_data(Settings(data=twice))
    with pytest.raises(DataError, match="2 frames of DATA"):
        open_data(Settings(data=twice, folds=3))
    assert len(open_data(Settings(data=twice[:1], validate=twice[:1]))[1]) == 40


def test_a_run_that_learns_from_all_has_a_training_part(tmp_path: Path) -> None:
    """Its split has nothing to measure on, which is no fault where only what it learnt from is asked for."""
    frames = Named([frozenset()] * 2)
    write_split(tmp_path / "split.csv", frames, Named([]))
    assert len(read_training(tmp_path / "split.csv", frames)) == 2
    (tmp_path / "split.csv").write_text("name,part\ncoil/0,validation\ncoil/1,validation\n")
    with pytest.raises(DataError, match="0 frames in train"):
        read_training(tmp_path / "split.csv", frames)


@pytest.mark.parametrize("divided", [{"validate": ("sheet:9:2",)}, {"folds": 2}])
def test_frames_that_came_or_went_since_are_refused(tmp_path: Path, divided: dict[str, Any]) -> None:
    """Where nothing is drawn from the split, too: a run that goes on, or is exported, would take them unnoticed."""
    asked = Settings(data=("sheet:1:6",), **divided)
    write_split(tmp_path / "split.csv", *open_data(asked))
    assert [len(part) for part in open_data(asked, tmp_path)] == [6, 2 * ("validate" in divided)]
    for data, says in (("sheet:1:8", "2 frames of DATA not in the split"), ("sheet:1:5", "1 frame in the split not")):
        with pytest.raises(DataError, match=says):
            open_data(replace(asked, data=(data,)), tmp_path)


def test_two_ways_to_say_what_is_measured_on_are_refused(mask_folder: Path) -> None:
    """A split next to --validate would be left out without a word."""
    with pytest.raises(DataError, match=r"--split mine\.csv stands next to --validate"):
        open_data(Settings(data=(str(mask_folder),), validate=("sheet:900:2",), split="mine.csv"))


def test_the_80_to_20_split_of_a_seed_never_changes() -> None:
    """A run of an earlier version is repeated by its seed: these frames were held out before there were folds."""
    source = Named([frozenset({number % 3}) for number in range(30)])
    assert split(source, 7, [(0, 3, 6), (1, 2)])[1].indices == (10, 13, 14, 23, 24, 27)


@given(SETS, st.integers(0, 9), st.integers(2, 7))
def test_folds_are_disjoint_together_the_whole_set_and_alike(
    classes: list[frozenset[int]], seed: int, count: int
) -> None:
    """Each frame is measured on once, and no fold has two frames more than another: of all, and of each stratum."""
    source = Named([frozenset()] * count + classes)
    dealt = folds(source, seed, [], count)
    assert sorted(index for fold in dealt for index in fold.indices) == list(range(len(source)))
    for stratum in {None, *map(source.classes, range(len(source)))}:
        sizes = [sum(stratum in (None, source.classes(i)) for i in fold.indices) for fold in dealt]
        assert max(sizes) - min(sizes) <= 1
    assert folds(source, seed, [], count) == dealt


@given(SETS, st.integers(0, 9), st.randoms())
def test_folds_never_part_what_belongs_together(
    classes: list[frozenset[int]], seed: int, chance: random.Random
) -> None:
    """Whatever the groups, no fold is measured on steel that the others teach, and no frame is lost."""
    source, groups = grouped(classes, chance)
    everything = list(range(len(source)))
    measured: list[int] = []
    for number in range(1, 5):
        train, validation = divide(source, seed, groups, f"{number}/4")
        assert not across(train, validation, groups)
        assert sorted(train.indices + validation.indices) == everything
        measured += validation.indices
    assert sorted(measured) == everything


def test_another_seed_deals_other_folds() -> None:
    """The seed decides which frames lie together."""
    source = Named([frozenset({1})] * 30)
    assert divide(source, 0, [], "2/5") != divide(source, 1, [], "2/5")
    assert len({divide(source, 0, [], f"{number}/5")[1].indices for number in range(1, 6)}) == 5


@pytest.mark.parametrize("text", ["0/5", "6/5", "1/1", "5", "a/b", "1/5/2", "-1/5", ""])
def test_a_fold_that_is_none_is_refused(text: str) -> None:
    """A wrong fold is reported with what would be right."""
    with pytest.raises(DataError, match="expected K/N, fold K of N, as 1/5 to 5/5"):
        parse_fold(text)


def test_too_many_folds_are_refused() -> None:
    """A fold without frames would measure nothing; a group counts as one."""
    with pytest.raises(DataError, match="6 frames, near-duplicates together: too few for 5 folds"):
        folds(Named([frozenset()] * 6), 0, [(0, 1, 2)], 5)


def test_a_fold_stands_alone(mask_folder: Path) -> None:
    """A fold together with a split or with frames to validate on would contradict it."""
    for option in ({"split": "split.csv"}, {"validate": (str(mask_folder),)}):
        with pytest.raises(DataError, match="--fold 1/5 stands next to --split or --validate"):
            open_data(Settings(data=(str(mask_folder),), fold="1/5", **option))


def test_a_runs_fold_is_held_out_of_its_data(mask_folder: Path) -> None:
    """What the command line asks for reaches the frames: five folds measure on all forty, each once."""
    parts = [open_data(Settings(data=(str(mask_folder),), fold=f"{number}/5"))[1] for number in range(1, 6)]
    names = [part.name(index) for part in parts for index in range(len(part))]
    assert len(names) == len(set(names)) == 40


def test_a_few_frames_are_a_few_of_each_kind() -> None:
    """Strata keep their shares, fewer frames are among more, and more than there are is refused."""
    source = Named([frozenset({1})] * 8 + [frozenset({2})] * 8 + [frozenset()] * 16)
    few, more = (set(few_of(source, count, 0).indices) for count in (8, 16))
    assert few < more and len(more) == 16
    assert [len(few & set(part)) for part in (range(8), range(8, 16), range(16, 32))] == [2, 2, 4]
    with pytest.raises(DataError, match="--learn-from 33: the data has 32 frames"):
        few_of(source, 33, 0)


def test_too_few_frames_of_their_own_are_refused() -> None:
    """Forty frames of the same steel are one frame, which the message says."""
    with pytest.raises(DataError, match="40 frames, which count as 1 by near-duplication: too few to hold any out"):
        split(Named([frozenset()] * 40), 0, [tuple(range(40))])
