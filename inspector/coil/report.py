"""A coil's report: one HTML file that holds all it needs, for people at a screen, on paper, in black and white.

Laws: nothing is loaded from elsewhere, and the file says so to the browser (Content-Security-Policy, with the hashes
of its own script and style). What comes from outside, names above all, is text and never markup.

Knows: what stands where on the page. Must not know: the journal, how rules decide.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from inspector import __version__
from inspector.coil import packing
from inspector.coil.marks import marks
from inspector.coil.pictures import ReportPicture, ReportPictures
from inspector.coil.seen import CoilHistory
from inspector.coil.settings import GradingSection
from inspector.coil.speech import ENGLISH, Speech
from inspector.coil.words import figures, foot, grades, subtitle, tables
from inspector.config.geometry import SIDES
from inspector.config.severity import SeveritySection
from inspector.records.events import CoilRecord, Doubtful, Missed

PAGE = Path(__file__).with_name("page")
SCRIPTS = ("data.js", "marks.js", "map.js", "charts.js", "list.js", "page.js", "report.js")
"""Modules, each behind those that it imports."""
SIGNS = {"release": "\u2713", "hold": "\u25b2", "block": "\u2716", "ungraded": "\u25cb"}


NO_PICTURES = ReportPictures({}, "")
TRANSLATED = "t:"
"""What a place of a page begins with that is a word of the catalogue."""


class Packed(msgspec.Struct, frozen=True, kw_only=True):
    """A coil as the page's script reads it."""

    meta: str
    """JSON that ends no script element."""
    columns: bytes
    ids: bytes


def html(
    seen: CoilHistory,
    made: CoilRecord,
    gradings: Sequence[GradingSection] = (),
    severities: Sequence[SeveritySection] = (),
    *,
    pictures: ReportPictures = NO_PICTURES,
    classes: Sequence[str] = (),
    note: str = "",
    by: Speech = ENGLISH,
) -> bytes:
    """Write the report of a coil that was read with its defects, with pictures of some, in a language's words.

    Signs and colours follow the order of the recipe's `classes`; without them that of the alphabet.
    """
    packed = pack(seen, gradings, severities, pictures=pictures, classes=classes, by=by)
    script, style = _script(), _text("page.css")
    return _filled(
        "page.html",
        {
            "language": by.language,
            "title": escape(by.t("title_graded", coil=made.coil, grade=by.known("grade", made.grade))),
            "body": body(made, f"{note} {by.t('whole_file')}".strip(), by.pictures(pictures), by),
            "generator": f"inspector {__version__}",
            "script_hash": _hash(script),
            "style_hash": _hash(style),
            "style": style,
            "script": script,
            "columns": packing.text(packed.columns),
            "ids": packing.text(packed.ids),
            "meta": packed.meta,
        },
        by,
    ).encode()


def body(made: CoilRecord, note: str = "", pictures: str = "", by: Speech = ENGLISH, *, today: str = "") -> str:
    """What the page shows, without what makes it a file: the places that `page.js` fills stand empty in it.

    `today`: the grade by today's rules, where that is another than the one that was recorded.
    """
    grade = by.known("grade", made.grade)
    now = by.t("grade_today", grade=by.known("grade", today)) if today else ""
    return _filled(
        "body.html",
        {
            "title": escape(by.t("title", coil=made.coil)),
            "grade": escape(made.grade),
            "grade_is": escape(by.t("grade_is", grade=grade)),
            "grade_word": escape(grade),
            "critical": escape(by.known("severity", "critical")),
            "sign": SIGNS.get(made.grade, SIGNS["ungraded"]),
            "so_far": escape(by.t("so_far")) if made.is_partial else "",
            "subtitle": subtitle(made, by),
            "figures": figures(made, by),
            "today": f'<p class="note">{escape(now)}</p>' if now else "",
            "grades": grades(made, by),
            "tables": tables(made, by),
            "small": by.units.small,
            "large": by.units.large,
            "foot": foot(made, note, by),
            "pictures": escape(pictures),
        },
        by,
    )


def pack(
    seen: CoilHistory,
    gradings: Sequence[GradingSection] = (),
    severities: Sequence[SeveritySection] = (),
    *,
    pictures: ReportPictures = NO_PICTURES,
    classes: Sequence[str] = (),
    by: Speech = ENGLISH,
) -> Packed:
    """Pack what `page.js` shows of a coil that was read with its defects."""
    assert len(seen.ids) == len(seen.columns), "a report needs the defects' ids"
    columns, along = seen.columns, packing.order(seen.columns)
    names = [*classes, *sorted(set(columns.names) - set(classes))]
    numbers = np.array([names.index(name) for name in columns.names], np.int64)
    kinds = numbers[columns.kind] if len(columns) else columns.kind
    layout, packed = packing.pack(columns, kinds, columns.severities(severities), along)
    ids = [seen.ids[place] for place in along.tolist()]
    return Packed(
        meta=_json(
            _meta(seen, gradings, ids, pictures.crops)
            | {"columns": layout, "names": names, "units": by.units.name, "words": by.script()}
        ),
        columns=packed,
        ids=packing.lines(ids),
    )


def _meta(
    seen: CoilHistory,
    gradings: Sequence[GradingSection],
    ids: Sequence[str],
    crops: Mapping[str, ReportPicture],
) -> dict[str, Any]:
    """What the page's script needs besides the columns; defects by their places along the coil."""
    is_asked = bool(seen.repeats or crops)
    places = {name: place for place, name in enumerate(ids)} if is_asked else {}
    unsorted = {name: place for place, name in enumerate(seen.ids)} if is_asked else {}
    return {
        "count": len(ids),
        "length_mm": seen.length_mm,
        "cameras": seen.columns.cameras,
        "sides_by_number": SIDES,
        "sides": [
            {"name": side, "left": seen.edges_mm(side)[0], "right": seen.edges_mm(side)[1]}
            for side in SIDES
            if any(span.side == side for span in seen.spans)
        ]
        or [{"name": SIDES[0], "left": 0.0, "right": 1000.0}],
        "welds": seen.welds_mm,
        "before": seen.before,
        "after": seen.after,
        "gaps": _across(seen, seen.missed),
        "doubtful": _across(seen, seen.doubtful),
        "crowded": [
            {"side": box.side, "start": box.start_mm, "end": box.end_mm, "left": box.left_mm, "right": box.right_mm}
            for box in seen.crowded
        ],
        "repeats": [
            {
                "name": repeat.name,
                "side": repeat.side,
                "period": repeat.period_mm,
                "rolls": repeat.rolls,
                "marks": [places[seen.ids[place]] for place in found],
            }
            for repeat, found in zip(seen.repeats, marks(seen.columns, seen.repeats, unsorted), strict=True)
        ],
        "zones": [_zone(rules, is_over=seen.passage.is_over) for rules in gradings],
        "crops": {places[name]: drawn(crop) for name, crop in crops.items() if name in places},
    }


def drawn(crop: ReportPicture) -> dict[str, Any]:
    """A picture as the page's script draws it."""
    return {
        "src": "data:image/jpeg;base64," + base64.b64encode(crop.jpeg).decode(),
        "width": crop.width,
        "height": crop.height,
        "outlines": crop.outlines,
        "label": crop.label,
    }


def _across(seen: CoilHistory, stretches: Iterable[Missed | Doubtful]) -> list[dict[str, Any]]:
    """Stretches of strip under a camera, on each side that it sees and as wide as that."""
    return [
        {
            "side": span.side,
            "start": gap.start_mm,
            "end": gap.end_mm,
            "left": span.left_mm,
            "right": span.right_mm,
        }
        for gap in stretches
        for span in seen.spans
        if gap.end_mm > gap.start_mm and gap.camera == span.camera
    ]


def _zone(rules: GradingSection, *, is_over: bool) -> dict[str, Any]:
    return {
        "rules": rules.name,
        "version": rules.version,
        "head": 1000 * rules.head_m,
        "tail": 1000 * rules.tail_m if is_over else 0.0,
        "edge": rules.edge_mm,
        "weld": 1000 * rules.weld_m,
    }


def _filled(page: str, words: Mapping[str, str], by: Speech) -> str:
    """Fill in a page's places, each once, so that a text that looks like a place stays text; `t:` words are `by`'s."""
    parts = _text(page).split("{{")
    filled = [parts[0]]
    for part in parts[1:]:
        name, _, rest = part.partition("}}")
        text = escape(by.t(name.removeprefix(TRANSLATED))) if name.startswith(TRANSLATED) else words[name]
        filled += [text, rest]
    return "".join(filled)


def _json(value: object) -> str:
    """JSON that ends no script element."""
    return msgspec.json.encode(value).decode().replace("<", "\\u003c").replace("\u2028", "\\u2028")


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _script() -> str:
    """The modules as one script: in a file no module can import another."""
    lines = "\n".join(_text(name) for name in SCRIPTS).splitlines()
    return "\n".join(['"use strict";', *(line.removeprefix("export ") for line in lines if line[:7] != "import ")])


@cache
def _text(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")
