"""A process killed at any write of a commit, and then a power cut: what its successor holds stays."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path

import pytest

from inspector.errors import JournalError
from inspector.events import segments
from inspector.events.journal import Journal
from tests.journals import ALARM, DEFECT, opened
from tests.simulation.disk import Disk, simulated_disk

CHANGES = range(10, 16)
"""Of the second commit: its last writes, its sync (the 13th today), and none."""
CUTS = 6


def killed(folder: Path, disk: Disk, changes: int) -> Journal:
    """What another process opens, after one that was killed at this change of its second commit."""
    journal = opened(folder)
    journal.record([DEFECT])
    disk.dies_after = changes
    with suppress(JournalError):
        journal.record([ALARM, DEFECT])
    disk.kill()
    with suppress(JournalError):
        journal.close()
    disk.start()
    return opened(folder)


def lost(folder: Path) -> int:
    """Events that a successor held and that a power cut took, over all places of the kill and some fates of writes."""
    found = 0
    with simulated_disk(folder) as disk:
        for changes in CHANGES:
            for fate in range(CUTS):
                disk.forget()
                for path in folder.iterdir():
                    path.unlink()
                disk.forget()
                journal = killed(folder, disk, changes)
                held = journal.last_seq
                disk.kill()
                with suppress(JournalError):
                    journal.close()
                disk.cut(random.Random(fate))
                disk.start()
                again = opened(folder)
                found += held - again.last_seq
                again.close()
    return found


def test_what_a_killed_process_left_is_synced_before_it_is_replayed(tmp_path: Path) -> None:
    """Its log may be in the machine's memory alone: nobody may be given it as recorded before it is on disk."""
    assert lost(tmp_path) == 0


def test_that_can_fail(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a sync at the opening, by us or by SQLite as the log ends, a power cut takes events that were held."""
    open_to_write = segments.open_to_write

    def unsynced(file: Path) -> object:
        with monkeypatch.context() as patch:
            patch.setattr(segments, "_sync", lambda *_: None)
            patch.setattr(segments, "_end_log", lambda _: None)
            return open_to_write(file)

    monkeypatch.setattr("inspector.events.resume.open_to_write", unsynced)
    assert lost(tmp_path) > 0
