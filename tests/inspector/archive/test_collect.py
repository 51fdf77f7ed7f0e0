"""Crops between their frame and the archive: each is written or counted as dropped, with why."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import numpy as np
import pytest

from inspector.analysis.analyse import FrameDefects, detect
from inspector.archive.collect import Collect
from inspector.archive.cut import MOST_OF_FRAME, Cut
from inspector.archive.keeper import Keeper
from inspector.archive.settings import ArchiveSection
from inspector.archive.store import Store
from inspector.records.frame import Bytes2D
from inspector.records.stages import ArchiveAccount, Batch, Findings, Frame, Inspected, whole
from inspector.strip.strip import Strip
from tests.frames import HEIGHT, WIDTH, camera, header, recipe

BY = recipe("dark", "bright", min_area_mm2=4.0)
KEPT = 3


def see(labels: Bytes2D, number: int) -> Inspected:
    """A frame in which the network sees these labels."""
    frame = Frame(header(number, coil="C"), 0)
    confidence, presence = np.full(labels.shape, 200, np.uint8), np.ones(2, np.float32)
    seen = detect(labels, confidence, presence, BY, camera().footprint(frame.header), max_regions=100)
    assert isinstance(seen, FrameDefects)
    return Inspected(frame, seen.detections, BY, outline=seen.outline)


def run(folder: Path, frames: list[Bytes2D]) -> tuple[int, ArchiveAccount]:
    """Take frames through to a stop; return how many crops were made, and what became of crops."""
    store = Store(ArchiveSection(path=str(folder / "kept")), "line", lambda: datetime.now(UTC))
    keeper = Keeper(store, lambda event: None)
    cut, strip = Cut([camera()], 0.0, keeper.has_room, keeper.skipped, Random(1)), Strip([camera()])
    collect, made = Collect(keeper, KEPT), 0
    for number, labels in enumerate(frames):
        inspected, pixels = see(labels, number), labels[None].copy()
        batch = Batch((inspected.frame,), pixels, whole(pixels), number)
        found = cut(batch, Findings(arrivals=(inspected,), closed_ns=number))
        made += len(found.crops)
        collect(strip(found))
    collect(strip(Findings(closed_ns=len(frames), is_last=True)))
    assert keeper.close(60.0)
    return made, keeper.account()


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


@pytest.mark.parametrize("seed", range(4))
def test_each_crop_is_written_or_counted(tmp_path: Path, seed: int) -> None:
    """Whatever lies in the frames: crops that were made are written or dropped, and none is forgotten."""
    random = np.random.default_rng(seed)
    frames = [(random.random((HEIGHT, WIDTH)) < random.choice((0.0, 0.1, 0.5))).astype(np.uint8) for _ in range(20)]
    made, account = run(tmp_path, frames)
    beyond = sum(max(0, len(see(labels, 0).detections) - MOST_OF_FRAME) for labels in frames)
    assert account.dropped.get("frame", 0) == beyond
    assert account.written + sum(account.dropped.values()) - beyond == made
