"""Every error this program raises on purpose, and the exit code that each ends in.

A message says what was found, what was expected, where, and what to do.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # every command imports this first, and few need numpy
    from inspector.records.stages import Rejection

EXIT_DONE = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2  # as argparse has it: the command line is wrong
EXIT_INTERRUPTED = 130  # Ctrl-C, as shells have it
EXIT_UNAVAILABLE = 69  # sysexits.h EX_UNAVAILABLE: no inspector answers
EXIT_BUSY = 75  # sysexits.h EX_TEMPFAIL: the same command works later
EXIT_CONFIG = 78  # sysexits.h EX_CONFIG; the systemd unit never restarts on it


class InspectorError(Exception):
    """Something this program can name; `exit_code` is how the process ends if it is not handled."""

    exit_code = EXIT_FAILURE


class ConfigError(InspectorError):
    """The configuration file cannot be used; one line for each fault."""

    exit_code = EXIT_CONFIG

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = tuple(faults)


class RecipeError(InspectorError):
    """The recipe folder cannot be used: missing, altered, or not what it says."""

    exit_code = EXIT_CONFIG


class EngineError(InspectorError):
    """The inference engine cannot be loaded or failed while running."""


class EngineRefused(EngineError):
    """The engine is missing, stale, unproven or not for this machine: trying again in five seconds changes nothing."""

    exit_code = EXIT_CONFIG


class GpuLost(EngineError):
    """The GPU's context is broken: every further call of this process fails, and only a new process helps."""


class Busy(InspectorError):
    """Another process of ours is at work in the same place; the same command works when that has ended."""

    exit_code = EXIT_BUSY


class NoAnswer(InspectorError):
    """A running inspector was asked for something, and none answered in time."""

    exit_code = EXIT_UNAVAILABLE


class Stopped(InspectorError):
    """Asked to stop while something long was going on that cannot be drained."""

    exit_code = EXIT_DONE


class Stuck(InspectorError):
    """Asked to stop, but a stage hangs: what is in flight is given up."""


class SocketError(InspectorError):
    """An address cannot be bound."""


class AccessError(InspectorError):
    """A key cannot be used, or does not admit to where it was tried: trying again changes nothing."""

    exit_code = EXIT_CONFIG


class NotMounted(InspectorError):
    """A disk is not mounted that the line is to write to: the same start works when it is."""


class JournalError(InspectorError):
    """The journal cannot be opened or written: events must not be published unrecorded."""


class DiskFull(JournalError):
    """The journal's disk has no room."""


class ArchiveError(InspectorError):
    """The archive of crops cannot be opened: it is full, read-only, or another inspector's."""


class FrameError(InspectorError):
    """A frame message that cannot be used; `reason` is the word it is counted under."""

    def __init__(self, reason: Rejection, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class ImageError(InspectorError):
    """An image that cannot be used as a frame; `reason` is the word it is counted under: decode, size or too_large."""

    def __init__(self, reason: Literal["decode", "size", "too_large"], message: str) -> None:
        super().__init__(message)
        self.reason = reason
