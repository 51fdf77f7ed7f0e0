"""A run that is killed, stopped, starved or repeated, as real processes and real signals see it."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.trainer.frames import tiny_settings
from trainer.__main__ import main
from trainer.data.extra import open_extra
from trainer.data.split import Part, open_data, write_split
from trainer.errors import OutOfMemory, UserError
from trainer.learn import checkpoint, memory
from trainer.learn.logbook import read_metrics
from trainer.learn.parallel import Ranks
from trainer.learn.start import start
from trainer.learn.train import fit
from trainer.settings import EFFICIENTNET

QUIET = Console(quiet=True)
TINY = ["--encoder", EFFICIENTNET, "--crop", "64x64", "--epoch-crops", "8", "--lr", "3e-3", "--precision", "fp32"]


def begin(mask_folder: Path, run: Path, *more: str) -> subprocess.Popen[str]:
    """Start `trainer fit` as a user would, in a process of its own."""
    command = [sys.executable, "-m", "trainer", "fit", str(mask_folder), *TINY, "--out", str(run), *more]
    quick = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(Path(__file__).parents[3])}
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=quick)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    """Return once the file is there."""
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def assert_same_weights(runs: Sequence[Path]) -> None:
    """Both runs' last networks are alike to the last bit."""
    first, second = (checkpoint.load(run / "last.pt") for run in runs)
    assert first[0].step == second[0].step
    for name in first[1]:
        assert torch.equal(first[1][name], second[1][name]), name


@pytest.mark.slow
def test_a_killed_run_goes_on_to_the_last_bit(mask_folder: Path, tmp_path: Path) -> None:
    """kill -9 in the midst, then --resume: the weights and figures of a run that nobody touched."""
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = begin(mask_folder, killed, "--epochs", "3", "--workers", "1")
    wait_for(killed / "last.pt", process)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    process.communicate()
    assert checkpoint.load(killed / "last.pt")[0].step < 6
    assert main(["fit", "--resume", "--out", str(killed)]) == 0
    assert main(["fit", str(mask_folder), *TINY, "--out", str(whole), "--epochs", "3", "--workers", "0"]) == 0
    assert_same_weights([killed, whole])
    timed = {"elapsed_s", "images_per_s", "waiting_share"}
    lines = [[{k: v for k, v in line.items() if k not in timed} for line in read_metrics(r)] for r in (killed, whole)]
    assert lines[0] == lines[1] and [line["epoch"] for line in lines[0]] == [1, 2, 3]
    assert len(tomllib.loads((killed / "config.toml").read_text())["start"]) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "exit_code"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.long), (signal.SIGTERM, 143)]
)
def test_a_signal_saves_the_run(mask_folder: Path, tmp_path: Path, number: signal.Signals, exit_code: int) -> None:
    """Ctrl-C and SIGTERM, sent to all processes as a terminal does, end a run after a step and say how to go on."""
    run = tmp_path / "run"
    process = begin(mask_folder, run, "--epochs", "1000", "--workers", "1")
    wait_for(run / "best.pt", process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for child in children:
        os.kill(int(child), number)  # the loading processes
    process.send_signal(number)
    printed = process.communicate()
    assert process.returncode == exit_code, printed
    assert f"go on with: trainer fit --resume --out {run}" in printed[1] and "Traceback" not in printed[1]
    card, _, training = checkpoint.load(run / "last.pt")
    assert training is not None and card.step > 0 and f"stopped at step {card.step}" in printed[1]
    assert (run / "curves.png").is_file()  # though none was due yet


LOADING = """
import multiprocessing, subprocess, time
from trainer.learn.stop import leave_signals_to_parent

def load(ready):
    leave_signals_to_parent()
    ready.set()
    time.sleep(60)

context = multiprocessing.get_context("fork")
ready = context.Event()
loading = context.Process(target=load, args=(ready,))
loading.start()
ready.wait()
subprocess.run(["kill", "-TERM", str(loading.pid)])
loading.join(0.5)
print(loading.is_alive())
loading.terminate()
loading.join(20)
print(loading.exitcode)
"""


def test_a_loading_process_ends_for_its_parent_alone() -> None:
    """SIGTERM to the group leaves it at work; from its parent, which waits for it at its own end, it is gone."""
    done = subprocess.run([sys.executable, "-c", LOADING], check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["True", "0"]


@pytest.mark.slow
def test_a_full_disk_keeps_the_checkpoint_before(
    mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where a file may not grow, the run says what it needs, exits 1, and leaves the old checkpoint and no litter."""
    run = tmp_path / "run"
    fit(tiny_settings(mask_folder, encoder=EFFICIENTNET, epoch_crops=8, epochs=1), run, QUIET)
    before = (run / "last.pt").read_bytes()
    usual = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, usual[1]))  # Python ignores the signal
    try:
        assert main(["fit", "--resume", "--out", str(run), "--epochs", "2"]) == 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, usual)
    printed = capsys.readouterr().err
    assert "the checkpoint takes" in printed and "The one before it is as it was" in printed
    assert (run / "last.pt").read_bytes() == before
    assert not list(run.glob(".*.tmp"))


def test_no_memory_is_reported_with_what_to_change() -> None:
    """torch's own refusal becomes what was tried and half of it."""
    settings = tiny_settings(Path("data"))
    half = r"4 crops of 64 x 64 px a step. Start again with --batch 2"
    with pytest.raises(OutOfMemory, match=half), memory.explain_shortage(settings):
        torch.empty(10**14)
    with pytest.raises(RuntimeError, match="other"), memory.explain_shortage(settings):
        raise RuntimeError("other")


@pytest.mark.parametrize(
    "last",
    [
        "RuntimeError: unable to allocate shared memory(shm) for file </torch_1_2>: No space left on device (28)",
        "OSError: [Errno 24] Too many open files",
    ],
)
def test_a_full_shared_memory_is_found_anywhere_in_the_chain(last: str) -> None:
    """DataLoader's first line says only that a worker failed; the reason is its last, or another error's."""
    settings = tiny_settings(Path("data"))
    first = "Caught RuntimeError in DataLoader worker process 0.\nOriginal Traceback (most recent call last):"
    with pytest.raises(OutOfMemory, match="--workers 0"), memory.explain_shortage(settings):
        raise RuntimeError(f"{first}\n{last}")
    with pytest.raises(OutOfMemory, match="--workers 0"), memory.explain_shortage(settings):
        raise RuntimeError("DataLoader worker (pid(s) 7) exited unexpectedly") from OSError(last)


@pytest.mark.slow
def test_equal_seeds_make_equal_runs(mask_folder: Path, tmp_path: Path) -> None:
    """Two runs of the paper's steps with one seed have the same weights; another seed has others."""
    runs = [tmp_path / name for name in ("one", "two", "other")]
    for run, seed in zip(runs, (5, 5, 6), strict=True):
        changes = {"full_frame_share": 0.5, "ema": 0.0, "optimiser": "adam", "loss": "lovasz", "relight": False}
        fit(tiny_settings(mask_folder, seed=seed, epochs=1, epoch_crops=8, **changes), run, QUIET)
    assert_same_weights(runs[:2])
    with pytest.raises(AssertionError):
        assert_same_weights(runs[1:])


def test_a_resumed_run_keeps_what_it_began_with(
    run: tuple[Path, object], mask_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Other settings than its own are refused by name; the same ones, and what changes no figure, are not."""
    assert main(["fit", "--resume", "--out", str(run[0]), "--batch", "8"]) == 2
    assert "its batch is 4, --resume was given 8" in capsys.readouterr().err
    (run[0] / "curves.png").unlink()
    assert main(["fit", str(mask_folder), "--resume", "--out", str(run[0]), "--batch", "4"]) == 0
    assert (run[0] / "curves.png").is_file()
    assert main(["fit", "--resume", "--out", str(run[0]), "--workers", "1"]) == 0


def by_hand(mask_folder: Path, run: Path) -> str:
    """Divide the frames as nobody else would, into a run's folder to come; return what stands there."""
    train, _ = open_data(tiny_settings(mask_folder, validate=("sheet:1:1",)))
    write_split(run / "split.csv", train, Part(train, ()))
    text = (run / "split.csv").read_text().replace(",train,", ",validation,", 20)
    (run / "split.csv").write_text(text)
    return text


@pytest.mark.parametrize("options", [["--split", "{}"], []])
@pytest.mark.parametrize("wrong", [["--start", "steel-r43"], ["--learn-from", "99"]])
def test_a_refused_run_leaves_a_split_as_it_was(
    mask_folder: Path, tmp_path: Path, options: list[str], wrong: list[str]
) -> None:
    """Followed or not it may be made by hand; where there was none, none is left."""
    for text, words in (
        (by_hand(mask_folder, tmp_path), [word.format(tmp_path / "split.csv") for word in options]),
        ("", []),
    ):
        assert main(["fit", str(mask_folder), *wrong, *words, "--out", str(tmp_path)]) == 2
        assert [path.read_text() for path in tmp_path.iterdir()] == [text] * bool(text)
        for path in tmp_path.iterdir():
            path.unlink()


def test_another_split_in_a_new_runs_folder_is_kept(
    mask_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Under a name that is free, which is printed; one that divides alike stays where it is."""
    text = by_hand(mask_folder, tmp_path)
    (tmp_path / "split-before-1.csv").touch()
    console = Console(width=400)
    start(tiny_settings(mask_folder), tmp_path, console, Ranks(), resume=False)
    assert (tmp_path / "split-before-2.csv").read_text() == text != (tmp_path / "split.csv").read_text()
    assert f"stood there: it is kept as {tmp_path / 'split-before-2.csv'}" in capsys.readouterr().out
    start(tiny_settings(mask_folder), tmp_path, console, Ranks(), resume=False)
    assert len(list(tmp_path.iterdir())) == 3 and "kept" not in capsys.readouterr().out


def test_frames_that_teach_do_not_measure(mask_folder: Path, tmp_path: Path) -> None:
    """A copy of DATA, or the same coil, is refused as --validate, and what is measured on is left out of --extra."""
    shutil.copytree(mask_folder, tmp_path / "copy")
    for data, validate in ((str(mask_folder), str(tmp_path / "copy")), ("sheet:1:4", "sheet:1:2:defects=3")):
        settings = tiny_settings(mask_folder, data=(data,), validate=("sheet:2:2", validate))
        with pytest.raises(UserError, match=r"--validate: \d+ frames of it are in DATA too, which teaches, as .*/0"):
            start(settings, tmp_path / "run", QUIET, Ranks(), resume=False)
    settings = tiny_settings(mask_folder, extra=("sheet:1:2", "sheet:3:1"), validate=("sheet:3:1", "sheet:4:1"))
    extra = open_extra(settings, *open_data(settings))
    assert extra and [extra.name(index) for index in range(len(extra))] == ["sheet-1/0", "sheet-1/1"]
    with pytest.raises(UserError, match="--extra sheet:3:1: all of it is measured on"):
        open_extra(replace(settings, extra=("sheet:3:1",)), *open_data(settings))
