"""What stands in the place of a file and is none: its reader waits for nothing, and reports it in words."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from inspector import plain_file, recipe
from inspector.access import folder
from inspector.access.keys import Key
from inspector.access.token import read_token
from inspector.coil import file as coil_file
from inspector.cursor import CursorFile
from inspector.engines.nvidia import manifest
from inspector.errors import InspectorError
from inspector.events.ballast import NAME, Ballast
from inspector.service import line
from inspector.station import settings, users
from tests.recipes import write_recipe

NO_FILE = "it is a pipe or a device, and no file"


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("line.toml", line.load),
        ("station.toml", settings.load),
        ("users.json", users.read),
        ("top.key", Key.read),
        ("token", read_token),
        ("cursor", CursorFile),
        ("coil.json", coil_file.read),
        ("engine.toml", lambda path: manifest.read(path.parent)),
        ("engine.plan", lambda path: manifest.read_engine(path.parent)),
    ],
)
@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_reported(tmp_path: Path, name: str, read: Callable[[Path], object], kind: str) -> None:
    """Nobody writes into the pipe, and the device never ends: each is refused at once, with its path."""
    path = tmp_path / name
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(InspectorError, match=NO_FILE) as caught:
        read(path)
    assert str(path) in str(caught.value)


def test_a_recipe_s_model(tmp_path: Path) -> None:
    """A model that is a pipe is refused like one that is missing."""
    write_recipe(tmp_path)
    (tmp_path / recipe.MODEL).unlink()
    os.mkfifo(tmp_path / recipe.MODEL)
    with pytest.raises(InspectorError, match=NO_FILE):
        recipe.load(tmp_path)


def test_one_record_of_a_key_keeps_no_other_out(tmp_path: Path) -> None:
    """A pipe, a folder, or a link to itself among the records is a fault of its own; who has a key comes in."""
    folder.issue(tmp_path, "top", roles=("camera",), cameras=("top",), made="2026")
    place = tmp_path / folder.AUTHORISED
    os.mkfifo(place / "pipe.toml")
    (place / "folder.toml").mkdir()
    (place / "loop.toml").symlink_to("loop.toml")
    folder.signature(tmp_path)
    found = folder.read(tmp_path)
    assert [grant.name for grant in found.grants.values()] == ["top"]
    assert sorted(fault.split(": ")[0].rpartition("/")[2] for fault in found.faults) == [
        "folder.toml",
        "loop.toml",
        "pipe.toml",
    ]


def test_ballast_is_laid_in_no_pipe_and_through_no_link(tmp_path: Path) -> None:
    """What stands in its place is taken away, what a link leads to is left as it is, and it is laid at the next try."""
    other = tmp_path / "other"
    other.write_text("mine")
    for place in (os.mkfifo, lambda path: path.symlink_to(other)):
        place(tmp_path / NAME)
        ballast = Ballast(tmp_path, 4096)
        assert not ballast.lay()
        assert ballast.lay()
        assert (tmp_path / NAME).stat().st_size == 4096
        (tmp_path / NAME).unlink()
    assert other.read_text() == "mine"


def test_text_is_read_as_it_was_written(tmp_path: Path) -> None:
    """A byte order mark, and the line ends of other systems, are none of the text."""
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfa\r\nb\rc\n")
    assert plain_file.read_text(tmp_path / "text") == "a\nb\nc\n"
