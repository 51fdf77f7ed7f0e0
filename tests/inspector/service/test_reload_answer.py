"""A reload's answer, by real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from inspector.__main__ import main
from inspector.errors import EXIT_CONFIG, EXIT_DONE, InspectorError
from inspector.service.reload_answer import FILE, ReloadAnswers, ask, runtime_folder
from inspector.signals import Flag
from tests.patience import patience_s


class Inspector:
    """This process, as an inspector that takes `outcomes` one a signal."""

    def __init__(self, folder: Path, *outcomes: tuple[int, str]) -> None:
        self.answers = ReloadAnswers(folder, os.getpid())
        self.answers.give(EXIT_DONE, "started")
        self.signals = 0
        self._outcomes = list(outcomes)

    def on_hangup(self, *_: object) -> None:
        """Reload."""
        self.signals += 1
        self.answers.begin()
        if self._outcomes:
            self.answers.give(*self._outcomes.pop(0))


@pytest.fixture
def restored() -> Iterator[None]:
    """Give SIGHUP back what it did before."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    signal.signal(signal.SIGHUP, before)


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, restored: None) -> Path:
    """Give the folder that systemd would make."""
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}:/elsewhere")
    return tmp_path


def reload() -> int:
    """Run the command on this process."""
    return main(["reload", str(os.getpid())])


def test_each_reload_gets_its_own_answer(runtime: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In force: 0 and what it is; refused: the exit code of a start, and each fault. An older answer is not taken."""
    inspector = Inspector(runtime, (EXIT_DONE, "recipe a"), (EXIT_CONFIG, "line3.toml: one\nline3.toml: two"))
    signal.signal(signal.SIGHUP, inspector.on_hangup)
    assert reload() == EXIT_DONE
    assert capsys.readouterr().out == "reloaded: recipe a\n"
    assert reload() == EXIT_CONFIG
    assert capsys.readouterr().err == "line3.toml: one\nline3.toml: two\n"
    assert inspector.signals == 2


def test_an_answer_of_a_reload_that_began_before_is_not_taken(runtime: Path) -> None:
    """The one that was at it had read the file as it was; whoever asks now waits for the next."""
    inspector = Inspector(runtime)
    inspector.answers.begin()
    received, asked = [], Flag()  # an Event's lock may be held where the signal comes

    def on_hangup(*_: object) -> None:
        inspector.answers.give(EXIT_CONFIG, "of the reload before")
        asked.set()

    signal.signal(signal.SIGHUP, on_hangup)
    asking = threading.Thread(target=lambda: received.append(ask(os.getpid(), runtime)))
    asking.start()
    assert asked.wait(patience_s())
    inspector.answers.begin()
    inspector.answers.give(EXIT_DONE, "of the reload after")
    asking.join(patience_s())
    assert [answer.message for answer in received] == ["of the reload after"]


def test_two_who_ask_at_once_take_one_answer(runtime: Path) -> None:
    """Two signals may become one reload: it began after both, and is both's answer."""
    inspector, asked = Inspector(runtime), Flag()
    signal.signal(signal.SIGHUP, lambda *_: asked.set())
    received: list[str] = []
    asking = [threading.Thread(target=lambda: received.append(ask(os.getpid(), runtime).message)) for _ in range(2)]
    for thread in asking:
        thread.start()
    assert asked.wait(patience_s())
    while any(thread.is_alive() for thread in asking):
        inspector.answers.begin()
        inspector.answers.give(EXIT_DONE, "in force")
        for thread in asking:
            thread.join(0.05)
    assert received == ["in force", "in force"]


def test_a_process_that_does_not_answer_is_sent_nothing(runtime: Path) -> None:
    """A process of another kind would end with SIGHUP: an inspector has its number in the file."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        with pytest.raises(InspectorError, match=f"nothing answers there; expected process {other.pid}"):
            ask(other.pid, runtime)
        Inspector(runtime)
        with pytest.raises(InspectorError, match=f"process {os.getpid()} answers there; expected process {other.pid}"):
            ask(other.pid, runtime)
        assert other.poll() is None
        other.communicate(b"\n")


def test_an_inspector_that_ends_is_not_waited_for(runtime: Path) -> None:
    """Killed, or stopped, while it was at it."""
    code = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); print(flush=True); input()"  # as under nohup
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline()
        ReloadAnswers(runtime, other.pid).give(EXIT_DONE, "started")
        reaping = threading.Thread(target=other.wait)
        reaping.start()
        with pytest.raises(InspectorError, match=f"process {other.pid} ended before it answered"):
            ask(other.pid, runtime)
        reaping.join()


def test_what_cannot_be_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the folder there is nothing to wait for; 0 and -1 are not processes but groups of them."""
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    assert runtime_folder(os.environ) is None
    assert reload() == 1
    assert "RUNTIME_DIRECTORY is not set" in capsys.readouterr().err
    for word in ("0", "-1", "one"):
        with pytest.raises(SystemExit):
            main(["reload", word])


def test_a_full_disk_does_not_stop_the_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be written is logged; the inspector goes on."""
    ReloadAnswers(tmp_path / "gone", 1).give(EXIT_DONE, "in force")
    assert f"{tmp_path / 'gone' / FILE}: cannot be written" in caplog.text
    ReloadAnswers().give(EXIT_DONE, "run by hand: nobody asks")
