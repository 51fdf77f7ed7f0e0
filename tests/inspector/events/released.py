"""The fields of the wire as the last release had them, kept in `released.txt`, so that none is lost without a word.

python -m tests.inspector.events.released      writes them again, from the newest tag; once, after a release
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from deploy.bundle import SOURCE
from deploy.release import git

KEPT = Path(__file__).with_name("released.txt")
SCHEMAS = ("event", "frame", "coil", "crop", "strip_tile")
REQUIRED = ", required"

Fields = dict[str, str]
"""Type of each field by its path from the schema's root, as `event.data.missed.start_mm`."""


def fields(name: str, text: str | bytes) -> Fields:
    """Return the fields of a JSON Schema; the records' own names, which nobody outside sees, are not in them."""
    schema = msgspec.json.decode(text)
    return dict(_fields(schema["$defs"], schema, name))


def _fields(records: Mapping[str, Any], field: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """Walk down from a field. The words of a closed list, and the kinds of events, stand in paths of their own."""
    kinds = field.get("discriminator", {}).get("mapping", {})
    for word, reference in kinds.items():
        yield from _fields(records, {"$ref": reference}, f"{path}.{word}")
    for word in field.get("enum", ()):
        yield f"{path}={word}", "word"
    for inner in () if kinds else field.get("anyOf", ()):
        yield from _fields(records, inner, path)
    for part in ("items", "additionalProperties"):
        if isinstance(field.get(part), dict):
            yield from _fields(records, field[part], f"{path}[]")
    if "$ref" in field:
        record = records[field["$ref"].rpartition("/")[2]]
        for name, inner in record["properties"].items():
            yield f"{path}.{name}", _type(inner) + (REQUIRED if name in record["required"] else "")
            yield from _fields(records, inner, f"{path}.{name}")


def _type(field: Mapping[str, Any]) -> str:
    match field:
        case {"discriminator": _} | {"$ref": _}:
            return "object"
        case {"anyOf": choices}:
            return " or ".join(sorted({_type(choice) for choice in choices}))
        case {"enum": [word, *_]}:
            return "string" if isinstance(word, str) else "integer"
        case {"items": {} as inner} | {"additionalProperties": {} as inner}:
            return f"{field['type']} of {_type(inner)}"
    return str(field["type"])


class Released(msgspec.Struct, frozen=True):
    """What the last release promised."""

    version: str
    """Of the release."""
    contract: str
    """Of its events."""
    fields: Fields


def read() -> Released:
    """Return what is kept."""
    first, *lines = KEPT.read_text(encoding="utf-8").splitlines()
    _, version, _, contract = first.split()
    return Released(version, contract, dict(line.split(": ", 1) for line in lines))


def tagged(version: str) -> Released:
    """Return what the tag of a version has. Raises: InspectorError where git has it not."""
    shown: Fields = {}
    for name in SCHEMAS:
        shown |= fields(name, git(SOURCE, "show", f"v{version}:inspector/schemas/{name}.schema.json"))
    record = git(SOURCE, "show", f"v{version}:inspector/records/events/__init__.py")
    return Released(version, record.partition('\nCONTRACT = "')[2].partition('"')[0], shown)


def newest_tag() -> str:
    """Return the newest version with a tag. Raises: InspectorError without git; IndexError without tags."""
    tags = git(SOURCE, "tag", "--list", "v*", "--merged", "HEAD", "--sort=-version:refname").split()
    return tags[0].removeprefix("v")


if __name__ == "__main__":
    release = tagged(newest_tag())
    lines = [f"release {release.version} contract {release.contract}"]
    lines += [f"{path}: {kind}" for path, kind in release.fields.items()]
    KEPT.write_text("\n".join(lines) + "\n", encoding="utf-8")
