"""The chapter on triggers: its example is good, its event is read, and its tests exist."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import msgspec

from inspector.config.camera import CameraSection
from inspector.config.reader import faults_of
from inspector.config.severity import SeveritySection
from inspector.records.events import Data, Trigger
from inspector.triggers.check import faults
from inspector.triggers.settings import TriggerSection

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "inspector" / "triggers" / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """The page's one example in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


def test_its_example_is_good() -> None:
    """The sections are read without a fault, and can be meant."""
    tree = tomllib.loads(block("toml"))
    kinds = {"camera": CameraSection, "trigger": TriggerSection, "severity": SeveritySection}
    assert [
        fault for name, kind in kinds.items() for table in tree[name] for fault in faults_of(table, kind, name)
    ] == []
    rules = msgspec.convert(tree["trigger"], tuple[TriggerSection, ...])
    cameras = msgspec.convert(tree["camera"], tuple[CameraSection, ...])
    stations_m = {camera.name: camera.station_m for camera in cameras}
    assert list(faults(rules, stations_m, 1000.0, [SeveritySection(level="critical")])) == []


def test_its_event_adds_up() -> None:
    """The event on the page is one of ours, whole, and its figures are those of the rule above."""
    text = block("json")
    event = msgspec.json.decode(text, type=Data)
    assert isinstance(event, Trigger)
    assert msgspec.json.decode(msgspec.json.encode(event)) == msgspec.json.decode(text)
    (rule,) = msgspec.convert(tomllib.loads(block("toml"))["trigger"], list[TriggerSection])
    assert event.at_mm == event.start_mm + 1000 * (rule.position_m - rule.before_m)
    takes_ms = event.to_go_mm / event.speed_m_min * 60
    assert event.due_ns == event.captured_ns + round(1e6 * (takes_ms - rule.delay_ms))


def test_every_case_of_the_table_has_its_test() -> None:
    """Whatever the page says is proven by a test is proven by one of that name."""
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    tests = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    assert named and named <= set(re.findall(r"^def (test_\w+)", tests, re.MULTILINE))
