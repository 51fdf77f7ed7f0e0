"""The audit of dependencies: what pip-audit passes over in silence is a failure here."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from deploy.audit import Package, Report, Weakness, ask, assess
from inspector.errors import EXIT_DONE, EXIT_FAILURE, EXIT_UNAVAILABLE, InspectorError

GOOD = Package("numpy", "2.4.0")
UNKNOWN = Package("pyzmq", skip_reason="Dependency not found on the index and could not be audited")
WEAK = Package("cv", "5.0", (Weakness("CVE-2026-1", ("5.1",)), Weakness("CVE-2026-2")))
OURS = Package("inline-steel-inspector", skip_reason="not found")


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ((GOOD, OURS), EXIT_DONE, ["no known weakness in 1 packages"]),
        (
            (GOOD, WEAK),
            EXIT_FAILURE,
            ["cv 5.0: CVE-2026-1; mended in 5.1", "cv 5.0: CVE-2026-2; mended in no version yet"],
        ),
        ((), EXIT_UNAVAILABLE, ["NOT AUDITED: pip-audit found no packages. Install this source tree first."]),
    ],
)
def test_assess(packages: tuple[Package, ...], code: int, words: list[str]) -> None:
    """Good, weak, and nothing to look at."""
    assert assess(Report(packages)) == (code, words)


def test_what_was_not_audited_is_reported() -> None:
    """A package that the database does not know is named, and the audit is none; a weakness counts more."""
    code, (words,) = assess(Report((GOOD, UNKNOWN)))
    assert code == EXIT_UNAVAILABLE and words.startswith("NOT AUDITED: 1 of 2 packages") and "pyzmq" in words
    code, lines = assess(Report((UNKNOWN, WEAK)))
    assert code == EXIT_FAILURE and lines[-1].startswith("NOT AUDITED")


@pytest.mark.parametrize(
    ("script", "found"),
    [
        ('echo \'{"dependencies": [{"name": "numpy", "version": "2", "vulns": []}], "fixes": []}\'; exit 1', 1),
        ("echo 'no route to host' >&2; exit 1", None),
    ],
)
def test_ask(tmp_path: Path, script: str, found: int | None) -> None:
    """The report counts, not the exit code; without one the tool's last line is the reason."""
    tool = tmp_path / "pip-audit"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    if found:
        assert len(ask(tool, tmp_path).dependencies) == found
    else:
        with pytest.raises(InspectorError, match="NOT AUDITED: pip-audit gave no report: no route to host"):
            ask(tool, tmp_path)
