"""What may be released, and that a release is what its commit says."""

from __future__ import annotations

import hashlib
import json
import subprocess
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest

from deploy.bundle import SOURCE
from deploy.release import NAME, build, changes, check, make_tools, release, timed, unpack
from inspector.errors import InspectorError

CHANGELOG = """# Changelog

## [Unreleased]

## [0.3.0] - 2026-12-01

### Fixed
- It starts.

## [0.2.0] - 2026-11-27

### Added
- Everything.
"""


def git(folder: Path, *words: str) -> None:
    """Run git as somebody."""
    who = ("-c", "user.name=somebody", "-c", "user.email=somebody@example.org")
    subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Give a repository with one commit of version 0.3.0."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "0.3.0"\n')
    (tmp_path / "CHANGELOG.md").write_text(CHANGELOG)
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "Begin")
    return tmp_path


def test_this_version_has_notes() -> None:
    """The version in pyproject.toml is the newest section of the changelog, dated."""
    version = tomllib.loads((SOURCE / "pyproject.toml").read_text())["project"]["version"]
    assert "- " in changes((SOURCE / "CHANGELOG.md").read_text(), version)


def test_notes_are_the_version_s_own() -> None:
    """No other version's, and no title."""
    assert changes(CHANGELOG, "0.3.0") == "### Fixed\n- It starts.\n"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("## [0.3.0] - 2026-12-01", "## [0.3.0]", r"newest section is \[0\.3\.0\]; expected ## \[0\.3\.0\] - YYYY"),
        ("## [0.3.0] - 2026-12-01\n", "", r"newest section is \[0\.2\.0\] - 2026-11-27"),
        ("2026-12-01", "2026-13-01", "has the date 2026-13-01"),
        ("- It starts.\n", "", "says nothing"),
        (CHANGELOG, "# Changelog\n", "newest section is none"),
    ],
)
def test_a_version_without_notes_is_not_released(old: str, new: str, words: str) -> None:
    """Without a section, without a date, with nothing in it: what to do stands in the message."""
    with pytest.raises(InspectorError, match=words):
        changes(CHANGELOG.replace(old, new), "0.3.0")


def test_what_is_not_committed_is_not_released(repository: Path) -> None:
    """A release is one commit's, and a version one commit's for ever."""
    assert check(repository) == ("0.3.0", "### Fixed\n- It starts.\n")
    git(repository, "tag", "-a", "v0.3.0", "-m", "Released")
    assert check(repository)[0] == "0.3.0", "the tag of this very commit"
    (repository / "more").write_text("more")
    with pytest.raises(InspectorError, match="more: is not committed"):
        check(repository)
    git(repository, "add", ".")
    git(repository, "commit", "-m", "More")
    with pytest.raises(InspectorError, match=r"v0\.3\.0 is the tag of another commit"):
        check(repository)


@pytest.mark.long
def test_release(tmp_path: Path) -> None:
    """Wheel, sdist, bill of materials, notes and sums; the same commit makes the same wheel again."""
    clone = tmp_path / "clone"
    try:
        subprocess.run(["git", "clone", "--quiet", SOURCE, clone], check=True, capture_output=True)
    except subprocess.CalledProcessError:
        pytest.skip("this source tree is no git repository")
    out, tools = tmp_path / "dist", make_tools(tmp_path / "tools", clone)
    release(clone, out, tools, print)
    (folder,) = out.iterdir()
    base = f"{NAME}-{folder.name}"
    wheel = folder / f"{base}-py3-none-any.whl"
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        ["NOTES.md", "SHA256SUMS", f"{base}.cdx.json", f"{base}.tar.gz", wheel.name]
    )
    assert f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}  {wheel.name}\n" in (folder / "SHA256SUMS").read_text()
    bill = json.loads((folder / f"{base}.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX" and bill["metadata"]["component"]["name"] == "inline-steel-inspector"
    parts = {part["name"] for part in bill["components"]}
    assert {"apsw", "msgspec", "numpy", "openvino", "pyzmq"} <= parts and not {"pip", "torch", "pytest"} & parts
    names = zipfile.ZipFile(wheel).namelist()
    assert "inspector/recipes/steel-r34/model.onnx" in names and not [name for name in names if "tests/" in name]
    listed = subprocess.run(["git", "-C", clone, "ls-files"], check=True, capture_output=True, text=True)
    with tarfile.open(folder / f"{base}.tar.gz") as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert not set(listed.stdout.splitlines()) - packed, "the source distribution is not all of the source"

    again = build(tools, unpack(clone, "HEAD", tmp_path / "again"), tmp_path / "made again", timed(clone))
    assert again.read_bytes() == wheel.read_bytes()
