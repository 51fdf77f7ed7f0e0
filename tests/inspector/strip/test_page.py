"""The strip's page names tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_every_case_of_the_table_has_its_test() -> None:
    """Whatever the page says is proven by a test is proven by one of that name."""
    page = (ROOT / "inspector" / "strip" / "README.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_\w+)`", page))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests" / "inspector").rglob("test_*.py"))
    assert named and named <= set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
