"""Colours: read by everybody on every ground, and never alone in saying something."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from inspector.coil.report import PAGE
from inspector.station import pages

STATIC = Path(pages.__file__).parent / "static"
STYLE = (STATIC / "station.css").read_text(encoding="utf-8")
MARKS = (PAGE / "marks.js").read_text(encoding="utf-8")
SIGNS = (STATIC / "shapes.js").read_text(encoding="utf-8")
TEXT, GRAPHIC = 4.5, 3.0
"""WCAG 2.2, 1.4.3 and 1.4.11: least contrast of words, and of what has to be seen to be understood."""
APART = 10.0
"""Least distance of two colours in CIELAB; 2.3 is just noticeable (Mahy et al., 1994)."""
SHOWN = 4
"""Classes of the shipped recipes."""
BLIND = {
    "none": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
"""How linear RGB looks to whom (Machado, Oliveira and Fernandes, 2009, severity 1)."""
XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
Colour = NDArray[np.float64]


def linear(text: str) -> Colour:
    """Linear RGB of `#rgb` or `#rrggbb`."""
    digits = text.lstrip("#")
    digits = digits if len(digits) == 6 else "".join(digit * 2 for digit in digits)
    srgb = np.array([int(digits[place : place + 2], 16) for place in (0, 2, 4)]) / 255
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def contrast(first: str, second: str) -> float:
    """WCAG's contrast of two colours."""
    light, dark = sorted((float(XYZ[1] @ linear(text)) for text in (first, second)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def lab(rgb: Colour) -> Colour:
    """CIELAB of linear RGB, under D65."""
    ratio = XYZ @ np.clip(rgb, 0, 1) / np.array([0.9505, 1.0, 1.089])
    root = np.where(ratio > 216 / 24389, np.cbrt(ratio), (24389 / 27 * ratio + 16) / 116)
    return np.array([116 * root[1] - 16, 500 * (root[0] - root[1]), 200 * (root[1] - root[2])])


def variable(name: str) -> str:
    """A colour of the style sheet, by its name."""
    found = re.search(rf"--{name}: (#[0-9a-f]+)", STYLE)
    assert found, name
    return found[1]


def listed(name: str, text: str) -> list[str]:
    """The words of a list in a script."""
    found = re.search(rf"const {name} = \[([^\]]+)\]", text)
    assert found, name
    return re.findall(r'"([^"]+)"', found[1])


@pytest.mark.parametrize("ground", ["ground", "card", "well"])
def test_words_are_read_on_every_ground(ground: str) -> None:
    """Ink, faint hints and faults."""
    for ink in ("ink", "faint", "bad", "hold"):
        assert contrast(variable(ink), variable(ground)) >= TEXT, ink
    assert contrast("#fff", variable("bad")) >= TEXT


def test_signs_of_classes_are_seen_on_steel() -> None:
    """On the strip of the live page and of the map."""
    for steel in re.findall(
        r'STEEL = "(#[0-9a-f]+)"', (STATIC / "strip.js").read_text() + (PAGE / "map.js").read_text()
    ):
        for colour in listed("COLOURS", MARKS):
            assert contrast(colour, steel) >= GRAPHIC, (colour, steel)


@pytest.mark.parametrize("who", BLIND)
def test_classes_differ_for_everybody(who: str) -> None:
    """By colour for most who see fewer of them, and by shape for all."""
    seen = [lab(np.array(BLIND[who]) @ linear(colour)) for colour in listed("COLOURS", MARKS)[:SHOWN]]
    for first, second in itertools.combinations(range(SHOWN), 2):
        assert np.linalg.norm(seen[first] - seen[second]) >= APART, (first, second)
    shapes = listed("SHAPES", MARKS)
    assert len(set(shapes)) == len(shapes) == len(listed("COLOURS", MARKS))


def test_states_and_priorities_differ_without_colour() -> None:
    """Each has an outline and a letter of its own, which is read on its fill."""
    signs = re.findall(r'\["(none|#[0-9a-f]+)", "(M[^"]+)", "(.)", "(#[0-9a-f]+)"\]', SIGNS)
    assert len(signs) == 8
    for group in (signs[:5], signs[5:]):
        assert len({letter for _, _, letter, _ in group}) == len(group)
        assert len({outline for _, outline, _, _ in group}) == len(group)
    for fill, _, _, ink in signs:
        assert contrast(ink, variable("card") if fill == "none" else fill) >= TEXT, fill
