"""CSV files as spreadsheets and scripts write them, read strictly; knows no columns of its own."""

from __future__ import annotations

import csv
import gzip
import io
import sys
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from trainer.errors import DataError


def read_text(path: Path) -> str:
    """Read a text file as UTF-8, with or without its mark; one whose name ends in `.gz` is unpacked.

    Raises:
        DataError: it cannot be read, or is not UTF-8.
    """
    try:
        content = path.read_bytes()
        content = gzip.decompress(content) if is_packed(path) else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}") from error
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise DataError(
            f"{path}: line {line}: is not UTF-8 (byte {error.start} is {error.object[error.start]:#04x}); expected "
            f"UTF-8. {_advice(path)}"
        ) from error


def is_packed(path: Path) -> bool:
    """Return whether a file is gzip's, by its name."""
    return path.suffix.lower() == ".gz"


def _advice(path: Path) -> str:
    """How a file of this kind becomes UTF-8."""
    match (path.with_suffix("") if is_packed(path) else path).suffix.lower():
        case ".csv":
            return "Save it as CSV UTF-8."
        case ".json":
            return "Export it again as JSON in UTF-8."
    return "Save it in UTF-8 from a text editor."


def read_rows(path: Path) -> tuple[tuple[str, ...], Iterator[tuple[str, Mapping[str, str]]]]:
    """Return a CSV's columns and its rows, each with its place, `FILE: line N`; what a short row lacks is empty.

    Raises:
        DataError: as `read_text`; while rows are taken, for a line that no CSV has.
    """
    csv.field_size_limit(sys.maxsize)  # half a frame of single pixels is longer than Python's usual limit
    reader = csv.DictReader(io.StringIO(read_text(path), newline=""), restval="")
    try:
        columns = tuple(reader.fieldnames or ())
    except csv.Error as error:
        raise DataError(f"{path}: line 1: {error}. Save it as CSV UTF-8.") from error
    return columns, _rows(path, reader)


def _rows(path: Path, reader: csv.DictReader[str]) -> Iterator[tuple[str, Mapping[str, str]]]:
    try:
        for row in reader:
            yield f"{path}: line {reader.line_num}", row
    except csv.Error as error:
        raise DataError(f"{path}: line {reader.line_num}: {error}. Save it as CSV UTF-8.") from error
