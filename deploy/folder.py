"""The recipe folder that a command works in: found by path or name, held by one command at a time, writable.

Knows: folders and locks. Must not know: how engines are built or run.
"""

from __future__ import annotations

import fcntl
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from inspector import recipe
from inspector.engines.nvidia import manifest
from inspector.errors import Busy, EngineError, RecipeError


def find(name: Path) -> Path:
    """Return the folder of a recipe: a path as it was given, or the name of a shipped recipe.

    Raises: RecipeError when there is neither.
    """
    return name if (name / recipe.CARD).is_file() else recipe.find(str(name), Path.cwd())


def make(out: Path, like: Path) -> None:
    """Make the folder `out` if need be, open to whoever may enter the recipe's folder `like`.

    Raises: OSError.
    """
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    out.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | like.stat().st_mode & 0o555)


def copy_recipe(folder: Path, out: Path) -> None:
    """Copy a recipe's card and model into the folder `out`, which is held; what is there already is not written.

    Raises: RecipeError when another recipe lies there; OSError.
    """
    lacking: dict[str, bytes] = {}
    for name in (recipe.MODEL, recipe.CARD):
        content, there = (folder / name).read_bytes(), out / name
        if not there.exists():
            lacking[name] = content
        elif there.read_bytes() != content:
            raise RecipeError(
                f"{there}: differs from that of {folder}. Choose an empty folder for --out, or run "
                f"`deploy convert {out}` for the recipe that lies there."
            )
    for name, content in lacking.items():
        manifest.replace(out / name, content, like=folder / name)


@contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder, so that no second command of ours works in it; `what` it is used for, for the error's words.

    The folder itself is locked: there is no lock file that could be left behind, or removed.

    Raises: Busy while another process holds it.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Busy(f"{folder}: another {what} is at work here. Run this when that has ended.") from error
        yield
    finally:
        os.close(descriptor)


def check_writable(folder: Path, advice: str) -> None:
    """Raises: EngineError, with `advice`, for a folder in which no file can be made."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise EngineError(f"{folder}: cannot be written to: {error.strerror}. {advice}") from error
