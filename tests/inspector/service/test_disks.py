"""Where the line cannot write, `check` refuses as `run` does."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from inspector.archive.files import try_out
from inspector.archive.store import LEAST_FREE
from inspector.errors import EXIT_CONFIG, EXIT_FAILURE, ConfigError
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.service.places import check_disks, faults
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
    settings = prepare(configured(tmp_path, "journal", "archive")).settings
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


@pytest.mark.parametrize("name", ["journal", "archive"])
def test_a_disk_that_is_not_mounted_is_refused(tmp_path: Path, name: str) -> None:
    """Nothing is written below its mount point: `check` ends with 78, `run` with 1, so that systemd tries it again."""
    path = configured(tmp_path, "disk/journal", "disk/archive")
    (disk := tmp_path / "disk").mkdir()
    path.write_text(path.read_text().replace(f"[{name}]\n", f'[{name}]\nmount_point = "disk"\n'))
    words = f"{name}.mount_point is {disk}, where no disk is mounted at present; expected the disk of {disk / name}."
    for command, code in (("check", EXIT_CONFIG), ("run", EXIT_FAILURE)):
        program = [sys.executable, "-m", "inspector", command, str(path)]
        done = subprocess.run(program, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, words in done.stderr) == (code, True), done.stderr
    assert not [*disk.iterdir()]


@pytest.mark.skipif(not os.path.ismount("/dev/shm"), reason="no disk is mounted there")
def test_a_disk_that_is_mounted_is_taken(tmp_path: Path) -> None:
    """At the folder itself, or above it; a folder elsewhere is another disk's, and refused."""
    settings = prepare(configured(tmp_path, "journal", "archive")).settings
    section = msgspec.structs.replace(settings.archive, path="/dev/shm/archive", mount_point="/dev/shm")
    assert check_disks(msgspec.structs.replace(settings, archive=section)) == []
    assert [*faults(msgspec.structs.replace(settings, archive=section))] == []
    section = msgspec.structs.replace(section, path="/dev/shmarchive")
    [fault] = faults(msgspec.structs.replace(settings, archive=section))
    assert fault.startswith(
        "archive.mount_point is /dev/shm, and archive.path is /dev/shmarchive; expected a folder at"
    )


def test_what_is_tried_leaves_nothing(tmp_path: Path) -> None:
    """A folder that is there is tried itself; one that asks for more room than there is is refused in megabytes."""
    try_out(tmp_path, LEAST_FREE)
    with pytest.raises(OSError, match=r"expected at least \d+ MB"):
        try_out(tmp_path / "a" / "b", 2**62)
    assert not list(tmp_path.iterdir())
