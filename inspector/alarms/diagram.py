"""The states of an alarm as a picture: SVG, drawn from the table. Pure.

Laws: every transition of the table is an arrow, or one that all states of a frame share is an arrow of the frame;
`shown` says which, and a test compares.

Knows: the table, and where each state stands on the page. Must not know: files.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from inspector.alarms.states import AS_LEFT, STATES, TABLE, AsLeft, Cause, is_aside
from inspector.records.events import IsaState

WIDTH, HEIGHT = 1000, 612
BOX_W, BOX_H = 176, 54


class Point(NamedTuple):
    """On the page, from its left and upper edge."""

    x: float
    y: float


PLACES: dict[IsaState, Point] = {
    "normal": Point(130, 222),
    "unacknowledged": Point(460, 120),
    "acknowledged": Point(460, 322),
    "returned": Point(130, 120),
    "latched_unacknowledged": Point(800, 120),
    "latched_acknowledged": Point(800, 322),
    "shelved": Point(160, 490),
    "suppressed": Point(490, 490),
    "out_of_service": Point(820, 490),
}
"""Middles of the boxes."""
FRAME = (16, 16, 968, 350)
"""Around the states that reach people: left, top, width, height."""
COLOURS: dict[IsaState, str] = {
    "normal": "#e6f2e6",
    "unacknowledged": "#f8d0cc",
    "acknowledged": "#fbe8c8",
    "returned": "#fbe8c8",
    "latched_unacknowledged": "#f8d0cc",
    "latched_acknowledged": "#fbe8c8",
}
ASIDE_COLOUR = "#e4e8ee"
STYLE = (
    "text{font:13px sans-serif;fill:#1c2733}.name{font-weight:bold}.small{font-size:11px}"
    ".label{font-size:12px;paint-order:stroke;stroke:#fff;stroke-width:6px;stroke-linejoin:round}"
    "rect{stroke:#1c2733;stroke-width:1.5}.frame{fill:none;stroke-dasharray:6 4}"
    "path{fill:none;stroke:#1c2733;stroke-width:1.4}"
)


BOWS: dict[tuple[IsaState | None, IsaState | AsLeft], float] = {
    ("latched_unacknowledged", "returned"): -62,
    ("shelved", "out_of_service"): -46,
}
"""How far an arrow bends around the boxes in its way, to the right of its direction."""
LABELS: dict[tuple[IsaState | None, IsaState | AsLeft], float] = {("latched_acknowledged", "normal"): 0.62}
"""Where along an arrow its words stand, where not in the middle."""


FOOT = (
    "retire (a reload takes the rule away) leads from every state to A; "
    "arrows into the frame lead to A, D, E or F: to what was left there, its condition gone"
)


class Arrow(NamedTuple):
    """Transitions from one state, or from the frame (None), to another, or back into the frame."""

    start: IsaState | None
    end: IsaState | AsLeft
    causes: tuple[Cause, ...]


def arrows() -> list[Arrow]:
    """All arrows of the picture, from the table."""
    shared = _shared()
    joined: dict[tuple[IsaState | None, IsaState | AsLeft], list[Cause]] = defaultdict(list)
    for cause, aside in shared.items():
        joined[None, aside].append(cause)
    for state, causes in TABLE.items():
        for cause, end in causes.items():
            if state == end or cause == "retire" or (not is_aside(state) and shared.get(cause) == end):
                continue
            joined[state, end].append(cause)
    return [Arrow(start, end, tuple(causes)) for (start, end), causes in joined.items()]


def shown() -> set[tuple[IsaState, Cause, IsaState | AsLeft]]:
    """Every transition that the picture shows, as an arrow or in the words of a box and of the foot."""
    found: set[tuple[IsaState, Cause, IsaState | AsLeft]] = set()
    for arrow in arrows():
        starts = [arrow.start] if arrow.start else [state for state in TABLE if not is_aside(state)]
        found |= {(start, cause, arrow.end) for start in starts for cause in arrow.causes}
    found |= {(state, cause, state) for state in TABLE for cause in _loops(state)}
    found |= {(state, "retire", "normal") for state in TABLE if state != "normal"}
    return found


def svg() -> str:
    """The picture."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        "<title>States of an alarm</title>",
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
        '<path d="M0 0L10 5L0 10z" style="fill:#1c2733"/></marker></defs>',
        f'<rect width="{WIDTH}" height="{HEIGHT}" style="fill:#fff;stroke:none"/>',
        '<rect class="frame" x="{}" y="{}" width="{}" height="{}" rx="10"/>'.format(*FRAME),
        _text(Point(FRAME[0] + 12, FRAME[1] + FRAME[3] - 12), "what reaches people", "small", "start"),
        *(line for arrow in arrows() for line in _arrow(arrow)),
        *(line for state in STATES for line in _box(state)),
        _text(
            Point(WIDTH / 2, HEIGHT - 14),
            FOOT,
            "small",
        ),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _shared() -> dict[Cause, IsaState]:
    """What leads from all states that reach people to the same one outside."""
    inside = [causes for state, causes in TABLE.items() if not is_aside(state)]
    return {
        cause: end
        for cause, end in inside[0].items()
        if end != AS_LEFT and is_aside(end) and all(causes.get(cause) == end for causes in inside)
    }


def _loops(state: IsaState) -> list[Cause]:
    """What is recorded and leads back to the same state."""
    return [cause for cause, end in TABLE[state].items() if end == state]


def _box(state: IsaState) -> Iterator[str]:
    place, facts = PLACES[state], STATES[state]
    left, top = place.x - BOX_W / 2, place.y - BOX_H / 2
    colour = COLOURS.get(state, ASIDE_COLOUR)
    yield f'<rect x="{left:g}" y="{top:g}" width="{BOX_W}" height="{BOX_H}" rx="8" style="fill:{colour}"/>'
    first, _, second = state.partition("_") if state.startswith("latched") else (state.replace("_", " "), "", "")
    yield _text(Point(place.x, place.y - (4 if second or _loops(state) else -4)), f"{facts.letter}  {first}", "name")
    if second:
        yield _text(Point(place.x, place.y + 14), second, "name")
    if loops := _loops(state):
        yield _text(Point(place.x, place.y + 14), f"recorded: {', '.join(loops)}", "small")


def _arrow(arrow: Arrow) -> Iterator[str]:
    start, end = _ends(arrow)
    bow, share = _bow(arrow), LABELS.get((arrow.start, arrow.end), 0.5)
    length = ((end.x - start.x) ** 2 + (end.y - start.y) ** 2) ** 0.5
    across = Point((end.y - start.y) / length, (start.x - end.x) / length)
    bend = Point((start.x + end.x) / 2 + across.x * bow * 2, (start.y + end.y) / 2 + across.y * bow * 2)
    label = Point(
        start.x + (end.x - start.x) * share + across.x * bow, start.y + (end.y - start.y) * share + across.y * bow + 4
    )
    curve = f"M{start.x:.0f} {start.y:.0f}Q{bend.x:.0f} {bend.y:.0f} {end.x:.0f} {end.y:.0f}"
    yield f'<path d="{curve}" marker-end="url(#tip)"/>'
    yield _text(label, ", ".join(arrow.causes).replace("_", " "), "label")


def _ends(arrow: Arrow) -> tuple[Point, Point]:
    """Where an arrow leaves and where it points: on the edges of boxes, in the direction of the other."""
    if arrow.end == AS_LEFT:  # back up into the frame
        assert arrow.start, "the frame leads to a state"
        start = PLACES[arrow.start]
        return Point(start.x - 40, start.y - BOX_H / 2), Point(start.x - 40, FRAME[1] + FRAME[3])
    end = PLACES[arrow.end]
    if arrow.start is None:  # straight down from the frame
        return Point(end.x + 40, FRAME[1] + FRAME[3]), Point(end.x + 40, end.y - BOX_H / 2)
    start = PLACES[arrow.start]
    if bow := BOWS.get((arrow.start, arrow.end)):
        side = -BOX_H / 2 if start.x > end.x else BOX_H / 2
        lean = 40 if bow and start.x > end.x else -40
        return Point(start.x - lean, start.y + side), Point(end.x + lean, end.y + side)
    return _edge(start, end), _edge(end, start)


def _bow(arrow: Arrow) -> float:
    """How far an arrow bends to the left, so that two between the same states lie apart."""
    if arrow.start is None or arrow.end == AS_LEFT:
        return 0.0
    if (arrow.start, arrow.end) in BOWS:
        return BOWS[arrow.start, arrow.end]
    back = any(candidate.start == arrow.end and candidate.end == arrow.start for candidate in arrows())
    return 16.0 if back else 0.0


def _edge(at: Point, towards: Point) -> Point:
    """The point of a box's edge on the line to another."""
    away_x, away_y = towards.x - at.x, towards.y - at.y
    share = min(
        (BOX_W / 2 + 3) / abs(away_x) if away_x else 9e9,
        (BOX_H / 2 + 3) / abs(away_y) if away_y else 9e9,
    )
    return Point(at.x + away_x * share, at.y + away_y * share)


def _text(at: Point, words: str, kind: str, anchor: str = "middle") -> str:
    return f'<text class="{kind}" x="{at.x:.0f}" y="{at.y:.0f}" text-anchor="{anchor}">{words}</text>'
