"""The pages' pure modules, tested in JavaScript where Node is."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.patience import patience_s

NODE = shutil.which("node")
HERE = Path(__file__).parent
STATIC = HERE.parents[2] / "inspector" / "station" / "static"
LANGUAGES = HERE.parents[2] / "inspector" / "languages"
MOST_KB = 300


@pytest.mark.skipif(NODE is None, reason="no Node on this machine (apt install nodejs)")
def test_the_modules_do_what_they_say(tmp_path: Path) -> None:
    """Each test of each *.test.mjs passes."""
    assert NODE
    (tmp_path / "package.json").write_text('{"type": "module"}')
    for script in STATIC.glob("*.js"):
        shutil.copy(script, tmp_path)
    for path in HERE.glob("*.test.mjs"):
        tests = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(tests.replace("../../../inspector/station/static/", "./"), encoding="utf-8")
    done = subprocess.run(
        [NODE, "--test", str(tmp_path)], capture_output=True, text=True, check=False, timeout=patience_s()
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# pass 17" in done.stdout


def test_the_first_view_is_small() -> None:
    """All scripts, styles and words together, uncompressed."""
    files = [*STATIC.glob("*"), *LANGUAGES.glob("*.json"), *(STATIC.parent / "pages").glob("*")]
    assert sum(path.stat().st_size for path in files) <= 1000 * MOST_KB
