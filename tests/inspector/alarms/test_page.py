"""The chapter on alarms: current, its examples are good, and the picture shows the whole table."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET
from typing import get_args

import msgspec

from inspector.alarms import diagram, page
from inspector.alarms.check import LineFacts, faults, remarks
from inspector.alarms.settings import AlarmSection, FloodSection, Kind
from inspector.alarms.states import TABLE
from inspector.config.reader import faults_of
from inspector.records.commands import Answer, Command, Shelve

TEXT = page.PAGE.read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Examples on the page."""
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_it_is_current() -> None:
    """The tables and the picture are those of the code; if not, run `make docs`."""
    assert page.page(TEXT) == TEXT
    assert diagram.svg() == page.PICTURE.read_text(encoding="utf-8")


def test_the_picture_shows_every_transition() -> None:
    """Whatever is in the table is in the picture, and nothing else; it is small, and can be parsed."""
    assert diagram.shown() == {(state, cause, end) for state, causes in TABLE.items() for cause, end in causes.items()}
    assert len(diagram.svg()) < 60_000
    words = "".join(ET.fromstring(diagram.svg()).itertext())
    assert all(cause.replace("_", " ") in words for causes in TABLE.values() for cause in causes)


def test_its_examples_are_good() -> None:
    """Every example is read without a fault or a remark, and there is one of every kind of rule."""
    kinds = set[str]()
    for block in blocks("toml"):
        tree = tomllib.loads(block)
        alarms = tree.get("alarm", [])
        assert [fault for alarm in alarms for fault in faults_of(alarm, AlarmSection, "alarm")] == []
        sections = msgspec.convert(alarms, tuple[AlarmSection, ...])
        flood = msgspec.convert(tree.get("flood", {}), FloodSection)
        line = LineFacts(cameras=1, width_mm=1000.0, rolls=("bridle-1",))
        assert [*faults(sections, flood, line), *remarks(sections)] == []
        kinds |= {section.kind for section in sections}
    assert kinds == set(get_args(Kind))


def test_its_messages_are_read() -> None:
    """The command and the answer on the page are what the inspector reads and writes."""
    command, answer = blocks("json")
    assert isinstance(msgspec.json.decode(command, type=Command), Shelve)
    read = msgspec.json.decode(answer, type=Answer)
    assert msgspec.json.decode(msgspec.json.encode(read)) == msgspec.json.decode(answer)
