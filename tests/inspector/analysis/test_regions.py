"""Connected regions by runs, compared with a flood fill that goes from pixel to pixel."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from inspector.analysis.regions import MOST_RUNS, regions
from inspector.records.frame import Bytes2D

EVERY: NDArray[np.bool_] = np.arange(256) > 0


def flood(labels: Bytes2D) -> list[list[tuple[int, int]]]:
    """Find the pixels of each region, `(row, column)`, the slow way."""
    left = {(int(y), int(x)): int(labels[y, x]) for y, x in np.argwhere(labels)}
    found = []
    while left:
        start, label = left.popitem()
        region, edge = [start], [start]
        while edge:
            y, x = edge.pop()
            for near in [(y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]:
                if left.get(near) == label:
                    del left[near]
                    region.append(near)
                    edge.append(near)
        found.append(sorted(region))
    return sorted(found)


def facts(labels: Bytes2D, confidence: Bytes2D, region: list[tuple[int, int]]) -> dict[str, int]:
    """Say of a region of pixels what `Regions` says."""
    rows, columns = [y for y, _ in region], [x for _, x in region]
    return {
        "label": int(labels[region[0]]),
        "left": min(columns),
        "right": max(columns) + 1,
        "top": min(rows),
        "bottom": max(rows) + 1,
        "area": len(region),
        "peak": max(int(confidence[pixel]) for pixel in region),
    }


def check(labels: Bytes2D, confidence: Bytes2D) -> None:
    """Compare every fact of every region, and its pixels with those of its runs."""
    found = regions(labels, confidence, EVERY)
    expected = [facts(labels, confidence, region) for region in flood(labels)]
    names = [name for name in found.__struct_fields__ if name not in ("is_whole", "runs", "number")]
    assert found.is_whole
    got = [
        dict(zip(names, map(int, box), strict=True)) for box in zip(*(getattr(found, n) for n in names), strict=True)
    ]
    assert len(got) == len(expected)
    assert got == expected
    pixels: list[list[tuple[int, int]]] = [[] for _ in got]
    runs = found.runs
    for number, row, left, right in zip(found.number, runs.row, runs.left, runs.right, strict=True):
        pixels[number] += [(int(row), column) for column in range(left, right)]
    assert pixels == flood(labels)


@settings(max_examples=200)
@given(st.integers(0, 10**6), st.integers(1, 14), st.integers(1, 22), st.floats(0.05, 1), st.integers(1, 3))
def test_any_map(seed: int, height: int, width: int, share: float, kinds: int) -> None:
    """On any map, of any size, with labels that touch one another, each fact of each region is the flood fill's."""
    random = np.random.default_rng(seed)
    inked = random.random((height, width)) < share
    labels = (random.integers(1, kinds + 1, inked.shape) * inked).astype(np.uint8)
    check(labels, random.integers(0, 256, inked.shape).astype(np.uint8))


def spiral() -> Bytes2D:
    """Draw one region whose arms meet only at the far end of a long way."""
    labels = np.zeros((33, 40), np.uint8)
    y, x, dy, dx = 0, 0, 0, 1
    labels[0, 0] = 1
    for steps in [39, 32, *(n for k in range(0, 32, 2) for n in (39 - k, 30 - k))]:
        for _ in range(steps):
            y, x = y + dy, x + dx
            labels[y, x] = 1
        dy, dx = dx, -dy
    return labels


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("spiral", spiral()),
        ("comb", np.tile(np.array([1, 0], np.uint8), (9, 20))),
        ("checkerboard", (np.indices((16, 16)).sum(axis=0) % 2).astype(np.uint8)),
        ("all of it", np.ones((7, 9), np.uint8)),
        ("nothing", np.zeros((7, 9), np.uint8)),
        ("the last pixel", np.eye(1, 63, 62, dtype=np.uint8).reshape(7, 9)),
        ("row's end and next row's beginning", np.array([[0, 0, 1], [1, 0, 0]], np.uint8)),
        ("a label of 255", np.array([[255, 0, 254], [0, 255, 254]], np.uint8)),
    ],
)
def test_shapes(name: str, labels: Bytes2D) -> None:
    """Shapes on which run and union code goes wrong: long ways round, corners only, ends of rows, the last pixel."""
    check(labels, np.arange(labels.size, dtype=np.uint8).reshape(labels.shape))


def test_spiral_is_one() -> None:
    """The spiral above is one region indeed, so that it tests what it says."""
    assert len(regions(spiral(), spiral(), EVERY).label) == 1


def test_wanted() -> None:
    """A label that is not wanted is nowhere, and joins nothing."""
    labels = np.array([[1, 2, 1]], np.uint8)
    found = regions(labels, labels, np.arange(256) == 1)
    assert list(zip(found.label, found.left, found.right, strict=True)) == [(1, 0, 1), (1, 2, 3)]


def test_order() -> None:
    """Regions come in the order of their first pixels: a defect's number within its frame is the same each time."""
    labels = np.array([[0, 0, 2], [1, 0, 0], [0, 0, 3]], np.uint8)
    assert regions(labels, labels, EVERY).label.tolist() == [2, 1, 3]


def test_noise_is_cut() -> None:
    """A map with more runs than can be put together gives the regions of its first rows, and says so."""
    height, width = 64, 2 * MOST_RUNS + 100
    labels = np.tile(np.array([[1, 0]], np.uint8), (height, width // 2 + 1))
    labels[1::2] = 0
    found = regions(labels, labels, EVERY)
    assert found.is_whole
    labels[1::2] = np.array([0, 2] * (width // 2 + 1), np.uint8)
    found = regions(labels, labels, EVERY)
    assert not found.is_whole
    assert found.area.sum() == MOST_RUNS * height
    assert found.bottom.max() < height
