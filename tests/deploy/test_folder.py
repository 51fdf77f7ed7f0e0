"""The recipe folder that a command works in: by path or shipped name, one command at a time, writable or elsewhere."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.folder import check_writable, copy_recipe, find, held, make
from inspector import recipe
from inspector.errors import EXIT_BUSY, Busy, EngineError, RecipeError
from tests.patience import patience_s
from tests.recipes import write_recipe

HOLD = """
import sys
from pathlib import Path
from deploy.folder import held
with held(Path(sys.argv[1]), "command"):
    print(flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def private() -> Iterator[None]:
    """What is made meanwhile is for its maker alone."""
    before = os.umask(0o077)
    yield
    os.umask(before)


def test_a_path_stays_as_given_and_a_shipped_name_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder goes before a shipped recipe of its name; what is neither is refused with the shipped names."""
    assert find(Path("steel-r34")) == recipe.SHIPPED / "steel-r34"
    write_recipe(tmp_path / "steel-r34")
    monkeypatch.chdir(tmp_path)
    assert find(Path("steel-r34")) == Path("steel-r34")
    with pytest.raises(RecipeError, match="steel-r34"):
        find(Path("none"))


def test_a_second_command_is_refused_while_the_first_works(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two processes, either command: the second ends with 75 and says why; afterwards nothing is left in the way."""
    folder = write_recipe(tmp_path / "recipe")
    before = sorted(folder.iterdir())
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdin is not None and first.stdout is not None
        assert first.stdout.readline()
        for command in ("convert", "verify"):
            assert main([command, str(folder)]) == EXIT_BUSY
            assert "another `deploy convert` or `deploy verify` is at work here" in capsys.readouterr().err
        first.stdin.close()
        assert first.wait(patience_s()) == 0
    with held(folder, "command"):
        assert sorted(folder.iterdir()) == before
        with pytest.raises(Busy):
            held(folder, "command").__enter__()


def test_a_folder_that_takes_no_file_is_refused_with_what_to_do() -> None:
    """Before the work, and with the system's reason."""
    with pytest.raises(EngineError, match=r"/proc/self: cannot be written to: .* Try --out"):
        check_writable(Path("/proc/self"), "Try --out.")


def test_a_copied_recipe_is_the_recipe_and_another_is_left_alone(tmp_path: Path) -> None:
    """Copied once more, nothing changes; where another recipe lies, nothing is overwritten."""
    folder, out = write_recipe(tmp_path / "recipe"), tmp_path / "new" / "copy"
    make(out, folder)
    copy_recipe(folder, out)
    before = {path: path.stat() for path in out.iterdir()}
    copy_recipe(folder, out)
    assert recipe.load(out) == recipe.load(folder)
    assert {path: path.stat() for path in out.iterdir()} == before
    other = (out / recipe.CARD).read_text().replace('version = "', 'version = "9')
    (out / recipe.CARD).write_text(other)
    with pytest.raises(RecipeError, match=r"differs from that of .*Choose an empty folder for --out"):
        copy_recipe(folder, out)
    assert (out / recipe.CARD).read_text() == other


def test_a_recipe_that_cannot_be_copied_whole_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a full disk the model that lies there is the model still, and what was begun is gone."""
    folder, out = write_recipe(tmp_path / "recipe"), tmp_path / "copy"
    make(out, folder)
    copy_recipe(folder, out)
    (out / recipe.CARD).unlink()
    model = (out / recipe.MODEL).read_bytes()

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        copy_recipe(folder, out)
    assert [path.name for path in out.iterdir()] == [recipe.MODEL] and (out / recipe.MODEL).read_bytes() == model


def test_nothing_is_copied_into_a_folder_that_another_command_works_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not before the folder is held."""
    folder, out = write_recipe(tmp_path / "recipe"), tmp_path / "copy"
    make(out, folder)
    with held(out, "command"):
        assert main(["convert", str(folder), "--out", str(out)]) == EXIT_BUSY
    assert not list(out.iterdir())


def test_a_copy_may_be_read_by_whoever_reads_the_recipe(tmp_path: Path, private: None) -> None:
    """Whatever the umask of who copies it: the service reads what root wrote."""
    folder = write_recipe(tmp_path / "recipe")
    for path in (folder, *folder.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    out = tmp_path / "new" / "copy"
    make(out, folder)
    copy_recipe(folder, out)
    for path in (out.parent, out, *out.iterdir()):
        assert path.stat().st_mode & 0o777 == (0o755 if path.is_dir() else 0o644)
