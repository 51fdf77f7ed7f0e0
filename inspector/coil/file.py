"""Coils' files read and written (`schemas/coil.schema.json`).

Knows: disks. Must not know: the journal, what is in a file.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import msgspec

from inspector import plain_file
from inspector.errors import InspectorError
from inspector.records.coil_file import VERSION, CoilFile


def read(path: Path) -> CoilFile:
    """Read a coil's file.

    Raises: InspectorError when it cannot be read, or is none.
    """
    try:
        file = msgspec.json.decode(plain_file.read(path), type=CoilFile)
    except OSError as error:
        raise InspectorError(f"{path}: {error.strerror}; expected a coil's JSON file.") from error
    except (ValueError, RecursionError) as error:
        raise InspectorError(
            f"{path}: is no coil's file: {error}. Give one that `inspector report --json` wrote."
        ) from error
    if file.v != VERSION:
        raise InspectorError(
            f"{path}: is a coil's file of version {file.v}; expected {VERSION}. Use the program that wrote it."
        )
    return file


def write(file: CoilFile, path: Path) -> None:
    """Write a coil's file, whole or not at all.

    Raises: InspectorError when it cannot be written.
    """
    save(path, msgspec.json.encode(file))


def save(path: Path, content: bytes) -> None:
    """Write a file under its name only when it is whole; into a pipe or a device, which nothing is to replace, at once.

    Raises: InspectorError when it cannot be written.
    """
    if path.exists() and not path.is_file():
        _pour(path, content)
        return
    part = path.with_name(f".{path.name}.part")
    try:
        part.write_bytes(content)
        part.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise InspectorError(f"{path}: {error.strerror}. Name a file in a folder that may be written to.") from error


def _pour(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise InspectorError(f"{path}: {error.strerror}. Name a file.") from error
