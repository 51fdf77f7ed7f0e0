"""Key files: what a camera, a subscriber or an operator is known by.

A key is a file of four lines, TOML, which any program reads line by line: name, public and secret key, and the public
key of the inspector that it is for. A peer that has the file counts as whom it names; a copy is as good.

Knows: the file, its rights, Z85. Must not know: who is admitted, sockets.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import tomllib
from pathlib import Path
from typing import Annotated, Self

import msgspec
import zmq
from msgspec import Meta

from inspector import plain_file
from inspector.errors import AccessError
from inspector.refusal import plain
from inspector.sockets import Curve

KEY_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]*$(?!\n)"
"""A file name anywhere, and so without the `/` and `:` that a camera's may have."""
KeyName = Annotated[str, Meta(min_length=1, max_length=64, pattern=KEY_NAME)]
Z85 = Annotated[str, Meta(pattern=r"^[0-9a-zA-Z.\-:+=^!/*?&<>()\[\]{}@%$#]{40}$(?!\n)")]
"""32 bytes in ZeroMQ's base 85 (RFC 32)."""
PRIVATE, PUBLIC = 0o600, 0o644
ADVICE = "Give a file that `inspector keys new` wrote."


class Key(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One end's keys."""

    name: KeyName
    public: Z85
    secret: Z85
    server: Z85 | None = None
    """Public key of the inspector that it is for; None in the inspector's own."""

    @classmethod
    def new(cls, name: str, server: str | None = None) -> Self:
        """Make a new pair.

        Raises: AccessError where ZeroMQ was built without CURVE.
        """
        require_curve()
        public, secret = zmq.curve_keypair()
        return cls(name=name, public=public.decode(), secret=secret.decode(), server=server)

    @classmethod
    def read(cls, path: Path, *, is_credential: bool = False) -> Self:
        """Read a key file; the service manager guards the rights of a credential.

        Raises: AccessError for one that is missing, open to other users, or no key file.
        """
        try:
            with plain_file.opened(path) as file:
                mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
                text = file.read(4096).decode()
        except (OSError, ValueError) as error:
            raise AccessError(f"{path}: cannot be read: {_words(error)}. {ADVICE}") from error
        if os.name == "posix" and not is_credential and mode & 0o027:
            raise AccessError(
                f"{path}: has mode {mode:04o}, so other users can take the key; expected 0600. chmod 600 it."
            )
        try:
            key = msgspec.convert(tomllib.loads(text), cls)
        except ValueError as error:
            raise AccessError(f"{path}: {plain(error)}. {ADVICE}") from error
        require_curve()
        if zmq.curve_public(key.secret.encode()).decode() != key.public:
            raise AccessError(f"{path}: public and secret key are no pair. Make a new one: inspector keys new.")
        return key

    def __repr__(self) -> str:  # a traceback, or a log, is to keep the secret
        return f"Key({self.name!r})"

    def text(self) -> str:
        """The file."""
        server = f'server = "{self.server}"\n' if self.server else ""
        return f'name = "{self.name}"\npublic = "{self.public}"\nsecret = "{self.secret}"\n{server}'

    def curve(self, address: str = "", domain: str = "") -> Curve | None:
        """The keys for a socket; None for an `ipc://` address, where files' rights say who may."""
        if address.startswith("ipc://"):
            return None
        return Curve(public=self.public, secret=self.secret, server=self.server or "", domain=domain)


def client_key(key: Key | Path | str | None) -> Key | None:
    """Return the key that a client was given, itself or as a file.

    Raises: AccessError for a file that is none, or that is an inspector's own.
    """
    found = key if key is None or isinstance(key, Key) else Key.read(Path(key))
    if found is not None and not found.server:
        raise AccessError(f"{key}: is an inspector's own key, and has no `server`. {ADVICE}")
    return found


def require_curve() -> None:
    """Raises: AccessError where ZeroMQ was built without CURVE."""
    if not zmq.has("curve"):
        raise AccessError(
            f"this ZeroMQ ({zmq.zmq_version()}) was built without CURVE; expected one with libsodium. "
            "Install the wheel of pyzmq, not one that was compiled here."
        )


def write_new(path: Path, text: str, mode: int) -> None:
    """Write a file that was not there, whole or not at all, and never readable by more than `mode` says.

    Raises: AccessError when it is there, or cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with open(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, PRIVATE), "wb") as file:
            os.fchmod(file.fileno(), mode)  # whatever the umask
            if stat.S_IMODE(os.fstat(file.fileno()).st_mode) != mode:
                raise AccessError(f"{path}: the file system keeps no mode {mode:04o}. Choose another place.")
            file.write(text.encode())
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)  # fails where the name is taken, as a rename would not
    except FileExistsError as error:
        raise AccessError(
            f"{path}: is there already, and is not overwritten. Choose another name, or revoke it."
        ) from error
    except OSError as error:
        raise AccessError(f"{path}: cannot be written: {_words(error)}. Choose another place.") from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()


def _words(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
