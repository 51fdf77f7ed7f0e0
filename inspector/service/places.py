"""The places of a configuration: its sockets' addresses, the folders it writes, the disks they are on.

Knows: what no folder, no socket and no disk can ever be. Must not know: recipes, engines, what is written.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from inspector.archive.files import refusal, try_out
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import LEAST_FREE
from inspector.errors import ConfigError, NotMounted
from inspector.events.settings import JournalSection
from inspector.service.line import Config
from inspector.sockets import local, open_to_all


def faults(settings: Config) -> Iterator[str]:
    """Refuse paths at which no folder, or no socket, can ever be; what is only not there yet may come."""
    for key, path in (("journal.path", settings.journal.path), ("archive.path", settings.archive.path)):
        if path:
            yield from _folder_faults(key, Path(path))
    for key, bind in _binds(settings).items():
        if bind.startswith("ipc://") and (fault := _socket_fault(bind.removeprefix("ipc://"))):
            yield f"{key} is {bind}, {fault}"
    yield from _mount_faults(settings)

    journal, archive = settings.journal.path, settings.archive.path
    if archive and (os.path.realpath(archive) == os.path.realpath(journal) or _holds(journal, archive)):
        yield f"archive.path is {archive}, in the journal's folder; expected a folder of its own. Choose another."
    elif archive and _holds(archive, journal):
        yield f"journal.path is {journal}, in the archive's folder; expected a folder of its own. Choose another."


def remarks(settings: Config) -> list[str]:
    """Return what to know of addresses and disks though it is no fault."""
    wide = [
        f"{key}: {address} is open to every network that reaches this machine{how}. "
        f"Bind the address of the network that needs it, like {_inside(address)}."
        for key, address, how in (
            *((key, bind, ", to whoever has a key") for key, bind in _binds(settings).items()),
            ("http.bind", settings.http.bind, ", without a password"),
        )
        if open_to_all(address)
    ]
    if settings.intake.without_keys and not local(settings.intake.bind):
        wide.append(
            f"intake.bind: {settings.intake.bind} takes frames without keys: whoever reaches it is a camera. Keep that "
            "network to the cameras."
        )
    return [*wide, *_disk_remarks(settings)]


def see_mounted(settings: Config) -> None:
    """See that the disks are mounted which the folders are to lie on, before anything is written there.

    Raises: NotMounted.
    """
    if missing := [*_unmounted(settings)]:
        raise NotMounted("\n".join(missing))


def check_disks(settings: Config) -> list[str]:
    """Write where the line will write, as it does at its start; return where this user may not, as the line's may.

    Not a part of `prepare`: a line that runs is loaded again also while its disk is full.

    Raises: ConfigError where nobody can, or a disk is not mounted.
    """
    if faults := [*_unmounted(settings)]:
        raise ConfigError(faults)
    closed = []
    journal, archive = Path(settings.journal.path), settings.archive.path and Path(settings.archive.path)
    for key, folder, least in (("journal.path", journal, 0), ("archive.path", archive, LEAST_FREE)):
        if not folder:
            continue
        try:
            try_out(folder, least)
        except PermissionError:
            closed.append(f"{key} is {folder}, where this user may not write. Check it as the user that the line has.")
        except OSError as error:
            words = f"{key} is {folder}, where nothing can be written: {error.strerror or error}. Give another folder."
            faults.append(refusal(folder, error) if folder is archive else words)
    if faults:
        raise ConfigError(faults)
    return closed


def _folder_faults(key: str, folder: Path) -> Iterator[str]:
    """Refuse a path on whose way there is something that is no folder."""
    for place in (folder, *folder.parents):
        try:
            if not stat.S_ISDIR(place.stat().st_mode):
                yield f"{key} is {folder}, and {place} is no folder; expected a folder. Choose another."
            break
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:  # the service's user may be another
            break
        except OSError as error:
            yield f"{key} is {folder}: {error.strerror}; expected a folder. Choose another."
            break


def _mount_faults(settings: Config) -> Iterator[str]:
    """Refuse the mount point of another disk than a folder's."""
    for name, section in _sections(settings):
        place, path = section.mount_point, section.path
        if place and path and os.path.realpath(place) != os.path.realpath(path) and not _holds(place, path):
            yield (
                f"{name}.mount_point is {place}, and {name}.path is {path}; expected a folder at it or below it. "
                "Correct one of them."
            )


def _socket_fault(path: str) -> str:
    """Say what is at a path for a socket that libzmq could not bind, or would remove; empty where nothing is."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:  # it may come yet
        return ""
    if stat.S_ISDIR(mode):
        return "a folder; expected a path for a socket. Add a name to it."
    return "" if stat.S_ISSOCK(mode) else "a file, which the socket would replace; expected another path. Choose one."


def _sections(settings: Config) -> tuple[tuple[str, JournalSection | ArchiveSection], ...]:
    return ("journal", settings.journal), ("archive", settings.archive)


def _unmounted(settings: Config) -> Iterator[str]:
    """Say where no disk is mounted and one should be."""
    for name, section in _sections(settings):
        if section.path and section.mount_point and not _is_mounted(section.mount_point):
            yield (
                f"{name}.mount_point is {section.mount_point}, where no disk is mounted at present; expected the disk "
                f"of {section.path}. Mount it (`findmnt` lists what is), or correct the key."
            )


def _is_mounted(place: str) -> bool:
    try:
        os.lstat(place)
    except PermissionError:  # the service's user may see more
        return True
    except OSError:
        return False
    return os.path.ismount(place)


def _holds(folder: str, path: str) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _binds(settings: Config) -> dict[str, str]:
    """The addresses of ZeroMQ sockets, by key."""
    events = settings.events
    binds = {
        "intake.bind": settings.intake.bind,
        "events.bind": events.bind,
        "events.replay_bind": events.replay_bind,
        "commands.bind": settings.commands.bind,
    }
    return {key: bind for key, bind in binds.items() if bind}  # where none is written, only this machine reaches it


def _inside(address: str) -> str:
    """An example of an address that one network reaches, with the port of this one."""
    scheme = "tcp://" if address.startswith("tcp://") else ""
    return f"{scheme}192.168.7.2:{address.rpartition(':')[2]}"


def _disk_remarks(settings: Config) -> Iterator[str]:
    """Say where a disk can never take what it is to hold."""
    wanted = [("journal.max_mb", settings.journal.path, settings.journal.max_mb * 1e6)]
    if settings.archive.path:
        wanted.append(("archive.max_gb", settings.archive.path, settings.archive.max_gb * 1e9))
    for key, path, most in wanted:
        place = next((place for place in (Path(path), *Path(path).parents) if os.path.isdir(place)), Path("/"))
        try:
            disk = os.statvfs(place)
        except OSError:  # the service's user may see more
            continue
        size = disk.f_blocks * disk.f_frsize
        if most > size and not disk.f_flag & os.ST_RDONLY:
            yield (
                f"{key} allows {most / 1e9:.1f} GB, and the disk of {path} has {size / 1e9:.1f} GB in all: it is full "
                "before. Lower it."
            )
