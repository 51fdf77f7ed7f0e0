"""Known weaknesses of what `pip install` of this source tree installs: `make audit`.

It asks the database that pip-audit asks, over the network. Where that has nothing to say of a package, pip-audit
passes it over and ends with 0; here that is a failure of its own, for nothing was found out.

Knows: pip-audit's report. Must not know: what a weakness means for us.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec

from deploy.bundle import SOURCE
from deploy.release import NAME, environment
from inspector.errors import EXIT_DONE, EXIT_FAILURE, EXIT_UNAVAILABLE, InspectorError

TOOL = "pip-audit>=2.10,<3"
OWN = {"pip", "setuptools", NAME.replace("_", "-")}
"""What is not asked about: our own package, and what installed it."""


class Weakness(msgspec.Struct, frozen=True):
    """One entry of the database."""

    id: str
    fix_versions: tuple[str, ...] = ()


class Package(msgspec.Struct, frozen=True):
    """What was found out of one package."""

    name: str
    version: str = ""
    vulns: tuple[Weakness, ...] = ()
    skip_reason: str = ""
    """Why nothing was found out."""


class Report(msgspec.Struct, frozen=True):
    """What pip-audit writes as JSON."""

    dependencies: tuple[Package, ...]


def assess(report: Report) -> tuple[int, list[str]]:
    """Return an exit code and what to print.

    0: no weakness of any is known; 1: one is; 69: of some, or of all, nothing was found out.
    """
    packages = [package for package in report.dependencies if package.name not in OWN]
    unknown = [package.name for package in packages if package.skip_reason]
    found = [line for package in packages for line in _lines(package)]
    if unknown:
        found.append(
            f"NOT AUDITED: {len(unknown)} of {len(packages)} packages, of which the database could not be asked: "
            f"{', '.join(unknown)}. Run it where the database can be reached."
        )
    if any(package.vulns for package in packages):
        return EXIT_FAILURE, found
    if not packages:
        found.append("NOT AUDITED: pip-audit found no packages. Install this source tree first.")
    if unknown or not packages:
        return EXIT_UNAVAILABLE, found
    return EXIT_DONE, [f"no known weakness in {len(packages)} packages"]


def _lines(package: Package) -> Iterator[str]:
    for weakness in package.vulns:
        fixed = ", ".join(weakness.fix_versions) or "no version yet"
        yield f"{package.name} {package.version}: {weakness.id}; mended in {fixed}"


def ask(tool: Path, installed: Path) -> Report:
    """Have pip-audit look at the packages in a folder.

    Raises: InspectorError when it gives no report: no network, most likely.
    """
    words: list[str | Path] = [tool, "--path", installed, "--format", "json", "--progress-spinner", "off"]
    ended = subprocess.run(words, env=os.environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    try:
        return msgspec.json.decode(ended.stdout, type=Report)
    except ValueError as error:
        last = (ended.stderr.decode(errors="replace").strip().splitlines() or ["it wrote nothing"])[-1]
        raise InspectorError(f"NOT AUDITED: pip-audit gave no report: {last}") from error


def main() -> int:
    """Audit what this source tree needs to run."""
    try:
        with tempfile.TemporaryDirectory() as temporary:
            tools = environment(Path(temporary, "tools"), TOOL)
            programs = environment(Path(temporary, "installed"), str(SOURCE))
            (installed,) = programs.parent.glob("lib/python3*/site-packages")
            code, lines = assess(ask(tools / "pip-audit", installed))
    except InspectorError as error:
        code, lines = EXIT_UNAVAILABLE, [str(error)]
    for line in lines:
        print(line)
    return code


if __name__ == "__main__":
    sys.exit(main())
