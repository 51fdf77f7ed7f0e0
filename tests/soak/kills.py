"""An inspector killed 20 times under 200 frames/s, in both transports: `python -m tests.soak.kills [KILLS]`."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from inspector.camera import Transport
from tests.e2e.kills import Outcome, survive, survive_camera_kills

KINDS: list[tuple[Transport, bool]] = [("credit", False), ("push", False), ("credit", True)]


def main(kills: int) -> bool:
    """Print what became of all frames; return whether it is as promised."""
    good = True
    for transport, early in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            found = survive(Path(folder), kills, transport, early=early)
        lost = found.passed - found.inspected - found.missed
        name = "credit, acknowledged before the commit" if early else transport
        _print(f"{name}, inspector killed", kills, found)
        if early:
            good &= found.inspected < found.passed
        elif transport == "credit":
            good &= found.inspected == found.passed and not found.missed and found.defects == found.marked
        else:
            good &= lost == 0
    with tempfile.TemporaryDirectory() as folder:
        found = survive_camera_kills(Path(folder), kills, frames=100 * kills)
    _print("credit, camera killed", kills, found)
    print(
        f"{found.inspected - found.passed} of them passed twice: killed between its spool and its note, a camera did so"
    )
    return good and not found.missed and found.passed <= found.inspected <= found.passed + kills


def _print(what: str, kills: int, found: Outcome) -> None:
    print(
        f"{what} {kills} times: {found.passed} frames passed, {found.inspected} inspected, {found.missed} reported as "
        f"missed; {found.marked} had a defect, {found.defects} were reported; {found.resent} sent again",
        flush=True,
    )


if __name__ == "__main__":
    began_s = time.monotonic()
    ok = main(int(sys.argv[1]) if len(sys.argv) > 1 else 20)
    print(f"{'as promised' if ok else 'NOT as promised'}; {time.monotonic() - began_s:.0f} s")
    sys.exit(not ok)
