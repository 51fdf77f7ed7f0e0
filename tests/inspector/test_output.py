"""Standard output that goes nowhere ends every command in words and with a documented exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import patience_s
from tests.recipes import write_recipe

ROOT = Path(__file__).parents[2]
NOWHERE = "ipc:///nowhere/at/all"
COMMANDS = {
    "help": "inspector --help",
    "check": "inspector check line.toml",
    "replay help": "inspector replay --help",
    "version": "inspector --version",
    "deploy help": "deploy --help",
    "deploy version": "deploy --version",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a good configuration."""
    folder = tmp_path_factory.mktemp("line")
    write_recipe(folder / "recipe")
    (folder / "line.toml").write_text(
        'line = "l"\n[recipe]\npath = "recipe"\n[intake]\nbind = "ipc://f"\n[[camera]]\nname = "top"\nmm_per_px = 1\n'
        'mm_per_row = 1\n[events]\nbind = "ipc://e"\nreplay_bind = "ipc://r"\n[journal]\npath = "journal"\n'
    )
    return folder


def ended(words: str, redirection: str, folder: Path) -> tuple[int, str]:
    """Exit code and standard error of a command whose output is redirected by the shell."""
    done = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m {words} {redirection}"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=2 * patience_s(),
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_full_disk_is_one_line(words: str, folder: Path) -> None:
    """What cannot be printed fails the command: 1, and a line that says why."""
    code, err = ended(words, "> /dev/full", folder)
    assert (code, err) == (1, "standard output: No space left on device. Nothing more is printed.\n")


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_a_closed_pipe_is_a_way_to_end(words: str, folder: Path) -> None:
    """A reader that does not read on ends it quietly."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [sys.executable, "-m", *words.split()],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=2 * patience_s(),
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", COMMANDS.values(), ids=COMMANDS)
def test_no_standard_descriptor_at_all(words: str, folder: Path) -> None:
    """A parent that closed all three gets the exit code, and no file takes their place."""
    assert ended(words, "<&- >&- 2>&-", folder)[0] == 0


@pytest.mark.parametrize(
    ("redirection", "code", "err"),
    [
        (">&-", 1, "standard output is closed; expected somewhere to print events to.\n"),
        ("--timeout nan", 2, None),
        ("--timeout -1", 2, None),
        ("--count -1", 2, None),
        ("--since -1", 2, None),
        ("--timeout 0", 1, None),
    ],
)
def test_events(redirection: str, code: int, err: str | None, folder: Path) -> None:
    """Printing events is nothing without an output, and times are numbers."""
    found, words = ended(f"inspector events --connect {NOWHERE} --replay {NOWHERE}", redirection, folder)
    assert found == code
    assert "Traceback" not in words
    assert err is None or words == err


def test_unbuffered_output_is_unbuffered() -> None:
    """Under `python -u` a line is there when it is printed, not when the command ends."""
    command = "from inspector import output; output.guarded(lambda: print('begun') or len(input()))"
    with subprocess.Popen(
        [sys.executable, "-u", "-c", command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        assert process.stdout.readline() == "begun\n"
        process.stdin.write("go on\n")
        process.stdin.close()
        assert process.wait() == 0


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_letter_that_the_terminal_lacks_is_written_as_in_json(encoding: str, folder: Path) -> None:
    """A folder's name, or a person's, ends no command with a traceback."""
    config = folder / "w\u0142\u00f3kno \u00fc.toml"
    config.write_text((folder / "line.toml").read_text())
    done = subprocess.run(
        [sys.executable, "-m", "inspector", "check", config.name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": encoding},
        capture_output=True,
        check=False,
        timeout=2 * patience_s(),
    )
    shown = rb"w\u0142\u00f3kno \u00fc" if encoding == "ascii" else b"w\\u0142\xf3kno \xfc"
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(shown + b".toml: good.")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("inspector decide C1 hold --reason x --operator", 2),
        ("inspector alarms acknowledge three-dark --operator", 2),
        ("inspector events --connect", 2),
        ("inspector check", 78),
        ("deploy bundle --out x.tar", 78),
    ],
)
def test_an_argument_that_is_no_text_is_named(words: str, code: int, folder: Path) -> None:
    """A name in another encoding is refused in a line; as a file's name it is as good as any."""
    done = subprocess.run(
        [sys.executable.encode(), b"-m", *words.encode().split(), b"Zo\xeb"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=2 * patience_s(),
    )
    assert done.returncode == code
    assert len(done.stderr.splitlines()) == 1 and ("Zo\\xeb: is no text" if code == 2 else "Zo\\udceb") in done.stderr


@pytest.mark.parametrize("when", ["import signal; signal.raise_signal(signal.SIGINT)", "sys.stdout.flush = interrupt"])
def test_ctrl_c_at_any_time_is_130(when: str) -> None:
    """While a command loads, or while its last words are written: no traceback, and no other exit code."""
    program = (
        "import signal, sys\nfrom inspector import output\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"  # a shell has it ignored in the background
        "def interrupt():\n    del sys.stdout.flush\n    raise KeyboardInterrupt\n"
        f"def command():\n    {when}\n    return 0\n"
        "sys.exit(output.guarded(command))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        timeout=2 * patience_s(),
    )
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("words", ["inspector demo --out line.toml", "inspector demo --out line.toml/within"])
def test_a_file_that_is_in_the_way_is_named(words: str, folder: Path) -> None:
    """As is a folder that nobody may write to: one line, whatever the command."""
    code, err = ended(words, "", folder)
    assert code == 1 and len(err.splitlines()) == 1 and err.startswith("line.toml") and "Mend that" in err
