"""An output that says nothing is never taken for sound strip: raised once, returned once, over a restart too."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
import numpy as np
import pytest

from inspector.recipe_health import OUTPUT_FAULTS, RETURNED_FRAMES, RecipeHealth
from inspector.records.events import RecipeFault, RecipeStatus
from inspector.records.recipe import UNMEASURED, Maps
from inspector.records.stages import Findings, Frame, Inferred
from tests.frames import HEIGHT, RECIPE, WIDTH, batch, header, inspected

MEASURING = msgspec.structs.replace(RECIPE, measures_distance=True)
SOUND = (0.01, 0.02, 0.5)
PRESENCES: dict[RecipeFault, tuple[float, float, float]] = {
    "not_a_number": (np.nan, 0.0, 0.5),
    "constant": SOUND,
    "out_of_specification": (0.01, 0.02, 1.5),
}


class Watched:
    """A recipe's health and all it reported, over one camera."""

    def __init__(self) -> None:
        self.health = RecipeHealth(["top"])
        self.reported: list[RecipeStatus] = []
        self.doubts: list[dict[str, bool]] = []
        self._number = 0

    def see(self, presences: Iterable[tuple[float, float, float]], *, same_picture: bool = False) -> None:
        """Have a frame for each presence, one batch each."""
        for presence in presences:
            self._number += 1
            sent = header(self._number, crc32=7 if same_picture else self._number)
            of = batch(Frame(sent, 0))
            plane = np.zeros((1, HEIGHT, WIDTH), np.uint8)
            inferred = Inferred(of, MEASURING, Maps(plane, plane, np.array([presence], np.float32)))
            found = self.health(inferred, Findings(arrivals=(inspected(sent),), closed_ns=0))
            self.doubts.append(found.inspected[0].doubts)
            self.reported += [event for event in found.events if isinstance(event, RecipeStatus)]


def varying(count: int, distance: float = 0.5) -> list[tuple[float, float, float]]:
    """Presences of N different sound pictures."""
    return [(0.01 + number / 1000, 0.02, distance) for number in range(count)]


@pytest.mark.parametrize("fault", OUTPUT_FAULTS)
def test_a_fault_is_raised_once_and_returned_once(fault: RecipeFault) -> None:
    """After enough frames with it, with its NE 107 status, camera and coil; and returned after enough without."""
    watched = Watched()
    status, frames = OUTPUT_FAULTS[fault]
    watched.see(varying(5))
    watched.see([PRESENCES[fault]] * (frames - 1))
    assert not watched.reported
    watched.see([PRESENCES[fault]] * 20)
    assert [(event.fault, event.state, event.status) for event in watched.reported] == [(fault, "raised", status)]
    assert watched.reported[0].camera == "top" and watched.reported[0].topic == f"recipe.{fault}"
    assert watched.health.is_standing("top", fault) and watched.health.frames("top", fault) > 0
    watched.see(varying(RETURNED_FRAMES - 1))
    assert len(watched.reported) == 1
    watched.see(varying(5))
    assert [(event.state, event.status) for event in watched.reported[1:]] == [("returned", "normal")]
    assert not watched.health.is_standing("top", fault)


def test_a_picture_that_stays_the_same_may_be_assessed_alike() -> None:
    """A standing camera's network is not blind for giving the same answer to the same picture."""
    watched = Watched()
    watched.see([SOUND] * 200, same_picture=True)
    assert not watched.reported


def test_a_single_odd_frame_is_counted_but_raises_nothing() -> None:
    """One frame far from all that was taught may be a weld: it is counted, no more."""
    watched = Watched()
    watched.see([*varying(5), PRESENCES["out_of_specification"], *varying(5)])
    assert not watched.reported and watched.health.frames("top", "out_of_specification") == 1


def test_a_standing_fault_stands_over_a_restart() -> None:
    """It is not raised again, and is returned by whoever comes after."""
    before, after = Watched(), Watched()
    before.see(varying(5, distance=2.0))
    after.health.restore(before.health.state(), 0)
    (stands,) = after.health.standing("tiny@2")
    assert (stands.camera, stands.fault, stands.status) == ("top", "out_of_specification", "out_of_specification")
    after.see(varying(5, distance=2.0))
    assert len(before.reported) == 1 and not after.reported
    after.see(varying(RETURNED_FRAMES))
    assert [event.state for event in after.reported] == ["returned"]
    with pytest.raises(ValueError, match="truncated"):
        after.health.restore(b"{", 0)


@pytest.mark.parametrize("unmeasured", [UNMEASURED, np.nan])
def test_a_distance_that_nobody_measured_is_no_word_for_or_against(unmeasured: float) -> None:
    """It neither raises the fault, nor returns it, nor ends a row of frames that are far."""
    watched = Watched()
    far, none = varying(3, 2.0), varying(2 * RETURNED_FRAMES, unmeasured)
    watched.see([*none, *far[:2], *none, *far[2:], *none])
    turns = [event.state for event in watched.reported if event.fault == "out_of_specification"]
    assert turns == ["raised"] and watched.health.frames("top", "out_of_specification") == 3
    assert watched.doubts[-1]["out_of_specification"] and watched.health.is_standing("top", "out_of_specification")
    watched.see(varying(RETURNED_FRAMES))
    assert not watched.health.is_standing("top", "out_of_specification")


@pytest.mark.parametrize("fault", OUTPUT_FAULTS)
def test_each_frame_says_for_what_it_cannot_be_relied_on(fault: RecipeFault) -> None:
    """What shows, from the first frame that can show it, and what stands, until it is returned; else nothing."""
    watched = Watched()
    frames = OUTPUT_FAULTS[fault][1]
    watched.see([*varying(5), *[PRESENCES[fault]] * (frames + 2)])
    assert watched.doubts[:5] == [{}] * 5
    shown = [doubts.get(fault) for doubts in watched.doubts[5:]]
    assert shown == [None] * (fault == "constant") + [False] * (frames - 1 - (fault == "constant")) + [True] * 3
    watched.see(varying(RETURNED_FRAMES + 2)[1:])  # the first is that of a constant output
    assert [doubts.get(fault) for doubts in watched.doubts[-RETURNED_FRAMES - 1 :]] == [True] * 9 + [None] * 2


def test_what_a_screen_looked_at_that_is_found_blind() -> None:
    """Frames of the batch by which it is are doubtful, as is all that it looked at before: no frame behind it."""
    health, plane = RecipeHealth(["top", "low"]), np.zeros((1, HEIGHT, WIDTH), np.uint8)

    def see(screen: Literal["", "asked", "blind"], camera: str) -> tuple[dict[str, bool], bool]:
        of = header(camera=camera)
        inferred = Inferred(batch(Frame(of, 0)), RECIPE, Maps(plane, plane, np.zeros((1, 2), np.float32)), screen)
        found = health(inferred, Findings(arrivals=(inspected(of),), closed_ns=0))
        return found.inspected[0].doubts, found.is_screen_blind

    assert see("asked", "top") == see("asked", "low") == ({"screen_blind": False}, False)
    assert see("blind", "top") == ({"screen_blind": True}, True)
    assert see("", "low") == see("", "top") == ({}, False)
