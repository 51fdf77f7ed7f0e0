"""OpenVINO reports nothing to its makers and writes nothing into the user's home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import patience_s

ROOT = Path(__file__).parents[3]
IMPORTERS = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts)
    for package in ("inspector", "trainer", "deploy")
    for path in (ROOT / package).rglob("*.py")
    if any(line.strip().startswith(("import openvino", "from openvino")) for line in path.read_text().splitlines())
)
"""Every module of ours that imports OpenVINO."""

PROGRAM = """
import importlib, sys
importlib.import_module(sys.argv[1])
if "openvino" not in sys.modules or "openvino_telemetry.main" in sys.modules:
    raise SystemExit("the telemetry was loaded, or OpenVINO was not")
"""


def load(module: str, home: Path) -> bool:
    """Import a module where OpenVINO's telemetry is on unless it is switched off; whether nothing came of it."""
    unset = ("CI", "TF_BUILD", "JENKINS_URL")  # what OpenVINO takes for CI, where it reports nothing
    environ = {name: value for name, value in os.environ.items() if name not in unset}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, module],
        env={**environ, "HOME": str(home), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=2 * patience_s(),
    )
    return ended.returncode == 0 and not list(home.iterdir())


@pytest.mark.parametrize("module", IMPORTERS)
def test_nothing_is_sent_or_written(module: str, tmp_path: Path) -> None:
    """Whichever module of ours loads OpenVINO first, its telemetry is never loaded and the home stays empty."""
    assert load(module, tmp_path)


def test_it_would_be_noticed(tmp_path: Path) -> None:
    """OpenVINO by itself loads its telemetry: the test above can fail."""
    assert not load("openvino", tmp_path)
