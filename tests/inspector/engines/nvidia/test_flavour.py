"""Which TensorRT is here: one that is installed and broken is not called missing."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector.engines.nvidia import flavour
from inspector.errors import EngineRefused


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("raise OSError('libnvinfer.so.11: cannot open shared object file')", "cannot be loaded: libnvinfer.so.11"),
        ("import no_such_libs", "cannot be loaded: No module named 'no_such_libs'"),
    ],
)
def test_a_flavour_that_is_broken_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, words: str
) -> None:
    """Its own reason, and no traceback: half an upgrade leaves bindings without their libraries."""
    (tmp_path / "broken_tensorrt.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(flavour.MODULES, "tensorrt", "broken_tensorrt")
    with pytest.raises(EngineRefused, match="tensorrt is installed but " + words):
        flavour.find(only="tensorrt")
