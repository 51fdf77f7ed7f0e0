"""The daemon within this process, on a thread, without signals: what it does when a stage hangs or fails."""

from __future__ import annotations

import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec
import numpy as np
import pytest
import zmq

from inspector import wire
from inspector.client import Events
from inspector.engines.stub import Stub
from inspector.errors import EngineError, InspectorError, SocketError, Stuck
from inspector.harness.ports import Ports
from inspector.infer import Loaded
from inspector.records.frame import Bytes3D
from inspector.records.recipe import Maps, Recipe
from inspector.service.daemon import Daemon
from inspector.service.engine import Options
from inspector.service.prepare import Prepared
from inspector.service.systemd import Notifier
from inspector.signals import Flag
from tests.patience import patience_s
from tests.recipes import HEIGHT, SOUND, WIDTH, renew, write_recipe


class Watched(Stub):
    """A stub that counts, and hangs or fails when it is asked to."""

    def __init__(self, card: Recipe) -> None:
        super().__init__(card, self._look)
        self.batches = 0
        self.go_on = threading.Event()
        self.go_on.set()
        self.error: Exception | None = None

    def _look(self, frames: Bytes3D) -> Maps:
        self.go_on.wait(patience_s())
        if self.error is not None:
            self._busy.clear()
            raise self.error
        self.batches += 1
        return self._sound(frames)


class Line:
    """A daemon on free ports, on a thread, and a clock that one can set forward."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.frames, self.events, self.replay, self.http, self.commands = msgspec.structs.astuple(Ports.free())
        write_recipe(folder / "recipe")
        self.config = folder / "line.toml"
        self.config.write_text(
            'line = "test"\n[recipe]\npath = "recipe"\n'
            f'[intake]\nbind = "tcp://127.0.0.1:{self.frames}"\n[[camera]]\nname = "top"\nmm_per_px = 0.5\n'
            f'mm_per_row = 0.5\n[events]\nbind = "tcp://127.0.0.1:{self.events}"\n'
            f'replay_bind = "tcp://127.0.0.1:{self.replay}"\n[journal]\npath = "journal"\n'
            f'[http]\nbind = "127.0.0.1:{self.http}"\n'
            f'[commands]\nbind = "tcp://127.0.0.1:{self.commands}"\n'
        )
        self.stop, self.hangup = Flag(), Flag()
        self.later_ns = 0
        self.engines: list[Watched] = []
        self.settled: list[int] = []
        """How many engines had been loaded, each time that it reported it."""
        self.error: InspectorError | None = None
        self.before = set(threading.enumerate())
        self.daemon = Daemon(
            self.config,
            Notifier(),
            stop=self.stop,
            hangup=self.hangup,
            load=self._load,
            clock_ns=self._clock_ns,
            settle=lambda: self.settled.append(len(self.engines)),
        )
        self._thread = threading.Thread(target=self._run, name="daemon")

    def _load(self, prepared: Prepared, options: Options) -> Loaded:
        self.engines.append(Watched(prepared.full.card))
        return Loaded(prepared.full.card, self.engines[-1])

    def _clock_ns(self) -> int:
        return time.monotonic_ns() + self.later_ns

    def _run(self) -> None:
        try:
            self.daemon.run()
        except InspectorError as error:
            self.error = error

    def __enter__(self) -> Self:
        self._thread.start()
        self.until(lambda: self.get("/ready") == 200)
        return self

    def __exit__(self, *_: object) -> None:
        for engine in self.engines:
            engine.go_on.set()
        self.end()
        self.until(lambda: set(threading.enumerate()) == self.before)

    def end(self) -> InspectorError | None:
        """Stop it, unless it has ended, and return what it ended with."""
        self.stop.set()
        self._thread.join(patience_s())
        assert not self._thread.is_alive()
        return self.error

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that must come."""
        deadline = time.monotonic() + patience_s()
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def get(self, path: str) -> int:
        """Status of an HTTP request; 0 when nobody listens."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}{path}", timeout=patience_s()) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            with error:
                return error.code
        except OSError:
            return 0

    def send(self) -> None:
        """Send a frame."""
        with zmq.Context() as context, context.socket(zmq.PUSH) as camera:
            camera.linger = 10_000
            camera.connect(f"tcp://127.0.0.1:{self.frames}")
            header, payload = wire.frame_message(
                np.full((HEIGHT, WIDTH), SOUND, np.uint8),
                camera="top",
                boot="b1",
                number=1,
                captured_ns=1,
                encoding="raw8",
                coil="C1",
            )
            camera.send_multipart(wire.encode(header, payload))

    def types(self, count: int) -> list[str]:
        """Types of the first events, by replay."""
        addresses = f"tcp://127.0.0.1:{self.events}", f"tcp://127.0.0.1:{self.replay}"
        with Events(addresses[0], replay=addresses[1], after=(None, 0), timeout_s=patience_s()) as events:
            return [next(events).type for _ in range(count)]


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A daemon that is ready."""
    with Line(tmp_path) as line:
        yield line


def test_it_settles_once_when_all_is_loaded(line: Line) -> None:
    """Before the first frame: then nothing that lasts is looked at again and again by Python's search for garbage."""
    assert line.settled == [1]


def test_what_ends_a_thread_ends_the_line(line: Line) -> None:
    """Whichever it is, as of replay, keys or coils' records: the line would go on without it, and nobody notice."""

    def fails() -> None:
        raise SocketError("the door is gone")

    threading.Thread(target=fails).start()
    line.until(lambda: line.error is not None)
    assert str(line.end()) == "the door is gone"


def test_no_thread_is_left_when_it_has_ended(line: Line) -> None:
    """Every thread ends before the interpreter does: what still ran in C at its end would abort the process."""
    line.send()
    line.until(lambda: line.engines[0].batches == 1)
    assert line.types(2) == ["health.started", "coil.started"]
    assert line.end() is None
    assert set(threading.enumerate()) - line.before == set()
    assert line.engines[0].is_closed


def test_no_thread_is_left_when_a_stage_has_failed(line: Line) -> None:
    """An engine that fails ends the daemon with its error, and all the other stages with it."""
    line.engines[0].error = EngineError("broken")
    line.send()
    line.until(lambda: line.error is not None)
    assert str(line.end()) == "broken"
    assert set(threading.enumerate()) - line.before == set()


def test_a_journal_that_is_taken_away_is_begun_again(line: Line) -> None:
    """On an idle line too: the folder is made again, the numbers go on, and both are reported."""
    assert line.types(1) == ["health.started"]
    shutil.rmtree(line.folder / "journal")
    line.until(lambda: any((line.folder / "journal").glob("events-*2.sqlite")))
    line.send()
    line.until(lambda: line.engines[0].batches == 1)
    assert sorted(line.types(3)) == ["coil.started", "journal.damaged", "journal.damaged"]
    assert line.end() is None


def test_replay_is_answered_while_the_engine_hangs(line: Line) -> None:
    """What was recorded can be had from a line that stands still, and /health reports that it does."""
    line.engines[0].go_on.clear()
    line.send()
    assert line.types(1) == ["health.started"]
    assert line.get("/health") == 200
    line.later_ns = 11_000_000_000
    line.until(lambda: line.get("/health") == 503)


def test_a_stop_is_received_while_the_engine_hangs(line: Line) -> None:
    """It ends with an error that names the hang, and says that a thread is left behind."""
    line.engines[0].go_on.clear()
    line.send()
    line.until(lambda: line.engines[0].most_in_flight > 0)
    line.stop.set()
    line.later_ns = 11_000_000_000
    line.until(lambda: line.error is not None)
    assert isinstance(line.end(), Stuck)
    assert line.daemon.is_stuck
    left = {thread.name for thread in set(threading.enumerate()) - line.before}
    assert left == {"infer"}


def reload_and_wait(line: Line, engines: int) -> None:
    """Ask for a reload of a new version, and wait until it has handed over the last of that many engines."""
    renew(line.folder / "recipe", engines)
    line.hangup.set()
    line.until(lambda: len(line.engines) == engines and line.daemon._infer.loaded.engine is line.engines[-1])


def test_reloads_one_upon_the_other_close_every_engine_but_the_last(line: Line) -> None:
    """A reload that ends before the one before was taken up replaces it, and its engine is closed."""
    line.engines[0].go_on.clear()
    line.send()
    line.until(lambda: line.engines[0].most_in_flight > 0)
    reload_and_wait(line, engines=2)
    reload_and_wait(line, engines=3)
    assert [engine.is_closed for engine in line.engines] == [False, True, False]
    line.engines[0].go_on.set()
    line.until(lambda: line.engines[0].is_closed)
    assert not line.engines[2].is_closed
    assert line.end() is None
    assert line.engines[2].is_closed
