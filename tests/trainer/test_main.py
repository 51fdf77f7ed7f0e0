"""Commands as a shell runs them: closed pipes, full disks, folders with spaces, a second copy."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from inspector.errors import RecipeError
from tests.patience import patience_s
from tests.recipes import write_recipe
from tests.trainer.painted import write_frames
from trainer import __main__ as program
from trainer.commands import show
from trainer.errors import RunError, UserError

ROOT = Path(__file__).parents[2]


def trainer(arguments: Sequence[str], **options: object) -> subprocess.Popen[str]:
    """Start a command; its stderr is text."""
    command = [sys.executable, "-m", "trainer", *arguments]
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment, **options)  # type: ignore[call-overload]


def test_a_plain_install_says_what_the_trainer_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The daemon's install has the command too: one line instead of a traceback, for `--help` as well."""
    for name in [name for name in sys.modules if name.startswith("trainer.commands")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "rich.console", None)
    assert program.main(["--help"]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "trainer: rich.console is not installed; expected the trainer's packages. "
        "Run: pip install 'inline-steel-inspector[train]'"
    ]


def test_a_closed_pipe_ends_a_command_in_one_line(mask_folder: Path, tmp_path: Path) -> None:
    """As `trainer check DATA | head -1` does."""
    reading, writing = os.pipe()
    os.close(reading)
    process = trainer(["check", str(mask_folder), "--out", str(tmp_path)], stdout=writing)
    os.close(writing)
    _, errors = process.communicate(timeout=2 * patience_s())
    assert process.returncode == 1
    assert errors.splitlines()[-1].startswith("trainer check: nobody reads its output any more")
    assert "Traceback" not in errors and "Exception ignored" not in errors


def test_a_full_disk_under_the_output_is_put_in_words(mask_folder: Path, tmp_path: Path) -> None:
    """As `trainer check DATA > report.txt` on a full disk."""
    with Path("/dev/full").open("w") as full:
        process = trainer(["check", str(mask_folder), "--out", str(tmp_path)], stdout=full)
        _, errors = process.communicate(timeout=2 * patience_s())
    assert process.returncode == 1
    assert errors.splitlines()[-1] == "standard output: No space left on device. Nothing more is printed."
    assert "Traceback" not in errors and "Exception ignored" not in errors


HELP = [["--help"], ["--version"], ["fit", "--help"]]


@pytest.mark.parametrize("asked", HELP, ids=" ".join)
def test_help_on_a_full_disk_fails_and_unread_does_not(asked: list[str]) -> None:
    """As `trainer --help > /dev/full`, whose words argparse swallows, and `trainer --help | true`."""
    with Path("/dev/full").open("w") as full:
        process = trainer(asked, stdout=full)
        _, errors = process.communicate(timeout=2 * patience_s())
    assert (process.returncode, errors) == (1, "standard output: No space left on device. Nothing more is printed.\n")
    reading, writing = os.pipe()
    os.close(reading)
    process = trainer(asked, stdout=writing)
    os.close(writing)
    _, errors = process.communicate(timeout=2 * patience_s())
    assert (process.returncode, errors) == (0, "")


OPENING = [
    "check {one} {other}",
    "fit {one} --extra {other}",
    "fit {one} --validate {other}",
    "crossval {one} {other}",
    "compare {one} {other}",
    "tune {recipe} --calibrate {one} --test {other}",
    "tune {recipe} --calibrate 1:2:defects=0 --test {other}",
    "tune-screen {recipe} --screen {recipe} --calibrate {one} --test {other}",
    "tune-certainty {recipe} --test {one} {other}",
    "tune-certainty {recipe} --calibrate {one} --test {other}",
    "evaluate {recipe} {one} {other}",
    "specify {recipe} {one} {other}",
    "fit-screen {one} {other}",
    "show {recipe} {one} {other}",
]


@pytest.mark.parametrize("command", OPENING)
def test_only_is_refused_where_it_is_about_none_of_a_commands_data(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """About one of them it is read, whatever layout the others have."""
    labelled, severstal = write_frames(tmp_path / "a", 6), tmp_path / "b"
    (severstal / "train_images").mkdir(parents=True)
    (severstal / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n")
    given = {"recipe": write_recipe(tmp_path / "recipe"), "one": labelled}
    out = [] if command.startswith(("tune", "specify")) else ["--out", str(tmp_path / "out.png")]
    for folder, says in (
        (labelled, "works on Severstal's layout alone"),
        (severstal, f"expected FILE:COLUMN=VALUE with FILE in {severstal}"),
    ):
        arguments = [word.format(**given, other=folder) for word in command.split()]
        assert program.main([*arguments, "--only", "a.csv:b=c", *out]) == (1 if command.startswith("check") else 2)
        (line,) = [line for line in capsys.readouterr().err.splitlines() if "--only" in line]
        assert f"--only a.csv:b=c: {says}" in line


def test_only_what_a_person_can_mend_is_put_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error of ours keeps its traceback; those of users, runs and recipes end in exit codes."""
    wordable: tuple[tuple[Exception, int], ...] = (
        (UserError("x"), 2),
        (RunError("x"), 1),
        (RecipeError("x"), 2),
        (OSError(5, "x"), 2),
    )
    for error, exit_code in wordable:
        monkeypatch.setattr(show, "run", raising(error))
        assert program.main(["show", "recipe", "images", "--out", "a.png"]) == exit_code
    for bug in (ValueError("a bug"), KeyError("a bug"), RuntimeError("a bug")):
        monkeypatch.setattr(show, "run", raising(bug))
        with pytest.raises(type(bug), match="a bug"):
            program.main(["show", "recipe", "images", "--out", "a.png"])


def raising(error: Exception) -> Callable[[object], int]:
    """Return a command that ends so."""

    def run(given: object) -> int:
        raise error

    return run
