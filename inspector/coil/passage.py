"""Whether the coil that a person means is the newest of its name: names come again, and a decision is for the newest.

Knows: the journal's history, and what the stage of decisions keeps there. Must not know: sockets. From any thread but
the line's own.
"""

from __future__ import annotations

from pathlib import Path

from inspector.coil.decisions import Decisions, begun
from inspector.errors import JournalError
from inspector.events.history import History
from inspector.records.commands import Command, Decide


def meant(journal: Path, command: Command) -> tuple[str, int | None]:
    """Say why a command cannot be for the coil that it means, by what is on disk; empty where it can.

    And which coil of its name that is, as the stage numbers them: one that is not on disk yet may begin before it.
    """
    if not isinstance(command, Decide) or command.first_seq is None:
        return "", None
    try:
        with History(journal) as history:
            state = history.state(Decisions.name)  # first: what is read behind it is no older
            looked_at = history.coil(command.coil, command.first_seq)
            if looked_at.is_newest:
                return "", None if state is None else begun(state, command.coil)
            newest = history.coil(command.coil)
    except JournalError as error:
        return str(error), None
    except ValueError:  # of another version
        return "", None
    words = f"the coil {looked_at.coil} that began {looked_at.started} is not the newest of its name: another began "
    return f"{words}{newest.started}. A decision is for the newest: look at that one, and decide on it.", None
