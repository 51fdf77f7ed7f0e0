"""The references of a page, generated from the code: `python -m inspector.service.docs inspector/README.md`.

Knows: keys, metrics, reasons, and how each becomes a row. Must not know: what they mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args, get_origin

import msgspec

from inspector.config.reader import describe, expected
from inspector.generated import with_part
from inspector.metrics import of_no_line
from inspector.records.stages import REASONS, Drop, Rejection
from inspector.service.line import Config

SUFFIXES = {"counter": "_total", "info": "_info"}
"""What Prometheus adds to the name of a metric of some kinds."""
ENDS = {**dict.fromkeys(get_args(Rejection), "rejected"), **dict.fromkeys(get_args(Drop), "dropped"), "lost": "missing"}


def configuration() -> str:
    """Every section and key: what it must be, its default, what it means."""
    return "\n".join(["| key | must be | default | meaning |", "|---|---|---|---|", *_rows(Config, "")])


def metrics() -> str:
    """Every metric of our own: its name, its labels, what it means."""
    return "\n".join(["| metric | by | meaning |", "|---|---|---|", *sorted(_metrics())])


def reasons() -> str:
    """Every reason for which a frame is not inspected: how such a frame ends, and what it means."""
    rows = (f"| `{reason}` | {ENDS[reason]} | {meaning} |" for reason, meaning in REASONS.items())
    return "\n".join(["| reason | it is | meaning |", "|---|---|---|", *rows])


PARTS: dict[str, Callable[[], str]] = {
    "metrics": metrics,
    "reasons": reasons,
    "configuration reference": configuration,
}


def _metrics() -> Iterator[str]:
    for collector in of_no_line().registry._collector_to_names:
        for family in collector.collect():
            if family.name.startswith("inspector_"):  # else every process has it
                labels = getattr(family, "_labelnames", ()) or getattr(collector, "_labelnames", ())
                name = f"`{family.name}{SUFFIXES.get(family.type, '')}`"
                by = ", ".join(f"`{label}`" for label in labels)
                kind = "Histogram. " if family.type == "histogram" else ""
                yield f"| {name} | {by} | {kind}{family.documentation} |"


def _rows(section: type[msgspec.Struct], prefix: str) -> Iterator[str]:
    for field in msgspec.structs.fields(section):
        kind, brackets = _section_of(field.type)
        if kind is not None:
            name = f"[{brackets}{prefix}{field.encode_name}{']' if brackets else ''}]"
            yield f"| **`{name}`** | | | **{(kind.__doc__ or '').strip()}** |"
            yield from _rows(kind, f"{prefix}{field.encode_name}.")
            continue
        default = "required" if field.required else f"`{_toml(field.default)}`"
        meaning = describe(field.type)[0].replace("|", "\\|")
        yield f"| `{prefix}{field.encode_name}` | {expected(field.type)} | {default} | {meaning} |"


def _section_of(annotation: Any) -> tuple[type[msgspec.Struct] | None, str]:
    """The section a key holds, and "[" when it holds a list of them."""
    bare = annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation
    brackets = ""
    if get_origin(bare) is tuple:
        bare, brackets = get_args(bare)[0], "["
    return (bare, brackets) if isinstance(bare, type) and issubclass(bare, msgspec.Struct) else (None, "")


def _toml(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def main(path: Path) -> None:
    """Renew the references within a Markdown file."""
    text = path.read_text(encoding="utf-8")
    for name, part in PARTS.items():
        text = with_part(text, name, part())
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
