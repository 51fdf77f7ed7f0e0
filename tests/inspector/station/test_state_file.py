"""Files that the station keeps for itself: where they lie, and who may read them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from inspector.station import state_file


def test_the_file_lies_where_the_service_may_write(monkeypatch: pytest.MonkeyPatch) -> None:
    """In what systemd keeps for it; else next to the users."""
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert state_file.place("departed.json", Path("etc/users.json")) == Path("etc/users.departed.json")
    monkeypatch.setenv("STATE_DIRECTORY", "/var/lib/inspector-station")
    assert state_file.place("departed.json", Path("etc/users.json")) == Path("/var/lib/inspector-station/departed.json")


@pytest.mark.parametrize(("group", "mode"), [(None, 0o600), (os.getegid(), 0o640)])
def test_nobody_else_reads_what_is_kept(tmp_path: Path, group: int | None, mode: int) -> None:
    """Whoever could read the file before, and whatever lies where the new one is written first."""
    path, part = tmp_path / "kept", tmp_path / "kept.tmp"
    for open_to_all in (path, part):
        open_to_all.touch()
        open_to_all.chmod(0o666)
    state_file.replace(path, b"secret", group)
    assert path.read_bytes() == b"secret" and stat.S_IMODE(path.stat().st_mode) == mode and not part.exists()
