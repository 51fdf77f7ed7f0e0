"""Hot swaps of the CPU engine: loaded and warmed while the old one runs, and nothing stays behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from inspector import recipe
from inspector.engines import choice
from inspector.engines.segmenter import Segmenter
from inspector.engines.settings import EngineSection
from tests.recipes import DARK, HEIGHT, WIDTH, write_recipe

MIB = 2**20


def resident_bytes() -> int:
    """Memory of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * int(next(line for line in lines if line.startswith("VmRSS")).split()[1])


@pytest.mark.slow
def test_fifty_swaps_leave_host_memory_where_it_was(tmp_path: Path) -> None:
    """After the first ten have filled OpenVINO's caches, forty more add less than a batch's maps each."""
    folder = write_recipe(tmp_path)
    card, model = recipe.load(folder)
    frames = np.full((4, HEIGHT, WIDTH), DARK, np.uint8)

    def swap(old: Segmenter | None) -> Segmenter:
        new = choice.load(EngineSection(threads=1), card, model, 4, folder)
        new.submit(frames)
        assert new.result().labels.all()
        if old is not None:
            old.close()
        return new

    current, trace = None, []
    for _ in range(50):
        current = swap(current)
        trace.append(resident_bytes())
    print("resident MiB after each swap:", [taken // MIB for taken in trace])
    assert trace[-1] - trace[9] < 40 * 3 * frames.nbytes
