"""A strip that comes in blocks of few rows: the same defects, at the same metres, as in frames of the recipe's size."""

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inspector import wire
from inspector.analysis.analyse import Analyse
from inspector.demand import Demand
from inspector.engines.stub import Stub, grey_is_class
from inspector.engines.tiled import Tiled
from inspector.intake.accept import Accept
from inspector.intake.decoding import Decoders
from inspector.intake.gathering import plane_share
from inspector.intake.overload import policies
from inspector.intake.settings import IntakeSection
from inspector.records.events import CoilReport, Defect, Missed
from inspector.records.frame import Bytes2D
from inspector.records.stages import Inferred, Inspected
from inspector.strip.strip import Strip
from tests import frames
from tests.frames import HEIGHT, LAST, WIDTH

STRIP_ROWS = 6 * HEIGHT
LEAST_MM2 = 3
BY = frames.recipe("dark", "bright", min_area_mm2=float(LEAST_MM2))


class Line:
    """A camera's way from its messages to what is known of the strip, with `rows` in each of its frames."""

    def __init__(self, rows: int, most: int = 2) -> None:
        self.rows, self.cameras = rows, [frames.camera("top", height=rows)]
        (self.camera,) = self.cameras
        by_camera = policies(self.cameras, IntakeSection(bind="tcp://127.0.0.1:*"))
        mine, raster = plane_share(self.camera, BY, 10**9, 0, 0), self.camera.raster(BY)
        shape = most, mine.frames * rows, WIDTH
        self.accept = Accept(
            self.cameras,
            shape,
            lambda count: np.empty((count, *shape[1:]), np.uint8),
            Demand(2),
            policies=by_camera,
            max_bytes=10_000,
            decoders=lambda work: Decoders(1, work, lambda: None),
            rasters={"top": raster},
            shares={"top": mine},
            clock_unix_ns=lambda: 0,
        )
        self.engine = Tiled(Stub(BY, see=grey_is_class(2)), BY, shape[1:], most)
        self.analyse, self.strip = Analyse(self.cameras), Strip(self.cameras)
        self.events: list[object] = []
        self.inferred = 0
        """Planes of the recipe's size that the network was given."""

    def run(self, strip: Bytes2D) -> None:
        """Send all of a strip, and end."""
        for number in range(len(strip) // self.rows):
            pixels = strip[number * self.rows : (number + 1) * self.rows]
            self.take(number, pixels)
            self._flow()
        self.accept.release(0, everything=True)
        self._flow()
        self.events += self.strip(LAST).events
        self.accept.close()

    def take(self, number: int, pixels: Bytes2D) -> None:
        """Take a frame in."""
        header, payload = wire.frame_message(
            pixels,
            camera="top",
            boot="b",
            number=number,
            captured_ns=number,
            encoding="raw8",
            coil="C",
            start_mm=float(number * self.rows),
            mm_per_row=1.0,
        )
        self.accept.take(wire.encode(header, payload), 2, 0)

    def _flow(self) -> None:
        batch, maps = self.accept.leave(0), None
        if len(batch.pixels):
            self.engine.submit(batch.pixels, batch.sizes())
            self.inferred += sum(-(-rows // HEIGHT) for rows, _ in batch.sizes())
            maps = self.engine.result()
        self.events += self.strip(self.analyse(Inferred(batch, BY, maps))).events

    def defects(self) -> list[tuple[object, ...]]:
        """What was found, whole: class, place to a tenth of a millimetre, area, confidence."""
        whole = [event for event in self.events if isinstance(event, Defect) and event.is_whole]
        return sorted(
            (defect.name, defect.start_mm, defect.end_mm, defect.left_mm, defect.right_mm, defect.area_mm2)
            for defect in whole
        )


def patches() -> st.SearchStrategy[list[tuple[int, int, int, int, int]]]:
    """Draw rectangles of the strip: class, first row, first column, rows, columns."""
    places = st.tuples(
        st.integers(1, 2),
        st.integers(0, STRIP_ROWS - 1),
        st.integers(0, WIDTH - 1),
        st.integers(1, 2 * HEIGHT),
        st.integers(1, 4),
    )
    return st.lists(places, max_size=8)


def strip(drawn: list[tuple[int, int, int, int, int]]) -> Bytes2D:
    """Draw them on sound strip."""
    pixels = np.zeros((STRIP_ROWS, WIDTH), np.uint8)
    for kind, row, column, rows, columns in drawn:
        pixels[row : row + rows, column : column + columns] = kind
    return pixels


@given(drawn=patches(), rows=st.sampled_from([1, 2, 3, 4, 5, 6, 12, 15, 20]))
@settings(max_examples=60)
def test_blocks_show_the_same_defects_as_frames(drawn: list[tuple[int, int, int, int, int]], rows: int) -> None:
    """Each defect has the same class, place and area, however few rows a block has: none is cut, none lost or moved."""
    whole, blocks = Line(HEIGHT), Line(rows)
    whole.run(strip(drawn))
    blocks.run(strip(drawn))
    assert blocks.defects() == whole.defects()
    for line in (whole, blocks):
        (ended,) = [event for event in line.events if isinstance(event, CoilReport) and event.state == "ended"]
        assert ended.length_m == ended.inspected_m == STRIP_ROWS / 1000
        assert not any(isinstance(event, Missed) for event in line.events)


def test_blocks_cost_no_more_than_frames() -> None:
    """The network sees as many planes as there are in the strip, and not one for each block."""
    found = {}
    for rows in (HEIGHT, 1, 2, 5):
        line = Line(rows)
        line.run(np.zeros((STRIP_ROWS, WIDTH), np.uint8))
        found[rows] = line.inferred
    assert found == {HEIGHT: 6, 1: 6, 2: 6, 5: 6}


def test_a_defect_is_right_to_a_row() -> None:
    """A mark on row 37 lies at 37 mm, in whatever block and plane it comes."""
    for rows in (1, 2, 3, 5):
        line = Line(rows)
        line.run(strip([(1, 37, 4, 1, 3)]))
        ((_, start_mm, end_mm, left_mm, right_mm, area_mm2),) = line.defects()
        assert (start_mm, end_mm, left_mm, right_mm, area_mm2) == (37.0, 38.0, 4.0, 7.0, 3.0)


def after_deadline(line: Line, pixels: Bytes2D, given_up: slice) -> list[Inspected]:
    """Analyse the plane that a line's frames share, of which a deadline left the others."""
    for number in range(len(pixels) // line.rows):
        line.take(number, pixels[line.rows * number : line.rows * (number + 1)])
    batch = line.accept.leave(0)
    line.accept.close()
    arrivals, patches = [*batch.arrivals], [*batch.patches]
    arrivals[given_up] = [frames.dropped(frame.header) for frame in [*batch.frames()][given_up]]
    del patches[given_up]
    left = msgspec.structs.replace(batch, arrivals=tuple(arrivals), patches=tuple(patches))
    line.engine.submit(left.pixels, left.sizes())
    return list(line.analyse(Inferred(left, BY, line.engine.result())).inspected)


def test_what_a_deadline_leaves_of_a_plane_is_still_inspected() -> None:
    """Where blocks of a plane were given up the others are analysed as they are, in their place."""
    seen = after_deadline(Line(2), strip([(1, 4, 4, 4, 2)])[:HEIGHT], slice(1, 3))
    assert [len(frame.detections) for frame in seen] == [0, 1, 0]
    assert seen[1].frame.header.number == 3 and seen[1].detections[0].end_mm == 2.0


@pytest.mark.parametrize("given_up", [slice(0, 0), slice(0, 1), slice(0, 2), slice(1, 3)])
def test_a_row_is_as_long_whatever_a_deadline_left_of_its_plane(given_up: slice) -> None:
    """A defect that just reaches its class's least area, within a block, is seen: no row is taken for a shorter one."""
    seen = after_deadline(Line(2), strip([(1, 6, 4, 1, LEAST_MM2)])[:HEIGHT], given_up)
    assert 3.0 in [piece.area_mm2 for frame in seen for piece in frame.detections]
