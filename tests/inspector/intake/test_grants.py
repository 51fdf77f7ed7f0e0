"""What cameras are granted, without sockets."""

from __future__ import annotations

from inspector.intake.grants import Grants
from inspector.records.credit import Granted, Recorded
from inspector.records.stages import Receipt


def test_nothing_overtakes_a_frame_that_was_turned_away() -> None:
    """A session that is over stays over though receipts come: what came late could only be refused."""
    grants = Grants(2, "i")
    assert grants.greet(b"peer", "top", again=False)
    for _ in range(4):
        assert grants.has_room("top")
        grants.take("top")
    assert not grants.has_room("top")
    mail = grants.acknowledge([Receipt("top", "b", number) for number in range(3)])
    assert mail == [(b"peer", Recorded(boot="b", first=0, last=2))]
    assert not grants.has_room("top")
    assert grants.acknowledge([Receipt("top", "b", 3)]) == [
        (b"peer", Recorded(boot="b", first=3, last=3)),
        (b"peer", Granted(camera="top", session="i-2", frames=2)),
    ]
    assert grants.has_room("top") and grants.camera_of(b"peer", b"i-1") is None
