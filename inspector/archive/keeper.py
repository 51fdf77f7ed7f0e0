"""The thread that writes the archive, behind a queue that gives up pictures rather than hold up the line.

Laws: only this thread waits for the disk. A full queue drops crops, or frames of the strip picture, counted: each
kind has room of its own. So does a disk that takes none, or is not mounted: that is reported once, the line goes on,
and the archive is tried again each few seconds; nothing on the disk is held meanwhile. An error of the disk ends
nothing; any other costs what it befell, and is logged.

Knows: queues, the stores. Must not know: the flow, what a picture shows.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from queue import Empty, Queue, SimpleQueue

from inspector.archive.draft import ArchiveEntry
from inspector.archive.hold import NotHere
from inspector.archive.store import Store
from inspector.archive.strip_picture import DrawnTile, PlacedSwath, StripPicture
from inspector.archive.tiles import TileStore
from inspector.records.commands import Answer, Asked, Command, Relabel
from inspector.records.events import ArchiveStatus, Data, Labelled
from inspector.records.stages import ArchiveAccount, CropDrop, SwathDrop

log = logging.getLogger("inspector")

DEPTH = 512
"""Crops that may wait for the disk: 256 kB each at most, 10 kB as a rule."""
STRIP_DEPTH = 512
"""Small pictures of frames that may wait: 6 kB each as a rule."""
LOOK_S = 0.25
"""How often tiles are looked for that are to be written, while nothing comes."""
RETRY_S = 5.0
AGE_S = 600.0
"""How often old crops are looked for."""
UNEXPECTED = "archive: unexpected %r. Report this as a bug."

Done = tuple[Asked, Answer, Labelled | None]


class StripArchive:
    """The strip picture that a keeper writes: what draws it, and its files."""

    def __init__(self, picture: StripPicture, store: TileStore) -> None:
        self.picture, self.store = picture, store


class Keeper:
    """Writes what is offered, from construction to `close`; `report` receives, on its thread, what goes wrong."""

    def __init__(
        self,
        store: Store,
        report: Callable[[Data], None],
        strip: StripArchive | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """Without `strip` no strip picture is kept."""
        self._store, self._report, self._strip, self._clock_s = store, report, strip, clock_s
        self._queue: Queue[ArchiveEntry | PlacedSwath | Asked | None] = Queue()
        self._done: SimpleQueue[Done] = SimpleQueue()
        self._asked = 0
        """Labels that were asked for, and whose outcome was not fetched yet."""
        self._written = self._disk = 0
        self._skipped: Counter[CropDrop] = Counter()
        self._crops_in = self._crops_out = self._swaths_in = self._swaths_out = 0
        """What was queued, and what was taken from the queue: each is counted by one thread."""
        self._drawn = self._undrawn_disk = 0
        self._undrawn: Counter[SwathDrop] = Counter()
        self._failed_s: float | None = None
        """When the disk took none last."""
        self._aged_s = clock_s() - AGE_S
        self._is_counted = False
        self._thread = threading.Thread(target=self._work, name="archive", daemon=True)
        self._thread.start()

    # --- of the flow's thread -------------------------------------------------------------------------------

    def has_room(self) -> bool:
        """Whether a crop that is offered now would be taken."""
        return self._crops_in - self._crops_out < DEPTH

    def has_room_for_strip(self) -> bool:
        """Whether a frame's small picture that is offered now would be taken."""
        return self._swaths_in - self._swaths_out < STRIP_DEPTH

    def offer(self, entry: ArchiveEntry) -> None:
        """Have a crop written; where too many wait it is dropped."""
        if self.has_room():
            self._crops_in += 1
            self._queue.put(entry)
        else:
            self.skipped(1, "full")

    def draw(self, swath: PlacedSwath) -> None:
        """Have a frame drawn into the strip picture; where too many wait it is dropped."""
        if self.has_room_for_strip():
            self._swaths_in += 1
            self._queue.put(swath)
        else:
            self.undrawn(1, "full")

    def undrawn(self, frames: int, why: SwathDrop) -> None:
        """Count frames that do not come into the strip picture."""
        self._undrawn[why] += frames

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
            drawn=self._drawn,
            undrawn={**self._undrawn, "disk": self._undrawn_disk},
            strip_bytes=self._strip.store.bytes if self._strip else 0,
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
        while (task := self._next()) is not None:
            if isinstance(task, ArchiveEntry):
                self._crops_out += 1
                self._keep(task)
            elif isinstance(task, PlacedSwath):
                self._swaths_out += 1
                self._draw(task)
            elif isinstance(task, Asked):
                self._done.put((task, *self._labelled(task.command)))
            if self._strip:
                self._write_tiles(self._strip.picture.due(self._clock_s()))
        if self._strip:
            self._write_tiles(self._strip.picture.last())

    def _next(self) -> ArchiveEntry | PlacedSwath | Asked | bool | None:
        """What waits; False where nothing has come, and there are tiles to look after."""
        try:
            return self._queue.get(timeout=LOOK_S if self._strip and self._strip.picture.is_changed else None)
        except Empty:
            return False

    def _keep(self, entry: ArchiveEntry) -> None:
        if self._written_by(lambda: self._store.add(entry)):
            self._written += 1
        else:
            self._disk += 1

    def _draw(self, swath: PlacedSwath) -> None:
        assert self._strip is not None, "nobody else makes small pictures"
        if self._rests():
            self._undrawn_disk += 1
            return
        self._drawn += 1
        self._write_tiles(self._strip.picture.add(swath, self._clock_s()))

    def _write_tiles(self, tiles: Iterable[DrawnTile]) -> None:
        assert self._strip is not None
        store = self._strip.store
        try:
            for tile in tiles:
                self._written_by(partial(store.add, tile))
        except Exception as error:  # whatever it is: what could not be drawn is missing, and the line goes on
            log.error(UNEXPECTED, error)

    def _rests(self) -> bool:
        """Whether the disk took none a moment ago."""
        return self._failed_s is not None and self._clock_s() - self._failed_s < RETRY_S

    def _written_by(self, write: Callable[[], None]) -> bool:
        """Write something; whether the disk took it."""
        if self._rests():
            return False
        try:
            self._look_after()
            write()
        except OSError as error:
            self._fail(error)
            return False
        except Exception as error:  # whatever it is: this one is lost, and the line goes on
            log.error(UNEXPECTED, error)
            return False
        if self._failed_s is not None:
            self._failed_s = None
            lost = self._disk + self._undrawn_disk
            self._tell("returned", f"{self._store.folder} takes pictures again; {lost} were lost")
        return True

    def _look_after(self) -> None:
        """See that it is the archive, count what is there, and remove what is too old, where that is due."""
        self._find()
        if not self._is_counted:
            self._store.count()
            if self._strip:
                self._strip.store.count()
            self._is_counted = True
        if self._clock_s() - self._aged_s >= AGE_S:
            self._aged_s = self._clock_s()
            self._store.age()
            if self._strip:
                self._strip.store.age()

    def _find(self) -> None:
        """See that the folder is the archive, before anything in it is read or written."""
        if self._store.see_here():
            self._is_counted = False

    def _fail(self, error: OSError) -> None:
        is_new = self._failed_s is None
        self._failed_s = self._clock_s()
        self._store.let_go()
        if is_new:
            why, remedy = error.strerror or str(error), _remedy(error)
            self._tell("raised", f"{self._store.folder} takes no pictures: {why}. Inspection goes on; {remedy}.")

    def _tell(self, state: str, message: str) -> None:
        is_raised = state == "raised"
        (log.error if is_raised else log.info)("archive: %s", message)
        status = "maintenance_required" if is_raised else "normal"
        self._report(ArchiveStatus(fault="not_written", state=state, status=status, message=message))

    def _labelled(self, order: Command) -> tuple[Answer, Labelled | None]:
        """Write a label; what became of it."""
        assert isinstance(order, Relabel)
        try:
            self._find()
            return self._store.relabel(order)
        except OSError as error:
            why, remedy = error.strerror or str(error), _remedy(error).capitalize()
            words = f"{self._store.folder} cannot be written: {why}. {remedy}, and ask again."
        except Exception as error:  # whatever it is: the next is answered
            log.error(UNEXPECTED, error)
            words = "the archive failed to write this label; the inspector's log says why."
        return Answer(is_done=False, message=words), None


def _remedy(error: OSError) -> str:
    if isinstance(error, NotHere):
        return "mount the archive's disk there"
    return "end that one" if isinstance(error, BlockingIOError) else "make room there"
