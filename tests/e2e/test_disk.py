"""A disk that takes no more, under a line that runs."""

from __future__ import annotations

import resource
import time
from pathlib import Path

import pytest

from inspector.errors import InspectorError
from tests.e2e.mill import PATIENCE_S, Camera, Mill
from tests.recipes import DARK

FULL_BYTES = 400_000


def test_a_full_disk_under_a_busy_line_ends_it_with_1(tmp_path: Path) -> None:
    """The exit code is the documented one, not a signal: threads that still ran in C at the end aborted it."""
    with Mill(tmp_path) as mill, Camera(mill) as camera:
        child = mill.daemon.child
        resource.prlimit(child.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES))  # as a full disk: no file may grow
        deadline = time.monotonic() + PATIENCE_S
        with pytest.raises(InspectorError):  # of the camera, once nobody takes its frames
            while time.monotonic() < deadline:
                camera.send(*((10 * row, 10 * row + 5, 20, 40, DARK) for row in range(6)))
        code, words = mill.stop()
    assert code == 1, words
    assert "Traceback" not in words and "Fatal Python error" not in words
    assert f"{tmp_path / 'journal'}: " in words
