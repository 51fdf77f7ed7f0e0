"""Triggers: how exactly the moment is met at constant speed, while it changes, and at a standstill.

Once `due` was reported, the true position of a simulated strip (`tests/moving.py`) at `due_ns` plus the delay of the
line is compared with the place at which the action is to take effect.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from inspector.triggers.settings import TriggerSection
from tests.moving import ROW_MM, ROWS, Line, ramp

RULE = TriggerSection(name="shear", action="stop", position_m=40.0, before_m=5.0, delay_ms=35.0)


def stop_and_go(s: float) -> float:
    """10 m/s, down to a standstill of 20 s, and up again."""
    return ramp(10_000, 0, 10, 500)(s) if s < 50 else ramp(0, 10_000, 50, 500)(s)


CASES: tuple[tuple[str, Line], ...] = (
    ("constant, 1 m/s", Line(speed=lambda s: 1000.0, seconds=200)),
    ("constant, 10 m/s", Line(speed=lambda s: 10_000.0, seconds=60)),
    ("constant, 20 m/s", Line(speed=lambda s: 20_000.0, seconds=60)),
    ("constant, 20 m/s, times off by 20 us", Line(speed=lambda s: 20_000.0, seconds=60, jitter_us=20)),
    ("constant, 10 m/s, times off by 200 us", Line(speed=lambda s: 10_000.0, seconds=60, jitter_us=200)),
    ("up from 2 to 20 m/s at 0.5 m/s2", Line(speed=ramp(2000, 20_000, 10, 500), seconds=60, jitter_us=20)),
    ("down from 20 to 2 m/s at 0.5 m/s2", Line(speed=ramp(20_000, 2000, 10, 500), seconds=60, jitter_us=20)),
    ("fast stop from 10 to 1 m/s at 3 m/s2", Line(speed=ramp(10_000, 1000, 10, 3000), seconds=60, jitter_us=20)),
    ("down to a stand of 20 s and up, 0.5 m/s2", Line(speed=stop_and_go, seconds=80, jitter_us=20)),
)


def main() -> None:
    """Print how far off the moment was, as strip, for each way to run."""
    print(f"rows of {ROW_MM} mm, {ROWS} a frame, 80 ms from exposure to analysis, {RULE.delay_ms:g} ms to take effect")
    print(
        "| the strip runs | due | late | off, median | 99 % | most | stated, median | within that and a row | ahead |"
    )
    print("|---|---|---|---|---|---|---|---|---|")
    for name, line in CASES:
        reported = line.run(RULE)
        states = Counter(report.event.state for report in reported)
        due = [report for report in reported if report.event.state == "due" and report.off_mm is not None]
        off = np.array([abs(report.off_mm) for report in due if report.off_mm is not None])
        stated = np.array([report.event.within_mm for report in due])
        ahead_ms = [(report.event.due_ns - report.at_ns) / 1e6 for report in due]
        inside = np.mean(off <= stated + ROW_MM)
        print(
            f"| {name} | {states['due']} | {states['late']} | {np.median(off):.2f} mm | "
            f"{np.percentile(off, 99):.2f} mm | {off.max():.2f} mm | {np.median(stated):.1f} mm | {inside:.1%} | "
            f"{min(ahead_ms):.0f} to {max(ahead_ms):.0f} ms |",
            flush=True,
        )


if __name__ == "__main__":
    main()
