"""The pages that go along in a bundle: all that the first one leads to, so that no link is dead without a network.

Knows: how Markdown links to files. Must not know: wheels, recipes.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

FIRST = "systemd/README.md"
"""Who stands in front of the machine begins there."""
LINK = re.compile(r"\]\(([^)\s#]+)[^)]*\)")


def copy_pages(source: Path, into: Path) -> None:
    """Copy `FIRST` of the source tree and what it leads to, pictures and schemas too; each keeps its place.

    Raises: OSError where a page links to nothing.
    """
    waiting, known = [source / FIRST], {source / FIRST}
    while waiting:
        path = waiting.pop()
        place = into / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, place, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
            continue
        shutil.copy(path, place)
        if path.suffix == ".md":
            links = {link for link in LINK.findall(path.read_text(encoding="utf-8")) if "://" not in link}
            found = {(path.parent / link).resolve() for link in links} - known
            waiting += sorted(found)
            known |= found
