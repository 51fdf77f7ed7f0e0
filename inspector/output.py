"""Text of the outside world: standard output that goes nowhere (a closed pipe, a full disk, none at all) or knows few
letters, arguments that are no text. For every command line of the project.

Knows: the three standard descriptors and the arguments. Must not know: what is printed.
"""

from __future__ import annotations

import codecs
import contextlib
import errno
import io
import json
import logging
import os
import select
import sys
from collections.abc import Callable
from typing import Any, TextIO

from inspector.errors import EXIT_DONE, EXIT_FAILURE, EXIT_INTERRUPTED, EXIT_USAGE

SHOWN = "inspector.shown"
"""How a letter is printed that the terminal's encoding lacks."""
ESCAPED = range(0xDC80, 0xDD00)
"""What Python makes of bytes that are no text (PEP 383)."""


def guarded(command: Callable[[], int]) -> int:
    """Run a command that prints, and return its exit code.

    A reader that closed the pipe (`| head`) is a way to end: 0, or the code of a command that ended by itself. A disk
    that takes no more is a failure, an argument that is no text where text is needed a wrong command line (2); each is
    one line. Ctrl-C at any time, also while a command loads or prints its last, is 130.
    """
    try:
        return _ended(command)
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def _ended(command: Callable[[], int]) -> int:
    """Run a command and return its exit code, whatever standard output takes."""
    codecs.register_error(SHOWN, _shown)
    _fill_standard_descriptors()
    _watch_stdout()
    logging.raiseExceptions = False  # a log on a full disk is no reason to write tracebacks to it
    code = EXIT_DONE
    error: OSError | SystemExit | None = None
    try:
        code = command()
    except (OSError, SystemExit) as raised:  # argparse exits, after it has printed its help
        error = raised
    except UnicodeEncodeError as raised:
        if (words := _no_text(raised)) is None:
            raise
        report(words)
        code = EXIT_USAGE
    refused = refusal()
    if refused is None:
        if error is not None:
            raise error
        return code
    _discard()
    if refused.errno == errno.EPIPE:
        return code
    report(f"standard output: {refused.strerror}. Nothing more is printed.")
    return EXIT_FAILURE


def report(words: object) -> None:
    """Print to standard error, where there is one that takes it."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError):
            print(words, file=sys.stderr, flush=True)


def is_gone(out: TextIO) -> bool:
    """Whether the reader of a pipe has closed it, so that the next write would fail."""
    try:
        number = out.fileno()
    except OSError:  # no file
        return False
    poller = select.poll()
    poller.register(number, 0)
    return bool(poller.poll(0))


def _no_text(error: UnicodeEncodeError) -> str | None:
    """Say which argument is no text, or what this machine's encoding cannot write; None: it is neither."""
    letter = error.object[error.start]
    encoding = sys.getfilesystemencoding()
    for argument in sys.argv[1:]:
        if ord(letter) in ESCAPED and letter in argument:
            found = os.fsencode(argument).decode("ascii", "backslashreplace")
            return f"argument {found}: is no text in this machine's encoding, {encoding}. Write it so."
    if encoding == "utf-8":
        return None
    return f"{error.object!a}: cannot be written in this machine's encoding, {encoding}. Set LC_ALL=C.UTF-8."


def _shown(error: UnicodeError) -> tuple[str | bytes, int]:
    """Print bytes of a file's name as they are, and any other letter that the encoding lacks as JSON writes it."""
    assert isinstance(error, UnicodeEncodeError), "nothing is read through this"
    letters = error.object[error.start : error.end]
    if all(ord(char) in ESCAPED for char in letters):
        return os.fsencode(letters), error.end
    return json.dumps(letters)[1:-1], error.end


def _fill_standard_descriptors() -> None:
    """Open what a parent closed: the next file or socket would get its number, and with it what a library prints."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free


def refusal() -> OSError | None:
    """Why standard output did not take what was printed; None while it does."""
    raw = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    if not isinstance(raw, _Remembering):
        return None
    with contextlib.suppress(OSError):
        sys.stdout.flush()
    return raw.refused


class _Remembering(io.FileIO):
    """A descriptor that knows that a write failed: argparse, for one, swallows the error, and a retry may not fail."""

    refused: OSError | None = None

    def write(self, data: Any) -> int:
        """Write, and remember a refusal."""
        try:
            return super().write(data)
        except OSError as error:
            self.refused = error
            raise


def _watch_stdout() -> None:
    """Notice what standard output refuses, unless a test has put something else in its place."""
    stdout = sys.stdout
    if stdout is None or stdout is not sys.__stdout__ or not isinstance(stdout, io.TextIOWrapper):
        return
    stdout.flush()
    sys.stdout = io.TextIOWrapper(
        io.BufferedWriter(_Remembering(1, "w", closefd=False)),
        stdout.encoding,
        SHOWN if stdout.errors in ("strict", "surrogateescape") else stdout.errors,
        # Unbuffered (`python -u`) is a text layer that writes through to a raw file; here a buffer is beneath it.
        line_buffering=stdout.line_buffering or stdout.write_through,
    )


def _discard() -> None:
    """Have the interpreter's last flush succeed."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
