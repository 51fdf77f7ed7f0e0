"""The archive's folder: crops as pairs of files, bounded by size and age.

    seen/DAY/COIL/CAMERA-DEFECT-PLACE.png|json       as the network saw it
    labelled/DAY/COIL/CAMERA-DEFECT-PLACE.png|json   what a person has labelled: it goes last
    strip/                                           the strip picture: tiles.py

DAY is when it was written (UTC), COIL and CAMERA are escaped as in a URL (`names.file_name`), DEFECT is a hash of the
defect's id.

Laws: a sidecar that is there has its picture; a file is whole or not there. The oldest go first. One process writes.
(After a loss of power the last files may be damaged: readers check.)

Knows: files. Must not know: threads, the line.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import cv2
import msgspec

from inspector.archive.draft import ArchiveEntry, sidecar
from inspector.archive.files import (
    DAY_S,
    PART,
    TRIMMED,
    blocks,
    disk_bytes,
    entries,
    oldest,
    refusal,
    remove,
    try_out,
    under,
    write,
)
from inspector.archive.hold import Hold
from inspector.archive.settings import ArchiveSection
from inspector.archive.steady import SteadyClock
from inspector.errors import ArchiveError
from inspector.records.commands import Answer, Relabel
from inspector.records.crop import SOUND, Label, Sidecar
from inspector.records.events import Labelled
from inspector.records.names import file_name
from inspector.words import counted

log = logging.getLogger("inspector")

SEEN, LABELLED = "seen", "labelled"
LEAST_FREE = 16 * 2**20
"""Bytes that the disk must have free at the start."""
PNG = [cv2.IMWRITE_PNG_COMPRESSION, 3]


class Store:
    """An archive that this process writes, from construction to `close`.

    Raises: ArchiveError when the folder cannot be made or written, is full, or has another writer.
    """

    def __init__(
        self,
        section: ArchiveSection,
        line: str,
        clock_utc: Callable[[], datetime],
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self.folder, self._steady = Path(section.path), SteadyClock(clock_utc, clock_s)
        self._section, self._line, self._clock_utc = section, line, clock_utc
        self.bytes = 0
        """Disk space of all crops, once they were counted."""
        self._hold = self._open()

    def close(self) -> None:
        """Let another process write."""
        self._hold.let_go()

    def see_here(self) -> bool:
        """See that the folder is the archive; whether it may hold something else than was counted.

        Raises: OSError.
        """
        return self._hold.see_here()

    def let_go(self) -> None:
        """Hold nothing on the disk until `see_here`."""
        self._hold.let_go()

    def _open(self) -> Hold:
        try:
            hold = Hold(self.folder)
            try:
                try_out(self.folder, LEAST_FREE)
            except OSError:
                hold.let_go()
                raise
        except BlockingIOError as error:
            raise ArchiveError(
                f"archive.path is {self.folder}, and another inspector writes there; expected a folder of this line's "
                "own. Give it another path."
            ) from error
        except OSError as error:
            raise ArchiveError(refusal(self.folder, error)) from error
        return hold

    # --- crops ----------------------------------------------------------------------------------------------

    def count(self) -> None:
        """Find out how much space the crops take; remove what a process left that ended while it wrote.

        Raises: OSError.
        """
        taken = 0
        for kind in (SEEN, LABELLED):
            for folder in under(self.folder / kind, "*", "*"):
                files = {os.path.splitext(file.name): file for file in entries(folder)}
                for (stem, ending), file in files.items():
                    if ending == PART or (ending == ".png" and (stem, ".json") not in files):
                        remove(folder / file.name)
                    elif ending in (".png", ".json"):
                        taken += disk_bytes(file)
        self.bytes = taken

    def add(self, entry: ArchiveEntry) -> None:
        """Write a crop and its sidecar; the oldest go where there is no room.

        Raises: OSError.
        """
        coil, camera = entry.draft.placed.coil, entry.draft.inspected.frame.header.camera
        defect = entry.defect.id if entry.defect else entry.draft.piece
        folder = self.folder / SEEN / self._clock_utc().strftime("%Y-%m-%d") / file_name(coil)
        stem = f"{file_name(camera)}-{_hash(defect)}-{entry.place}"
        is_made, png = cv2.imencode(".png", entry.draft.crop.pixels, PNG)
        assert is_made, "8-bit grey pixels make a PNG"
        facts = msgspec.json.encode(sidecar(entry, self._line, f"{stem}.png"))
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / f"{stem}.png", png.tobytes())
        _write_sidecar(folder / f"{stem}.json", facts)
        self.bytes += blocks(png.size) + blocks(len(facts))
        if self.bytes > self._section.max_gb * 1e9:
            self._make_room(int(TRIMMED * self._section.max_gb * 1e9))

    def age(self) -> None:
        """Remove what is older than it may become, by a clock that goes on as time does; of labels later than others.

        Raises: OSError.
        """
        now_s, looks = self._steady.look()
        for kind, days in ((SEEN, self._section.max_days), (LABELLED, self._section.max_labelled_days))[:looks]:
            gone = 0
            for path, written_s in oldest(self.folder / kind, "*.json"):
                if written_s >= now_s - days * DAY_S:
                    break
                self._remove(path)
                gone += 1
            if gone:
                log.info("archive: %s removed from %s, older than %g days", counted(gone, "crop"), kind, days)

    def relabel(self, order: Relabel) -> tuple[Answer, Labelled | None]:
        """Label all crops of a defect; return what became of it, and the event that reports it.

        Raises: OSError.
        """
        found = [
            (path, crop)
            for path in sidecars(self.folder, order.coil, order.defect)
            if (crop := _read(path)) and crop.defect == order.defect
        ]
        if not found:
            words = f"the archive has no crop of defect {order.defect} of coil {order.coil}. See `inspector defects`."
            return Answer(is_done=False, message=words), None
        first = found[0][1]
        label = _label(order.label, first.classes)
        if label is None:
            words = f"label is {order.label}; expected {', '.join(first.classes)}, a number of theirs, or {SOUND}."
            return Answer(is_done=False, message=words), None
        if words := _overtaken(order, label, first.label):
            return Answer(is_done=False, message=words), None
        given = Label(name=label, operator=order.operator, reason=order.reason, time=self._clock_utc().isoformat())
        for path, crop in found:
            self._label(path, msgspec.structs.replace(crop, label=given if label else None))
        crops = counted(len(found), "crop")
        event = Labelled(
            coil=first.coil,
            id=first.defect,
            name=first.name,
            label=label,
            crops=len(found),
            operator=order.operator,
            reason=order.reason,
        )
        became = f"is {label} now" if label else "has no label now"
        return Answer(is_done=True, message=f"{first.name} {first.defect} {became} ({crops})."), event

    # --- files ----------------------------------------------------------------------------------------------

    def _label(self, path: Path, labelled: Sidecar) -> None:
        """Write a sidecar where those lie that have a label, or none, as old as before; the one before goes last."""
        folder = self.folder / (LABELLED if labelled.label else SEEN) / path.parts[-3] / path.parts[-2]
        folder.mkdir(parents=True, exist_ok=True)
        facts, target = msgspec.json.encode(labelled), folder / path.name
        before = path.stat()
        if target != path:
            write(target.with_suffix(".png"), path.with_suffix(".png").read_bytes())
        _write_sidecar(target, facts)
        os.utime(target, ns=(before.st_atime_ns, before.st_mtime_ns))
        if target != path:
            path.unlink()
            path.with_suffix(".png").unlink()
        self.bytes += blocks(len(facts)) - blocks(before.st_size)

    def _make_room(self, to_bytes: int) -> None:
        self.count()  # somebody may have made room by hand, and what is labelled must not pay for it
        for kind in (SEEN, LABELLED):
            for path, _ in oldest(self.folder / kind, "*.json"):
                if self.bytes <= to_bytes:
                    return
                self._remove(path)

    def _remove(self, path: Path) -> None:
        """Remove a crop: its sidecar first."""
        self.bytes -= remove(path) + remove(path.with_suffix(".png"))


def _write_sidecar(path: Path, facts: bytes) -> None:
    """Write a sidecar; where the disk does not take it its picture goes, unless one of before stands.

    Raises: OSError.
    """
    try:
        write(path, facts)
    except OSError:
        if not path.exists():
            remove(path.with_suffix(".png"))
        raise


def sidecars(folder: Path, coil: str, defect: str) -> list[Path]:
    """Sidecars in an archive that may be of a defect: another one's may have the same hash."""
    names = "*", file_name(coil), f"*-{_hash(defect)}-*.json"
    return [path for kind in (LABELLED, SEEN) for path in under(folder / kind, *names)]


def _label(text: str, classes: tuple[str, ...]) -> str | None:
    """The label that is meant by a class's name or number; empty where none is to be."""
    if text in ("", SOUND) or text in classes:
        return text
    return classes[int(text) - 1] if text.isdecimal() and 1 <= int(text) <= len(classes) else None


def _overtaken(order: Relabel, asked: str, stands: Label | None) -> str:
    """Why an order comes too late: somebody labelled the defect since its sender looked at it; empty when it does not.

    What stands may be the sender's own: a full disk cut the order short, and it comes again.
    """
    if order.seen is None or order.seen == (stands.time if stands else ""):
        return ""
    if stands and (stands.name, stands.operator) == (asked, order.operator):
        return ""
    words = f"{stands.operator} labelled it {stands.name} at {stands.time}" if stands else "its label was taken back"
    return f"{order.defect}: {words}, after {order.operator} looked; nothing was done. Look again."


def _read(path: Path) -> Sidecar | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Sidecar)
    except (FileNotFoundError, ValueError):  # somebody tidies up here; a sidecar that is damaged
        return None


def _hash(defect: str) -> str:
    return hashlib.sha256(defect.encode()).hexdigest()[:16]
