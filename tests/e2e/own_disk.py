"""An inspector whose journal lies on a disk of its own, in a mount namespace: `own_disk.py FOLDER MOUNT WORDS...`."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PROGRAM = str(Path(__file__))
SPACE = ("unshare", "--mount", "--propagation", "private")


def program(folder: Path, mount: str) -> Sequence[str]:
    """What Python is to run instead of `-m inspector`; `mount` is a command to which the folder is added."""
    folder.mkdir(exist_ok=True)
    return PROGRAM, str(folder), mount


def refusal(folder: Path, mount: str) -> str:
    """Say why no disk can be mounted here; empty where one can."""
    if os.geteuid() != 0:
        return "only root mounts disks"
    folder.mkdir(exist_ok=True)
    tried = subprocess.run(
        [*SPACE, "sh", "-c", f'{mount} "$1"', "sh", folder], capture_output=True, text=True, check=False
    )
    return f"the kernel refuses: {tried.stderr.strip()}" if tried.returncode else ""


def within(pid: int, command: str) -> None:
    """Run a shell's command where the process sees its disk."""
    subprocess.run(["nsenter", "--target", str(pid), "--mount", "sh", "-c", command], check=True)


if __name__ == "__main__":
    place, how, *words = sys.argv[1:]
    inspect = (sys.executable, "-m", "inspector", *words)
    os.execvp(SPACE[0], (*SPACE, "sh", "-c", f'{how} "$0" && exec "$@"', place, *inspect))
