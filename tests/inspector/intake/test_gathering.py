"""Frames of few rows share planes: what follows one another, in order, each with its own rows, none for too long."""

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector import wire
from inspector.demand import Demand
from inspector.intake.accept import Accept
from inspector.intake.filling import Filling
from inspector.intake.gathering import ENOUGH, MOST_PLANES, Gathering, PlaneShare, most_frames, plane_share
from inspector.intake.overload import policies
from inspector.intake.receipts import Known
from inspector.intake.settings import IntakeSection
from inspector.intake.waiting import WaitingPicture
from inspector.records.frame import Header
from inspector.records.stages import Batch, Frame, Loss, Receipt
from tests import frames
from tests.frames import RECIPE, WIDTH

ROWS, SHARED = 2, 5
WAIT_NS = 100
BLOCK = frames.camera("top", height=ROWS)
RASTERS = {of.name: of.raster(RECIPE) for of in (BLOCK, frames.camera("bottom"))}


class AtOnce:
    """Decodes what comes, when it comes."""

    def __init__(self, work: Callable[[WaitingPicture], None]) -> None:
        self._work = work

    def add(self, camera: Hashable, item: WaitingPicture) -> None:
        """Decode a picture."""
        self._work(item)

    def close(self) -> None:
        """End nothing."""


def filling(most: int = 3, demand: Demand | None = None) -> Filling:
    """Make what fills batches of two cameras, of which `top` sends blocks of 2 rows for planes of 10."""
    shape = (most, SHARED * ROWS, WIDTH)
    return Filling(
        shape,
        lambda count: np.full((count, *shape[1:]), 255, np.uint8),
        demand or Demand(2),
        policies=policies([BLOCK, frames.camera("bottom")], IntakeSection(bind="tcp://127.0.0.1:*")),
        rasters=RASTERS,
        gatherings={"top": Gathering(BLOCK, RASTERS["top"], PlaneShare(SHARED, WAIT_NS))},
    )


def block(number: int, **facts: Any) -> Header:
    """Make the header of a block that follows those before it."""
    return frames.header(number, height=ROWS, **{"start_mm": float(ROWS * number), "mm_per_row": 1.0, **facts})


def put(into: Filling, header: Header, received_ns: int = 0) -> None:
    """Take in a block whose pixels say its number."""
    into.put(Frame(header, received_ns), np.full((header.height, WIDTH), header.number, np.uint8))


def planes(batch: Batch) -> list[list[int]]:
    """The numbers of the frames that share each plane; each frame has its own pixels."""
    found: list[list[int]] = [[] for _ in batch.pixels]
    for place, (frame, patch) in enumerate(zip(batch.frames(), batch.patches, strict=True)):
        assert (batch.picture(place) == frame.header.number).all()
        found[patch.plane].append(frame.header.number)
    return found


@pytest.mark.parametrize(
    ("rows", "count"),
    [(1, 256), (64, 4), (100, 5), (128, 2), (200, 5), (255, 1), (256, 1), (300, 3), (512, 1), (4096, 1)],
)
def test_how_many_frames_fill_planes(rows: int, count: int) -> None:
    """Blocks fill one plane where they go into it, else up to four; what fills planes by itself waits for nothing."""
    assert most_frames(rows, 256) == count


@given(rows=st.integers(1, 5000), plane_rows=st.integers(1, 1024))
def test_gathering_never_costs_more(rows: int, plane_rows: int) -> None:
    """No number of frames costs more planes a row than frames that go alone, nor more memory than four planes."""
    count = most_frames(rows, plane_rows)
    taken = -(-count * rows // plane_rows)
    assert count >= 1 and taken / count <= -(-rows // plane_rows)
    assert count == 1 or taken <= max(MOST_PLANES, -(-rows // plane_rows))
    assert count == 1 or rows > plane_rows or taken * plane_rows <= max(ENOUGH, 2) * count * rows


def test_blocks_share_a_plane_once_it_is_full() -> None:
    """Five blocks of two rows are one plane of ten: nothing of it leaves before the fifth has come."""
    into = filling()
    for number in range(4):
        put(into, block(number))
        assert into.planes == 0 and into.is_gathering
    put(into, block(4))
    assert into.planes == 1 and not into.is_gathering
    batch = into.leave(0)
    assert planes(batch) == [[0, 1, 2, 3, 4]] and batch.sizes() == [(10, WIDTH)]


@pytest.mark.parametrize(
    "facts",
    [
        {"coil": "B", "start_mm": 0.0},
        {"boot": "c"},
        {"side": "bottom"},
        {"start_mm": 6.0},
        {"start_mm": 2.0},
        {"start_mm": None},
        {"mm_per_row": 1.1},
        {"number": 4, "start_mm": 4.0},
    ],
)
def test_what_does_not_follow_ends_a_plane(facts: dict[str, Any]) -> None:
    """Another coil, boot or side, a gap, an overlap, another speed or a number left out: what was gathered goes on."""
    into = filling()
    for number in range(2):
        put(into, block(number, coil="A"))
    put(into, block(**{"number": 2, "coil": "A", **facts}))
    assert into.planes == 1
    into.release(0, everything=True)
    assert [len(shared) for shared in planes(into.leave(0))] == [2, 1]


def test_positions_that_are_rounded_still_follow() -> None:
    """A position off by less than a row or a millimetre ends nothing, nor does an encoder that states 0.5 % more."""
    into = filling()
    for number, start_mm in enumerate((0.0, 2.0, 4.4, 6.0, 7.5)):
        put(into, block(number, start_mm=start_mm, mm_per_row=1.0 + 0.005 * (number % 2)))
    assert planes(into.leave(0)) == [[0, 1, 2, 3, 4]]


def test_a_line_that_stops_has_its_last_rows_inspected() -> None:
    """Blocks that nothing follows go on once the first of them has waited long enough."""
    into = filling()
    for number in range(2):
        put(into, block(number), received_ns=10 + number)
    assert into.left_ns(10, 0) == WAIT_NS
    into.release(10 + WAIT_NS - 1)
    assert into.planes == 0
    into.release(10 + WAIT_NS)
    batch = into.leave(0)
    assert planes(batch) == [[0, 1]] and batch.sizes() == [(4, WIDTH)]


def test_a_full_batch_lets_them_wait() -> None:
    """Where no plane is free what has waited long enough stays for the next batch: nothing is given up for it."""
    into = filling(most=1)
    into.put(Frame(frames.header(0, "bottom"), 0), np.zeros((10, WIDTH), np.uint8))
    put(into, block(1))
    into.release(WAIT_NS)
    first = into.leave(0)
    into.release(WAIT_NS)
    assert not [*first.losses()] and planes(into.leave(0)) == [[1]]


def test_losses_and_receipts_come_with_their_frames() -> None:
    """A loss stands behind the blocks before it, and no receipt leaves before its frame."""
    into = filling()
    for number in range(2):
        put(into, block(number))
        into.acknowledge(Receipt("top", "b", number))
    into.lose(frames.missing(1))
    into.lose(Loss("rejected", "crc", "bottom", 1))
    before = into.leave(0)
    assert [loss.camera for loss in before.losses()] == ["bottom"] and not before.receipts and not before.patches
    assert into.left_ns(0, 5) == 0
    into.release(0)
    after = into.leave(0)
    assert [getattr(arrival, "end", "frame") for arrival in after.arrivals] == ["frame", "frame", "missing"]
    assert [receipt.number for receipt in after.receipts] == [0, 1]


def test_blocks_that_give_way_are_all_counted() -> None:
    """A plane that is taken from a flooding camera makes a loss of each of its blocks, in their place."""
    into = filling(most=2)
    for number in range(2 * SHARED):
        put(into, block(number))
    into.put(Frame(frames.header(0, "bottom"), 0), np.zeros((10, WIDTH), np.uint8))
    batch = into.leave(0)
    assert planes(batch) == [[0, 1, 2, 3, 4], [0]]
    assert [loss.header.number for loss in batch.losses() if loss.header] == [5, 6, 7, 8, 9]


def test_what_still_waits_at_a_stop_is_counted() -> None:
    """Blocks for which the line has no time any more are dropped, each of them."""
    into = filling()
    put(into, block(0))
    into.give_up()
    assert [loss.reason for loss in into.leave(0).losses()] == ["stopping"] and not into.is_gathering


def test_who_shares_a_plane() -> None:
    """In credit mode no more blocks wait than half of those granted; where frames get too old, half as long."""
    assert plane_share(BLOCK, RECIPE, 100, 0, 0) == PlaneShare(5, 100)
    assert plane_share(BLOCK, RECIPE, 100, 6, 0) == PlaneShare(3, 100)
    assert plane_share(BLOCK, RECIPE, 100, 0, 80) == PlaneShare(5, 40)
    assert (
        not plane_share(BLOCK, RECIPE, 0, 0, 0).gathers and not plane_share(frames.camera(), RECIPE, 100, 0, 0).gathers
    )


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["next", "next", "next", "next", "lost", "jump", "coil", "boot", "again", "bad"]),
            st.sampled_from(["raw8", "png"]),
            st.booleans(),
        ),
        max_size=40,
    ),
    st.booleans(),
)
@settings(max_examples=60)
def test_every_block_ends_once_and_in_order(steps: list[tuple[str, str, bool]], is_credit: bool) -> None:
    """Whatever comes, each block is in one batch with its own pixels, header and receipt, and all of them in order."""
    batches, sent = [], 0
    accept = Accept(
        [BLOCK],
        (2, SHARED * ROWS, WIDTH),
        lambda count: np.empty((count, SHARED * ROWS, WIDTH), np.uint8),
        Demand(2),
        policies=policies([BLOCK], IntakeSection(bind="tcp://127.0.0.1:*")),
        max_bytes=1000,
        decoders=AtOnce,
        rasters=RASTERS,
        shares={"top": PlaneShare(SHARED, WAIT_NS)},
        known=Known([BLOCK]) if is_credit else None,
        clock_unix_ns=lambda: 0,
    )
    number, boot, coil, start_mm = 0, "b", 0, 0.0
    for step, encoding, leaves in steps:
        number += step == "lost"
        start_mm += {"jump": 40.0, "lost": ROWS}.get(step, 0.0)
        if step == "boot":
            boot, number = f"{boot}'", 0
        if step == "coil":
            coil, start_mm = coil + 1, 0.0
        number -= step == "again" and number > 0
        header, payload = wire.frame_message(
            np.full((ROWS, WIDTH), sent, np.uint8),
            camera="top",
            boot=boot,
            number=number,
            captured_ns=sent,
            encoding=encoding,
            coil=f"{coil}",
            start_mm=start_mm,
            mm_per_row=1.0,
        )
        accept.take(wire.encode(header, payload if step != "bad" else payload[:-1] + b"\1"), 2, sent)
        sent, number, start_mm = sent + 1, number + 1, start_mm + ROWS
        while accept.is_pending:
            accept.collect()
        if leaves or accept.planes == 2:
            batches.append(accept.leave(0))
    while accept.is_gathering:
        accept.release(0, everything=True)
        batches.append(accept.leave(0))
    batches.append(accept.leave(0))
    accept.close()
    arrivals = [arrival for batch in batches for arrival in batch.arrivals]
    ended = sum(1 if isinstance(a, Frame) else a.count for a in arrivals if getattr(a, "end", "") != "missing")
    assert ended == sent
    if is_credit:
        assert sum(len(batch.receipts) for batch in batches) == sent
    shots = []
    for batch in batches:
        for place, frame in enumerate(batch.frames()):
            assert (batch.picture(place) == frame.header.captured_ns).all()
            shots.append(frame.header.captured_ns)
    assert shots == sorted(shots)
