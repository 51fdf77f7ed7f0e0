"""The way to the GPU where there is none; where there is one, what pycuda alone can show of our ways with it."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from inspector.engines.nvidia import cuda, nvml
from inspector.engines.nvidia.streams import Stream, StreamEvent
from inspector.errors import EngineError, EngineRefused
from tests.gpu import has_driver, has_pycuda, needs_pycuda
from tests.patience import patience_s


@pytest.mark.skipif(has_pycuda(), reason="pycuda is installed")
def test_without_pycuda_the_reader_learns_what_to_install() -> None:
    """The extra by name, and what compiling it takes; trying again is in vain."""
    with pytest.raises(EngineRefused, match=r'needs pycuda. Install the extra "gpu" or "rtx-run".*nvcc'):
        cuda.device(0)


@pytest.mark.skipif(not has_pycuda(), reason="pycuda is not installed")
@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_pycuda_without_a_driver_is_worth_another_try() -> None:
    """At boot the driver may come later."""
    with pytest.raises(EngineError, match=r"pycuda cannot be loaded: .*libcuda") as caught:
        cuda.device(0)
    assert caught.value.exit_code == 1


def test_out_of_memory_says_how_much_and_what_to_do() -> None:
    """Free and total in MiB, what was being done, and four ways out."""
    words = str(cuda.out_of_memory("RTX 4090", "loading the engine", 100 * 2**20, 24 * 2**30))
    assert words.startswith("RTX 4090 is out of memory while loading the engine: 100 of 24576 MiB are free.")
    assert "batch.max_frames" in words


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_memory_of_no_gpu_is_not_reported() -> None:
    """NVIDIA's real library wrapper finds no driver: no figure, and no error either."""
    pytest.importorskip("pynvml")
    assert nvml.used_bytes("0000:01:00.0") == {}


@needs_pycuda
def test_every_thread_may_work_and_leaves_nothing_pushed() -> None:
    """Threads come and go, each works in the one context; a context left pushed would abort the process."""
    gpu = cuda.device(0)

    def there_and_back(value: int) -> bool:
        with gpu.at_work("copying"):
            here, there = np.full(1 << 20, value, np.uint8), gpu.cuda.mem_alloc(1 << 20)
            gpu.cuda.memcpy_htod(there, here)
            back = np.empty_like(here)
            gpu.cuda.memcpy_dtoh(back, there)
            there.free()
        return bool((back == value).all())

    for _ in range(3):
        with ThreadPoolExecutor(8) as threads:
            assert all(threads.map(there_and_back, range(32)))


@needs_pycuda
def test_pinned_blocks_go_round_and_streams_keep_order() -> None:
    """What is written into a lent block reaches the GPU by one stream, and comes back by another after its event."""
    gpu, shape = cuda.device(0), (2, 64, 256)
    pool = gpu.pool(shape)
    pool.reserve(1)
    for value in range(8):
        lent = pool.lend()
        assert lent is not None
        lent[:] = value
        with gpu.at_work("copying"):
            there, back = gpu.cuda.mem_alloc(lent.nbytes), gpu.pin(shape, np.uint8)
            first, second, copied = Stream(urgent=True), Stream(urgent=False), StreamEvent()
            first.copy_in(int(there), lent)
            copied.record(first)
            second.wait_for(copied)
            second.copy_out(back, int(there))
            second.synchronize()
            assert (back == value).all()
            there.free()
            back.base.free()  # type: ignore[union-attr]  # pycuda's PagelockedHostAllocation
            for handle in (first, second, copied):
                handle.close()
        del lent
    assert pool.blocks == 1 and pool.lend() is not None


LOST = """
import sys
import threading
from inspector.engines.nvidia import cuda
from inspector.errors import GpuLost

gpu = cuda.device(0)
inside, lost = threading.Event(), threading.Event()

def bystander():
    # at work when another thread loses the context, and ended before the process
    with gpu.at_work("standing by"):
        inside.set()
        assert lost.wait(60)

thread = threading.Thread(target=bystander)
thread.start()
assert inside.wait(60)
with gpu.at_work("allocating"):
    kept = gpu.cuda.mem_alloc(1)
try:
    with gpu.at_work("writing where nobody may"):
        wild = gpu.cuda.module_from_buffer(b'''
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
        gpu.cuda.Context.synchronize()
except GpuLost as first:
    lost.set()
    thread.join()
    assert gpu.memory() == {}
    del kept, wild
    try:
        with gpu.at_work("trying again"):
            raise AssertionError("let in")
    except GpuLost as again:
        print(first, again)
        sys.exit(again.exit_code)
"""


@needs_pycuda
def test_a_lost_context_stays_lost_in_words() -> None:
    """Nobody is let in again, in words; threads that were at work, and memory that is still held, abort nothing."""
    done = subprocess.run(
        [sys.executable, "-c", LOST], capture_output=True, text=True, check=False, timeout=2 * patience_s()
    )
    assert done.returncode == 1, done.stderr
    assert "failed while trying again" in done.stdout and "Traceback" not in done.stderr
