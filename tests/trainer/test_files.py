import os
import subprocess
import sys
from pathlib import Path

import pytest

from trainer.__main__ import main
from trainer.errors import UserError
from trainer.files import hold_folder, replace_file

KILLED = """
import os, sys
from pathlib import Path
from trainer.files import replace_file
with replace_file(Path(sys.argv[1])) as temporary:
    temporary.touch()
    os.kill(os.getpid(), 9)
"""


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Whatever happens while writing, a reader finds the old content or the new, and no litter stays."""
    path = tmp_path / "card"
    with replace_file(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["card"]


def test_whoever_read_the_file_before_reads_it_after(tmp_path: Path) -> None:
    """Root with umask 077 tunes a recipe that a service reads."""
    (path := tmp_path / "card").touch(0o640)
    path.chmod(0o640)
    before = os.umask(0o077)
    try:
        with replace_file(path) as temporary:
            temporary.write_text("tuned")
    finally:
        os.umask(before)
    assert path.read_text() == "tuned" and path.stat().st_mode & 0o777 == 0o640


def test_what_is_not_ours_is_not_replaced(tmp_path: Path) -> None:
    """A file that begins otherwise, a folder and a device stay; ours and an empty one give way, behind a link too."""
    (letter := tmp_path / "letter").write_text("to keep")
    (folder := tmp_path / "folder").mkdir()
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (letter, folder, pipe):
        with pytest.raises(UserError, match="expected"), replace_file(path, b"name,part"):
            pass
    assert letter.read_text() == "to keep" and pipe.is_fifo()
    (ours := tmp_path / "ours").touch()
    (link := tmp_path / "link").symlink_to(ours)
    for content in ("name,part 1", "name,part 2"):
        with replace_file(link, b"name,part") as temporary:
            temporary.write_text(content)
    assert link.is_symlink() and ours.read_text() == "name,part 2"


def test_a_folder_is_held_by_one_and_let_go_of(tmp_path: Path) -> None:
    """The second is refused in words, leaves nothing behind, and may have it once the first has ended."""
    folder = tmp_path / "run"
    with hold_folder(folder):
        with pytest.raises(UserError, match="another trainer writes into it"), hold_folder(folder):
            pass
        assert not list(folder.iterdir())
    with hold_folder(folder):
        pass


def test_what_a_killed_program_was_writing_goes(tmp_path: Path) -> None:
    """Once nobody else holds the folder; what a program that runs is writing stays, and so do files of other names."""
    subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "last.pt")], check=False)
    assert len(list(tmp_path.glob(".last.pt.*.tmp"))) == 1
    kept = {f".best.pt.{os.getpid()}.tmp", ".mine.tmp", "last.pt"}
    for name in kept:
        (tmp_path / name).touch()
    with hold_folder(tmp_path):
        assert {path.name for path in tmp_path.iterdir()} == kept


def test_a_folder_made_in_vain_goes_again(tmp_path: Path) -> None:
    """A refused run leaves no empty folders; one that was there stays, and so does one that holds something."""
    (tmp_path / "here").mkdir()
    for folder in (tmp_path / "here", tmp_path / "new" / "run"):
        with pytest.raises(UserError), hold_folder(folder):
            raise UserError("refused")
    with pytest.raises(UserError), hold_folder(tmp_path / "begun"):
        (tmp_path / "begun" / "last.pt").touch()
        raise UserError("stopped")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["begun", "here"]


def test_a_refused_fit_leaves_no_folder(mask_folder: Path, tmp_path: Path) -> None:
    """Data that is not there, and networks that are none, are refused and leave nothing of the run."""
    out = ["--out", str(tmp_path / "runs" / "mine")]
    assert main(["fit", "nowhere", *out]) == 2
    for option in ("--start", "--teacher", "--weights"):
        assert main(["fit", str(mask_folder), option, "no-such", *out]) == 2
    assert not (tmp_path / "runs").exists()
