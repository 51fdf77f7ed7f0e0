"""Coils as they were seen, for tests of records, grades and reports."""

from __future__ import annotations

from typing import Any

from inspector.coil.columns import Columns
from inspector.coil.seen import CoilHistory
from inspector.config.geometry import Span
from inspector.events.history import NEWEST_SEQ, Passage
from inspector.records.events import Defect
from tests.coil_journals import reported

SPANS = (
    Span(camera="top", side="top", left_mm=0.0, right_mm=1000.0),
    Span(camera="bottom", side="bottom", left_mm=0.0, right_mm=1000.0),
)


def seen(*defects: Defect, length_m: float = 100.0, is_over: bool = True, **facts: Any) -> CoilHistory:
    """Make a coil of two cameras that saw these defects."""
    columns = Columns(defects)
    columns.freeze()
    report = reported("C", "ended" if is_over else "started", length_m)
    passage = Passage(
        coil="C",
        first_seq=1,
        last_seq=NEWEST_SEQ,
        started="2026-03-01T12:00:00.000Z",
        ended="2026-03-01T12:05:00.000Z" if is_over else "",
        is_whole=facts.pop("is_whole", True),
        report=report,
    )
    usual: dict[str, Any] = {"missed": [], "repeats": [], "crowded": [], "alarms": {}, "spans": SPANS}
    kept: dict[str, Any] = {"ids": [defect.id for defect in defects], "defects": list(defects)}
    return CoilHistory(passage=passage, totals=report, columns=columns, **{**usual, **kept, **facts})
