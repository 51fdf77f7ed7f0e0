"""The users' file: names, roles and hashed passwords, and the secret that signs sessions. Only its owner reads it.

Knows: argon2 (RFC 9106, the library's defaults), JSON. Must not know: HTTP.
"""

from __future__ import annotations

import os
import secrets
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Meta

from inspector import plain_file
from inspector.errors import ConfigError, InspectorError
from inspector.records.commands import Person
from inspector.refusal import explained
from inspector.station import state_file

Role = Literal["viewer", "operator", "engineer"]
ROLES: tuple[Role, ...] = ("viewer", "operator", "engineer")
"""Each may all that those before it may."""
LEAST_PASSWORD = 8
hasher = PasswordHasher()


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A person who may look."""

    name: Person
    role: Role
    password: str
    """Hash, never the password itself."""


class Users(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file."""

    v: Literal[1] = 1
    secret: Annotated[str, Meta(min_length=32)]
    """Signs sessions; another one ends them all."""
    users: tuple[User, ...] = ()

    def find(self, name: str) -> User | None:
        """The user of a name."""
        return next((user for user in self.users if user.name == name), None)

    def admits(self, name: str, password: str) -> User | None:
        """The user whose password this is; takes a tenth of a second of a core, known or not."""
        user, nobody = self.find(name), _nobody()
        try:
            hasher.verify(user.password if user else nobody, password)
        except (VerificationError, InvalidHashError):
            return None
        return user


def read(path: Path) -> Users:
    """Read the file.

    Raises: ConfigError.
    """
    try:
        return msgspec.json.decode(plain_file.read(path), type=Users)
    except OSError as error:
        raise ConfigError(
            [f"{path}: cannot be read: {error.strerror}. Make it: `inspector station user add NAME --file {path}`."]
        ) from error
    except ValueError as error:
        raise ConfigError([f"{path}: is no file of users: {error}. Make it again, or mend it."]) from error


def add(path: Path, name: str, role: Role, password: str) -> bool:
    """Add a user, or give one another role and password; return whether it is a new one.

    Raises: ConfigError when the file is none, InspectorError when it cannot be written or a value cannot be.
    """
    if len(password) < LEAST_PASSWORD:
        raise InspectorError(f"the password has {len(password)} characters; expected {LEAST_PASSWORD} or more.")
    facts = {"name": name, "role": role, "password": hasher.hash(password)}
    try:
        user = msgspec.convert(facts, User)
    except msgspec.ValidationError as error:
        raise InspectorError(f"{explained(error, facts, of=User)}. Give another.") from error
    users = read(path) if path.exists() else Users(secret=secrets.token_urlsafe(48))
    others = tuple(known for known in users.users if known.name != name)
    _write(path, msgspec.structs.replace(users, users=(*others, user)))
    return len(others) == len(users.users)


def remove(path: Path, name: str) -> bool:
    """Remove a user; return whether there was one.

    Raises: ConfigError, InspectorError.
    """
    users = read(path)
    others = tuple(user for user in users.users if user.name != name)
    _write(path, msgspec.structs.replace(users, users=others))
    return len(others) < len(users.users)


@cache
def _nobody() -> str:
    """A hash for names that are not known: they take as long to refuse as a wrong password."""
    return hasher.hash(secrets.token_urlsafe())


def _write(path: Path, users: Users) -> None:
    """Replace the file; nobody else may read it, but the service where root writes it for one."""
    content = msgspec.json.format(msgspec.json.encode(users), indent=2) + b"\n"
    try:
        group = path.parent.stat().st_gid if os.geteuid() == 0 else 0  # /etc/inspector: root's, read by the service
        state_file.replace(path, content, group or None)
    except OSError as error:
        raise InspectorError(f"{path}: cannot be written: {error.strerror}. Give another --file.") from error
