"""Defects that must be probable: by the whole of them, whatever frame or camera has seen which part."""

import msgspec
import numpy as np
import pytest

from inspector.config.joins import JoinGap
from inspector.records.recipe import Certainty, Recipe
from inspector.strip.defects import UPDATE_MM, Joins
from tests.frames import header, inspected, recipe
from tests.inspector.strip.test_defects import COLUMNS, NO_GAPS, ROWS, assembly, piece, reported


def asking(constant: float) -> Recipe:
    """A recipe that reports what is right more often than not: of large ones, fewer are."""
    by = recipe("dark")
    larger = Certainty(constant=constant, log_odds=0.0, log_area=-1.0, log_length=0.0)
    kind = msgspec.structs.replace(by.classes[0], min_probability=0.5, certainty=larger)
    return msgspec.structs.replace(by, classes=(kind,))


@pytest.mark.parametrize("gap_mm", [0.0, 5.0])
def test_a_part_is_not_assessed_for_the_whole(gap_mm: float) -> None:
    """Both parts of a large one would be probable, cut or joined over a gap; a small one is reported."""
    coil = np.zeros((6 * ROWS, COLUMNS), np.uint8)
    coil[3 : ROWS + 3, 3:8] = 1  # 90 mm2, of which 45 in each frame
    if gap_mm:
        coil[ROWS - 1 : ROWS + 1] = 0
    coil[4 * ROWS + 1 : 4 * ROWS + 3, 3] = 1
    events = reported(coil, asking(constant=4.0), gaps=Joins({"dark": JoinGap(gap_mm, 0.0)}))
    assert [(defect.phase, defect.start_mm) for defect in events] == [("end", 25.0)]
    assert all(defect.confidence > 0.5 for defect in events)


@pytest.mark.parametrize("other_mm", [0.0, 40.0])
def test_a_part_that_one_camera_sees_waits_for_the_other(other_mm: float) -> None:
    """In step or not, half of one at a seam is not reported; where the other camera stays behind, it is after 2 m."""
    by, top = asking(constant=4.0), assembly("left", "right")
    half = piece(0, 5, 8, 10, area_mm2=40.0)
    assert top.add(inspected(header(0, "left"), half, by=by), 10.0, 20.0, NO_GAPS) == []
    if other_mm:
        rest = piece(0, 5, 10, 12, area_mm2=40.0)
        assert top.add(inspected(header(0, "right"), rest, by=by), 10.0, 10.0 + other_mm, NO_GAPS) == []
        assert top.reach("left", other_mm, NO_GAPS) == []  # the whole, of 80 mm2
    else:
        assert top.add(inspected(header(1, "left"), by=by), 20.0, UPDATE_MM, NO_GAPS) == []
        (known,) = top.add(inspected(header(2, "left"), by=by), UPDATE_MM, UPDATE_MM + 10, NO_GAPS)
        assert (known.phase, known.start_mm) == ("new", 10.0)


def test_a_part_waits_though_another_camera_is_far_ahead() -> None:
    """What counts is how far those have come that see it; a crowded frame counts as well."""
    by, top = asking(constant=4.0), assembly("left", "right")
    assert top.reach("left", 5000.0, NO_GAPS) == []
    half = piece(90, 100, 8, 10, area_mm2=40.0)
    assert top.add(inspected(header(0, "right"), half, by=by), 10.0, 110.0, NO_GAPS) == []
    assert top.reach("right", UPDATE_MM, NO_GAPS)[0].phase == "end"  # nothing touches it any more


def test_what_was_waited_for_is_reported_with_a_crowded_frame() -> None:
    """Such a frame has no defects of its own, and the strip goes on with it."""
    by, top = asking(constant=4.0), assembly("left", "right")
    assert top.add(inspected(header(0, "left"), piece(0, 5, 8, 10, area_mm2=40.0), by=by), 10.0, 20.0, NO_GAPS) == []
    assert [known.phase for known in top.reach("left", UPDATE_MM + 10, NO_GAPS)] == ["new"]


def test_one_larger_than_all_that_the_probability_was_fitted_to_is_reported() -> None:
    """Nothing was seen of such: it does not take the largest for sound strip."""
    by = asking(constant=4.0)
    kind = by.classes[0]
    assert kind.certainty
    for largest_mm2, phases in ((80.0, ["end"]), (100.0, [])):
        noted = msgspec.structs.replace(kind.certainty, largest_mm2=largest_mm2)
        known = msgspec.structs.replace(by, classes=(msgspec.structs.replace(kind, certainty=noted),))
        coil = np.zeros((2 * ROWS, COLUMNS), np.uint8)
        coil[0:6, 3:8] = 1
        assert [defect.phase for defect in reported(coil, known)] == phases


def test_two_metres_of_a_long_one_say_enough_and_it_ends_though_it_has_become_improbable() -> None:
    """An alarm does not wait for the end of a long one; whoever received its beginning receives its end."""
    coil = np.zeros((12 * ROWS, COLUMNS), np.uint8)
    coil[:, 2] = 1
    events = reported(coil, asking(constant=9.2), row_mm=150.0)
    assert [defect.phase for defect in events] == ["new", *["update"] * (len(events) - 2), "end"]
    assert events[0].end_mm == 2700.0 and events[0].confidence > 0.5 > events[-1].confidence
    assert reported(coil[: 2 * ROWS], asking(constant=-9.2), row_mm=150.0) == []
