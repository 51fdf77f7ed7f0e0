"""JSON Schema of both directions of the wire, made from the records: for those who write cameras and clients.

    python -m inspector.events.schema      writes them again after a change of the records

Knows: how a record becomes a schema, and where the shipped ones lie. Must not know: what the fields mean.
"""

from __future__ import annotations

import ast
import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from inspector.records import events, frame

FOLDER = Path(__file__).parents[1] / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


class Event(events.Envelope, frozen=True, kw_only=True):
    """A CloudEvents 1.0 envelope with one of the kinds of today; a reader must expect others."""

    data: events.Data


def schemas() -> dict[str, str]:
    """Text of each schema by its file name: `frame.schema.json` and `event.schema.json`."""
    header = _schema(frame.Header, "First part of a frame message; the second part is the pixels.")
    event = _schema(Event, "Second part of an event message; the first part is the topic.")
    for record in event["$defs"].values():
        record["required"] = list(record["properties"])  # msgspec lists what a reader needs; we write it all
    return {"frame.schema.json": _text(header), "event.schema.json": _text(event)}


def write(folder: Path = FOLDER) -> list[Path]:
    """Write the schemas into `folder` and return their paths."""
    folder.mkdir(exist_ok=True)
    paths = []
    for name, text in schemas().items():
        paths.append(folder / name)
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def _schema(record: type[msgspec.Struct], title: str) -> dict[str, Any]:
    schema = {"$schema": DIALECT, "title": title} | msgspec.json.schema(record)
    meanings = _meanings()
    for name, definition in schema["$defs"].items():
        for field, properties in definition["properties"].items():
            if meaning := meanings[name].get(field):
                properties["description"] = meaning
    return schema


def _meanings() -> dict[str, dict[str, str]]:
    """What the records say of each field in the string below it, by name of the record, inherited fields included."""
    meanings: dict[str, dict[str, str]] = {}
    for record in (node for room in (frame, events, sys.modules[__name__]) for node in _classes(room)):
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
    for path in write():
        print(path)
