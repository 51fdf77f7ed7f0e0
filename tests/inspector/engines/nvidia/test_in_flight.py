"""What batches in flight take turns on, and which maps are worth copying."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector import recipe
from inspector.engines.nvidia.in_flight import Extents, Rotation, padded, port_faults, runs, sizes_to_run
from inspector.engines.nvidia.manifest import Port
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import suspicious
from tests.frames import RECIPE
from tests.manifests import describe
from tests.recipes import HEIGHT, WIDTH, write_recipe


def test_room_for_a_batch() -> None:
    """Bytes of the maps and of the float32 presence."""
    room = Extents(frames=3, height=5, width=7, classes=2)
    assert (room.plane_bytes, room.stack_bytes, room.presence_bytes) == (35, 105, 24)


def test_slots_take_turns_and_end_in_order() -> None:
    """Results come in the order of submission, and a slot is used again only once it has ended."""
    rotation = Rotation(["a", "b"])
    assert [
        rotation.take(),
        rotation.take(),
        rotation.finish(),
        rotation.take(),
        rotation.finish(),
        rotation.finish(),
    ] == list("abaaba")


def test_too_many_in_flight_is_our_own_bug() -> None:
    """A third batch in two slots, or a result of nothing, does not go on with somebody else's buffers."""
    rotation = Rotation(["a"])
    with pytest.raises(AssertionError):
        rotation.finish()
    rotation.take()
    with pytest.raises(AssertionError):
        rotation.take()


@given(st.sets(st.integers(0, 40)))
def test_runs_are_their_places(places: set[int]) -> None:
    """Joined and taken apart again they are the same; and no two runs touch."""
    joined = runs(sorted(places))
    assert [place for first, end in joined for place in range(first, end)] == sorted(places)
    assert all(end < first for (_, end), (first, _) in pairwise(joined))


def test_maps_of_all_other_frames_are_nought(tmp_path: Path) -> None:
    """What a real recipe's graph says of frames that are not suspicious is exactly 0, so it need not be copied."""
    folder = write_recipe(tmp_path)
    card, model = recipe.load(folder)
    frames = np.random.default_rng(0).integers(0, 256, (24, 1, 1), np.uint8) * np.ones((1, HEIGHT, WIDTH), np.uint8)
    engine = OpenVino(card, model)
    engine.submit(frames)
    maps = engine.result()
    found = suspicious(maps.presence, np.array([kind.threshold for kind in card.classes], np.float32))
    others = sorted(set(range(24)) - set(found))
    assert found and others
    assert not maps.labels[others].any() and not maps.confidence[others].any()
    assert all(maps.labels[place].any() for place in found)


def test_a_threshold_is_reached_when_it_is_met() -> None:
    """The graph asks for >=, and so does this: in float32, as both compute."""
    thresholds = np.array([0.3, 0.7], np.float32)
    presence = np.stack([thresholds, np.nextafter(thresholds, np.float32(0)), np.array([0.0, 0.7], np.float32)])
    assert suspicious(presence, thresholds) == [0, 2]


@given(st.sets(st.integers(1, 40), min_size=1), st.integers(1, 40))
def test_a_batch_runs_in_the_next_larger_size(built: set[int], most: int) -> None:
    """Every batch of a line has one; the largest is not padded, nor is one that the engine was built for."""
    sizes = sizes_to_run(sorted(built), most)
    assert list(sizes) == sorted(set(sizes)) and sizes[-1] == most and set(sizes) <= built | {most}
    for count in range(1, most + 1):
        size = padded(count, sizes)
        assert size >= count and not any(count <= smaller < size for smaller in sizes)


def test_inputs_and_outputs_are_those_of_the_recipe() -> None:
    """Each side that differs is reported with what it is and what it should be."""
    made = describe(RECIPE)
    assert port_faults(RECIPE, made.inputs, made.outputs) == []
    other = msgspec.structs.replace(RECIPE, width=RECIPE.width + 32)
    assert len(port_faults(other, made.inputs, made.outputs)) == 2
    (words,) = port_faults(RECIPE, made.inputs, [*made.outputs[:2], Port("presence", "float16", (-1, 2))])
    assert "presence float16[-1, 2]" in words and "expected" in words and "presence float32[-1, 2]" in words
