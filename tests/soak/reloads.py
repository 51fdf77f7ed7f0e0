"""Reloads under load, then a stop: `python -m tests.soak.reloads [COUNT]`. Prints times, asserts none."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from tests.e2e.reloads import LAST, RATE_FPS, reload


def main(count: int) -> bool:
    """Print what was lost, with either engine; return whether it was nothing, and each reload was taken."""
    is_good = True
    for is_null, name in ((True, "null engine"), (False, "OpenVINO")):
        with tempfile.TemporaryDirectory() as folder:
            found = reload(Path(folder), count, is_null=is_null)
        good = (found.lost, found.code, len(found.recipes)) == (0, 0, count) and found.names_its_recipe()
        good &= not found.ledger.wrong
        print(
            f"{name}: {count} reloads under {found.fps:.0f} frames/s of {RATE_FPS} wanted, {len(found.recipes)} taken; "
            f"{found.passed} frames, {found.lost} lost; {len(found.named)} defects, each of which names its recipe: "
            f"{found.names_its_recipe()}; SIGTERM with {LAST} frames on their way: exit {found.code} after "
            f"{found.drain_s:.1f} s; {found.ledger}",
            flush=True,
        )
        is_good &= good
    return is_good


if __name__ == "__main__":
    sys.exit(not main(int(sys.argv[1]) if len(sys.argv) > 1 else 50))
