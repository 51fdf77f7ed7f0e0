"""Who gives way when there is no room: the camera that has most, to one that has clearly less."""

from hypothesis import given
from hypothesis import strategies as st

from inspector.demand import Demand
from inspector.intake.overload import gives_way

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
