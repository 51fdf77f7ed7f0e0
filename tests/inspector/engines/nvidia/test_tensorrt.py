"""Built engines on a real GPU: equal to the CPU, overlapping, leaving nothing behind, and loud when the GPU is lost.

Everything here needs a GPU and skips, with its reason, elsewhere. Each test builds what it runs.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from deploy import frames
from deploy.__main__ import main as deploy
from inspector import recipe
from inspector.engines import choice
from inspector.engines.openvino import OpenVino
from inspector.engines.segmenter import Segmenter
from inspector.engines.settings import EngineSection
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Recipe
from tests.gpu import needs_gpu
from tests.patience import patience_s
from tests.recipes import HEIGHT, WIDTH, write_recipe

MAX_FRAMES = 4
SECTION = EngineSection(kind="tensorrt")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe, bytes]:
    """The thresholding recipe with its fp32 engine."""
    folder = write_recipe(tmp_path_factory.mktemp("tiny"))
    assert deploy(["convert", str(folder), "--precision", "fp32", "--batches", f"1,{MAX_FRAMES}"]) == 0
    return folder, *recipe.load(folder)


@pytest.fixture(scope="module")
def steel(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Recipe, bytes]:
    """The shipped recipe with an fp16 engine."""
    folder = tmp_path_factory.mktemp("steel") / "steel-r34"
    shutil.copytree(recipe.SHIPPED / "steel-r34", folder, ignore=shutil.ignore_patterns("engine.*"))
    assert deploy(["convert", str(folder), "--precision", "fp16", "--batches", f"1,{MAX_FRAMES}"]) == 0
    return folder, *recipe.load(folder)


@pytest.fixture
def engine(tiny: tuple[Path, Recipe, bytes]) -> Iterator[Segmenter]:
    """The tiny recipe's engine, loaded and warm."""
    folder, card, model = tiny
    loaded = choice.load(SECTION, card, model, MAX_FRAMES, folder, unverified=True)
    yield loaded
    loaded.close()


def noise(count: int, seed: int) -> Bytes3D:
    """Frames of random grey: about two pixels in five are defects."""
    return np.random.default_rng(seed).integers(0, 256, (count, HEIGHT, WIDTH), np.uint8)


@needs_gpu
def test_it_labels_as_the_cpu_does(engine: Segmenter, tiny: tuple[Path, Recipe, bytes]) -> None:
    """Every pixel, for every batch size, with two batches in flight, from pinned memory and from any other."""
    _, card, model = tiny
    cpu = OpenVino(card, model)
    for seed, (first, second) in enumerate([(1, 4), (3, 2), (4, 1), (2, 3)]):
        lent, own = engine.buffer(MAX_FRAMES)[:first], noise(second, seed)
        lent[:] = noise(first, seed + 100)
        lent[0] = 128  # a sound frame, whose maps are not copied
        for compared in (engine, cpu):
            compared.submit(lent)
            compared.submit(own)
        for _ in range(2):
            found, expected = engine.result(), cpu.result()
            np.testing.assert_array_equal(found.labels, expected.labels)
            np.testing.assert_allclose(found.presence, expected.presence, atol=1e-6)
            assert np.abs(found.confidence.astype(int) - expected.confidence).max() <= 1


@needs_gpu
@pytest.mark.slow
@pytest.mark.parametrize("name", ["steel-r34", "steel-fast"])
def test_the_shipped_recipe_is_proven(name: str) -> None:
    """`deploy convert` and `deploy verify` end well on this machine, within fp16's bound."""
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as temporary:
        folder = Path(temporary) / name
        shutil.copytree(recipe.SHIPPED / name, folder, ignore=shutil.ignore_patterns("engine.*"))
        assert deploy(["convert", str(folder), "--precision", "fp16", "--batches", f"1,{MAX_FRAMES}"]) == 0
        assert deploy(["verify", str(folder), "--frames", "6"]) == 0


@needs_gpu
@pytest.mark.slow
def test_two_batches_in_flight_beat_one(steel: tuple[Path, Recipe, bytes]) -> None:
    """Copying overlaps computing: the same frames take less time when the next batch is submitted before the result.

    The figure is printed, for people; what is asserted is that the maps are the same.
    """
    folder, card, model = steel
    loaded = choice.load(SECTION, card, model, MAX_FRAMES, folder, unverified=True)
    batch = loaded.buffer(MAX_FRAMES)
    for place, shown in enumerate(frames.steel(card, MAX_FRAMES)):
        batch[place] = shown.pixels

    seen: list[Bytes3D] = []

    def seconds(in_flight: int, batches: int = 30) -> float:
        began_s, pending = time.perf_counter(), 0
        for _ in range(batches):
            loaded.submit(batch)
            pending += 1
            if pending == in_flight:
                seen.append(np.array(loaded.result().labels))
                pending -= 1
        seen.extend(np.array(loaded.result().labels) for _ in range(pending))
        return time.perf_counter() - began_s

    times = [(seconds(1), seconds(2)) for _ in range(5)]
    alone_s, both_s = np.median(times, axis=0)
    loaded.close()
    print(f"one in flight {alone_s:.3f} s, two {both_s:.3f} s, ratio {alone_s / both_s:.3f}")
    assert all(np.array_equal(labels, seen[0]) for labels in seen)


@needs_gpu
@pytest.mark.slow
def test_fifty_swaps_leave_memory_where_it_was(tiny: tuple[Path, Recipe, bytes]) -> None:
    """Each new engine is loaded and warmed while the old one runs, works, and takes its place; nothing stays behind."""
    import pycuda.driver

    from inspector.engines.nvidia import cuda

    folder, card, model = tiny

    def free_bytes() -> int:
        with cuda.device(0).at_work("asking for memory"):
            return int(pycuda.driver.mem_get_info()[0])

    def resident_kb() -> int:
        status = Path("/proc/self/status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])

    def swap(old: Segmenter | None) -> Segmenter:
        new = choice.load(SECTION, card, model, MAX_FRAMES, folder, unverified=True)
        new.submit(noise(MAX_FRAMES, 1))
        assert new.result().labels.any()
        if old is not None:
            old.close()
        return new

    current = swap(None)
    for _ in range(4):  # the first ones fill the caches of driver and TensorRT
        current = swap(current)
    before = free_bytes(), resident_kb(), cuda.device(0).pool((MAX_FRAMES, HEIGHT, WIDTH)).blocks
    trace = []
    for _ in range(50):
        current = swap(current)
        trace.append((free_bytes(), resident_kb()))
    current.close()
    print("free bytes:", [free for free, _ in trace], "resident MiB:", [kb // 1024 for _, kb in trace])
    assert before[0] - trace[-1][0] <= 8 * 2**20
    assert trace[-1][1] - before[1] <= 32 * 1024
    assert cuda.device(0).pool((MAX_FRAMES, HEIGHT, WIDTH)).blocks == before[2]


@needs_gpu
def test_an_engine_that_nobody_closes_is_given_back(tiny: tuple[Path, Recipe, bytes]) -> None:
    """A reload that is overtaken by the next drops its engine; its memory comes back when the object goes."""
    import pycuda.driver

    from inspector.engines.nvidia import cuda

    folder, card, model = tiny
    free = []
    for _ in range(8):
        choice.load(SECTION, card, model, MAX_FRAMES, folder, unverified=True)
        with cuda.device(0).at_work("asking for memory"):
            free.append(int(pycuda.driver.mem_get_info()[0]))
    assert free[2] - free[-1] <= 8 * 2**20


STICKY = """
import sys
import numpy as np
from pathlib import Path
import pycuda.driver
from inspector import recipe
from inspector.engines import choice
from inspector.engines.settings import EngineSection
from inspector.engines.nvidia import cuda
from inspector.errors import GpuLost

folder = Path(sys.argv[1])
card, model = recipe.load(folder)
engine = choice.load(EngineSection(kind="tensorrt"), card, model, 2, folder, unverified=True)
gpu = cuda.device(0)
with gpu.at_work("preparing"):
    wild = pycuda.driver.module_from_buffer(b'''
.version 7.0
.target sm_75
.address_size 64
.visible .entry wild() {
    .reg .u64 %where;
    mov.u64 %where, 0x10;
    st.global.u32 [%where], 1;
    ret;
}
''').get_function("wild")
    wild(block=(1, 1, 1), grid=(1, 1))
try:
    for _ in range(1000):  # the wild one runs on a stream of its own: it may come later
        engine.submit(np.zeros((1, card.height, card.width), np.uint8))
        engine.result()
except GpuLost as error:
    engine.close()
    print(error)
    sys.exit(error.exit_code)
"""


@needs_gpu
def test_a_lost_context_ends_the_process_with_1(tiny: tuple[Path, Recipe, bytes]) -> None:
    """A kernel that writes where nobody may breaks the context for good: GpuLost, exit code 1, and no abort."""
    done = subprocess.run(
        [sys.executable, "-c", STICKY, str(tiny[0])],
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * patience_s(),
    )
    assert done.returncode == 1, done.stderr
    assert "its context is lost" in done.stdout and "Traceback" not in done.stderr


@needs_gpu
@pytest.mark.slow
def test_too_large_a_batch_is_out_of_memory_and_not_lost(steel: tuple[Path, Recipe, bytes]) -> None:
    """What does not fit is refused in words, and the GPU works on: a reload that fails so leaves the line running."""
    import pycuda.driver

    from inspector.engines.nvidia import cuda
    from inspector.errors import EngineError, GpuLost

    folder, card, model = steel
    gpu = cuda.device(0)
    with gpu.at_work("filling the memory"):
        hog = pycuda.driver.mem_alloc(max(1, pycuda.driver.mem_get_info()[0] - 16 * 2**20))
    try:
        with pytest.raises(EngineError) as caught:
            choice.load(SECTION, card, model, MAX_FRAMES, folder, unverified=True)
    finally:
        with gpu.at_work("giving back"):
            hog.free()
    assert not isinstance(caught.value, GpuLost)
    loaded = choice.load(SECTION, card, model, 1, folder, unverified=True)
    loaded.submit(np.zeros((1, card.height, card.width), np.uint8))
    assert loaded.result().presence.shape == (1, card.columns)
    loaded.close()


@needs_gpu
def test_memory_is_measured(engine: Segmenter) -> None:
    """Total and used, in bytes, also without NVIDIA's library; this process's share where the driver can tell."""
    from inspector.engines.nvidia import cuda

    for taken in (engine.memory(), cuda.device(0).memory()):
        assert 0 < taken["used"] <= taken["total"]
    taken = engine.memory()
    assert taken.get("process", 1) > 0
    assert engine.facts["gpu"] and engine.facts["verified"] == "false"
