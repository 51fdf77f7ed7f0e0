"""The house's own rules that no linter has."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("inspector", "trainer", "deploy")
MOST_LINES = 50


def functions() -> Iterator[tuple[str, int]]:
    """Yield the place of every function of the packages, and its lines."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                    assert node.end_lineno is not None
                    yield f"{path.relative_to(ROOT)}: {node.name}", node.end_lineno - node.lineno + 1


def test_functions_are_short() -> None:
    """No function has more than 50 lines: what it does fits on a screen, and in a head."""
    found = dict(functions())
    assert len(found) > 1000
    assert {place: lines for place, lines in found.items() if lines > MOST_LINES} == {}
