"""Runs a Python program that ends when the one that began it is gone: `python -m inspector.leash DESCRIPTOR -m MODULE`.

The parent holds the other end of a pipe, which the kernel closes however the parent ends, `kill -9` too. (Linux's
PR_SET_PDEATHSIG ends the child with the thread that began it, which may end long before the program.)

Knows: pipes and signals. Must not know: what either program does.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from collections.abc import Sequence

GRACE_S = 30.0
"""After SIGTERM, how long before SIGKILL."""


def leashed(program: Sequence[str]) -> tuple[list[str], int, int]:
    """Return what Python is to run in place of `program`, the descriptor to pass on, and the one to keep open.

    Both are the caller's to close: the first once the child is there, the other once it is to end.
    """
    theirs, ours = os.pipe()
    return ["-m", "inspector.leash", str(theirs), *program], theirs, ours


def watch(descriptor: int) -> None:
    """Have this process end once no process holds the other end; on a thread that takes no signals."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        threading.Thread(target=_follow, args=(descriptor,), name="leash", daemon=True).start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _follow(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_S)
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    """Run a module after `-m`, else a file, with the words that follow."""
    descriptor, *words = sys.argv[1:]
    os.set_inheritable(int(descriptor), False)
    watch(int(descriptor))
    is_module = words[0] == "-m"
    sys.argv = words[is_module:]
    if is_module:
        runpy.run_module(words[1], run_name="__main__", alter_sys=True)
    else:
        runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    main()
