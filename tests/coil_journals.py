"""Journals of coils, written as a daemon writes them: for tests and benches of what is asked of them afterwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.events.history import History
from inspector.events.journal import Journal
from inspector.records.events import CoilReport, Data, Defect, Missed

CLASSES = ("pitted", "crack", "scratch", "patch")
SHARES = (0.5, 0.1, 0.3, 0.1)
BATCH = 500


def now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def new_journal(
    folder: Path, max_mb: int = 1024, clock_utc: Callable[[], datetime] = now, epoch: str = "e1"
) -> Journal:
    """Open a journal."""
    return Journal(folder, max_mb, "/inspector/test", clock_utc=clock_utc, new_epoch=lambda: epoch)


def reported(coil: str, state: str, length_m: float = 0.0, missed_m: float = 0.0, **facts: Any) -> CoilReport:
    """Make a coil's report."""
    usual: dict[str, Any] = {
        "inspected_m": length_m - missed_m,
        "missed_m": missed_m,
        "frames": 0,
        "defects": {},
        "length_m": length_m,
    }
    return CoilReport(**{"state": state, "coil": coil, **usual, **facts})


def write_record(journal: Journal, folder: Path, coil: str) -> None:
    """Record the newest coil of a name, of the journal in a folder, with what it holds."""
    with History(folder) as history:
        journal.record([record(gather(history, history.coil(coil)))])


def strewn(coil: str, number: int, length_m: float, seed: int = 0, width_mm: float = 1500.0) -> Iterator[Defect]:
    """Yield random defects of a coil of two sides, in the order of their positions."""
    rng = np.random.default_rng(seed)
    starts = np.sort(rng.uniform(0, 1000 * length_m, number))
    kinds = rng.choice(len(CLASSES), number, p=SHARES)
    lengths = np.minimum(rng.lognormal(2.5, 1.2, number), 3000)
    widths = np.minimum(rng.lognormal(1.5, 0.8, number), 200)
    lefts = rng.uniform(0, width_mm - 200, number)
    confidences = rng.uniform(0.5, 1, number)
    for place in range(number):
        start_mm, left_mm = float(starts[place]), float(lefts[place])
        side = "top" if rng.random() < 0.6 else "bottom"
        yield Defect(
            start_mm=round(start_mm, 1),
            end_mm=round(start_mm + float(lengths[place]), 1),
            left_mm=round(left_mm, 1),
            right_mm=round(left_mm + float(widths[place]), 1),
            area_mm2=round(float(lengths[place] * widths[place]) * 0.7, 1),
            id=f"{coil}/{side}/5f0c1d2e/{int(start_mm / 160)}/{place % 7}-{place}",
            name=CLASSES[kinds[place]],
            camera=side,
            coil=coil,
            side=side,
            confidence=round(float(confidences[place]), 3),
            is_partial=False,
            frames=1,
            recipe="steel-r34@3",
            captured_ns=1_795_363_200_000_000_000 + place,
        )


def write(journal: Journal, events: Sequence[Data]) -> None:
    """Record events, a batch at a time."""
    for first in range(0, len(events), BATCH):
        journal.record(events[first : first + BATCH])


def write_coil(journal: Journal, coil: str, number: int, length_m: float, seed: int = 0) -> list[Defect]:
    """Record a coil with random defects and one gap; return its defects."""
    defects = list(strewn(coil, number, length_m, seed))
    gap = Missed(camera="top", coil=coil, start_mm=100.0, end_mm=600.0, reasons={"lost": 3})
    counts = {name: sum(defect.name == name for defect in defects) for name in CLASSES}
    write(journal, [reported(coil, "started"), gap, *defects])
    write(journal, [reported(coil, "ended", length_m, 0.5, defects=counts)])
    return defects
