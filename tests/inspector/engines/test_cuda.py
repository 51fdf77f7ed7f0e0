"""The way to the GPU where there is none, and its memory's figures."""

from __future__ import annotations

import pytest

from inspector.engines import cuda, memory
from inspector.errors import EngineError, EngineRefused
from tests.gpu import has_driver, has_pycuda


@pytest.mark.skipif(has_pycuda(), reason="pycuda is installed")
def test_without_pycuda_the_reader_is_told_what_to_install() -> None:
    """The extra by name, and what compiling it takes; trying again is in vain."""
    with pytest.raises(EngineRefused, match=r'needs pycuda. Install the extra "gpu" or "rtx-run".*CUDA_ROOT'):
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
def test_memory_of_no_gpu_is_not_said() -> None:
    """NVIDIA's real library wrapper finds no driver: no figure, and no error either."""
    pytest.importorskip("pynvml")
    assert memory.used_bytes("0000:01:00.0") == {}
