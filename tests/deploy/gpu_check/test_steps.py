"""Steps as real processes: what they say by their exit codes, and that none stops another."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from deploy.gpu_check.steps import SKIP, Step, StepResult, run

SILENT = lambda words: None  # noqa: E731  # a sink, not a function of anything


def python(code: str) -> tuple[str, ...]:
    """A command that runs a line of Python."""
    return (sys.executable, "-c", code)


def do(tmp_path: Path, *steps: Step, total_s: float = 60.0) -> list[StepResult]:
    """Run steps in a folder of their own."""
    return list(run(steps, tmp_path, tmp_path, total_s, SILENT))


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("print('fine')", "passed", ""),
        ("raise SystemExit('out of memory')", "failed", "exit code 1: out of memory"),
        (f"print('no such GPU'); raise SystemExit({SKIP})", "skipped", "no such GPU"),
        ("raise SystemExit(5)", "skipped", "there was nothing to do"),
    ],
)
def test_the_exit_code_decides(tmp_path: Path, code: str, status: str, reason: str) -> None:
    """Passed, failed with the last words, skipped with the reason."""
    (done,) = do(tmp_path, Step(name="one", words=python(code), budget_s=20, none_found=5))
    assert (done.status, done.reason) == (status, reason)


def test_a_failed_step_stops_only_what_needs_it(tmp_path: Path) -> None:
    """The next one runs; one that builds on it is skipped and says why."""
    broken = Step(name="convert", words=python("raise SystemExit(1)"), budget_s=20)
    after = Step(name="verify", words=python(""), budget_s=20, needs=("convert",))
    other = Step(name="torch", words=python(""), budget_s=20)
    done = do(tmp_path, broken, after, other)
    assert [step.status for step in done] == ["failed", "skipped", "passed"]
    assert done[1].reason == "needs convert, which did not pass"


def test_a_step_that_hangs_is_ended_with_its_children(tmp_path: Path) -> None:
    """Its budget is its own: the child that it started is gone too, and the next step runs."""
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(3600)'])"
    done = do(tmp_path, Step(name="a", words=python(code), budget_s=1.5), Step(name="b", words=python(""), budget_s=20))
    assert [step.status for step in done] == ["failed", "passed"]
    assert done[0].reason == "not done within 2 s"


def test_what_a_step_leaves_the_next_may_use(tmp_path: Path) -> None:
    """A quick first step makes a slow second one possible, whose own budget would not do."""
    quick = Step(name="a", words=python(""), budget_s=60)
    slow = Step(name="b", words=python("import time; time.sleep(0.5)"), budget_s=0.001)
    assert [step.status for step in do(tmp_path, quick, slow)] == ["passed", "passed"]
    assert [step.status for step in do(tmp_path, slow)] == ["failed"]


def test_all_steps_share_one_budget(tmp_path: Path) -> None:
    """What no time is left for has failed, not passed in silence."""
    done = do(tmp_path, Step(name="late", words=python(""), budget_s=20), total_s=0.0)
    assert (done[0].status, done[0].reason) == ("failed", "no time left of 0 s")


def test_an_excused_failure_is_a_skip_with_the_real_words(tmp_path: Path) -> None:
    """An unsupported GPU is tried all the same; a success counts, a failure is explained."""
    fails = Step(name="a", words=python("raise SystemExit('no kernel')"), budget_s=20, excuse="sm 9.0 is unsupported")
    works = Step(name="b", words=python(""), budget_s=20, excuse="sm 9.0 is unsupported")
    done = do(tmp_path, fails, works)
    assert (done[0].status, done[0].reason) == ("skipped", "sm 9.0 is unsupported (exit code 1: no kernel)")
    assert done[1].status == "passed"


def test_figures_come_from_the_file_that_the_step_leaves(tmp_path: Path) -> None:
    """They are kept as they are, a failed step's too; a step that leaves none has failed."""
    path = tmp_path / "figures.json"
    writes = Step(name="a", words=python(f"open({str(path)!r}, 'w').write('[1, 2]')"), budget_s=20, json=path)
    silent = Step(name="b", words=python(""), budget_s=20, json=tmp_path / "none.json")
    grew = Step(name="c", words=python("raise SystemExit('it grew')"), budget_s=20, json=path)
    done = do(tmp_path, writes, silent, grew)
    assert done[0].figures == [1, 2]
    assert (done[2].status, done[2].figures) == ("failed", [1, 2])
    assert done[1].status == "failed" and "left no figures in none.json" in done[1].reason


def test_steps_import_from_the_checkout(tmp_path: Path) -> None:
    """With nothing of ours installed, PYTHONPATH is enough."""
    (tmp_path / "ours.py").write_text("")
    (done,) = do(tmp_path, Step(name="a", words=python("import ours"), budget_s=20))
    assert done.status == "passed", done.output


def test_a_command_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    """Named, and no exception."""
    (done,) = do(tmp_path, Step(name="a", words=("/no/such/program",), budget_s=20))
    assert done.status == "failed" and "/no/such/program cannot be started" in done.reason
