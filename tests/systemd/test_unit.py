"""The unit as systemd itself assesses it; test_service.py boots it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from inspector.errors import EXIT_CONFIG
from tests.patience import patience_s

FOLDER = Path(__file__).parents[2] / "systemd"
BRIDGE = (FOLDER / "inspector-bridge@.service").read_text(encoding="utf-8")
STATION = (FOLDER / "inspector-station.service").read_text(encoding="utf-8")
FAILED = (FOLDER / "inspector-failed@.service").read_text(encoding="utf-8")
GPU = (FOLDER / "gpu.conf").read_text(encoding="utf-8")
UNIT = (FOLDER / "inspector@.service").read_text(encoding="utf-8")

pytestmark = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")


def run(*command: str | Path) -> tuple[int, str]:
    """Exit code, and all output."""
    ended = subprocess.run(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=patience_s()
    )
    return ended.returncode, ended.stdout


UNITS = {
    "inspector@line3": UNIT,
    "inspector-bridge@line3": BRIDGE,
    "inspector-station": STATION,
    "inspector-failed@x": FAILED,
}


@pytest.fixture(params=UNITS)
def installed(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """An instance of a unit whose program exists on this machine."""
    path = tmp_path / f"{request.param}.service"
    path.write_text(UNITS[request.param].replace("/opt/inspector/bin/inspector", "/bin/true"), encoding="utf-8")
    return path


def test_verify_is_silent(installed: Path) -> None:
    """systemd finds nothing to say about the unit: typos come as warnings, so any output fails."""
    assert run("systemd-analyze", "verify", "--man=no", installed) == (0, "")


def test_verify_would_notice_a_typo(installed: Path) -> None:
    """The silence above means something."""
    installed.write_text(installed.read_text().replace("CapabilityBoundingSet=", "CapabilityBoundSet="))
    assert "CapabilityBoundSet" in run("systemd-analyze", "verify", "--man=no", installed)[1]


def exposure(folder: Path, *texts: str) -> float:
    """What `systemd-analyze security` says of a unit and its drop-ins."""
    path = folder / "inspector@line3.service"
    path.write_text("\n".join(texts).replace("/opt/inspector/bin/inspector", "/bin/true"), encoding="utf-8")
    _, output = run("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    (found,) = re.findall(r"Overall exposure level for .*: ([\d.]+)", output)
    return float(found)


@pytest.mark.parametrize("name", UNITS)
def test_exposure(tmp_path: Path, name: str) -> None:
    """Each unit is exposed by 1.3 or less."""
    found = exposure(tmp_path, UNITS[name])
    print(f"{name}: {found}")
    assert found <= 1.3


def test_a_gpu_exposes_no_more(tmp_path: Path) -> None:
    """The drop-in's devices cost nothing: they are put into the service's own /dev."""
    assert exposure(tmp_path, UNIT, GPU) <= exposure(tmp_path, UNIT) <= 1.3


def test_a_bad_configuration_is_not_restarted() -> None:
    """The exit code for a bad configuration is the one that the unit never restarts on."""
    assert f"RestartPreventExitStatus={EXIT_CONFIG}\n" in UNIT
    assert f"RestartPreventExitStatus={EXIT_CONFIG} 2\n" in BRIDGE
    assert f"RestartPreventExitStatus={EXIT_CONFIG} 2\n" in STATION


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_account_and_folder_can_be_made(tmp_path: Path) -> None:
    """sysusers makes the account, tmpfiles the configuration folder that it may read."""
    (tmp_path / "etc").mkdir()
    for tool, options, name in (
        ("systemd-sysusers", (), "inspector.sysusers.conf"),
        ("systemd-tmpfiles", ("--create",), "inspector.tmpfiles.conf"),
    ):
        if not shutil.which(tool):
            pytest.skip(f"needs {tool}")
        code, output = run(tool, f"--root={tmp_path}", *options, FOLDER / name)
        assert code == 0, output
    assert "inspector:" in (tmp_path / "etc/passwd").read_text()
    assert (tmp_path / "etc/inspector").stat().st_mode & 0o777 == 0o750


def test_malloc_takes_the_thresholds() -> None:
    """glibc silently ignores an mmap threshold above 32 MiB (half of a heap), and then both stay as they were."""
    (found,) = re.findall(r"MALLOC_MMAP_THRESHOLD_=(\d+) MALLOC_TRIM_THRESHOLD_=(\d+)", UNIT)
    assert int(found[0]) <= 2**25 < int(found[1])
