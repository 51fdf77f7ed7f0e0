"""Crops between their frame and the archive: each is written or counted as dropped, with why."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest

from inspector.analysis.analyse import FrameDefects, detect
from inspector.archive.collect import SWEEP_CALLS, Collect
from inspector.archive.cut import MOST_OF_FRAME, Cut
from inspector.archive.draft import ArchiveEntry
from inspector.archive.keeper import Keeper
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.records.commands import Asked, Relabel
from inspector.records.frame import Bytes2D
from inspector.records.stages import ArchiveAccount, Batch, Findings, Frame, Inspected, whole
from inspector.strip.strip import Strip
from tests.frames import HEIGHT, WIDTH, camera, header, recipe

BY = recipe("dark", "bright", min_area_mm2=4.0)
KEPT = 3


def see(labels: Bytes2D, number: int, camera_name: str = "top", start_mm: float | None = None) -> Inspected:
    """A frame in which the network sees these labels."""
    frame = Frame(header(number, camera_name, coil="C", start_mm=start_mm, side=camera_name), 0)
    confidence, presence = np.full(labels.shape, 200, np.uint8), np.ones(2, np.float32)
    seen = detect(labels, confidence, presence, BY, camera().footprint(frame.header), max_regions=100)
    assert isinstance(seen, FrameDefects)
    return Inspected(frame, seen.detections, BY, outline=seen.outline)


class Flow:
    """Cut, strip and the stage, on an archive in a folder."""

    def __init__(self, folder: Path) -> None:
        store = Store(ArchiveSection(path=str(folder / "kept")), "line", lambda: datetime.now(UTC))
        self.keeper = Keeper(store, lambda event: None)
        cameras = [camera(name, side=name) for name in ("top", "bottom")]
        self._cut = Cut(cameras, 0.0, self.keeper.has_room, self.keeper.skipped, Random(1))
        self._strip, self._collect = Strip(cameras), Collect(self.keeper, KEPT)

    def take(self, inspected: Inspected, labels: Bytes2D) -> int:
        """Take a frame through; return how many crops were made of it."""
        pixels = labels[None].copy()
        batch = Batch((inspected.frame,), pixels, whole(pixels), 0)
        found = self._cut(batch, Findings(arrivals=(inspected,), closed_ns=0))
        self._collect(self._strip(found))
        return len(found.crops)

    def tick(self) -> None:
        """A batch without frames."""
        self._collect(self._strip(Findings(closed_ns=0)))

    def end(self) -> ArchiveAccount:
        """Stop; return what became of crops."""
        self._collect(self._strip(Findings(closed_ns=0, is_last=True)))
        assert self.keeper.close(60.0)
        return self.keeper.account()


def run(folder: Path, frames: list[Bytes2D]) -> tuple[int, ArchiveAccount]:
    """Take frames through to a stop; return how many crops were made, and what became of crops."""
    flow = Flow(folder)
    made = sum(flow.take(see(labels, number), labels) for number, labels in enumerate(frames))
    return made, flow.end()


def test_crops_beyond_those_of_a_defect_are_counted(tmp_path: Path) -> None:
    """A scratch over eight frames leaves the three that show most of it, and five that are counted."""
    scratch = np.zeros((HEIGHT, WIDTH), np.uint8)
    scratch[:, 5] = 1
    made, account = run(tmp_path, [scratch] * 8)
    assert (made, account.written, account.dropped["defect"]) == (8, KEPT, 5)


def test_crops_of_what_is_not_reported_are_counted(tmp_path: Path) -> None:
    """A speck at a frame's edge is copied, as it may go on; it does not, and is no defect."""
    speck = np.zeros((HEIGHT, WIDTH), np.uint8)
    speck[-1, 3] = 2
    made, account = run(tmp_path, [speck, np.zeros_like(speck)])
    assert (made, account.written, account.dropped["unreported"]) == (1, 0, 1)


def test_crops_of_a_side_that_is_seen_later_wait_for_their_defects(tmp_path: Path) -> None:
    """The top side's camera is 60 m farther: what is open on the bottom side is not over for that."""
    sound, speck, flow = np.zeros((HEIGHT, WIDTH), np.uint8), np.zeros((HEIGHT, WIDTH), np.uint8), Flow(tmp_path)
    speck[-3:, 3:6] = 2
    for number in range(3):
        flow.take(see(sound, number, start_mm=60_000.0 + number * HEIGHT), sound)
    assert flow.take(see(speck, 0, "bottom", 0.0), speck) == 1
    for _ in range(SWEEP_CALLS):
        flow.tick()
    account = flow.end()
    assert (account.written, sum(account.dropped.values())) == (1, 0)


def test_what_nobody_expected_costs_only_what_it_befell(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A crop is lost and a label refused, each with a line in the log; the next crops are written."""
    flow, scratch, ends = Flow(tmp_path), np.zeros((HEIGHT, WIDTH), np.uint8), iter([True])
    store = flow.keeper._store
    add, scratch[:, 5] = store.add, 1

    def broken(entry: ArchiveEntry) -> None:
        """Write all but the first."""
        if next(ends, False):
            raise ValueError("crop")
        add(entry)

    store.add = broken  # type: ignore[method-assign]
    store.relabel = add  # type: ignore[assignment,method-assign]
    flow.keeper.relabel(Asked(1, Relabel(coil="C", defect="C/1", label="sound", operator="Kim")))
    [(_, answer, event)] = flow.keeper.relabelled(60.0)
    assert not answer.is_done and event is None and "log says why" in answer.message
    for number in range(8):
        flow.take(see(scratch, number), scratch)
    account = flow.end()
    assert (account.written, account.dropped["disk"]) == (KEPT - 1, 1)
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


@pytest.mark.parametrize("seed", range(4))
def test_each_crop_is_written_or_counted(tmp_path: Path, seed: int) -> None:
    """Whatever lies in the frames: crops that were made are written or dropped, and none is forgotten."""
    random = np.random.default_rng(seed)
    frames = [(random.random((HEIGHT, WIDTH)) < random.choice((0.0, 0.1, 0.5))).astype(np.uint8) for _ in range(20)]
    made, account = run(tmp_path, frames)
    beyond = sum(max(0, len(see(labels, 0).detections) - MOST_OF_FRAME) for labels in frames)
    assert account.dropped.get("frame", 0) == beyond
    assert account.written + sum(account.dropped.values()) - beyond == made
