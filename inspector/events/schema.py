"""JSON Schema of both directions of the wire, made from the records: for those who write cameras and clients.

    python -m inspector.events.schema      writes them, and the tables of README.md, after a change of the records

Knows: how a record becomes a schema or a table, and where the shipped ones lie. Must not know: what the fields mean.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from inspector.generated import with_part
from inspector.records import coil, coil_file, crop, envelope, events, extent, frame, strip_tile

FOLDER = Path(__file__).parents[1] / "schemas"
PAGE = Path(__file__).parent / "README.md"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Event(envelope.Envelope, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope with one of the kinds of today; a reader must expect others."""

    data: events.Data
    """What happened; `kind` says how to read it."""


def schemas() -> dict[str, str]:
    """Text of each schema by its file name: of frames' headers, of events, of the archive's sidecars."""
    header = _schema(frame.Header, "First part of a frame message; the second part is the pixels.")
    event = _schema(Event, "Second part of an event message; the first part is the topic.")
    for record in event["$defs"].values():
        record["required"] = list(record["properties"])  # msgspec lists what a reader needs; we write it all
    whole = _schema(coil_file.CoilFile, "A coil's file: its record and everything that was seen.")
    return {
        "frame.schema.json": _text(header),
        "event.schema.json": _text(event),
        "coil.schema.json": _text(whole),
        "crop.schema.json": _text(_schema(crop.Sidecar, "The sidecar file of each picture of an archive.")),
        "strip_tile.schema.json": _text(_schema(strip_tile.StripTile, "The comment of each tile of a strip picture.")),
    }


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas into `folder` and return their paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, text in schemas().items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def tables() -> str:
    """The fields of the envelope and of each kind of data, as Markdown."""
    records = _schema(Event, "")["$defs"]
    sections = [_table("The envelope", records.pop("Event"))]
    for name, record in records.items():
        kind = record["properties"].pop("kind", None)
        sections.append(_table(f"`{kind['enum'][0]}`" if kind else f"{name}, a part of a kind", record))
    return "\n\n".join(sections)


def page(text: str) -> str:
    """The chapter's text with the tables as they are now."""
    return with_part(text, "fields", tables())


def _table(title: str, record: dict[str, Any]) -> str:
    rows = [f"### {title}", "", record["description"], "", "| field | type | meaning |", "|---|---|---|"]
    for name, field in record["properties"].items():
        words = ", ".join(f"`{word}`" for word in field.get("examples", ()))
        meaning = " ".join(filter(None, (field.get("description", ""), words and f"Today one of {words}.")))
        rows.append(f"| `{name}` | {_type(field)} | {meaning} |")
    return "\n".join(rows)


def _type(field: dict[str, Any]) -> str:
    if "anyOf" in field or "$ref" in field:
        return "object"
    of = field.get("additionalProperties")
    return f"object of {of['type']}" if of else str(field["type"])


def _schema(record: type[msgspec.Struct], title: str) -> dict[str, Any]:
    schema = {"$schema": DIALECT, "title": title} | msgspec.json.schema(record)
    meanings = _meanings()
    for name, definition in schema["$defs"].items():
        definition["description"] = inspect.cleandoc(definition["description"])
        for field, properties in definition["properties"].items():
            if meaning := meanings[name].get(field):
                properties["description"] = meaning
    return schema


def _meanings() -> dict[str, dict[str, str]]:
    """What the records say of each field in the string below it, by name of the record, inherited fields included."""
    meanings: dict[str, dict[str, str]] = {}
    for record in (
        node
        for room in (
            extent,
            frame,
            coil,
            coil_file,
            events.kind,
            events.defect,
            events.strip,
            events.coil,
            events.alarms,
            events.health,
            events.camera,
            events.trigger,
            events.access,
            envelope,
            crop,
            strip_tile,
            sys.modules[__name__],
        )
        for node in _classes(room)
    ):
        mine = meanings.setdefault(record.name, {})
        for base in record.bases:
            mine |= meanings.get(ast.unparse(base).rpartition(".")[2], {})
        for field, below in zip(record.body, record.body[1:], strict=False):
            match field, below:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    mine[name] = " ".join(text.split())
    return meanings


def _classes(room: ModuleType) -> list[ast.ClassDef]:
    return [node for node in ast.parse(inspect.getsource(room)).body if isinstance(node, ast.ClassDef)]


def _text(schema: dict[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(schema), indent=2).decode() + "\n"


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    for path in (PAGE, *write()):
        print(path)
