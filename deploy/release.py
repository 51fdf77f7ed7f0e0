"""A release: wheel, sdist, bill of materials and notes of one commit, in a folder to be kept as it is.

`python -m deploy.release OUT`, or `make release`. It changes nothing in the repository: who releases tags the commit.

Knows: git, CHANGELOG.md (Keep a Changelog), and the tools that build and list packages, in an environment of their own.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from datetime import date
from io import BytesIO
from pathlib import Path

from deploy.bundle import SOURCE
from inspector.errors import EXIT_FAILURE, InspectorError

TOOLS = ("build>=1.6,<2", "cyclonedx-bom>=7.5,<8")
"""What builds a wheel from a source tree; what lists an environment as CycloneDX has it."""
NAME = "inline_steel_inspector"


def release(source: Path, out: Path, tools: Path, say: Callable[[str], None]) -> None:
    """Build the release of the commit that `source` has checked out into `out`/VERSION; whole or not at all.

    `tools` is what `make_tools` returned.

    Raises: InspectorError for what is not ready to be released, or when a tool fails.
    """
    version, notes = check(source)
    commit = git(source, "rev-parse", "HEAD")
    with tempfile.TemporaryDirectory() as temporary:
        work, made = Path(temporary), Path(temporary) / "made"
        say(f"{version}: building {commit[:12]}")
        tree, environ = unpack(source, "HEAD", work / "tree"), timed(source)
        wheel = build(tools, tree, made, environ)
        say("listing what comes with it")
        list_materials(tools, wheel, tree, made / f"{NAME}-{version}.cdx.json", environ)
        (made / "NOTES.md").write_text(notes, encoding="utf-8")
        lines = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(made.iterdir())]
        (made / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
        out = out / version
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(made, out)
    for path in sorted(out.iterdir()):
        say(f"{path}: {path.stat().st_size} bytes")
    say(f"Then: git tag -a v{version} {commit[:12]} -F {out / 'NOTES.md'} --cleanup=verbatim")


def check(source: Path) -> tuple[str, str]:
    """Return the version and its notes, if the commit that is checked out can be released.

    Raises: InspectorError for changes that are not committed, a version without notes, or one that was released.
    """
    if changed := git(source, "status", "--porcelain"):
        raise InspectorError(f"{changed.splitlines()[0]}: is not committed. Commit it, or clean up: git stash.")
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    version = str(project["version"])
    tagged = git(source, "for-each-ref", "--format=%(*objectname)%(objectname)", f"refs/tags/v{version}")
    if tagged and git(source, "rev-parse", "HEAD") not in tagged:
        raise InspectorError(f"v{version} is the tag of another commit. Raise the version in pyproject.toml.")
    return version, changes((source / "CHANGELOG.md").read_text(encoding="utf-8"), version)


def changes(changelog: str, version: str) -> str:
    """Return what CHANGELOG.md says of a version.

    Raises: InspectorError when its section is missing, has no date, says nothing, or is not the newest.
    """
    sections = re.split(r"^## ", changelog, flags=re.MULTILINE)[1:]
    titles = [section.partition("\n")[0].strip() for section in sections]
    released = [title for title in titles if title != "[Unreleased]"]
    match = re.fullmatch(rf"\[{re.escape(version)}\] - (\d{{4}}-\d\d-\d\d)", released[0] if released else "")
    if not match:
        raise InspectorError(
            f"CHANGELOG.md: the newest section is {released[0] if released else 'none'}; expected "
            f"## [{version}] - YYYY-MM-DD. Move what is [Unreleased] there."
        )
    try:
        date.fromisoformat(match[1])
    except ValueError as error:
        raise InspectorError(f"CHANGELOG.md: [{version}] has the date {match[1]}: {error}. Correct it.") from error
    notes = sections[titles.index(released[0])].partition("\n")[2].strip()
    if not re.search(r"^- ", notes, flags=re.MULTILINE):
        raise InspectorError(f"CHANGELOG.md: [{version}] says nothing. Say what changed for those who use it.")
    return notes + "\n"


def unpack(source: Path, commit: str, into: Path) -> Path:
    """Unpack a commit's tree into the folder `into`, so that nothing that lies about gets in; return it.

    Raises: InspectorError when the commit is not there.
    """
    tar = run(["git", "-C", source, "-c", "tar.umask=0022", "archive", "--format=tar", commit], os.environ)
    with tarfile.open(fileobj=BytesIO(tar)) as archive:
        archive.extractall(into, filter="data")
    return into


def timed(source: Path) -> Mapping[str, str]:
    """Return an environment in which tools date what they make like the commit that `source` has checked out.

    Raises: InspectorError.
    """
    return {**os.environ, "SOURCE_DATE_EPOCH": git(source, "show", "--no-patch", "--format=%ct", "HEAD")}


def make_tools(folder: Path, source: Path) -> Path:
    """Make the environment that builds `source` and lists what comes with it; return its folder of programs.

    Raises: InspectorError.
    """
    project = tomllib.loads((source / "pyproject.toml").read_text(encoding="utf-8"))
    return environment(folder, *TOOLS, *project["build-system"]["requires"])


def environment(folder: Path, *packages: str) -> Path:
    """Make a virtual environment with these packages; return its folder of programs.

    Raises: InspectorError.
    """
    run([sys.executable, "-m", "venv", "--without-pip", folder], os.environ)
    python = folder / "bin" / "python"
    run([sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-compile", *packages], os.environ)
    return folder / "bin"


def build(tools: Path, tree: Path, out: Path, environ: Mapping[str, str]) -> Path:
    """Build sdist and wheel of a source tree into the folder `out`; return the wheel.

    Times in the wheel are SOURCE_DATE_EPOCH's: the same commit makes the same wheel.

    Raises: InspectorError.
    """
    run([tools / "python", "-m", "build", "--no-isolation", "--outdir", out, tree], environ)
    (wheel,) = out.glob(f"{NAME}-*.whl")
    return wheel


def list_materials(tools: Path, wheel: Path, tree: Path, out: Path, environ: Mapping[str, str]) -> None:
    """Write the bill of materials of what `pip install WHEEL` installs on this platform: the daemon's, no extras.

    Raises: InspectorError.
    """
    with tempfile.TemporaryDirectory() as temporary:
        python = environment(Path(temporary), str(wheel)) / "python"
        project: list[str | Path] = ["--pyproject", tree / "pyproject.toml", "--mc-type", "application"]
        run([tools / "cyclonedx-py", "environment", *project, "--output-reproducible", "-o", out, python], environ)


def git(source: Path, *words: str) -> str:
    """Ask git.

    Raises: InspectorError.
    """
    return run(["git", "-C", source, *words], os.environ).decode().strip()


def run(command: list[str | Path], environ: Mapping[str, str]) -> bytes:
    """Run a command and return its output.

    Raises: InspectorError with the end of its errors.
    """
    ended = subprocess.run(command, env=environ, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if ended.returncode:
        errors = ended.stderr.decode(errors="replace").strip().splitlines()[-5:]
        raise InspectorError(f"{' '.join(map(str, command))} ended with {ended.returncode}: {' '.join(errors)}")
    return ended.stdout


def main() -> int:
    """Build the release of this source tree."""
    try:
        with tempfile.TemporaryDirectory() as temporary:
            tools = make_tools(Path(temporary), SOURCE)
            release(SOURCE, Path(sys.argv[1]), tools, lambda words: print(words, flush=True))
    except InspectorError as error:
        print(error, file=sys.stderr)
        return EXIT_FAILURE
    return 0


if __name__ == "__main__":
    sys.exit(main())
