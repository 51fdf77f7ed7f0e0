"""Several folds at the same time, each in a process of its own that writes a log of its own.

A small network leaves a GPU, and the second core of two, idle most of the time: side by side, folds take a fraction of
the time. Knows processes and signals; must not know what a fold does.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing import connection, get_context, parent_process
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

from rich.console import Console

from trainer.errors import RunError, UserError
from trainer.learn.stop import RunStopped, Stop

WIDTH = 200
"""Of a log's lines, characters."""
LOOK_S = 0.5
"""How often a signal is looked for while the processes work."""

Work = Callable[[Console], object]
Job = tuple[Work, Path]
"""What to do, as another process can be given it, and its log."""


def run_jobs(jobs: Sequence[Job], at_once: int, console: Console) -> None:
    """Do all `jobs`, `at_once` of them at a time, and share the cores that this process may use among them.

    The first that fails has the others save their checkpoints and stop.

    Raises:
        UserError: as a job raised it; RunError, with the log that says why, where one ended otherwise.
        RunStopped: a signal ended it, once every job had saved its checkpoint.
    """
    waiting = list(jobs)
    running: dict[int, tuple[SpawnProcess, Path]] = {}
    failed: list[tuple[int, Path]] = []
    stopped: set[int] = set()
    with Stop(console) as stop:
        try:
            while running or (waiting and not (failed or stop.signal_number)):
                while waiting and len(running) < at_once and not (failed or stop.signal_number):
                    work, log = waiting.pop(0)
                    console.print(f"{log.stem}: its log is {log}", soft_wrap=True)
                    process = _start(work, log, at_once)
                    running[process.sentinel] = process, log
                for ended in connection.wait(list(running), LOOK_S):
                    process, log = running.pop(cast(int, ended))
                    process.join()
                    if process.exitcode:
                        failed.append((process.exitcode, log))
                for sentinel in (running.keys() if failed or stop.signal_number else set()) - stopped:
                    stopped.add(sentinel)
                    running[sentinel][0].terminate()  # once: the second time it would not save
        finally:
            for process, _ in running.values():  # none, unless a second signal ended the wait
                process.kill()
    if stop.signal_number:
        raise RunStopped("stopped; the same command goes on from the last checkpoints", stop.signal_number)
    if failed:
        raise _fault(*failed[0])


def _start(work: Work, log: Path, at_once: int) -> SpawnProcess:
    threads = max(1, len(os.sched_getaffinity(0)) // at_once)
    process = get_context("spawn").Process(target=_work, args=(work, log, threads), name=log.stem)
    process.start()
    return process


def _fault(exit_code: int, log: Path) -> UserError:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    if exit_code == UserError.exit_code and lines:
        return UserError(f"{log.stem}: {lines[-1]}")
    return RunError(f"{log.stem} ended with {exit_code}; {log} says why. The same command goes on with the others.")


def _work(work: Work, log: Path, threads: int) -> None:
    """Do one job in this process, apart from the terminal's Ctrl-C, and end with its parent."""
    os.setsid()
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    import cv2
    import torch

    torch.set_num_threads(threads)
    cv2.setNumThreads(threads)
    with log.open("a", buffering=1, encoding="utf-8") as file:
        console = Console(file=file, width=WIDTH, no_color=True)
        try:
            work(console)
        except RunStopped as stopped:
            sys.exit(stopped.exit_code)
        except UserError as error:
            file.write(" ".join(str(error).split("\n")) + "\n")
            sys.exit(error.exit_code)
        except Exception:
            console.print_exception()
            sys.exit(1)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None
    connection.wait([parent.sentinel])
    os.kill(os.getpid(), signal.SIGTERM)
