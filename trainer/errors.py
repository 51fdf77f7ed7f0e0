"""What is wrong with data, all of it at once, in words that lead to the file; and what goes wrong with a run."""

from __future__ import annotations

from inspector.errors import EXIT_FAILURE, InspectorError

SHOWN = 20
"""Faults in one error's text; a folder of a wrong size has thousands."""


class UserError(InspectorError):
    """What a person can mend: a command line, data, a file; the message says how. Anything else is our bug."""

    exit_code = 2


class DataError(UserError):
    """Data that cannot be trained on; each fault says where, what was found, what was expected and what to do."""

    def __init__(self, *faults: str) -> None:
        super().__init__(*faults)
        self.faults = faults

    def __str__(self) -> str:
        more = len(self.faults) - SHOWN
        rest = (f"... and {more} more; `trainer check` lists them all",) if more > 0 else ()
        return "\n".join(self.faults[:SHOWN] + rest)


class RunError(UserError):
    """A run that began well and went wrong; the message says what is kept and what to change."""

    exit_code = EXIT_FAILURE


class Diverged(RunError):
    """The loss is no number any more."""


class OutOfMemory(RunError):
    """A step's tensors found no room."""


class CheckpointDiskFull(RunError):
    """A checkpoint found no room; the one before it is as it was."""
