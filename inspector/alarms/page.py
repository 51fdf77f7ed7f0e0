"""The chapter on alarms, its table and its picture, from the table of states: `python -m inspector.alarms.page`.

Knows: where the chapter lies. Must not know: what the states mean.
"""

from __future__ import annotations

from pathlib import Path

from inspector.alarms import diagram
from inspector.alarms.states import CAUSES, STATES, TABLE
from inspector.generated import with_part

PAGE = Path(__file__).with_name("README.md")
PICTURE = Path(__file__).with_name("states.svg")


def tables() -> str:
    """States with what leads out of each, then causes, as Markdown."""
    lines = ["| | state | `state` of contract 1.0 | meaning | leads to |", "|---|---|---|---|---|"]
    for name, state in STATES.items():
        ways = "; ".join(f"{cause}: `{becomes}`" for cause, becomes in TABLE[name].items())
        lines.append(f"| {state.letter} | `{name}` | `{state.word}` | {state.meaning} | {ways} |")
    lines += ["", "| cause | is |", "|---|---|"]
    lines += [f"| `{cause}` | {meaning} |" for cause, meaning in CAUSES.items()]
    return "\n".join(lines)


def page(text: str) -> str:
    """The chapter's text with the tables as they are now."""
    return with_part(text, "states", tables())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(diagram.svg(), encoding="utf-8")
    print(PAGE, PICTURE, sep="\n")
