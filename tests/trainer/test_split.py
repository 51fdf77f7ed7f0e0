import csv
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from trainer.samples import Sample
from trainer.split import split, write_split


class Named:
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
