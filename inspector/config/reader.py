"""A strict reading of a TOML file into sections, which reports every fault at once.

Knows: keys, limits, and the words for what is wrong. Must not know: which sections there are.
"""

from __future__ import annotations

import difflib
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from inspector.records.names import NAME


def key(meaning: str, hint: str = "", **limits: Any) -> Meta:
    """Describe one key: what it means, what to do when it is wrong, and its limits (as `msgspec.Meta`)."""
    return Meta(description=meaning, extra={"hint": hint}, **limits)


PORT = r"(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"

SOCKET = rf"^(tcp://(\*|[A-Za-z0-9_.-]+|\[[0-9a-fA-F:]+\]):({PORT}|\*)|ipc://.+)$(?!\n)"

HTTP = rf"^([A-Za-z0-9_.-]*|\[[0-9a-fA-F:]+\]):{PORT}$(?!\n)"

PATTERNS = {
    NAME: "of up to 64 letters, digits and _ . : / -",
    SOCKET: "like tcp://127.0.0.1:5555",
    HTTP: "like 127.0.0.1:9477",
}
"""What people read instead of a pattern."""

SHOWN = 200
"""Characters of a wrong value that are printed: a mistaken file may hold millions."""

SOCKET_HINT = 'Write "tcp://HOST:PORT" or "ipc:///run/inspector/LINE/NAME".'


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all sections share: immutable, and no key that is not known."""


def expected(annotation: Any) -> str:
    """Say in words what a key's value must be."""
    bare = _bare(annotation)
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(bare))
    if _is_section(bare):
        return "a section"
    if get_origin(bare) is tuple:
        item = get_args(bare)[0]
        words = "a list of " + ("sections" if _is_section(item) else expected(item))
    else:
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[bare]
    for limit in _metas(annotation):
        if limit.pattern:
            words += f" {PATTERNS[limit.pattern]}"
        elif limit.min_length:
            words += ", at least one" if get_origin(bare) is tuple else ", not empty"
        elif limit.ge is not None:
            words += f" {limit.ge}..{limit.le}"
        elif limit.gt is not None:
            words += f" above {limit.gt} and up to {limit.le}"
    return words


def describe(annotation: Any) -> tuple[str, str]:
    """Meaning of a key and what to do when it is wrong; both empty when nothing is written down."""
    for meta in _metas(annotation):
        if meta.description:
            return meta.description, (meta.extra or {}).get("hint", "")
    return "", ""


def _metas(annotation: Any) -> list[Meta]:
    return [meta for meta in getattr(annotation, "__metadata__", ()) if isinstance(meta, Meta)]


def _bare(annotation: Any) -> Any:
    """The type without what is annotated to it."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def faults_of(value: Any, annotation: Any, where: str) -> list[str]:
    """All that is wrong with `value` as a value of `annotation`, at dotted key `where`."""
    bare = _bare(annotation)
    if _is_section(bare) and isinstance(value, dict):
        return _section_faults(value, bare, where)
    item = get_args(bare)[0] if get_origin(bare) is tuple else None
    if _is_section(item) and isinstance(value, list) and value:
        return [fault for i, part in enumerate(value) for fault in faults_of(part, item, f"{where}[{i}]")]
    if isinstance(value, str) and "\0" in value:  # no path or address may hold it: the system calls raise
        return [f"{where} is {_shown(value)}; expected text without NUL. Take it out."]
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        head = f"[[{where.partition('[')[0]}]]" if "[" in where else f"[{where}]"
        advice = f"Write {head} on a line of its own." if _is_section(bare) else "Correct the value."
        return [f"{where} is {_shown(value)}; expected {expected(annotation)}. {describe(annotation)[1] or advice}"]
    return []


def _shown(value: Any) -> str:
    try:
        found = repr(value)
    except RecursionError:  # the keys a.a.a.a ... of a mistaken file
        return "nested without end"
    return found if len(found) <= SHOWN else f"{found[:SHOWN]}... ({len(found)} characters)"


def _section_faults(section: dict[str, Any], kind: type[Section], where: str) -> list[str]:
    prefix = f"{where}." if where else ""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    faults = []
    for name in section.keys() - fields.keys():
        near = difflib.get_close_matches(name, fields, n=1)
        advice = f"Did you mean {prefix}{near[0]}?" if near else "Remove it."
        shown = name if name.isprintable() and 0 < len(name) <= SHOWN else _shown(name)
        faults.append(f"{prefix}{shown} is not a key; expected one of {', '.join(fields)}. {advice}")
    for name, field in fields.items():
        if name in section:
            faults += faults_of(section[name], field.type, f"{prefix}{name}")
        elif field.required:
            meaning = describe(field.type)[0] or (field.type.__doc__ or "").strip()
            faults.append(f"{prefix}{name} is missing; expected {expected(field.type)}. Add it: {meaning}")
    return sorted(faults)
