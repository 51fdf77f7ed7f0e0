"""More frames than the engine takes: they wait, or are given up and counted, camera by camera."""

import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import zmq

from inspector import wire
from inspector.config.camera import Overload
from inspector.flow import buffered
from inspector.records.stages import Batch, Frame
from tests import frames
from tests.frames import consumed
from tests.intakes import Context, Line, message, summary
from tests.patience import patience_s


def test_while_the_engine_is_busy_a_batch_goes_on_filling(context: Context) -> None:
    """Frames that come long after the deadline share one batch until one is wanted; a full one does not wait."""
    with Line(context, max_frames=8, wait_ms=1) as line:
        line.demand.hand_over()  # of a batch before, which the engine has

        def camera() -> None:
            for number in range(3):
                line.send(number)
                time.sleep(0.02)
            line.demand.take({})
            line.demand.finish()

        sending = threading.Thread(target=camera)
        sending.start()
        assert summary(list(next(line.batches).arrivals)) == [0, 1, 2]
        sending.join()
        line.demand.hand_over()
        for number in range(3, 11):
            line.send(number)
        assert summary(list(next(line.batches).arrivals)) == list(range(3, 11))


def busy(line: Line) -> Iterator[Batch]:
    """Yield the batches of a line whose engine has two batches waiting, and takes none."""
    line.demand.hand_over()
    line.demand.hand_over()
    return iter(line.intake)


def test_frames_without_room_are_given_up(context: Context) -> None:
    """While the engine takes nothing a batch fills up, and what comes then is dropped with its header, in order."""
    with Line(context, max_frames=2) as line:
        batches = busy(line)
        for number in range(6):
            line.send(number)

        def go_on() -> None:
            wait_for(lambda: line.intake.received == 6)
            line.demand.take({})

        helper = threading.Thread(target=go_on)
        helper.start()
        batch = next(batches)
        helper.join()
    assert summary(list(batch.arrivals)) == [0, 1, *[("overload", 1)] * 4]
    lost = [arrival.header for arrival in batch.losses()]
    assert lost == [message(number)[0] for number in range(2, 6)]


def test_a_flood_costs_no_other_camera_a_frame(context: Context) -> None:
    """While one camera sends more than the engine takes, another's few frames all find room."""
    sent, stop_flood = Counter[str](), threading.Event()
    with Line(context, max_frames=4, wait_ms=1) as line:

        def flood() -> None:
            with context.socket(zmq.PUSH, zmq.Socket) as camera:
                camera.linger = 0
                camera.connect(line.intake.address)
                while not stop_flood.is_set():
                    if camera.poll(10, zmq.POLLOUT):
                        camera.send_multipart(wire.encode(*message(sent["top"], "top")))
                        sent["top"] += 1

        flooding = threading.Thread(target=flood)
        flooding.start()
        ends: Counter[tuple[str, str]] = Counter()
        for batch in consumed(buffered(line.intake, 2, "intake"), line.demand):
            for arrival in batch.arrivals:
                if isinstance(arrival, Frame):
                    ends[arrival.header.camera, ""] += 1
                else:
                    ends[arrival.camera, arrival.reason] += 1
            time.sleep(0.005)  # the engine is slow
            has_ended = sum(count for (camera, _), count in ends.items() if camera == "bottom")
            if sent["bottom"] >= 60 and ends["top", "overload"] >= 100 and has_ended == sent["bottom"]:
                line.stop.set()
                stop_flood.set()
            elif sent["bottom"] - has_ended < 2:  # few at a time: more than a batch at once would find no room either
                line.send(sent["bottom"], "bottom")
                sent["bottom"] += 1
        stop_flood.set()
        flooding.join()
    assert ends["bottom", ""] == sent["bottom"], ends
    assert {reason for camera, reason in ends if camera == "bottom"} == {""}


@pytest.mark.parametrize("overload", ["wait", "drop-oldest", "drop-newest"])
def test_no_policy_of_a_camera_that_floods_starves_another(context: Context, overload: Overload) -> None:
    """Whatever becomes of a flood's own frames, each frame of another camera, one at a time, finds its place."""
    cameras = frames.camera("top", overload=overload), frames.camera("bottom")
    done = threading.Event()
    with Line(context, max_frames=4, wait_ms=1, cameras=cameras) as line:

        def flood() -> None:
            with context.socket(zmq.PUSH, zmq.Socket) as camera:
                camera.linger = 0
                camera.connect(line.intake.address)
                numbers = itertools.count()
                while not done.is_set():
                    if camera.poll(10, zmq.POLLOUT):
                        camera.send_multipart(wire.encode(*message(next(numbers), "top")))

        flooding = threading.Thread(target=flood)
        flooding.start()
        ends: Counter[tuple[str, str]] = Counter()
        sent = 0
        for batch in consumed(buffered(line.intake, 2, "intake"), line.demand):
            ends.update((frame.header.camera, "") for frame in batch.frames())
            for loss in batch.losses():
                ends[loss.camera, loss.reason] += loss.count
            time.sleep(0.005)  # the engine is slow
            has_ended = sum(count for (camera, _), count in ends.items() if camera == "bottom")
            if sent >= 30 and has_ended == sent and sum(ends.values()) > 200:
                line.stop.set()
                done.set()
            elif sent == has_ended:
                line.send(sent, "bottom")
                sent += 1
        done.set()
        flooding.join()
    assert ends["bottom", ""] == sent, ends
    assert ends["top", ""] > sent
    assert (ends["top", "overload"] > 0) == (overload != "wait"), ends


def test_what_has_come_at_a_stop_is_counted(context: Context) -> None:
    """When a line must stop while frames go on coming, those that had come are counted as given up."""
    done = threading.Event()
    with Line(context, max_frames=2) as line:

        def send() -> None:
            numbers = itertools.count()
            while not done.is_set():
                if line.has_room(10):
                    line.send(next(numbers))

        sender = threading.Thread(target=send)
        sender.start()
        line.take(5)
        line.stop.set()
        last = None
        for batch in line.batches:
            last = batch
            time.sleep(0.01)  # the engine is slow: frames wait in the socket
        done.set()
        sender.join()
    assert last is not None
    assert {loss.reason for loss in last.losses()} == {"stopping"}
    assert not list(last.frames())


def wait_for(condition: Callable[[], object]) -> None:
    """Wait until it holds."""
    deadline = time.monotonic() + patience_s()
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)
