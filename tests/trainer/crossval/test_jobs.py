"""Several jobs at the same time, each in a process of its own; they learn nothing, and so begin in a second."""

import io
import os
import time
from functools import partial
from pathlib import Path

import pytest
import torch
from rich.console import Console

from tests.patience import patience_s
from trainer.crossval.jobs import run_jobs
from trainer.errors import UserError
from trainer.learn.stop import RunStopped, Stop


def fail(begun: Path, console: Console) -> None:
    """Fail as a run does whose user gave it a wrong file, once the other job is at work."""
    wait_for(begun)
    raise UserError("gone.pt: no such file")


def work_until_stopped(begun: Path, console: Console) -> None:
    """Go on until a signal asks for the end, and end as a run does that saved its checkpoint."""
    with Stop(console) as stop:
        begun.touch()
        wait_for(begun.with_name("never"), stop)
        begun.with_name("saved").touch()
        raise RunStopped("stopped", stop.signal_number or 0)


def count_threads(file: Path, console: Console) -> None:
    """Write down how many threads a job has."""
    file.write_text(str(torch.get_num_threads()))


def wait_for(file: Path, stop: Stop | None = None) -> None:
    """Wait until a file is there, or a signal came."""
    give_up_s = time.monotonic() + patience_s()
    while not file.exists() and not (stop and stop.signal_number):
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def test_a_job_that_fails_says_why_and_stops_the_others(tmp_path: Path) -> None:
    """The fault of a job's process is raised with the job's name; the other one saves, and none begins any more."""
    begun, shown = tmp_path / "begun", io.StringIO()
    jobs = [
        (partial(work_until_stopped, begun), tmp_path / "fold-1.log"),
        (partial(fail, begun), tmp_path / "fold-2.log"),
        (partial(work_until_stopped, begun), tmp_path / "fold-3.log"),
    ]
    with pytest.raises(UserError, match=r"fold-2: gone\.pt: no such file"):
        run_jobs(jobs, 2, Console(file=shown))
    assert (tmp_path / "saved").exists() and not (tmp_path / "fold-3.log").exists()
    assert "fold-1: its log is" in shown.getvalue() and "fold-3" not in shown.getvalue()


def test_jobs_share_the_cores_that_this_process_may_use(tmp_path: Path) -> None:
    """Where that is one of several, a job has one thread: more would take turns on it."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        run_jobs(
            [(partial(count_threads, tmp_path / "threads"), tmp_path / "fold-1.log")], 1, Console(file=io.StringIO())
        )
    finally:
        os.sched_setaffinity(0, allowed)
    assert (tmp_path / "threads").read_text() == "1"
