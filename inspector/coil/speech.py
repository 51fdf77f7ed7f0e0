"""How a report speaks: words of a language, lengths in units, numbers as the language writes them. Pure.

A grade's reasons are sentences of the journal, in English: each kind is known here by its form, and put into the
reader's words.

Knows: the catalogue's keys, units, the forms of reasons (`grade.py`). Must not know: the page.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec

from inspector.coil.pictures import ReportPictures
from inspector.coil.units import METRIC, Units
from inspector.languages.catalogue import DEFAULT, Words, in_units, languages, worded

PREFIX = "report."
UTC = "UTC"
REASON = re.compile(r"(?P<grade>\w+): (?P<what>.+)", re.S)
FORMS: Mapping[str, re.Pattern[str]] = {
    "reason.missed": re.compile(
        r"(?P<missed>[\d.]+ m) of graded strip were not inspected, (?P<allowed>\S+ m) are allowed"
    ),
    "reason.maybe": re.compile(
        r"up to (?P<missed>[\d.]+ m) of graded strip may not have been inspected, as frames were lost while the coil "
        r"ended, (?P<allowed>\S+ m) are allowed"
    ),
    "reason.unknown": re.compile(
        r"(?:graded )?strip of unknown length was not inspected in (?P<count>\d+) places? "
        r"\(the first at (?P<first>[\d.]+ m)\)"
    ),
    "reason.crowded": re.compile(
        r"(?P<count>\d+) frames? showed more than can be listed \(the first at (?P<first>[\d.]+ m)\), (?P<allowed>\d+) "
        r"are allowed"
    ),
    "reason.doubtful": re.compile(
        r"(?P<doubtful>[\d.]+ m) of graded strip were not surely seen \(the first at (?P<first>[\d.]+ m); "
        r"(?P<faults>[\w, ]+)\), (?P<allowed>\S+ m) are allowed"
    ),
    "reason.dead": re.compile(
        r"nothing is graded: all (?P<length>[\d.]+ m) lie in (?:dead zones|the dead zones of head and tail)"
    ),
    "reason.part": re.compile(r"the journal no longer holds all of this coil"),
    "reason.count": re.compile(
        r"(?P<count>\d+) (?P<noun>(?:\w+ )?defect|repeating mark|alarm)s?(?: \((?P<classes>.*?)\))?"
        r"(?: within (?P<within>[\d.e+-]+ m),)?(?: from (?P<start>[\d.]+) to (?P<end>[\d.]+) m)?, (?P<allowed>\d+) "
        r"(?:is|are) allowed \((?P<limit>.*)\)",
        re.S,
    ),
}
"""The sentences that `grade.py` writes, and wrote in journals of before."""


class Speech(msgspec.Struct, frozen=True):
    """A reader's language and units."""

    words: Words
    units: Units = METRIC
    language: str = DEFAULT
    zone: str = UTC
    """Of its times, as the time zone database names it."""

    def t(self, key: str, **values: object) -> str:
        """Words of the report, with their {places} filled in."""
        return worded(self.words[PREFIX + key], values)

    def known(self, key: str, name: str) -> str:
        """A word of a closed list, like a grade or a side; one that the catalogue lacks as it is."""
        return self.words.get(f"{key}.{name}", name)

    def number(self, text: str) -> str:
        """A number as the language writes it."""
        return text.replace(".", self.words[PREFIX + "decimal"])

    def time(self, text: str) -> str:
        """A time of the journal (RFC 3339) as it was in the zone; empty where there is none."""
        return f"{self._local(text):%Y-%m-%d %H:%M:%S}" if text else ""

    def zone_at(self, text: str) -> str:
        """How the zone was called at a time of the journal, like CET or +0545."""
        return f"{self._local(text):%Z}" if text else self.zone

    def _local(self, text: str) -> datetime:
        return datetime.fromisoformat(text).astimezone(ZoneInfo(self.zone))

    def count(self, number: int) -> str:
        """A whole number, from five digits on with its thousands apart (SI Brochure, 5.4.4)."""
        return f"{number:,}".replace(",", "\u202f") if number >= 10_000 else str(number)

    def short(self, length_mm: float, digits: int = 1) -> str:
        """A length in the short unit, without its name."""
        return self.number(self.units.short(length_mm, digits))

    def area(self, area_mm2: float) -> str:
        """An area in the short unit's square, without its name: to a thousandth of a square inch."""
        area = area_mm2 / self.units.small_mm**2
        return self.count(round(area)) if self.units.small_mm == 1 else self.number(f"{area:.3f}")

    def long(self, length_m: float, digits: int = 1) -> str:
        """A length in the long unit, without its name."""
        return self.number(self.units.long(length_m, digits))

    def reason(self, reason: str) -> str:
        """A grade's reason."""
        if self.language == DEFAULT:
            return self.units.reworded(reason)
        found = REASON.fullmatch(reason)
        what = self._what(found["what"]) if found else None
        return f"{self.known('grade', found['grade'])}: {what}" if found and what else self.units.reworded(reason)

    def faults(self, names: Iterable[str]) -> str:
        """Faults of cameras and recipe, in words."""
        return ", ".join(self.known("fault", name) for name in names)

    def pictures(self, found: ReportPictures) -> str:
        """What is to be reported of the archive's pictures."""
        return self.t(f"pictures.{found.note}", **found.values) if found.note else ""

    def script(self) -> Words:
        """The words that the page's script asks for."""
        return {key: text for key, text in self.words.items() if key.startswith((PREFIX, "severity.", "side."))}

    def _what(self, text: str) -> str | None:
        for key, form in FORMS.items():
            if found := form.fullmatch(text):
                return self._counted(found) if key == "reason.count" else self.t(key, **self._lengths(found))
        return None

    def _counted(self, found: re.Match[str]) -> str:
        values = self._lengths(found)
        noun = found["noun"]
        severity = noun.partition(" ")[0] if noun.endswith(" defect") else ""
        parts = [self.t(f"reason.of.{noun.rpartition(' ')[2]}", count=found["count"])]
        parts += [f"({', '.join(found['classes'].split(' or '))})"] if found["classes"] else []
        parts += [self.t("reason.severity", severity=self.known("severity", severity))] if severity else []
        parts += [self.t("reason.within", **values)] if found["within"] else []
        parts += [self.t("reason.from", **values)] if found["start"] else []
        return f"{' '.join(parts)}; {self.t('reason.allowed', **values)}"

    def _lengths(self, found: re.Match[str]) -> dict[str, str]:
        """What a reason names, with lengths in the reader's units."""
        values = {name: text for name, text in found.groupdict().items() if text is not None}
        if "faults" in values:
            values["faults"] = self.faults(values["faults"].split(", "))
        for name in ("start", "end"):
            if name in values:
                values[name] += " m"
        return {
            name: self.number(self.units.reworded(text)) if text.endswith(" m") else text
            for name, text in values.items()
        }


def speech(code: str = DEFAULT, units: Units = METRIC, zone: str = UTC) -> Speech:
    """The speech of a language, English where there is no such one; UTC where there is no such zone."""
    known = languages()
    spoken = code if code in known else DEFAULT
    return Speech(in_units(known[spoken], units.name), units, spoken, _zone(zone))


def _zone(name: str) -> str:
    try:
        return ZoneInfo(name).key
    except (LookupError, ValueError, OSError):  # a name that no file can have, or a folder's
        return UTC


ENGLISH = speech()
