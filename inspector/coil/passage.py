"""Whether the coil that a person means is the newest of its name: names come again, and a decision is for the newest.

Knows: the journal's history. Must not know: stages, sockets. From any thread but the line's own.
"""

from __future__ import annotations

from pathlib import Path

from inspector.errors import JournalError
from inspector.events.history import History
from inspector.records.commands import Command, Decide


def objection(journal: Path, command: Command) -> str:
    """Say why a command cannot be for the coil that it means, by what is on disk; empty where it can."""
    if not isinstance(command, Decide) or command.first_seq is None:
        return ""
    try:
        with History(journal) as history:
            meant = history.coil(command.coil, command.first_seq)
            if meant.is_newest:
                return ""
            newest = history.coil(command.coil)
    except JournalError as error:
        return str(error)
    return (
        f"the coil {meant.coil} that began {meant.started} is not the newest of its name: another began "
        f"{newest.started}. A decision is for the newest: look at that one, and decide on it."
    )
