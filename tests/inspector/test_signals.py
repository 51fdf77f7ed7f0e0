"""What signals ask for, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inspector import signals
from tests.patience import patience_s

ROOT = Path(__file__).parents[2]
WAITING = """
import signal, sys, time
from inspector import signals
signals.hold()
stop, hangup = signals.Flag(), signals.Flag()
for number in map(int, sys.argv[1].split()):
    signal.raise_signal(number)
with signals.received(stop, hangup):
    print(stop.is_set(), hangup.is_set(), flush=True)
    for number in map(int, sys.argv[2].split()):
        signal.raise_signal(number)
for number in map(int, sys.argv[3].split()):
    signal.raise_signal(number)
"""


@pytest.mark.parametrize(
    ("held", "received", "late", "asked", "code"),
    [
        ((), (), (), "False False", 0),
        ((signal.SIGTERM,), (signal.SIGTERM, signal.SIGTERM), (), "True False", 0),
        ((signal.SIGHUP,), (signal.SIGHUP, signal.SIGINT), (signal.SIGHUP,), "False True", 0),
        ((signal.SIGINT, signal.SIGHUP), (signal.SIGTERM,), (signal.SIGTERM, signal.SIGINT), "True True", 0),
        ((signal.SIGTERM,), (signal.SIGINT,), (), "True False", 0),
        ((), (signal.SIGINT, signal.SIGINT), (), "False False", 130),
    ],
)
def test_signals_of_a_life(
    held: tuple[int, ...], received: tuple[int, ...], late: tuple[int, ...], asked: str, code: int
) -> None:
    """Those that come before there is a handler are kept, those after it are ignored; a second Ctrl-C ends at once."""
    words = [" ".join(str(int(number)) for number in numbers) for numbers in (held, received, late)]
    done = subprocess.run(
        [sys.executable, "-c", WAITING, *words],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        check=False,
        timeout=patience_s(),
    )
    assert (done.stdout.strip(), done.returncode) == (asked, code)


@pytest.mark.parametrize("number", signals.ENDING)
def test_a_program_that_runs_others_ends_in_order(number: signal.Signals) -> None:
    """A closed terminal is a request to end, as SIGTERM is; under `nohup` it is none."""
    came: list[int] = []
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with signals.ending(lambda given, _: came.append(given)):
            signal.raise_signal(number)
        assert came == [number] and signal.getsignal(number) is signal.SIG_DFL
        signal.signal(number, signal.SIG_IGN)
        with signals.ending(lambda given, _: came.append(given)):
            signal.raise_signal(number)
        assert came == [number]
    finally:
        signal.signal(number, before)
