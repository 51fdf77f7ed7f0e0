"""The station's file: what it says, and what it cannot say."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector.errors import ConfigError
from inspector.service.settings import own_address
from inspector.station import settings
from inspector.station.lines import reached, read
from inspector.station.settings import BIND
from tests.recipes import write_recipe

LINE = '[[line]]\nconfig = "line3.toml"\n'


def load(folder: Path, text: str, bind: str | None = None) -> settings.StationSection:
    """Read a file with this text."""
    path = folder / "station.toml"
    path.write_text(text)
    return settings.load(path, bind)


def test_a_file_names_its_lines(tmp_path: Path) -> None:
    """Paths are taken from its folder; loopback needs no login."""
    read = load(tmp_path, LINE)
    assert [line.config for line in read.line] == [str(tmp_path / "line3.toml")]
    assert (read.bind, read.needs_login) == (BIND, False)


def test_a_lines_own_file_will_do(tmp_path: Path) -> None:
    """Then that line is shown."""
    read = load(tmp_path, 'line = "line3"\n')
    assert [line.config for line in read.line] == [str(tmp_path / "station.toml")]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "line is missing"),
        (f'bind = "here"\n{LINE}', "like 127.0.0.1:9477"),
        (f'bind = "0.0.0.0:80"\n{LINE}', "users is empty"),
        (f'bind = "[::]:80"\n{LINE}', "users is empty"),
        (f'proxies = ["10.0.0.1"]\n{LINE}', "users is empty"),
        (f'certificate = "a.pem"\n{LINE}', "belong together"),
        (f"port = 1\n{LINE}", "port is not a key"),
        ("bind =", "is not TOML"),
    ],
)
def test_what_cannot_be_is_refused_in_words(tmp_path: Path, text: str, words: str) -> None:
    """With what was found, what was expected, and what to do."""
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, text)


def test_a_bind_of_the_command_line_is_held_to_the_same(tmp_path: Path) -> None:
    """It cannot open the station without users."""
    assert load(tmp_path, LINE, "127.0.0.1:1").port == 1
    with pytest.raises(ConfigError, match="users is empty"):
        load(tmp_path, LINE, "0.0.0.0:1")


def test_what_a_line_binds_everywhere_is_reached_here() -> None:
    """Addresses to bind are not always addresses to connect to."""
    assert (
        reached("tcp://0.0.0.0:5556") == reached("tcp://*:5556") == reached("tcp://[::]:5556") == "tcp://127.0.0.1:5556"
    )
    assert reached("tcp://10.0.0.7:5556") == "tcp://10.0.0.7:5556"
    assert reached("ipc:///run/x") == "ipc:///run/x"


def test_a_line_that_names_no_address_for_commands_is_asked_at_its_own(tmp_path: Path) -> None:
    """The first page's configuration names none."""
    write_recipe(tmp_path / "recipe")
    (tmp_path / "line.toml").write_text(
        """line = "l"
[recipe]
path = "recipe"
[intake]
bind = "tcp://127.0.0.1:5555"
[[camera]]
name = "top"
mm_per_px = 0.5
mm_per_row = 0.5
[events]
bind = "tcp://127.0.0.1:5556"
replay_bind = "tcp://127.0.0.1:5557"
[journal]
path = "journal"
"""
    )
    assert read(tmp_path / "line.toml").commands == own_address(str(tmp_path / "journal"))
