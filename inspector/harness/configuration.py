"""The configuration file of a line that a program runs for itself.

Knows: TOML, and the sections that every line needs. Must not know: what the line is for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from inspector.harness.ports import HOST, Ports

APART_MM = 10_000.0
"""Wider than any simulated camera sees."""
Section = Mapping[str, object]


def write(
    path: Path,
    ports: Ports,
    recipe: Path,
    *,
    line: str,
    mm_per_px: float,
    cameras: Sequence[str] = ("top",),
    sections: Mapping[str, Section] | None = None,
    extra: str = "",
) -> Path:
    """Write the configuration of a line with these cameras, and return its path.

    `sections` adds keys to a section or replaces them; `extra` is TOML that follows as it stands. The journal lies
    next to the file.
    """
    usual: dict[str, Section] = {
        "recipe": {"path": str(recipe)},
        "intake": {"bind": ports.address("frames")},
        "events": {"bind": ports.address("events"), "replay_bind": ports.address("replay")},
        "journal": {"path": "journal"},
        "http": {"bind": f"{HOST}:{ports.http}"},
        "commands": {"bind": ports.address("commands")},
    }
    given = sections or {}
    merged = {name: {**usual.get(name, {}), **given.get(name, {})} for name in [*usual, *given]}
    parts = [f"line = {_value(line)}\n", *(_section(f"[{name}]", keys) for name, keys in merged.items())]
    parts += [
        _section("[[camera]]", {"name": name, "mm_per_px": mm_per_px, "mm_per_row": mm_per_px, **_place(number)})
        for number, name in enumerate(cameras)
    ]
    path.write_text("".join([*parts, extra]), encoding="utf-8")
    return path


def _place(number: int) -> Section:
    """Where a camera looks: each at strip of its own, on both sides in turn."""
    return {"side": ("top", "bottom")[number % 2], "offset_mm": number // 2 * APART_MM}


def _section(head: str, keys: Section) -> str:
    return "".join([f"{head}\n", *(f"{key} = {_value(value)}\n" for key, value in keys.items())])


def _value(value: object) -> str:
    """Write a string, a number, a truth value or a list of them, which are the same in JSON and TOML."""
    return msgspec.json.encode(value).decode()
