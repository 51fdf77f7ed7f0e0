"""The station's file: where it listens, which lines it shows, who may look.

A line's own TOML file is taken too: then the station shows that line, on loopback.

Knows: the keys. Must not know: what is served.
"""

from __future__ import annotations

import tomllib
import zoneinfo
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import msgspec

from inspector import plain_file
from inspector.config.reader import HTTP, Section, faults_of, key
from inspector.errors import ConfigError
from inspector.sockets import local

BIND = "127.0.0.1:8470"


class LineSection(Section, frozen=True):
    """One line that is shown."""

    config: Annotated[str, key("The line's TOML file (relative to this file).", min_length=1)]
    key: Annotated[
        str,
        key("Key of a subscriber and operator (`inspector keys new`), where the line asks for keys."),
    ] = ""


class StationSection(Section, frozen=True, kw_only=True):
    """The whole file."""

    bind: Annotated[str, key("Address that browsers reach.", 'Write "HOST:PORT".', pattern=HTTP)] = BIND
    users: Annotated[
        str, key("File of the users, which `inspector station user add` makes. Anything but loopback asks for it.")
    ] = ""
    certificate: Annotated[str, key("TLS certificate with its chain (PEM); empty: plain HTTP.")] = ""
    certificate_key: Annotated[str, key("The certificate's private key (PEM).")] = ""
    proxies: Annotated[
        tuple[str, ...],
        key("Addresses of reverse proxies that are believed who asks, and by which name; with one a login is needed."),
    ] = ()
    hosts: Annotated[
        tuple[str, ...],
        key("Names by which browsers reach it, besides the address of `bind`.", 'Write hosts = ["station.mill"].'),
    ] = ()
    exports: Annotated[
        str, key("Folder into which training sets of the review are written; empty: the browser fetches them.")
    ] = ""
    zone: Annotated[
        str, key("The mill's time zone, like \"Europe/Berlin\"; empty: each browser's, and this machine's for days.")
    ] = ""
    line: Annotated[
        tuple[LineSection, ...],
        key("A [[line]] section for each line.", "Write [[line]] on a line of its own.", min_length=1),
    ]

    @property
    def host(self) -> str:
        """Host that it listens on."""
        return self.bind.rpartition(":")[0].strip("[]")

    @property
    def port(self) -> int:
        """Port that it listens on."""
        return int(self.bind.rpartition(":")[2])

    @property
    def needs_login(self) -> bool:
        """Whether people have to say who they are: others than those at this machine reach it."""
        return bool(self.proxies) or not local(self.bind)


def load(path: Path, bind: str | None = None) -> StationSection:
    """Read a station's file, or a line's; paths in it are taken from its folder. `bind` replaces the file's.

    Raises: ConfigError with one line for each fault.
    """
    try:
        tree = tomllib.loads(plain_file.read_text(path))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}. Give a TOML file."]) from error
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is one
        raise ConfigError([f"{path}: is not TOML: {error}. Mend it."]) from error
    if isinstance(tree.get("line"), str):
        tree = {"line": [{"config": path.name}]}
    if bind is not None:
        tree["bind"] = bind
    faults = faults_of(tree, StationSection, "") or [*_contradictions(tree)]
    if faults:
        raise ConfigError([f"{path.name}: {fault}" for fault in faults])
    settings = msgspec.convert(tree, StationSection)
    places = {name: str(path.parent / getattr(settings, name)) for name in FILES if getattr(settings, name)}
    lines = tuple(
        LineSection(str(path.parent / line.config), str(path.parent / line.key) if line.key else "")
        for line in settings.line
    )
    return msgspec.structs.replace(settings, line=lines, **places)


FILES = ("users", "certificate", "certificate_key", "exports")


def _contradictions(tree: dict[str, Any]) -> Iterator[str]:
    settings = msgspec.convert(tree, StationSection)
    if bool(settings.certificate) != bool(settings.certificate_key):
        yield "certificate and certificate_key belong together; expected both or neither. Give the other one too."
    if settings.zone and settings.zone not in zoneinfo.available_timezones():
        yield f'zone is {settings.zone!r}; expected a name of the time zone database. Write zone = "Europe/Berlin".'
    if settings.needs_login and not settings.users:
        why = "proxies is given" if settings.proxies else f"bind is {settings.bind}, which other machines reach"
        yield (
            f"{why}, and users is empty; expected a file of users. Write users = "
            '"users.json", and add one: `inspector station user add NAME --role operator --file users.json`.'
        )
