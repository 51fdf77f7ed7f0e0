"""A station next to this program: the pages for people, of an inspector that this program runs.

Knows: the command, and the address that it prints. Must not know: what is shown.
"""

from __future__ import annotations

import importlib.util
import os
import re
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from inspector.errors import InspectorError
from inspector.harness.child import Child
from inspector.harness.ports import HOST, is_free

NEEDED = ("starlette", "uvicorn", "argon2", "itsdangerous")
USUAL_PORT = 8470
START_S = 60.0
NICE = 10
"""As its unit has it: the line goes before its pages."""


class StationProcess:
    """`inspector station CONFIG`, from construction to the end of the `with` block; it answers from the beginning.

    Its log lies in `folder`, as `station.log`. `bind` None: as its file says. It has `start_s` to begin in.

    Raises: InspectorError when it fails, or does not answer in time.
    """

    def __init__(self, config: Path, folder: Path, bind: str | None = None, start_s: float = START_S) -> None:
        words = ["station", str(config), *(["--bind", bind] if bind else [])]
        self._out = folder / "station.out"
        self.child = Child(words, self._out, folder / "station.log")
        try:
            os.setpriority(os.PRIO_PROCESS, self.child.pid, NICE)
            self.address = self._begun(start_s)
        except BaseException:
            self.child.kill()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.child.__exit__(kind, error, at)

    def _begun(self, start_s: float) -> str:
        until_s = time.monotonic() + start_s
        while time.monotonic() < until_s:
            self.child.runs()
            if found := re.search(r"^station: (http\S+)/$", self._out.read_text(), re.MULTILINE):
                return found[1]
            time.sleep(0.05)
        raise InspectorError(self.child.described(f"did not answer within {start_s:g} s"))


def is_installed() -> bool:
    """Whether this machine has what a station needs."""
    return all(importlib.util.find_spec(name) for name in NEEDED)


def free_bind(port: int = USUAL_PORT) -> str:
    """A station's address with this port, or with any where that is taken."""
    return f"{HOST}:{port if is_free(port) else 0}"
