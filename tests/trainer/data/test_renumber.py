from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from trainer.data.renumber import renumber
from trainer.data.samples import CLASS_NAMES, Frames, Sample
from trainer.faults import DataError


@dataclass
class Named:
    """One frame that has all classes of its set."""

    class_names: tuple[str, ...]

    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> Sample:
        labels = np.arange(len(self.class_names) + 1, dtype=np.uint8)[None]
        return Sample(self.name(index), np.zeros_like(labels), labels)

    def name(self, index: int) -> str:
        return "frame"

    def classes(self, index: int) -> frozenset[int] | None:
        return frozenset(range(1, len(self.class_names) + 1))

    def image(self, index: int) -> Path | None:
        return None


def test_classes_are_matched_by_name() -> None:
    """A set with fewer classes in another order gets the network's numbers."""
    frames: Frames = renumber(Named(("scale", "hole")), ("hole", "crack", "scale"), "the recipe")
    assert frames[0].labels.tolist() == [[0, 3, 1]]
    assert frames.classes(0) == {1, 3} and frames.class_names == ("hole", "crack", "scale") and len(frames) == 1


def test_the_same_names_change_nothing() -> None:
    """Nothing stands between a network and its own data, or data without labels."""
    for names in (("a", "b"), ()):
        frames = Named(names)
        assert renumber(frames, ("a", "b"), "the recipe") is frames


def test_bare_numbers_are_taken_as_they_stand() -> None:
    """Index masks name no classes: where the recipe has none of the usual names, its numbers are meant."""
    frames = Named(CLASS_NAMES)
    assert renumber(frames, ("dark", "bright"), "the recipe") is frames


def test_a_class_that_the_network_lacks_is_refused() -> None:
    """By its name, with those that were expected."""
    frames = renumber(Named(("hole", "dent")), ("hole", "crack"), "the recipe")
    assert frames.classes(0) == {1}
    with pytest.raises(DataError, match="frame: has the class dent; expected the classes of the recipe: hole, crack"):
        frames[0]
