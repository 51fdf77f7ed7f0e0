"""Who gives way when there is no room: the camera that has most, to one that has clearly less."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.demand import Demand
from inspector.intake.overload import Policy, gives_way, policies, share
from inspector.intake.settings import IntakeSection
from tests import frames

CAMERAS = ("a", "b", "c")


@given(st.lists(st.sampled_from(CAMERAS), max_size=30), st.sampled_from(CAMERAS))
def test_the_one_with_most_gives_way(granted: list[str], to: str) -> None:
    """Whoever gives way has the most, and keeps as much as the other gets: no place goes to and fro."""
    demand = Demand(2)
    for camera in granted:
        demand.grant(camera)
    loser = gives_way(set(granted), to, demand)
    most = max((granted.count(camera) for camera in CAMERAS), default=0)
    if loser is None:
        assert most <= granted.count(to) + 1
        return
    assert loser != to and granted.count(loser) == most
    demand.revoke(loser)
    demand.grant(to)
    assert demand.waiting(loser) >= demand.waiting(to)
    assert gives_way({*granted, to}, loser, demand) != to


def test_a_camera_has_its_own_policy_or_the_intake_s() -> None:
    """What a camera's section leaves open is as the intake's says."""
    section = IntakeSection(bind="tcp://127.0.0.1:*", overload="drop-oldest", max_age_ms=200)
    own = frames.camera("a", overload="wait", max_age_ms=50)
    found = policies([own, frames.camera("b")], section)
    assert found == {"a": Policy("wait", 50_000_000), "b": Policy("drop-oldest", 200_000_000)}


def test_whoever_waits_leaves_places() -> None:
    """A camera that waits takes all places but one for each camera that gives frames up, and always one."""
    policies = {"a": Policy("wait"), "b": Policy("wait"), "c": Policy("drop-oldest")}
    assert [share("a", policies, places) for places in (1, 2, 4)] == [1, 1, 3]
    assert share("a", {"a": Policy("wait"), "b": Policy("wait")}, 4) == 4
