"""Makes a coil's record once it has left the cameras: in the background, on a thread of its own, from the journal.

Laws: a coil that ended has its record, over a restart too: all that ended without one since the last ones that have
theirs are made up for, at the start and when another of their name has ended. The line is never held up: the thread
gives way after each few defects. A record that cannot be made is logged, and tried again when another coil has ended;
whatever it was, the coils after it have theirs.

Knows: the journal's folder, the rules in force. Must not know: the flow, sockets.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from inspector.coil.record import record
from inspector.coil.seen import gather
from inspector.config.geometry import spans
from inspector.errors import InspectorError
from inspector.events.history import History, Passage
from inspector.records.coil import MOST_PIECES
from inspector.records.events import Data
from inspector.records.recipe import Recipe
from inspector.service.line import Config

log = logging.getLogger("inspector")

NEIGHBOURS = 2
"""Newest coils that have theirs, which show that those before have: two under the cameras may end in any order."""
MOST_LACKING = 100
"""Newest coils looked at: those of a journal from before there were records stay without."""
REMEMBERED = 8
TRIES = 3
"""Of a record; a journal that is damaged there will not let it be made."""
PAUSE_S = 0.001
"""After each few defects: reading on without a pause would keep the interpreter from the line's threads."""


class _Work(NamedTuple):
    """Something to be made, and how often that was tried."""

    make: Callable[[], None]
    tries: int = 0


class CoilRecords:
    """The thread that makes records, from construction to `close`; `ended` and `replace` are for any thread.

    `say` has them journalled.
    """

    def __init__(self, settings: Config, card: Recipe, say: Callable[[Data], None]) -> None:
        self._say = say
        self._made = deque[tuple[int, str]](maxlen=REMEMBERED)
        """Coils whose record may not be on disk yet: first event and end."""
        self._failed = deque[_Work](maxlen=REMEMBERED)
        """To be tried again, the oldest first."""
        self._asked: SimpleQueue[str | None] = SimpleQueue()
        self.replace(settings, card)
        self._thread = threading.Thread(target=self._work, name="records", daemon=True)
        self._thread.start()

    def replace(self, settings: Config, card: Recipe) -> None:
        """Grade by another configuration from the next coil on."""
        seen_by, path = spans(settings.camera, card), Path(settings.journal.path)
        self._rules = settings.grading, settings.severity, settings.by_grade, seen_by, path

    def ended(self, coil: str) -> None:
        """Have the record made of a coil whose end is on disk."""
        self._asked.put(coil)

    def close(self, timeout_s: float) -> bool:
        """Make what was asked for, and end; False when that takes longer."""
        self._asked.put(None)
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _work(self) -> None:
        self._try(_Work(self._make_up))
        while (coil := self._asked.get()) is not None:
            again = [*self._failed]
            self._failed.clear()
            for work in (*again, _Work(partial(self._make, coil))):
                self._try(work)

    def _make_up(self) -> None:
        with History(self._rules[-1]) as history:
            lacking = self._lacking(history, history.coils(), NEIGHBOURS + MOST_PIECES)
        self._record_all(lacking)

    def _make(self, coil: str) -> None:
        with History(self._rules[-1]) as history:
            of_name = [passage for passage in history.coils() if passage.coil == coil]
            lacking = self._lacking(history, of_name, NEIGHBOURS)
        self._record_all(lacking)

    def _lacking(self, history: History, passages: Sequence[Passage], enough: int) -> list[Passage]:
        """Those of some coils that ended and have no record, back to `enough` that have theirs; oldest first."""
        lacking, recorded = list[Passage](), 0
        for passage in passages[: -MOST_LACKING - 1 : -1]:
            if (passage.first_seq, passage.ended) not in self._made and _lacks(history, passage):
                lacking.insert(0, passage)
            elif passage.is_over and (recorded := recorded + 1) == enough:
                break
        return lacking

    def _record_all(self, passages: Sequence[Passage]) -> None:
        for passage in passages:
            self._try(_Work(partial(self._record, passage)))

    def _record(self, passage: Passage) -> None:
        gradings, severities, uncounted, seen_by, path = self._rules
        with History(path) as history:
            held = history.coil(passage.coil, passage.first_seq)
            if not held.is_over or (held.first_seq, held.ended) in self._made:  # it has gone on since, or is made
                return
            seen = gather(history, held, seen_by, pause=lambda: time.sleep(PAUSE_S))
        made = record(seen, gradings, severities, uncounted)
        self._say(made)
        self._made.append((held.first_seq, held.ended))
        log.info("coil %s: %s", passage.coil, made.grade)

    def _try(self, work: _Work) -> None:
        try:
            work.make()
        except InspectorError as error:
            log.warning("a coil's record cannot be made: %s", error)
        except Exception as error:  # whatever it is, the next coil is graded, and the line goes on
            log.error("a coil's record cannot be made: unexpected %r. Report this as a bug.", error)
        else:
            return
        if work.tries + 1 < TRIES:
            self._failed.append(_Work(work.make, work.tries + 1))


def _lacks(history: History, passage: Passage) -> bool:
    """Whether a coil ended and has no record, or ended once more since its last one."""
    recorded = history.records(passage)
    return passage.is_over and (not recorded or recorded[-1].ended < passage.ended)
