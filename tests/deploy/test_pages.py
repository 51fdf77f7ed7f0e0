"""The pages in a bundle: all that its reader is sent to is there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from deploy.bundle import SOURCE
from deploy.pages import FIRST, LINK, copy_pages


def test_no_page_of_a_bundle_leads_to_nothing(tmp_path: Path) -> None:
    """Links of every page that is copied, to pages, pictures and schemas alike."""
    copy_pages(SOURCE, tmp_path)
    pages = sorted(tmp_path.rglob("*.md"))
    assert {tmp_path / FIRST, tmp_path / "inspector/alarms/README.md", tmp_path / "systemd/OPERATING.md"} <= set(pages)
    links = [(page, link) for page in pages for link in LINK.findall(page.read_text(encoding="utf-8"))]
    assert [str(page) + link for page, link in links if "://" not in link and not (page.parent / link).exists()] == []
    assert not list(tmp_path.rglob("*.onnx"))


def test_the_example_and_units_name_pages_that_are_there(tmp_path: Path) -> None:
    """As they lie in an unpacked bundle."""
    copy_pages(SOURCE, tmp_path / "docs")
    files = [SOURCE / "deploy/example.toml", SOURCE / "deploy/install.sh", *(SOURCE / "systemd").glob("*.*")]
    text = "".join(path.read_text(encoding="utf-8") for path in files if path.suffix != ".md")
    named = set(re.findall(r"[\w./-]+\.md\b", text))
    assert {"docs/inspector/README.md", "docs/SECURITY.md"} <= named
    assert [name for name in sorted(named) if not (tmp_path / name).is_file()] == []


def test_a_link_to_nothing_stops_the_bundle(tmp_path: Path) -> None:
    """Rather than a page that lets its reader down where nobody can look anything up."""
    (tmp_path / FIRST).parent.mkdir()
    (tmp_path / FIRST).write_text("Read [this](gone.md).")
    with pytest.raises(FileNotFoundError, match=r"gone\.md"):
        copy_pages(tmp_path, tmp_path / "docs")
