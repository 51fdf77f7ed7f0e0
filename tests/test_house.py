"""The house's own rules that no linter has."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
PACKAGES = ("inspector", "trainer", "deploy")
MOST_LINES = 50
MOST_IN_A_FILE = 400


class Found(NamedTuple):
    """What a package's files have, each with its place."""

    functions: list[tuple[str, int]]
    """With their lines."""
    loop_variables: list[tuple[str, str]]
    classes: list[tuple[str, str]]
    """Public, of a module itself."""


@functools.cache
def found_in(package: str) -> Found:
    """Read all of a package's files: once, for there are a thousand."""
    found = Found([], [], [])
    for path in sorted((ROOT / package).rglob("*.py")):
        tree, place = ast.parse(path.read_text(encoding="utf-8")), path.relative_to(ROOT)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                assert node.end_lineno is not None
                found.functions.append((f"{place}: {node.name}", node.end_lineno - node.lineno + 1))
            elif isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
                names = (name for name in ast.walk(node.target) if isinstance(name, ast.Name))
                found.loop_variables.extend((f"{place}:{name.lineno}", name.id) for name in names)
        for node in tree.body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                found.classes.append((f"{place}:{node.lineno}", node.name))
    return found


def test_functions_are_short() -> None:
    """No function has more than 50 lines: what it does fits on a screen, and in a head."""
    found = dict(function for package in PACKAGES for function in found_in(package).functions)
    assert len(found) > 1000
    assert {place: lines for place, lines in found.items() if lines > MOST_LINES} == {}


def test_files_are_short() -> None:
    """No file has more than 400 lines, the tests' neither."""
    files = [path for package in (*PACKAGES, "tests") for path in sorted((ROOT / package).rglob("*.py"))]
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(files) > 500
    assert [path.name for path, lines in lengths.items() if lines > MOST_IN_A_FILE] == []


PRONOUNS = {
    "one",
    "other",
    "others",
    "each",
    "it",
    "its",
    "some",
    "that",
    "them",
    "thing",
    "this",
    "what",
    "which",
    "here",
}


def test_loop_variables_are_nouns() -> None:
    """What a loop goes through has a name: a reader of its last line need not look at its first."""
    found = [variable for package in (*PACKAGES, "tests") for variable in found_in(package).loop_variables]
    assert len(found) > 1000
    assert [(place, name) for place, name in found if name in PRONOUNS] == []


SHARED_CLASS_NAMES = {
    "Event"
}  # of the published schema, which has the class's name: the envelope with what it may carry


def test_a_class_name_means_one_thing() -> None:
    """No two modules have public classes of one name: whoever reads a line knows which is meant."""
    places: dict[str, list[str]] = {}
    for package in PACKAGES:
        for place, name in found_in(package).classes:
            places.setdefault(name, []).append(place)
    assert len(places) > 300
    assert {name: found for name, found in places.items() if len(found) > 1 and name not in SHARED_CLASS_NAMES} == {}
