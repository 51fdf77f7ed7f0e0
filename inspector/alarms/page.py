"""The chapter on alarms, its table and its picture, from the table of states: `python -m inspector.alarms.page`.

Knows: where the chapter lies. Must not know: what the states mean.
"""

from __future__ import annotations

from pathlib import Path

from inspector.alarms import diagram
from inspector.alarms.states import AS_LEFT, CAUSES, STATES, TABLE, is_aside, left
from inspector.generated import with_part
from inspector.records.events import IsaState

PAGE = Path(__file__).with_name("README.md")
PICTURE = Path(__file__).with_name("states.svg")


def tables() -> str:
    """States with what leads out of each and what it comes back as, then causes, as Markdown."""
    lines = ["| | state | `state` of contract 1.0 | meaning | leads to | as left |", "|---|---|---|---|---|---|"]
    for name, state in STATES.items():
        ways = "; ".join(
            f"{cause}: {becomes if becomes == AS_LEFT else f'`{becomes}`'}" for cause, becomes in TABLE[name].items()
        )
        back = "" if is_aside(name) else _as_left(name)
        lines.append(f"| {state.letter} | `{name}` | `{state.word}` | {state.meaning} | {ways} | {back} |")
    lines += ["", "| cause | is |", "|---|---|"]
    lines += [f"| `{cause}` | {meaning} |" for cause, meaning in CAUSES.items()]
    return "\n".join(lines)


def _as_left(state: IsaState) -> str:
    """What comes back of a state, and of one whose rule latches."""
    plain, latching = (f"`{left(state, is_latching=latch)}`" for latch in (False, True))
    return plain if plain == latching else f"{plain}; of a rule that latches {latching}"


def page(text: str) -> str:
    """The chapter's text with the tables as they are now."""
    return with_part(text, "states", tables())


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
    PICTURE.write_text(diagram.svg(), encoding="utf-8")
    print(PAGE, PICTURE, sep="\n")
