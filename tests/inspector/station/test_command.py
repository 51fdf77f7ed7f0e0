"""`inspector station` on the command line: users, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from inspector.errors import EXIT_CONFIG
from inspector.harness import configuration
from inspector.harness.ports import Ports
from inspector.station import users
from tests.patience import patience_s
from tests.recipes import write_recipe
from tests.stations import Station


def inspector(*words: str | Path, given: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command of the program, with text on its standard input."""
    command = [sys.executable, "-m", "inspector", "station", *map(str, words)]
    return subprocess.run(command, input=given, check=False, capture_output=True, text=True, timeout=patience_s())


def test_users_are_added_and_removed(tmp_path: Path) -> None:
    """The password comes from a pipe, and is in no argument; who is not there cannot be removed."""
    file = tmp_path / "users.json"
    added = inspector("user", "add", "Kim", "--role", "operator", "--file", file, given="correct horse\n")
    assert (added.returncode, added.stdout) == (0, f"{file}: Kim is operator\n")
    assert users.read(file).admits("Kim", "correct horse")
    assert inspector("user", "remove", "Kim", "--file", file).returncode == 0
    gone = inspector("user", "remove", "Kim", "--file", file)
    assert gone.returncode == 1 and "has no user Kim" in gone.stderr


def test_what_cannot_be_served_is_refused(tmp_path: Path) -> None:
    """In words, with the exit code that the service is not restarted on."""
    for words in ((tmp_path / "none.toml",), ("user", "paint", "Kim")):
        refused = inspector(*words)
        assert refused.returncode == EXIT_CONFIG and refused.stderr.strip()
        assert "Traceback" not in refused.stderr


def test_a_start_is_light() -> None:
    """What only some page needs is loaded by its first request: one that comes back takes little from its lines."""
    heavy = {"cv2", "simplejpeg", "inspector.coil.report", "inspector.station.review", "inspector.station.weeks"}
    code = f"import sys, inspector.station.app, inspector.station.server; print(*{heavy} & sys.modules.keys())"
    ended = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert ended.stdout.split() == []


def test_several_lines_are_shown(tmp_path: Path) -> None:
    """Each by its name; two of one name are refused, and a second station on one port."""
    write_recipe(tmp_path / "recipe")
    for name in ("east", "west"):
        configuration.write(tmp_path / f"{name}.toml", Ports.free(), Path("recipe"), line=name, mm_per_px=0.5)
    path = tmp_path / "station.toml"
    text = "".join(f'[[line]]\nconfig = "{name}.toml"\n' for name in ("east", "west"))
    path.write_text(f'bind = "127.0.0.1:0"\n{text}')
    with Station(path, tmp_path) as station:
        assert list(station.ask("/health").json()["lines"]) == ["east", "west"]
        taken = inspector(path, "--bind", f"127.0.0.1:{station.port}")
        assert taken.returncode and len(taken.stderr.splitlines()) == 1, "one line says which, and why"
        assert f"127.0.0.1:{station.port}, which cannot be bound: Address already in use" in taken.stderr
        page = station.ask("/live?line=west").text
        assert "<title>Live west</title>" in page and 'href="/live?line=east"' in page
    path.write_text(text + '[[line]]\nconfig = "west.toml"\n')
    refused = inspector(path)
    assert refused.returncode == EXIT_CONFIG and 'line "west" is that of' in refused.stderr
