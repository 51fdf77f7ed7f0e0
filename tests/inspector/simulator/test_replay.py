"""`inspector replay`, at the end of what it sends."""

import argparse
from pathlib import Path

import pytest
import zmq

from inspector import sockets
from inspector.errors import SocketError
from inspector.simulator import planted, replay

Context = zmq.Context[zmq.Socket[bytes]]


def arguments(*words: str) -> argparse.Namespace:
    """Read the options of `inspector replay`."""
    parser = argparse.ArgumentParser()
    replay.add_arguments(parser)
    return parser.parse_args(words)


@pytest.mark.parametrize(
    ("count", "error"),
    [("4", "of the last 3 frames none was taken"), ("9", r"\d frames went there, and then none for")],
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
