import multiprocessing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from tests.patience import patience_s
from tests.trainer.frames import MadeFrames
from trainer.data import cache, sources
from trainer.data.cache import Cached
from trainer.data.samples import CLASS_NAMES, Frames, Sample


class Read(MadeFrames):
    """Frames that count how often each was read; of any planes."""

    class_names = CLASS_NAMES

    def __init__(self, samples: list[Sample], in_files: bool = True) -> None:
        self.samples, self.in_files = samples, in_files
        self.reads = [0] * len(samples)

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        self.reads[index] += 1
        return self.samples[index]

    def name(self, index: int) -> str:
        return self.samples[index].name

    def classes(self, index: int) -> frozenset[int] | None:
        return None

    def image(self, index: int) -> Path | None:
        return Path("x") if self.in_files else None


def made(count: int, height: int = 8, width: int = 16) -> list[Sample]:
    """Frames of noise with one square of a defect each."""
    labels = np.zeros((height, width), np.uint8)
    labels[2:5, 3:9] = 2
    return [
        Sample(f"s/{i}", np.random.default_rng(i).integers(0, 255, (height, width), np.uint8), labels)
        for i in range(count)
    ]


PLANES = array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9).flatmap(
    lambda shape: st.tuples(arrays(np.uint8, shape), arrays(np.uint8, shape, elements=st.integers(0, 4)))
)


@given(st.lists(PLANES, min_size=1, max_size=5))
def test_what_is_kept_is_what_was_read(planes: list[tuple[np.ndarray, np.ndarray]]) -> None:
    """Any frames, of different and odd sizes, come back as they were, and are read once."""
    frames = Read([Sample(f"s/{i}", *pair) for i, pair in enumerate(planes)])
    cached = Cached(frames, 10**5)
    for _ in range(3):
        for index, (pixels, labels) in enumerate(planes):
            sample = cached[index]
            assert sample.name == f"s/{index}"
            assert np.array_equal(sample.pixels, pixels) and np.array_equal(sample.labels, labels)
    assert frames.reads == [1] * len(planes)


def test_the_bound_holds_and_the_rest_is_read_each_time() -> None:
    """Two of five frames fit; the memory never grows past the bound, nothing kept is thrown out."""
    frames = Read(made(5))
    cached = Cached(frames, 400)
    for index in (3, 1, 0, 2, 4) * 3:
        assert np.array_equal(cached[index].pixels, frames.samples[index].pixels)
    assert frames.reads == [3, 1, 3, 1, 3]
    kept, used_bytes = cached.kept()
    assert kept == 2 and used_bytes <= 400


def test_a_frame_of_steel_takes_little_more_than_its_pixels() -> None:
    """12 568 real frames must fit about 5.1 GB: labels are mostly sound, and cost next to nothing."""
    cached = Cached(Read(made(4, 256, 1600)), 4 * 256 * 1600 + 1000)
    for index in range(4):
        cached[index]
    assert cached.kept()[0] == 4


def test_nothing_is_kept_of_rendered_steel_or_without_room() -> None:
    """Procedural frames hardly ever repeat; and a bound of nothing is no cache."""
    for frames, bound_bytes in ((Read(made(2), in_files=False), 10**5), (Read(made(2)), 0)):
        cached = Cached(frames, bound_bytes)
        assert [cached[0].name, cached[0].name] == ["s/0"] * 2
        assert frames.reads == [2, 0] and cached.kept() == (0, 0)


def test_processes_share_one_cache(mask_folder: Path) -> None:
    """What three forked processes read at the same time, each the whole set, is kept once and whole for all."""
    plain: Frames = sources.frames([str(mask_folder)])
    cached = Cached(plain, 10**7)
    fork = multiprocessing.get_context("fork")
    processes = [fork.Process(target=_read_all, args=(cached, seed)) for seed in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(patience_s())
        assert process.exitcode == 0
    kept, used_bytes = cached.kept()
    assert kept == 40 and used_bytes < 40 * 64 * 128 * 1.1
    for index in range(40):
        assert np.array_equal(cached[index].pixels, plain[index].pixels)
        assert np.array_equal(cached[index].labels, plain[index].labels)


def _read_all(cached: Cached, seed: int) -> None:
    for index in np.random.default_rng(seed).permutation(len(cached)).tolist():
        cached[index]


def test_what_is_kept_cannot_be_written_to() -> None:
    """A frame in the cache belongs to every process."""
    cached = Cached(Read(made(1)), 10**5)
    cached[0]
    with pytest.raises(ValueError, match="read-only"):
        cached[0].pixels[0, 0] = 1


def test_the_bound_follows_what_is_free() -> None:
    """Half of what is free, never more than asked for."""
    assert cache.default_bound_bytes(1000) == 1000
    assert 0 < cache.default_bound_bytes(2**62) < 2**50
