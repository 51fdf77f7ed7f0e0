"""How a journal takes up its numbers from the files in its folder, whatever state they are in.

Laws: no number of an epoch is used twice. A file that is emptied or damaged is set aside under another name, never
removed, and the line runs on; what is another line's, or of a later version, is refused.

Knows: the files, and what was known of the numbers before. Must not know: what an event is, retention.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import apsw

from inspector.errors import JournalError
from inspector.events.home import is_copy
from inspector.events.salvage import salvage
from inspector.events.segments import (
    Damaged,
    JournalFolder,
    changed,
    epoch_of_events,
    log_of,
    numbers,
    open_to_write,
)
from inspector.events.write_ahead import lost_commits
from inspector.records.envelope import SKIPPED
from inspector.words import counted


class JournalPosition(NamedTuple):
    """How far the journal goes, all of one moment."""

    starts: tuple[int, ...]
    """First numbers of the segments that are held."""
    last_seq: int
    last_topicseq: Mapping[str, int]

    @property
    def first_seq(self) -> int:
        """Oldest `seq` still held; `last_seq` + 1 when none is."""
        return self.starts[0]


class KnownEvents(NamedTuple):
    """What has to go on: a journal's identity, its numbers, and what the stages must know."""

    epoch: str
    position: JournalPosition
    states: Mapping[str, bytes]


class Resumed(NamedTuple):
    """What the files say."""

    known: KnownEvents
    newest: apsw.Connection | None
    """The file to write on in; None where another is to begin, from these numbers."""
    why: str = ""
    """What is wrong with an event of that file, or its checksum, where all else is whole."""


NOTHING = KnownEvents("", JournalPosition((), 0, MappingProxyType({})), MappingProxyType({}))


def resume(folder: JournalFolder, most_lost: int, known: KnownEvents = NOTHING) -> tuple[Resumed, list[str]]:
    """Read the newest file that is whole, and set aside those that are not; return also what there is to say of them.

    A lost file can have given out `most_lost` numbers. `known` is what the process that asks has recorded itself: it
    goes on from there, or from what turns out to be on disk beyond.

    Raises: JournalError where the files are another program's or another journal's; apsw.Error; OSError.
    """
    remarks, aside = list[str](), list[Path]()
    starts, lost = _whole_starts(folder, remarks)
    found: Resumed | None = None
    while starts and found is None:
        try:
            dropped = 0 if known.epoch else _dropped(folder.file(starts[-1]), remarks)
            segment = open_to_write(folder.file(starts[-1]))
            if segment is None:
                folder.unlink(starts.pop())  # the process died while it made this file
                continue
            found = _read(segment, starts)
            lost += bool(dropped)
            if found.newest is None and found.known.position.starts == (*starts,):
                remarks.append(f"{folder.file(starts[-1])}: {found.why}. It stays in replays, and is written no more")
            elif found.newest is None:  # its numbers are whole: they go on
                _set_aside(folder, starts.pop(), f"is damaged ({found.why})", remarks)
        except (Damaged, apsw.NotADBError, apsw.CorruptError, apsw.SQLError) as error:
            aside.append(_set_aside(folder, starts.pop(), f"is damaged ({error})", remarks))
            lost += 1
    if known.epoch:
        return _from_known(folder, found, known, starts, remarks), remarks
    found = found or _seen(aside)
    if found is None:
        return Resumed(NOTHING, None), remarks
    if is_copy(folder.path):
        found = _behind(found, SKIPPED)
        remarks.append(
            f"{folder.path}: is a copy that was put in place: what was recorded after it was made is lost. The next "
            f"event is {found.known.position.last_seq + 1}, so that no number of it is used twice. Of a journal that "
            "is moved say so before the start: `inspector journal moved`"
        )
    elif lost:
        found = _behind(found, lost * most_lost)
        remarks.append(f"the next event is {found.known.position.last_seq + 1}: none of the lost numbers is used twice")
    return found, remarks


def _whole_starts(folder: JournalFolder, remarks: list[str]) -> tuple[list[int], int]:
    """Set emptied files aside; return the others' first numbers, and how many of the newest were emptied."""
    starts, lost = list[int](), 0
    for start in folder.starts():
        if folder.is_emptied(start):
            _set_aside(folder, start, "was emptied", remarks)
            lost += 1
        else:
            starts.append(start)
            lost = 0
    return starts, lost


def _dropped(file: Path, remarks: list[str]) -> int:
    """Count the commits that SQLite will drop from the end of a file's log, and say so."""
    log_file = log_of(file)
    with contextlib.suppress(FileNotFoundError):
        if commits := lost_commits(log_file):
            words = counted(commits, "commit")
            remarks.append(f"{log_file}: was changed while nobody wrote it; {words} of events behind that are lost")
        return commits
    return 0


def _set_aside(folder: JournalFolder, start: int, what: str, remarks: list[str]) -> Path:
    file, aside = folder.file(start), folder.set_aside(start)
    remarks.append(f"{file}: {what}, its events are lost; set aside as {aside.name}")
    return aside


def _seen(aside: list[Path]) -> Resumed | None:
    """Return what the bytes of damaged files say, where there is no other: readers go on in the same epoch."""
    seen = salvage(aside)
    if seen is None:
        return None
    position = JournalPosition((), seen.last_seq, MappingProxyType(seen.last_topicseq))
    return Resumed(KnownEvents(seen.epoch, position, MappingProxyType({})), None)


def _read(segment: apsw.Connection, starts: list[int]) -> Resumed:
    """Read a file's numbers and states; close one in which an event was changed. Raises: Damaged; apsw.Error."""
    try:
        epoch, last_seq, topicseq = numbers(segment, starts[-1])
        states: dict[str, bytes] = dict(segment.execute("SELECT name, state FROM stage"))
        (why, why_unsure), recorded_epoch = changed(segment), epoch_of_events(segment)
    except BaseException:
        segment.close()
        raise
    position = JournalPosition(tuple(starts), last_seq, MappingProxyType(topicseq))
    if not why and recorded_epoch not in (None, epoch):
        why = f"its epoch is {epoch}, and its events are of {recorded_epoch}"
    if not why:
        if why_unsure:
            segment.close()
        return Resumed(KnownEvents(epoch, position, states), None if why_unsure else segment, why_unsure)
    segment.close()
    return Resumed(
        KnownEvents(recorded_epoch or epoch, position._replace(starts=tuple(starts[:-1])), states), None, why
    )


def _from_known(
    folder: JournalFolder, found: Resumed | None, known: KnownEvents, starts: list[int], remarks: list[str]
) -> Resumed:
    """Go on from what is on disk where that holds all that is known, otherwise behind it in another file."""
    if found is not None and found.known.epoch != known.epoch:
        if found.newest is not None:
            found.newest.close()
        raise JournalError(
            f"{folder.path}: is of epoch {found.known.epoch}; expected {known.epoch}: another journal was put in place "
            "while the inspector writes. Put the journal back, or restart the inspector to go on with this one."
        )
    if found is not None and found.known.position.last_seq >= known.position.last_seq:
        return found
    last_seq = 0
    if found is not None and found.newest is not None:
        found.newest.close()
        last_seq = found.known.position.last_seq
    if known.position.last_seq:
        remarks.append(
            f"{folder.path}: holds events up to {last_seq} of {known.position.last_seq}: the others can be replayed no "
            f"more. It goes on with {known.position.last_seq + 1}"
        )
    return Resumed(known._replace(position=known.position._replace(starts=tuple(starts))), None)


def _behind(found: Resumed, most: int) -> Resumed:
    """Have the numbers go on behind all that lost files can have given out, of each topic."""
    if found.newest is not None:
        found.newest.close()
    starts, last_seq, topicseq = found.known.position
    skipped = {root: number + most for root, number in topicseq.items()}
    position = JournalPosition(starts, last_seq + most * max(1, len(skipped)), MappingProxyType(skipped))
    return Resumed(found.known._replace(position=position), None)
