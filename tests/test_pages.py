"""The commands that the pages show are ones that the programs take, word for word."""

from __future__ import annotations

import argparse
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import deploy.__main__
import inspector.__main__
import trainer.__main__
from inspector.service import line

ROOT = Path(__file__).parents[1]
PARSERS = {
    "inspector": inspector.__main__.parser,
    "trainer": trainer.__main__.parser,
    "deploy": deploy.__main__.parser,
}
HISTORY = {"CHANGELOG.md", "LOG.md"}  # name commands as they were


def pages() -> Iterator[tuple[Path, str]]:
    """Yield every page and its text."""
    for path in sorted(ROOT.rglob("*.md")):
        first = path.relative_to(ROOT).parts[0]
        if first in PARSERS or (path.parent == ROOT and first not in HISTORY) or first == "systemd":
            yield path, path.read_text(encoding="utf-8")


def split(text: str) -> list[str]:
    """Split a command as a shell does; empty where it is none of ours."""
    words = shlex.split(text, comments=True)
    if not words:
        return []
    words[0] = words[0].removeprefix("/opt/inspector/bin/").removeprefix(".venv/bin/")
    return words if words[0] in PARSERS else []


def pasted() -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the words of each of our commands in the pages' blocks for a shell."""
    for path, text in pages():
        for block in re.finditer(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            for lines in block[1].replace("\\\n", " ").splitlines():
                for part in re.split(r" (?:&&|;|\|) ", lines):
                    if words := split(part):
                        yield f"{path.relative_to(ROOT)}: {' '.join(words)}", words


def mentioned() -> Iterator[tuple[str, list[str]]]:
    """Yield the place and the words of each of our commands in the pages' sentences."""
    for path, text in pages():
        for code in re.finditer(r"`((?:inspector|trainer|deploy) [^`]+)`", text):
            yield f"{path.relative_to(ROOT)}: {code[1]}", code[1].split(" | ")[0].split()


def command(words: list[str]) -> argparse.ArgumentParser | None:
    """Return the parser of a command's own words, None where there is no such command."""
    found = PARSERS[words[0]]()
    for word in words[1:]:
        inner = [action for action in filled(found)._actions if isinstance(action, argparse._SubParsersAction)]
        if not inner:
            break
        if word not in inner[0].choices:
            return None
        found = inner[0].choices[word]
    return filled(found)


def filled(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """Return a parser with its arguments, which ours are given when they are asked."""
    if isinstance(parser, inspector.__main__.Command) and parser.fill is not None:
        fill, parser.fill = parser.fill, None
        fill(parser)
    return parser


def test_every_command_can_be_pasted() -> None:
    """None in a block for a shell is refused for its words."""
    found = list(pasted())
    assert len(found) > 30
    refused = []
    for place, words in found:
        try:
            PARSERS[words[0]]().parse_args(words[1:])
        except SystemExit:
            refused.append(place)
    assert refused == []


def test_every_command_in_a_sentence_exists() -> None:
    """Its name is one, and so is each of its options."""
    found = list(mentioned())
    assert len(found) > 50
    wrong = []
    for place, words in found:
        parser = command([word for word in words if re.fullmatch(r"[a-z][a-z-]*", word)])
        options = {word.partition("=")[0] for word in words if word.startswith("--")}
        if parser is None or not options <= parser._option_string_actions.keys():
            wrong.append(place)
    assert wrong == []


def parsers(found: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield the parser of a program, and of each of its commands."""
    yield filled(found)
    for action in found._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from parsers(inner)


@pytest.mark.parametrize("program", PARSERS)
def test_every_command_explains_itself(program: str) -> None:
    """`--help` of each says what it does, and what each of its arguments is; no value is named by its option again."""
    for parser in parsers(PARSERS[program]()):
        assert parser.description, parser.prog
        for action in parser._actions:
            words = action.option_strings or [action.dest]
            if not isinstance(action, argparse._SubParsersAction):
                assert action.help, (parser.prog, words)
            if action.nargs != 0 and not isinstance(action, argparse.BooleanOptionalAction):
                assert action.metavar or action.choices, (parser.prog, words)


def test_every_bench_and_target_that_is_named_can_be_run() -> None:
    """A page's `python -m tests.…` is a program, and its `make …` a target; so is all that the Makefile runs."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    text = "\n".join([*(text for _, text in pages()), makefile.replace("$(RUN)", "python")])
    modules = set(re.findall(r"python -m (tests(?:\.\w+)+)", text))
    targets = set(re.findall(r"`make ([a-z][a-z-]*)", text)) | set(re.findall(r"^make ([a-z][a-z-]*)", text, re.M))
    assert len(modules) > 15 and len(targets) > 8
    assert [name for name in sorted(modules) if not runs(ROOT.joinpath(*name.split(".")))] == []
    assert targets - set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M)) == set()


def test_every_picture_is_shown() -> None:
    """On a page, which says in words what it shows; and a page shows none that is not there."""
    shown = {
        (path.parent / target).resolve()
        for path, text in pages()
        for words, target in re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", text)
        if words
    }
    assert {path for path in shown if not path.is_file()} == set()
    there = {path for end in ("jpg", "png", "svg") for path in ROOT.glob(f"inspector/*/*.{end}")}
    assert len(there) > 5
    assert there - shown == set()


def runs(path: Path) -> bool:
    """Whether Python's -m runs what is there: a package's `__main__`, or a module that calls its own main."""
    module = path.with_suffix(".py")
    return (path / "__main__.py").is_file() or (
        module.is_file() and '__name__ == "__main__"' in module.read_text(encoding="utf-8")
    )


def test_the_first_page_has_a_configuration_that_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a newcomer copies is loaded as it stands."""
    (block,) = re.findall(r"^```toml\n(.*?)^```", (ROOT / "README.md").read_text(encoding="utf-8"), re.M | re.DOTALL)
    (tmp_path / "line3.toml").write_text(block)
    monkeypatch.chdir(tmp_path)
    assert line.load(Path("line3.toml")).line == "line3"


def test_the_files_that_pages_name_are_there() -> None:
    """Where a page says what to touch, the file is."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8") + (ROOT / "inspector/README.md").read_text("utf-8")
    names = set(re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.py)`", text))
    assert len(names) > 10
    known = [ROOT / "inspector", ROOT / "inspector/records", ROOT]
    assert [name for name in sorted(names) if not any((folder / name).exists() for folder in known)] == []


def anchors(text: str) -> set[str]:
    """The names that a page's headings are linked by, as GitHub and GitLab make them."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.*)$", prose, re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", head).lower() for head in heads)
    return {re.sub(r"[^\w -]", "", head).replace(" ", "-") for head in plain}


def test_links_between_pages_lead_somewhere() -> None:
    """To a file that is there, and to a heading that it has."""
    found, dead = 0, []
    for path, text in pages():
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            name, _, anchor = link.partition("#")
            aim = path.parent / name if name else path
            if "://" not in link:
                found += 1
                is_there = aim.exists() and (not anchor or anchor in anchors(aim.read_text(encoding="utf-8")))
                dead += [] if is_there else [f"{path.relative_to(ROOT)}: {link}"]
    assert found > 100
    assert dead == []


def options(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    """Yield every option of a program, of all its commands."""
    for action in filled(parser)._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from options(inner)
        elif action.option_strings:
            yield action


def test_the_programs_state_defaults_alike() -> None:
    """`(default: VALUE)`, wherever an option has one that is worth stating."""
    found = [(name, action) for name, make in PARSERS.items() for action in options(make())]
    assert len(found) > 200
    stated = re.compile(r"\(%\(default\)|\(default [^:]|^default", re.IGNORECASE)
    assert {
        f"{name} {action.option_strings[-1]}" for name, action in found if stated.search(action.help or "")
    } == set()
