"""Where the line cannot write, `check` refuses as `run` does."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from inspector.archive.files import try_out
from inspector.archive.store import LEAST_FREE
from inspector.errors import EXIT_CONFIG, ConfigError
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.service.places import check_disks
from inspector.service.prepare import prepare
from tests.e2e import own_disk
from tests.recipes import write_recipe

PORTS = Ports(frames=5555, events=5556, replay=5557, http=9477)


def configured(folder: Path, journal: str, archive: str) -> Path:
    """Write a configuration and its recipe."""
    write_recipe(folder / "r")
    sections = {"archive": {"path": archive}, "journal": {"path": journal}}
    return configuration.write(folder / "line.toml", PORTS, Path("r"), line="l", mm_per_px=1.0, sections=sections)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    """Both folders are named, and what is good is left as it was."""
    settings, _ = prepare(configured(tmp_path, "journal", "archive"))
    assert check_disks(settings) == []
    assert {path.name for path in tmp_path.iterdir()} == {"line.toml", "r"}
    journal = msgspec.structs.replace(settings.journal, path="/proc/journal")
    archive = msgspec.structs.replace(settings.archive, path="/proc/x")
    with pytest.raises(ConfigError) as caught:
        check_disks(msgspec.structs.replace(settings, journal=journal, archive=archive))
    words = str(caught.value)
    assert "journal.path is /proc/journal, where nothing can be written" in words
    assert "archive.path is /proc/x, where nothing can be written" in words


@pytest.mark.parametrize(
    ("mount", "words"),
    [
        ("mount -t tmpfs -o size=300k none", "the disk has 0 MB free; expected at least 16 MB"),
        ("mount -t tmpfs -o ro none", "Read-only file system"),
    ],
)
def test_a_disk_that_takes_nothing_is_refused(tmp_path: Path, mount: str, words: str) -> None:
    """An archive on a disk that is too small, or read-only, ends `check` with 78 and the reason."""
    if refusal := own_disk.refusal(tmp_path / "disk", mount):
        pytest.skip(refusal)
    path = configured(tmp_path, "journal", str(tmp_path / "disk" / "archive"))
    program = own_disk.program(tmp_path / "disk", mount)
    done = subprocess.run([sys.executable, *program, "check", str(path)], capture_output=True, text=True, check=False)
    assert done.returncode == EXIT_CONFIG
    assert words in done.stderr


def test_what_is_tried_leaves_nothing(tmp_path: Path) -> None:
    """A folder that is there is tried itself; one that asks for more room than there is is refused in megabytes."""
    try_out(tmp_path, LEAST_FREE)
    with pytest.raises(OSError, match=r"expected at least \d+ MB"):
        try_out(tmp_path / "a" / "b", 2**62)
    assert not list(tmp_path.iterdir())
