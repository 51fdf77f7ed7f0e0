"""The folder of a line's keys: who was given one, for what, and who has it no longer.

    server.key           the inspector's own; secret
    NAME.key             to be carried to whoever is NAME; secret, and of no use here afterwards
    authorised/NAME.toml the public key of NAME, its roles, and the cameras that it may send as
    revoked/NAME-ID.toml the same of a key that was revoked

Laws: what is not in `authorised` is not admitted. No file is ever overwritten, or seen half written. A key that was
revoked stays so whatever cannot be read.

Knows: the folder, the records in it. Must not know: sockets, who asks.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import stat
import tomllib
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, get_args

import msgspec
from msgspec import Meta

from inspector import plain_file
from inspector.access.keys import PRIVATE, PUBLIC, Z85, Key, KeyName, write_new
from inspector.errors import AccessError
from inspector.records.names import Name
from inspector.refusal import explained, plain

SERVER = "server.key"
AUTHORISED, REVOKED = "authorised", "revoked"
FOLDER_MODE = 0o755
"""Nothing in the two folders is secret; who may not even know the names is kept out of the folder around them."""
LONGEST = 16_384
"""Bytes of a record."""
LASTING = frozenset({errno.EACCES, errno.EPERM, errno.EISDIR, errno.EINVAL, errno.ELOOP})
"""A read that fails so fails until the record is another; trying again is of no use."""
Facts = tuple[int, int, int, int]
"""What changes whenever a file does."""
Role = Literal["camera", "subscriber", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)


class Grant(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a key is good for: the record that admits it."""

    name: KeyName
    public: Z85
    roles: Annotated[tuple[Role, ...], Meta(min_length=1)]
    cameras: tuple[Name, ...] = ()
    """Names that frames of this key may carry."""
    made: str = ""
    """When, RFC 3339 in UTC."""

    def text(self) -> str:
        """The file."""
        facts = {name: msgspec.json.encode(getattr(self, name)).decode() for name in self.__struct_fields__}
        return "".join(f"{name} = {value}\n" for name, value in facts.items())


class Record(msgspec.Struct, frozen=True):
    """A file of the folder, as it was read."""

    facts: Facts
    grant: Grant | None
    """None for one that cannot be believed."""
    kept_as: str = ""
    """Its stem among the revoked, there or once it comes there."""


class Admitted(msgspec.Struct, frozen=True):
    """What the folder says at one moment."""

    grants: dict[str, Grant] = {}
    """By public key."""
    revoked: dict[str, Grant] = {}
    """What keys that were revoked had been good for, by public key."""
    faults: tuple[str, ...] = ()
    """What could not be believed."""
    is_settled: bool = True
    """Whether another look at the same files would say the same: False where a read failed."""
    records: dict[Path, Record] = {}


def issue(
    folder: Path, name: str, *, roles: Sequence[Role], cameras: Sequence[str], made: str, out: Path | None = None
) -> Path:
    """Make a key, admit it, and return the secret file that is to be carried to its holder.

    The first key of a folder makes the inspector's own too. `out` is where the file goes; None: into the folder.

    Raises: AccessError for a name that is taken or cannot be one, and where a file cannot be written.
    """
    record, key_file = _record(folder, name), out or folder / f"{name}.key"
    facts = {"name": name, "roles": tuple(roles), "cameras": tuple(cameras), "made": made}
    try:
        for place in (folder, folder / AUTHORISED, folder / REVOKED):
            _make(place)
    except OSError as error:
        raise AccessError(f"{folder}: cannot be made: {error.strerror}. Choose another, or run it as root.") from error
    if record.exists():
        raise AccessError(f"{record}: is there already: {name} has a key. Revoke it first, or choose another name.")
    key = Key.new(name, own(folder).public)
    try:
        grant = msgspec.convert({**facts, "public": key.public}, Grant)
    except msgspec.ValidationError as error:
        words = explained(error, facts, {"name": "NAME", "cameras": "--camera"})
        raise AccessError(f"{words}. Give --camera as in the configuration.") from error
    write_new(key_file, key.text(), PRIVATE)
    try:
        write_new(record, grant.text(), PUBLIC)
    except BaseException:
        key_file.unlink()
        raise
    return key_file


def _make(place: Path) -> None:
    """Make a folder of records where there is none. Raises: OSError."""
    if not place.is_dir():
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(FOLDER_MODE)  # whatever the umask: the service reads it


def _record(folder: Path, name: str) -> Path:
    """The record of a key in force.

    Raises: AccessError for what cannot be a key's name.
    """
    try:
        msgspec.convert(name, KeyName)
    except msgspec.ValidationError as error:
        raise AccessError(f"{name!r} is no key's name; expected up to 64 letters, digits and _ . -") from error
    return folder / AUTHORISED / f"{name}.toml"


def own(folder: Path) -> Key:
    """Return the inspector's own key; the first who asks makes it.

    Raises: AccessError when it cannot be read, or made.
    """
    path = folder / SERVER
    if not path.exists():
        try:
            write_new(path, Key.new("server").text(), PRIVATE)
        except AccessError:
            if not path.exists():  # else another was faster
                raise
    return Key.read(path)


def revoke(folder: Path, name: str) -> Path:
    """Take a key back: from the inspector's next look on its holder is admitted nowhere; return its record.

    Raises: AccessError when there is none of that name.
    """
    record = _record(folder, name)
    try:
        text = plain_file.read(record)
        kept = folder / REVOKED / f"{_kept_as(name, text)}.toml"
        _make(kept.parent)  # git, and many a copy, leave it out as long as it is empty
        record.rename(kept)
    except OSError as error:
        if isinstance(error, FileNotFoundError) and not record.exists():
            names = ", ".join(sorted(path.stem for path in (folder / AUTHORISED).glob("*.toml"))) or "none"
            raise AccessError(f"{record}: is not there; expected one of the keys in force: {names}.") from error
        raise AccessError(f"{record}: cannot be moved: {error.strerror}. Run it as who owns the folder.") from error
    return kept


def _kept_as(name: str, text: bytes) -> str:
    return f"{name}-{hashlib.sha256(text).hexdigest()[:8]}"


def read(folder: Path, before: Admitted | None = None) -> Admitted:
    """Read all records; one that cannot be believed admits nobody.

    `before`: what was found at the look before. A record that cannot be read, and is what it was then, is good for what
    it was then; one without a sense is broken where it had none then. None: there is one look, and no other.

    Raises: OSError when the folder itself cannot be read; one that is not there admits nobody.
    """
    look = _Look(before)
    in_force, kept = look.records(folder / AUTHORISED), look.records(folder / REVOKED)
    grants: dict[str, Grant] = {}
    revoked = {record.grant.public: record.grant for record in kept.values() if record.grant}
    stems = {path.stem for path in kept}
    for path, record in in_force.items():
        grant = record.grant
        if grant is None:
            continue
        if grant.name != path.stem:
            look.faults.append(f"{path}: is the record of {grant.name}; expected {grant.name}.toml. Rename it.")
        elif grant.public in grants:
            look.faults.append(f"{path}: has the key of {grants[grant.public].name}. Revoke one of them.")
        elif grant.public in revoked or record.kept_as in stems:  # put back by hand, or copied: refuse to be safe
            look.faults.append(f"{grant.name}: its key was revoked, and is not admitted. Make a new one.")
        else:
            grants[grant.public] = grant
    return Admitted(grants, revoked, tuple(look.faults), look.is_settled, in_force | kept)


def signature(folder: Path) -> tuple[tuple[Path, Facts], ...]:
    """What changes whenever a record does.

    Raises: OSError as `read`.
    """
    return tuple(facts for place in (folder / AUTHORISED, folder / REVOKED) for facts in _listed(place))


def _listed(place: Path) -> Iterator[tuple[Path, Facts]]:
    try:
        entries = sorted(os.scandir(place), key=lambda entry: entry.name)
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.name.endswith(".toml") and not entry.name.startswith("."):
            with contextlib.suppress(FileNotFoundError):
                facts = entry.stat(follow_symlinks=not _is_astray(entry))
                yield Path(entry.path), (facts.st_ino, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)


def _is_astray(entry: os.DirEntry[str]) -> bool:
    """Whether a link leads nowhere, like one to itself."""
    return entry.is_symlink() and not os.path.exists(entry.path)


class _Look:
    """One reading of the folder, and what it cannot believe."""

    def __init__(self, before: Admitted | None) -> None:
        self._before = before
        self.faults: list[str] = []
        self.is_settled = True

    def records(self, place: Path) -> dict[Path, Record]:
        """Read one of the two folders."""
        found: dict[Path, Record] = {}
        for path, facts in _listed(place):
            with contextlib.suppress(FileNotFoundError):  # moved meanwhile
                found[path] = self._record(path, facts)
        return found

    def _record(self, path: Path, facts: Facts) -> Record:
        known = self._before.records.get(path) if self._before else None
        try:
            with plain_file.opened(path) as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(LONGEST)
            grant = msgspec.convert(tomllib.loads(text.decode()), Grant)
        except FileNotFoundError:
            raise
        except OSError as error:
            is_lasting = error.errno in LASTING
            remedy = "Let the inspector's user read it (chmod a+r)." if is_lasting else "It is tried again."
            self._doubt(f"{path}: cannot be read: {error.strerror}. {remedy}", is_final=is_lasting)
            is_as_known = known is not None and known.facts == facts
        except (ValueError, RecursionError) as error:
            is_broken = self._before is None or (known is not None and known.facts == facts)
            remedy = (
                "Revoke this key and make a new one." if is_broken else "It may be half written, and is tried again."
            )
            self._doubt(f"{path}: {plain(error)}. {remedy}", is_final=is_broken)
            is_as_known = False
        else:
            if not mode & 0o022:
                return Record(facts, grant, _kept_as(grant.name, text))
            self.faults.append(f"{path}: has mode {mode:04o}, so others can write it; expected 0644. chmod 644 it.")
            is_as_known = False
        if known and (is_as_known or path.parent.name == REVOKED):
            return msgspec.structs.replace(known, facts=facts)
        return Record(facts, None)

    def _doubt(self, words: str, *, is_final: bool) -> None:
        self.faults.append(words)
        self.is_settled &= is_final


def camera_names(name: str, roles: Collection[Role], cameras: Sequence[str]) -> tuple[str, ...]:
    """The cameras that a new key may send as: those given, else the one of its own name."""
    if "camera" not in roles:
        return ()
    return tuple(cameras) or (name,)
