"""The thread that writes the archive, behind a queue that gives up crops rather than hold up the line.

Laws: nobody waits for the disk but this thread. A full queue drops crops, counted; so does a disk that takes none: that
is reported once, the line goes on, and the archive is tried again each few seconds. An error of the disk ends nothing.

Knows: queues, the store. Must not know: the flow, what a crop shows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from queue import Empty, Queue, SimpleQueue

from inspector.archive.draft import ArchiveEntry
from inspector.archive.store import Store
from inspector.records.commands import Answer, Asked, Relabel
from inspector.records.events import ArchiveStatus, Data, Labelled
from inspector.records.stages import ArchiveAccount, CropDrop

log = logging.getLogger("inspector")

DEPTH = 512
"""Crops that may wait for the disk: 256 kB each at most, 10 kB as a rule."""
RETRY_S = 5.0
AGE_S = 600.0
"""How often old crops are looked for."""

Done = tuple[Asked, Answer, Labelled | None]


class Keeper:
    """Writes what is offered, from construction to `close`; `report` receives, on its thread, what goes wrong."""

    def __init__(
        self, store: Store, report: Callable[[Data], None], clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._report, self._clock_s = store, report, clock_s
        self._queue: Queue[ArchiveEntry | Asked | None] = Queue()
        self._done: SimpleQueue[Done] = SimpleQueue()
        self._asked = 0
        """Labels that were asked for, and whose outcome was not fetched yet."""
        self._written = self._disk = 0
        self._skipped: Counter[CropDrop] = Counter()
        self._failed_s: float | None = None
        """When the disk took none last."""
        self._aged_s = clock_s() - AGE_S
        self._is_counted = False
        self._thread = threading.Thread(target=self._work, name="archive", daemon=True)
        self._thread.start()

    # --- of the flow's thread -------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether a crop that is offered now would be taken."""
        return self._queue.qsize() < DEPTH

    def offer(self, entry: ArchiveEntry) -> None:
        """Have a crop written; where too many wait it is dropped."""
        if self.has_room():
            self._queue.put(entry)
        else:
            self.skipped(1, "full")

    def skipped(self, crops: int, why: CropDrop) -> None:
        """Count crops that were not made, or not kept."""
        self._skipped[why] += crops

    def relabel(self, asked: Asked) -> None:
        """Have a label written, behind the crops that wait."""
        self._asked += 1
        self._queue.put(asked)

    def relabelled(self, wait_s: float) -> Iterator[Done]:
        """Yield what became of labels; wait for those under way, so long at most."""
        until_s = time.monotonic() + wait_s
        while self._asked:
            try:
                done = (
                    self._done.get(timeout=max(0.001, until_s - time.monotonic()))
                    if wait_s
                    else self._done.get_nowait()
                )
            except Empty:
                return
            self._asked -= 1
            yield done

    def account(self) -> ArchiveAccount:
        """Return what became of crops so far; from any thread."""
        return ArchiveAccount(
            written=self._written,
            dropped={**self._skipped, "disk": self._disk},
            bytes=self._store.bytes,
            is_failing=self._failed_s is not None,
        )

    def close(self, patience_s: float) -> bool:
        """Write what waits, and end; False when that takes longer."""
        self._queue.put(None)
        self._thread.join(patience_s)
        if self._thread.is_alive():
            return False
        self._store.close()
        return True

    # --- of its own -----------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (task := self._queue.get()) is not None:
            if isinstance(task, ArchiveEntry):
                self._keep(task)
            else:
                self._label(task)

    def _keep(self, entry: ArchiveEntry) -> None:
        if self._failed_s is not None and self._clock_s() - self._failed_s < RETRY_S:
            self._disk += 1
            return
        try:
            if not self._is_counted:
                self._store.count()
                self._is_counted = True
            self._store.add(entry)
            if self._clock_s() - self._aged_s >= AGE_S:
                self._aged_s = self._clock_s()
                self._store.age()
        except OSError as error:
            self._disk += 1
            self._fail(error)
            return
        self._written += 1
        if self._failed_s is not None:
            self._failed_s = None
            self._tell("returned", f"{self._store.folder} takes crops again; {self._disk} were lost")

    def _fail(self, error: OSError) -> None:
        is_new = self._failed_s is None
        self._failed_s, self._is_counted = self._clock_s(), False
        if is_new:
            why = error.strerror or str(error)
            self._tell("raised", f"{self._store.folder} takes no crops: {why}. Inspection goes on; make room there.")

    def _tell(self, state: str, message: str) -> None:
        is_raised = state == "raised"
        (log.error if is_raised else log.info)("archive: %s", message)
        status = "maintenance_required" if is_raised else "normal"
        self._report(ArchiveStatus(fault="not_written", state=state, status=status, message=message))

    def _label(self, asked: Asked) -> None:
        order = asked.command
        assert isinstance(order, Relabel)
        try:
            answer, event = self._store.relabel(order)
        except OSError as error:
            words = (
                f"{self._store.folder} cannot be written: {error.strerror or error}. Make room there, and ask again."
            )
            answer, event = Answer(is_done=False, message=words), None
        self._done.put((asked, answer, event))
