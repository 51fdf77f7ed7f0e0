"""`inspector replay`, at the end of what it sends."""

import argparse
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zmq

from inspector import sockets, wire
from inspector.errors import SocketError
from inspector.simulator import planted, replay
from inspector.simulator.sheet import MM_PER_PX
from tests.patience import patience_ms

Context = zmq.Context[zmq.Socket[bytes]]


def arguments(*words: str) -> argparse.Namespace:
    """Read the options of `inspector replay`."""
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("count", "error"),
    [("4", "the last 3 frames did not leave"), ("9", r"\d frames went there, and then none for")],
)
def test_command_reports_a_tail_that_nobody_took(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], count: str, error: str
) -> None:
    """At the end or midway: an error that fits, a count of what may be lost, and what was planted in what passed."""
    context: Context = zmq.Context()
    receiver = sockets.make(context, zmq.PULL, queue=1, kernel_bytes=2**16)
    where, table = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind"), tmp_path / "planted.csv"
    words = ["--connect", where, "--frames", count, "--patience", "0.5", "--planted", str(table), "--height", "2048"]
    with pytest.raises(SocketError, match=error):
        replay.run(arguments(*words))
    assert ("the last 3 may be lost" in capsys.readouterr().out) == (count == "4")
    assert planted.read(table)
    receiver.close(linger=0)
    context.term()


def test_a_roll_prints_on_over_a_weld_wherever_the_coils_begin(tmp_path: Path) -> None:
    """Both coils begin at --start-mm: over their weld the prints lie a turn apart, as before it and behind it."""
    context: Context = zmq.Context()
    receiver = sockets.make(context, zmq.PULL, queue=100)
    where, table = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind"), tmp_path / "planted.csv"
    words = ["--connect", where, "--coil", "A", "B", "--frames", "12", "--start-mm", "500", "--width", "400"]
    words += ["--roll-mark", "600@125", "--defects-per-m", "0", "--lookalikes-per-m", "0"]
    assert replay.run(arguments(*words, "--planted", str(table), "--patience", str(patience_ms() / 1000))) == 0
    sent_mm = {"A": 0.0, "B": 12 * 256 * MM_PER_PX}
    prints = [row for row in planted.read(table) if row.what == planted.PRINT]
    assert {row.coil for row in prints} == {"A", "B"}
    assert np.diff([sent_mm[row.coil] + row.start_mm for row in prints]) == pytest.approx(600, abs=MM_PER_PX)
    receiver.close(linger=0)
    context.term()


def test_the_program_of_the_chapter_plays_what_replay_cannot() -> None:
    """Two cameras that overlap, one of them mirrored, see the same steel there, and the strip runs backwards."""
    chapter = (Path(__file__).parents[3] / "inspector/coil/README.md").read_text(encoding="utf-8")
    program = re.findall(r"```python\n(from inspector.camera .*?)```", chapter, re.DOTALL)[0]
    context: Context = zmq.Context()
    receiver = sockets.make(context, zmq.PULL, queue=4)
    where = sockets.bind(receiver, "tcp://127.0.0.1:0", "bind")
    seen: dict[tuple[str, float | None], np.ndarray[tuple[int, int], np.dtype[np.uint8]]] = {}
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(exec, program.replace("tcp://127.0.0.1:5555", where), {})
        while len(seen) < 16:
            assert receiver.poll(patience_ms())
            part, payload = receiver.recv_multipart()
            header = wire.read_header(part)
            seen[header.camera, header.start_mm] = wire.read_pixels(header, payload)[0]
        running.result()
    assert [mm for name, mm in seen if name == "left"] == [number * 160.0 for number in reversed(range(8))]
    for number in range(8):
        left, right = seen["left", number * 160.0], seen["right", number * 160.0]
        assert np.array_equal(left[:, 1400:], right[:, ::-1][:, :200])
    receiver.close(linger=0)
    context.term()
