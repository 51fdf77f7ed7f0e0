"""A report in another language: every word from the catalogue, numbers as that language writes them."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from inspector.coil import report, words
from inspector.coil.grade import grade
from inspector.coil.record import record
from inspector.coil.seen import CoilHistory
from inspector.coil.settings import GradingSection, LimitSection
from inspector.coil.speech import ENGLISH, FORMS, speech
from inspector.coil.units import INCHES, METRIC, Units
from inspector.languages.catalogue import languages
from inspector.records.coil import Decided
from tests.browser import needs_browser, opened
from tests.coils_seen import seen
from tests.inspector.coil.test_report import RULES, coil_with_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser

GERMAN = speech("de")
LIMITS = st.builds(
    LimitSection,
    name=st.sampled_from(["any", "a (b), 3 are allowed", "c"]),
    grade=st.sampled_from(["hold", "block"]),
    counts=st.sampled_from(["defects", "repeats", "alarms"]),
    classes=st.sampled_from([(), ("dark",), ("dark", "scratch")]),
    min_severity=st.sampled_from(["minor", "major", "critical"]),
    max_count=st.integers(0, 1),
    within_m=st.sampled_from([0.0, 2.5, 40.0]),
)


def text_of(page: str) -> str:
    """What a page says, without its markup."""
    return unescape(re.sub(r"<[^>]+>", "\n", page))


@given(st.lists(LIMITS, max_size=6), st.sampled_from([METRIC, INCHES]))
def test_each_reason_is_put_into_the_readers_words(limits: list[LimitSection], units: Any) -> None:
    """Whatever the rules are: no form of a reason is left in English, and what it names is in it."""
    coil = coil_with_all()
    rules = GradingSection(name="r", version="1", limit=tuple(limits))
    spoken = speech("de", units)
    for reason in grade(coil, rules, ()).reasons:
        put = spoken.reason(reason)
        assert put.startswith(("halten: ", "sperren: ")) and "allowed" not in put.replace("3 are allowed", ""), reason
        assert (" ft" in put) == (units == INCHES and re.search(r"\d m\b", reason) is not None)


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (
            "hold: 3 major defects (dark or scratch) within 5 m, from 1.000 to 2.250 m, 2 are allowed (clusters)",
            "halten: 3 Fehler (dark, scratch) ab Schwere mittel auf 5 m von 1,000 m bis 2,250 m; erlaubt: 2 (clusters)",
        ),
        ("block: 1 repeating mark, 0 are allowed (rolls)", "sperren: wiederkehrende Abdrücke: 1; erlaubt: 0 (rolls)"),
        (
            "hold: 0.480 m of graded strip were not inspected, 0 m are allowed",
            "halten: 0,480 m des bewerteten Bandes nicht geprüft; erlaubt: 0 m",
        ),
        (
            "hold: 2.000 m of graded strip were not surely seen (the first at 7.000 m; dark, screen_blind), 0 m are "
            "allowed",
            "halten: 2,000 m des bewerteten Bandes nicht sicher gesehen (zuerst bei 7,000 m; dunkel, Vorauswahl ist "
            "blind); erlaubt: 0 m",
        ),
        (
            "hold: strip of unknown length was not inspected in 1 place (the first at 7.000 m)",
            "halten: Stellen mit ungeprüftem Band unbekannter Länge: 1 (die erste bei 7,000 m)",
        ),
        (
            "hold: graded strip of unknown length was not inspected in 1 place (the first at 7.000 m)",
            "halten: Stellen mit ungeprüftem Band unbekannter Länge: 1 (die erste bei 7,000 m)",
        ),
        (
            "hold: 2 frames showed more than can be listed (the first at 7.000 m), 0 are allowed",
            "halten: Bilder, die mehr zeigten, als sich auflisten lässt: 2 (das erste bei 7,000 m); erlaubt: 0",
        ),
        (
            "hold: nothing is graded: all 5.120 m lie in dead zones",
            "halten: nichts bewertet: alle 5,120 m liegen in Totzonen",
        ),
        (
            "hold: nothing is graded: all 5.120 m lie in the dead zones of head and tail",  # journals of before
            "halten: nichts bewertet: alle 5,120 m liegen in Totzonen",
        ),
        (
            "hold: the journal no longer holds all of this coil",
            "halten: das Journal hält nicht mehr alles von diesem Bund",
        ),
        ("hold: what a later version says", "hold: what a later version says"),
    ],
)
def test_reasons_in_german(reason: str, wanted: str) -> None:
    """A sentence that is not known stays as the line wrote it."""
    assert GERMAN.reason(reason) == wanted
    assert ENGLISH.reason(reason) == reason


@pytest.mark.parametrize(
    ("reason", "wanted"),
    [
        (
            "hold: 0.010 m of graded strip were not inspected, 0 m are allowed",
            "hold: 0.033 ft of graded strip were not inspected, 0.0 ft are allowed",
        ),
        ("hold: 1.5e+06 m, 1e+06 m are allowed", "hold: 4921259.8 ft, 3280839.9 ft are allowed"),
        ("hold: 3 within 1e-05 m, from 50.300 to 50.310 m", "hold: 3 within 0.00003 ft, from 165.026 to 165.059 ft"),
        ("12.5 mm, 100 mm", "0.49 in, 3.94 in"),
    ],
)
def test_lengths_in_feet_say_as_much_as_those_in_metres(reason: str, wanted: str) -> None:
    """As many digits as the line wrote, at both ends of what a rule may allow."""
    assert INCHES.reworded(reason) == wanted


def with_everything() -> tuple[CoilHistory, Any]:
    """A coil of which a report says all that it can."""
    coil = coil_with_all()
    made = record(coil, RULES)
    decision = Decided(grade="release", operator="Kim", reason="by eye", time="2026-11-27T10:00:00Z")
    return coil, msgspec.structs.replace(made, decisions=(decision,), alarms={"three-dark": 2}, crowded=2)


def test_nothing_is_left_in_english() -> None:
    """Of all words that stand in both reports, none is a word of the English catalogue that German has another for."""
    _, made = with_everything()
    shown = {code: text_of(report.body(made, by=speech(code))) for code in ("en", "de")}
    known = languages()
    for key, english in known["en"].items():
        if not key.startswith("report.") or known["de"][key] == english or len(english) < 5 or "{" in english:
            continue
        if re.search(rf"(?m)^\s*{re.escape(english)}\s*$", shown["en"]):
            assert not re.search(rf"(?m)^\s*{re.escape(english)}\s*$", shown["de"]), english
    assert "halten" in shown["de"] and "Entschieden: frei von Kim" in re.sub(r"\s+", " ", shown["de"])
    assert re.search(r"\d,\d", shown["de"]) and not re.search(r"\d\.\d(?!\d*\])", shown["de"])


def test_a_coil_without_anything_says_so_in_each_language() -> None:
    """No rules, no recipe, no picture: each empty state has its words."""
    coil = seen(length_m=10.0)
    for code, ungraded, pictures in (("en", "Not graded", "no pictures"), ("de", "Ohne Urteil", "keine Bilder")):
        by = speech(code)
        made = record(coil, ())
        assert ungraded in words.grades(made, by)
        for note in ("no_archive", "not_archive", "none"):
            assert by.t(f"pictures.{note}", name="x").startswith(pictures)
    assert set(FORMS) <= {key.removeprefix("report.") for key in languages()["en"]} | {"reason.count"}


@needs_browser
def test_the_page_speaks_german(browser: Browser, tmp_path: Any) -> None:
    """What its script writes, too: list, map, filters, legend; and so it prints."""
    coil, made = with_everything()
    path = tmp_path / "coil.html"
    path.write_bytes(report.html(coil, made, RULES, by=GERMAN))
    with opened(browser, path) as page:
        assert page.evaluate("document.documentElement.lang") == "de"
        heads = page.locator("#list th").all_inner_texts()
        assert heads[:5] == ["Klasse", "Schwere", "Seite", "Meter", "vom Ende m"]
        assert "maßstäblich" in page.locator("#map-hint").inner_text()
        assert page.locator("#count").inner_text() == f"{len(coil.ids)} insgesamt"
        assert "," in page.locator("#list tbody td.number").first.inner_text()
        shown = page.locator("body").inner_text()
        for english in (
            "across",
            "severity",
            "defects",
            "minor",
            "inspected",
            "repeat",
            "Density",
            "coil runs",
        ):
            assert english not in shown, english


@pytest.mark.parametrize(
    ("zone", "time", "name"),
    [
        ("", "2026-07-01 22:30:00", "UTC"),
        ("America/St_Johns", "2026-07-01 20:00:00", "NDT"),
        ("Asia/Kathmandu", "2026-07-02 04:15:00", "+0545"),
        ("Europe", "2026-07-01 22:30:00", "UTC"),
        ("../../etc/passwd", "2026-07-01 22:30:00", "UTC"),
    ],
)
def test_times_are_those_of_the_reader_s_zone(zone: str, time: str, name: str) -> None:
    """With the zone's name, summer time included; of a zone that there is not they are UTC."""
    spoken = speech(zone=zone)
    assert (spoken.time("2026-07-01T22:30:00.123456Z"), spoken.zone_at("2026-07-01T22:30:00Z")) == (time, name)
    assert spoken.time("") == ""


@pytest.mark.parametrize(("units", "area"), [(METRIC, "288"), (INCHES, "0.446")])
def test_an_area_has_the_digits_of_its_unit(units: Units, area: str) -> None:
    """288 square millimetres are 0.446 square inches, and not none."""
    assert msgspec.structs.replace(ENGLISH, units=units).area(288.0) == area
