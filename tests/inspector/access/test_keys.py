"""`inspector keys`: what it writes, with which rights, and what it refuses."""

from __future__ import annotations

import errno
import os
import re
import stat
import threading
from pathlib import Path
from typing import BinaryIO

import msgspec
import pytest

from inspector import plain_file
from inspector.__main__ import main
from inspector.access import folder
from inspector.access.authority import PAUSE_NS, Authority
from inspector.access.gate import read_keys
from inspector.access.keys import Key, client_key
from inspector.access.settings import KeysSection
from inspector.errors import EXIT_CONFIG, AccessError


def keys(where: Path, *words: str) -> int:
    """Run `inspector keys` on a folder."""
    return main(["keys", *words, "--folder", str(where)])


class Ticks:
    """A clock whose every look is a pause after the one before."""

    def __init__(self) -> None:
        self.now_ns = 0

    def __call__(self) -> int:
        self.now_ns += PAUSE_NS
        return self.now_ns


def failing(monkeypatch: pytest.MonkeyPatch, number: int) -> list[Path]:
    """Have the records that are listed fail to be read, as a disk or the limit of open files has it."""
    faulty: list[Path] = []
    opened = plain_file.opened

    def fails(path: Path) -> BinaryIO:
        if path in faulty:
            raise OSError(number, os.strerror(number), str(path))
        return opened(path)

    monkeypatch.setattr(plain_file, "opened", fails)
    return faulty


def mode(path: Path) -> int:
    """Rights of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_new(tmp_path: Path, umask: int) -> None:
    """Secret files have mode 0600 whatever the umask, the record can be read by the service, and a pair is a pair."""
    place = tmp_path / "keys"
    before = os.umask(umask)
    try:
        assert keys(place, "new", "camera1") == 0
    finally:
        os.umask(before)
    assert {path.name: mode(path) for path in place.rglob("*") if path.is_file()} == {
        "server.key": 0o600,
        "camera1.key": 0o600,
        "camera1.toml": 0o644,
    }
    assert {mode(path) for path in (place, *place.iterdir()) if path.is_dir()} == {0o755}
    key, own = Key.read(place / "camera1.key"), Key.read(place / "server.key")
    (grant,) = folder.read(place).grants.values()
    assert (key.server, key.public) == (own.public, grant.public)
    assert (grant.name, grant.roles, grant.cameras) == ("camera1", ("camera",), ("camera1",))


def test_the_second_key_is_of_the_same_inspector(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The inspector's own key is made once; roles and camera names are as given; `list` shows them all."""
    assert keys(tmp_path, "new", "camera1") == 0
    assert keys(tmp_path, "new", "gate", "--camera", "top", "--camera", "bottom") == 0
    assert keys(tmp_path, "new", "hall", "--role", "subscriber", "--role", "operator") == 0
    assert Key.read(tmp_path / "gate.key").server == Key.read(tmp_path / "camera1.key").server
    assert keys(tmp_path, "revoke", "camera1") == 0
    capsys.readouterr()
    assert keys(tmp_path, "list") == 0
    rows = [re.split(r"\s{2,}", line) for line in capsys.readouterr().out.splitlines()]
    assert rows[0] == ["name", "state", "roles", "cameras", "made (UTC)"]
    assert rows[1][:4] == ["gate", "in force", "camera", "top, bottom"]
    assert rows[2][:3] == ["hall", "in force", "subscriber, operator"]
    assert rows[3][:4] == ["camera1", "revoked", "camera", "camera1"]
    assert keys(tmp_path, "list", "--json") == 0
    states = [msgspec.json.decode(line)["state"] for line in capsys.readouterr().out.splitlines()]
    assert states == ["in force", "in force", "revoked"]


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (("new", "camera1"), "camera1 has a key. Revoke it first"),
        (("new", "../x"), "is no key's name; expected up to 64 letters"),
        (("new", "a" * 65), "is no key's name"),
        (("new", "server"), "server.key: is there already, and is not overwritten"),
        (("new", "kim", "--role", "operator", "--camera", "top"), "expected with --role camera alone"),
        (("new", "b", "--camera", "to p"), "Give --camera as in the configuration"),
        (("revoke", "nobody"), "expected one of the keys in force: camera1"),
        (("revoke", "../server"), "is no key's name"),
    ],
)
def test_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], printed: str) -> None:
    """What cannot be is refused in words, with 78, and nothing is changed."""
    keys(tmp_path, "new", "camera1")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert keys(tmp_path, *words) == EXIT_CONFIG
    assert printed in capsys.readouterr().err
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_secret_file_is_never_overwritten(tmp_path: Path) -> None:
    """Neither is a key's file that was made by hand, nor one where a revoked key of that name still lies."""
    keys(tmp_path, "new", "camera1")
    keys(tmp_path, "revoke", "camera1")
    secret = (tmp_path / "camera1.key").read_bytes()
    assert keys(tmp_path, "new", "camera1") == EXIT_CONFIG
    assert (tmp_path / "camera1.key").read_bytes() == secret
    assert keys(tmp_path, "new", "camera1", "--out", str(tmp_path / "again.key")) == 0
    assert sorted(grant.name for grant in folder.read(tmp_path).grants.values()) == ["camera1"]


def test_two_at_once_make_one_inspector(tmp_path: Path) -> None:
    """Keys that are made at the same moment are for the same inspector."""
    start = threading.Barrier(4)

    def make(name: str) -> None:
        start.wait()
        folder.issue(tmp_path, name, roles=["camera"], cameras=[name], made="")

    threads = [threading.Thread(target=make, args=(f"c{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({Key.read(tmp_path / f"c{number}.key").server for number in range(4)}) == 1


@pytest.mark.parametrize(("rights", "is_taken"), [(0o600, True), (0o640, True), (0o644, False), (0o660, False)])
def test_a_key_that_others_can_take_is_refused(tmp_path: Path, rights: int, is_taken: bool) -> None:
    """A client does not use a secret that is none."""
    keys(tmp_path, "new", "camera1")
    path = tmp_path / "camera1.key"
    path.chmod(rights)
    if is_taken:
        assert client_key(path) is not None
    else:
        with pytest.raises(AccessError, match=f"has mode {rights:04o}, so other users can take the key"):
            client_key(path)


def test_a_key_never_shows_its_secret(tmp_path: Path) -> None:
    """Neither the words for a damaged file nor a record in a traceback has it."""
    keys(tmp_path, "new", "camera1")
    path = tmp_path / "camera1.key"
    key = Key.read(path)
    curve = key.curve("tcp://h:1")
    assert key.secret not in f"{key!r} {curve!r}"
    path.write_text(path.read_text().replace('secret = "', 'secret = "~'))
    with pytest.raises(AccessError) as caught:
        Key.read(path)
    assert key.secret not in str(caught.value)


def test_an_inspectors_own_key_is_no_clients(tmp_path: Path) -> None:
    """Each kind is refused in the place of the other."""
    keys(tmp_path, "new", "camera1")
    with pytest.raises(AccessError, match="is an inspector's own key"):
        client_key(tmp_path / "server.key")
    (tmp_path / "server.key").write_bytes((tmp_path / "camera1.key").read_bytes())
    with pytest.raises(AccessError, match="is the key of camera1; expected the inspector's own"):
        read_keys(KeysSection(path=str(tmp_path)), None)


def test_the_own_key_from_the_service_manager(tmp_path: Path) -> None:
    """A credential comes before the folder's file; an empty one is none; a missing one is put in words."""
    keys(tmp_path / "keys", "new", "camera1")
    section, handed = KeysSection(path=str(tmp_path / "keys")), tmp_path / "credentials"
    handed.mkdir()
    own = tmp_path / "keys" / "server.key"
    (handed / "server.key").write_text("none")
    found = read_keys(section, handed)
    assert found is not None and found.own == Key.read(own)
    (handed / "server.key").write_bytes(own.read_bytes())
    own.unlink()
    assert read_keys(section, handed) == found
    with pytest.raises(AccessError, match=r"no server.key in it; expected a folder that `inspector keys new` wrote"):
        read_keys(section, None)


@pytest.mark.parametrize(
    ("text", "rights", "fault"),
    [
        ("not toml", 0o644, "Revoke this key and make a new one"),
        ('name = "bad"\npublic = "short"\nroles = ["camera"]\n', 0o644, "public"),
        ("", 0o666, ""),
    ],
)
def test_a_record_that_cannot_be_believed_admits_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, text: str, rights: int, fault: str
) -> None:
    """A damaged record, or one that others can write, is reported; the other keys stay in force."""
    keys(tmp_path, "new", "good")
    keys(tmp_path, "new", "bad")
    record = tmp_path / "authorised" / "bad.toml"
    if text:
        record.write_text(text)
    record.chmod(rights)
    authority = Authority(tmp_path, Ticks())
    authority.look()
    assert authority.by_role() == {"camera": 1}
    assert "bad.toml" in caplog.text and fault in caplog.text
    assert authority.is_readable
    before = caplog.text
    authority.look()
    assert caplog.text == before


def test_a_revoked_key_that_is_put_back_stays_out(tmp_path: Path) -> None:
    """A copy of the record, from a backup say, admits nobody whose key was revoked."""
    keys(tmp_path, "new", "camera1")
    record = tmp_path / "authorised" / "camera1.toml"
    copy = record.read_bytes()
    authority = Authority(tmp_path)
    public = Key.read(tmp_path / "camera1.key").public
    assert authority.grant(public) is not None
    keys(tmp_path, "revoke", "camera1")
    record.write_bytes(copy)
    authority.look()
    assert authority.grant(public) is None
    assert (authority.revoked(public), authority.lost(["camera"])) == ("camera1", 1)


def test_a_key_is_revoked_where_no_folder_of_the_revoked_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Git and many a copy leave an empty one out; a key that is not there is one thing, no place for it another."""
    keys(tmp_path, "new", "camera1")
    kept = tmp_path / "revoked"
    kept.rmdir()
    kept.write_text("in the way")
    assert keys(tmp_path, "revoke", "camera1") == EXIT_CONFIG
    assert "camera1.toml: cannot be moved: File exists." in capsys.readouterr().err
    kept.unlink()
    before = os.umask(0o077)
    try:
        assert keys(tmp_path, "revoke", "camera1") == 0
    finally:
        os.umask(before)
    assert (mode(kept), Authority(tmp_path).grant(Key.read(tmp_path / "camera1.key").public)) == (0o755, None)
    assert [path.name.split("-")[0] for path in kept.iterdir()] == ["camera1"]


def test_a_folder_that_is_gone_admits_nobody(tmp_path: Path) -> None:
    """What is not in the folder is not admitted, the folder's own end included."""
    place = tmp_path / "keys"
    keys(place, "new", "camera1")
    authority = Authority(place)
    place.rename(tmp_path / "elsewhere")
    authority.look()
    assert authority.by_role() == {}


@pytest.mark.parametrize("number", [errno.EIO, errno.EMFILE])
def test_a_record_that_could_not_be_read_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    """A new key comes in once its record can be read, one that is known stays, and the fault is logged once."""
    keys(tmp_path, "new", "known")
    faulty = failing(monkeypatch, number)
    authority = Authority(tmp_path, Ticks())
    keys(tmp_path, "new", "fresh")
    faulty += [tmp_path / "authorised" / f"{name}.toml" for name in ("known", "fresh")]
    for _ in range(3):
        authority.look()
    assert (authority.by_role(), authority.lost(["camera"]), authority.is_readable) == ({"camera": 1}, 0, False)
    assert caplog.text.count("fresh.toml: cannot be read") == 1
    faulty.clear()
    authority.look()
    assert authority.by_role() == {"camera": 2} and authority.is_readable


def test_no_record_is_tried_again_before_its_pause(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strangers who knock have nothing read."""
    keys(tmp_path, "new", "camera1")
    faulty = failing(monkeypatch, errno.EIO)
    faulty.append(tmp_path / "authorised" / "camera1.toml")
    now_ns = [0]
    authority = Authority(tmp_path, lambda: now_ns[0])
    faulty.clear()
    authority.look()
    assert authority.by_role() == {}
    now_ns[0] = PAUSE_NS
    authority.look()
    assert authority.by_role() == {"camera": 1}


def test_a_half_written_record_is_not_called_broken(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A copy that is under way is looked at again, whatever the times of its file; what stays so is broken."""
    keys(tmp_path, "new", "camera1")
    record = tmp_path / "authorised" / "camera1.toml"
    whole = record.read_bytes()
    record.write_bytes(whole[:40])
    authority = Authority(tmp_path, Ticks())
    assert "is tried again" in caplog.text and authority.by_role() == {}
    record.write_bytes(whole)
    authority.look()
    assert authority.by_role() == {"camera": 1} and authority.is_readable
    assert "Revoke this key" not in caplog.text


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("is_half", [True, False])
def test_a_revoked_key_stays_out_whatever_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_known: bool, is_half: bool
) -> None:
    """Its record in the folder of the revoked counts though nobody can read it, after a restart too."""
    keys(tmp_path, "new", "camera1")
    record = tmp_path / "authorised" / "camera1.toml"
    copy = record.read_bytes()
    faulty = failing(monkeypatch, errno.EIO)
    keys(tmp_path, "revoke", "camera1")
    (kept,) = (tmp_path / "revoked").iterdir()
    authority = Authority(tmp_path, Ticks()) if is_known else None
    if is_half:
        kept.write_bytes(copy[:40])
    else:
        faulty.append(kept)
    record.write_bytes(copy + (b"# edited\n" if is_known else b""))
    authority = authority or Authority(tmp_path, Ticks())
    for _ in range(3):
        authority.look()
        assert authority.by_role() == {}
