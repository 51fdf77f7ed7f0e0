"""What lies under a camera that sends nothing comes to its place too, by what the other cameras see of the strip."""

from __future__ import annotations

from collections.abc import Sequence
from unittest.mock import Mock, create_autospec

import msgspec
import pytest

from inspector.config.camera import CameraSection
from inspector.records.events import Trigger
from inspector.records.stages import Findings, Frame, Inspected
from inspector.strip.strip import Strip
from inspector.triggers import motion
from inspector.triggers.ways import Ways
from tests.inspector.triggers.test_triggers import RULE, triggers_by
from tests.moving import CAMERA, EPOCH_NS, FRAME_MM, ROW_MM, Line, Reported, Speed, ramp, trigger_events

OTHER, THIRD = (
    CameraSection(name=name, side="bottom", mm_per_px=1.0, mm_per_row=ROW_MM) for name in ("bottom", "third")
)
FAR = msgspec.structs.replace(RULE, position_m=45.0)
DEAD = 21
"""The first frame that the camera with the defect does not send."""


def words(reported: Sequence[Reported]) -> list[tuple[str, str]]:
    """What was reported, and of which camera."""
    return [(report.event.camera, report.event.state) for report in reported]


def even(s: float) -> float:
    """10 m/s."""
    return 10_000.0


def stops(s: float) -> float:
    """A stand every 7 s, from 4 m/s at 2 m/s2."""
    return ramp(4000, 0, 2, 2000)(s % 7) if s % 7 < 5 else ramp(0, 4000, 5, 2000)(s % 7)


@pytest.mark.parametrize(
    ("speed", "seconds", "restarts", "is_lost"),
    [
        pytest.param(even, 6, (), (), id="evenly"),
        pytest.param(even, 6, (60,), (), id="restart within a second"),
        pytest.param(even, 6, (30, 150, 151, 260), (), id="restarts"),
        pytest.param(even, 6, range(30, 250), (), id="a restart before each batch"),
        pytest.param(even, 6, (), [*range(110, 145), *range(180, 215), *range(260, 295)], id="losses"),
        pytest.param(even, 6, (150,), range(130, 200), id="restart within a loss"),
        pytest.param(stops, 22, (), (), id="stops"),
        pytest.param(stops, 22, (200, 330), (), id="stops and restarts"),
    ],
)
def test_a_dead_camera_leaves_its_strip_to_the_other(
    speed: Speed, seconds: float, restarts: Sequence[int], is_lost: Sequence[int]
) -> None:
    """The camera that saw it sends no more: the other one's strip brings the defect to its place, over all it does."""
    line = Line(
        speed=speed,
        seconds=seconds,
        cameras=(CAMERA, OTHER),
        each=40,
        restarts=restarts,
        is_sent=lambda of: of.number not in is_lost if of.camera == "bottom" else of.number < DEAD,
    )
    reported = line.run(FAR)
    assert words(reported) == [("top", "armed"), ("top", "due")]
    off_mm = reported[-1].off_mm
    assert off_mm is not None and abs(off_mm) <= reported[-1].event.within_mm + ROW_MM
    assert reported[-1].event.within_mm < 100


@pytest.mark.parametrize("restarts", [(), (200,), (150, 250)])
def test_cameras_that_die_one_after_the_other(restarts: Sequence[int]) -> None:
    """The one whose strip a dead camera went on with dies too: a third one's brings what both saw to its place."""
    ends = {"top": DEAD, "bottom": 140, "third": 10**9}
    line = Line(
        speed=even,
        seconds=6,
        cameras=(CAMERA, OTHER, THIRD),
        each=40,
        restarts=restarts,
        is_sent=lambda of: of.number < ends[of.camera],
    )
    reported = line.run(FAR)
    assert words(reported) == [("top", "armed"), ("top", "due")]
    assert abs(reported[-1].off_mm or 0.0) <= ROW_MM


def test_what_a_camera_saw_that_is_no_more_is_void() -> None:
    """Its section was taken out, or has another name: nothing is left to follow its strip, and no room is taken."""
    line = Line(speed=even, seconds=3, cameras=(CAMERA, OTHER), kept=(OTHER,), each=40, restarts=(60,))
    line.is_sent = lambda of: of.number < DEAD or of.camera == "bottom"
    reported = line.run(FAR)
    assert words(reported) == [("top", "armed"), ("top", "void")]
    assert reported[-1].event.message == "its camera was removed"


@pytest.mark.parametrize("order", [1, -1, 0])
@pytest.mark.parametrize("boot", ["b", "c", "each"])
@pytest.mark.parametrize(("begins", "ends"), [(150, 300), (190, 420), (150, 700), (300, 302), (398, 401)])
def test_a_camera_that_is_back(boot: str, begins: int, ends: int, order: int) -> None:
    """On the next coil or the same: what passed meanwhile counts once, by its frames' numbers or, of another boot, as
    the other camera saw it, whose frames come before or after its own, or in a batch before, and some of which were
    lost meanwhile; also where each frame is of another boot.
    """
    frames = ends + 340  # over another weld, and all of the way from there to the place
    line = Line(speed=even, seconds=frames * FRAME_MM / 10_000, cameras=(CAMERA, OTHER), coil_frames=200, each=20)
    now_ns = EPOCH_NS
    strip, triggers = Strip(line.cameras), triggers_by(lambda: now_ns, [FAR], line.cameras)
    reported: list[Trigger] = []
    lost = range(begins + 40, begins + 75) if ends - begins > 100 else ()

    def sent(seen: Inspected) -> Inspected:
        of = seen.frame.header
        is_back = of.camera == "top" and of.number >= ends
        named = f"b{of.number}" if boot == "each" and of.camera == "top" else boot if is_back else "b"
        frame = msgspec.structs.replace(seen.frame, header=msgspec.structs.replace(of, boot=named))
        return msgspec.structs.replace(seen, frame=frame)

    positions = line.positions()
    for now_ns, arrivals in line.calls(*positions):
        came = [sent(seen) for seen in arrivals if seen.frame.header.number not in range(begins, ends)]
        others = [
            seen for seen in arrivals if seen.frame.header.camera == "bottom" and seen.frame.header.number not in lost
        ]
        mine = [seen for seen in came if seen.frame.header.camera == "top"]
        for batch in [(came or others)[::order]] if order else [others, mine]:
            found = triggers(strip(Findings(arrivals=tuple(batch), closed_ns=now_ns)))
            reported += [event for event in trigger_events(found.events) if event.state != "armed"]
    off = [line.off_mm(event, FAR, *positions) for event in reported]
    assert {event.state for event in reported} == {"due"}
    assert {event.coil for event in reported} >= {"C0", f"C{ends // 200}"}
    assert max(abs(mm) for mm in off if mm is not None) <= ROW_MM


def test_what_holds_for_all_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand defects that are waited for ask a thousand times for a forecast, and once a batch for the rest."""
    stands = create_autospec(Ways.stands, side_effect=Ways.stands)
    monkeypatch.setattr(Ways, "stands", stands)
    line = Line(speed=even, seconds=4, each=1)
    line.run(FAR)
    assert 0 < stands.call_count <= len(line.calls(*line.positions()))


def test_cameras_that_are_well_cost_no_forecast(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fitting one takes longer than all else together: nobody asks for one while no defect is waited for."""
    fit = Mock(wraps=motion._fitted)
    monkeypatch.setattr(motion, "_fitted", fit)
    cameras = {camera.name: camera for camera in (CAMERA, OTHER, THIRD)}
    ways, strip = Ways(cameras), Strip(cameras.values())
    line = Line(speed=even, seconds=3, cameras=tuple(cameras.values()), each=10**9)
    for now_ns, arrivals in line.calls(*line.positions()):
        for place in range(len(arrivals)):  # one after another: each one's newest row is later than the others'
            of = arrivals[place].frame.header
            later = msgspec.structs.replace(of, captured_ns=of.captured_ns + place * 1_000_000)
            seen = msgspec.structs.replace(arrivals[place], frame=Frame(later, now_ns))
            ways.follow(strip(Findings(arrivals=(seen,), closed_ns=now_ns)), now_ns, now_ns)
    assert len(ways.by_camera) == 3
    assert fit.call_count <= 3  # as each camera comes: its boot is another
