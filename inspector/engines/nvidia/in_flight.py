"""What batches in flight take turns on, and what of a finished batch is worth copying back. Pure.

Knows: sizes, order, thresholds. Must not know: CUDA, TensorRT.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Generic, TypeVar

import msgspec

from inspector.engines.nvidia.manifest import Port
from inspector.records.recipe import Recipe

T = TypeVar("T")


class Extents(msgspec.Struct, frozen=True):
    """How much room a batch of the most frames needs."""

    frames: int
    height: int
    width: int
    classes: int

    @property
    def plane_bytes(self) -> int:
        """One frame, or one map of it."""
        return self.height * self.width

    @property
    def stack_bytes(self) -> int:
        """All frames, or one map of each."""
        return self.frames * self.plane_bytes

    @property
    def presence_bytes(self) -> int:
        """One float32 a class and frame."""
        return 4 * self.frames * self.classes


class Rotation(Generic[T]):
    """Things that are taken in turn and finished in the order they were taken."""

    def __init__(self, things: Sequence[T]) -> None:
        self._idle, self._busy = deque(things), deque[T]()

    def take(self) -> T:
        """Begin with the thing that has been idle longest."""
        assert self._idle, "more batches in flight than the engine allows"
        self._busy.append(self._idle.popleft())
        return self._busy[-1]

    def finish(self) -> T:
        """End the oldest that was begun."""
        assert self._busy, "a result was asked for, but no batch is in flight"
        self._idle.append(self._busy.popleft())
        return self._idle[-1]


def runs(places: Sequence[int]) -> list[tuple[int, int]]:
    """Join ascending places into half-open ranges, so that neighbours are copied at once."""
    joined: list[tuple[int, int]] = []
    for place in places:
        if joined and joined[-1][1] == place:
            joined[-1] = joined[-1][0], place + 1
        else:
            joined.append((place, place + 1))
    return joined


def padded(count: int, sizes: Sequence[int]) -> int:
    """Return the size that a batch of `count` runs in: the least of the ascending `sizes` that holds it."""
    return next(size for size in sizes if size >= count)


def sizes_to_run(built: Sequence[int], most: int) -> tuple[int, ...]:
    """Return the ascending batch sizes that a line of up to `most` frames a batch runs.

    Those that the engine was built for, and the largest: to load an engine is to run each of them. All were proven.
    """
    return (*(size for size in built if size < most), most)


def port_faults(recipe: Recipe, inputs: Sequence[Port], outputs: Sequence[Port]) -> list[str]:
    """Say where an engine's inputs and outputs are not those of a recipe's graph; empty when they are."""
    planes, classes = (-1, recipe.height, recipe.width), len(recipe.classes)
    expected = {
        "inputs": {Port("frames", "uint8", planes), Port("thresholds", "float32", (classes,))},
        "outputs": {
            Port("labels", "uint8", planes),
            Port("confidence", "uint8", planes),
            Port("presence", "float32", (-1, recipe.columns)),
        },
    }
    found = {"inputs": set(inputs), "outputs": set(outputs)}
    return [
        f"{side} are {_words(found[side])}; expected {_words(expected[side])} as recipe {recipe} says"
        for side in expected
        if found[side] != expected[side]
    ]


def _words(ports: set[Port]) -> str:
    return ", ".join(sorted(f"{port.name} {port.dtype}{list(port.shape)}" for port in ports)) or "none"
