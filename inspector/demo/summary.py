"""The summary that a demo prints at its end, in plain text; pure.

Knows: tables. Must not know: how the figures came about.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from statistics import fmean

import msgspec

from inspector.demo.tally import ROW_MM, PlacementErrors, ShowPiece
from inspector.harness.scrape import Counts
from inspector.ranks import percentile
from inspector.records.events import Defect
from inspector.score import PlantedOutcome, Score
from inspector.simulator.sheet import Planted
from inspector.words import counted

LISTED = 20
"""Of what was missed, and of what is false, this number have a line."""
GREEN, RED, BOLD, PLAIN = "\x1b[32m", "\x1b[1;31m", "\x1b[1m", "\x1b[0m"


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one demonstration."""

    recipe: str
    passed_m: float
    """Strip that passed under the camera, metres."""
    seconds: float
    """Time that took."""
    sent: int
    """Number of frames that the camera put on the socket."""
    counts: Counts
    """The inspector's count of them."""
    latencies_ms: Sequence[float]
    """Time from capture to receipt of the event, of each defect reported while the strip ran."""
    engine_ms: float
    """Mean time of a batch from its closing to the engine's answer."""
    lost_events: int
    pieces: Sequence[ShowPiece]
    """The show pieces."""
    placed: PlacementErrors | None
    scores: Mapping[str, Score]
    """Of each coil, in the order in which they passed."""
    total: Score
    """Of all of them."""
    colour: bool = False


def summary(figures: Figures) -> str:
    """Write the summary, several lines without the last line's end."""
    return "\n".join(_lines(figures))


def subtitle(figures: Figures, now: datetime) -> str:
    """Write the line under the title of the strip's map."""
    strip = f"{figures.passed_m:.1f} m of strip, {figures.counts.inspected_m:.1f} m inspected"
    return f"{strip}  \u00b7  recipe {figures.recipe}  \u00b7  {now:%Y-%m-%d %H:%M} UTC"


def _lines(figures: Figures) -> Iterator[str]:
    counts = figures.counts
    speed = figures.passed_m / figures.seconds if figures.seconds else 0.0
    coils = " and ".join(figures.scores)
    yield _bold(f"{coils}: {figures.passed_m:.1f} m at {speed:.2f} m/s, recipe {figures.recipe}", figures)
    yield ""
    yield _row("frames", ("sent", "inspected", "dropped", "rejected", "missing"))
    ends = (figures.sent, counts.inspected, counts.dropped, counts.rejected, counts.missing)
    yield _row("", ends)
    yield f"  strip       {counts.inspected_m:.1f} m inspected, {counts.missed_m:.1f} m missed"
    yield from _latency(figures)
    yield ""
    yield from _pieces(figures)
    yield ""
    yield from _classes(figures)
    yield from _apart(figures)
    if figures.lost_events:
        yield f"  events      {figures.lost_events} were lost on the way here: the counts above are too low"


def _latency(figures: Figures) -> Iterator[str]:
    """Write the latency, and how much of it is the engine's: a slow machine explains itself."""
    measured = figures.latencies_ms
    if not measured:
        yield "  latency     no defect was reported while the strip ran"
        return
    p50, p99 = (percentile(measured, share) for share in (0.50, 0.99))
    defects = counted(len(measured), "report")
    yield f"  latency     p50 {p50:.0f} ms, p99 {p99:.0f} ms from capture to event ({defects})"
    rest = f"{max(0.0, fmean(measured) - figures.engine_ms):.0f} ms waiting and all else"
    yield f"              on average {figures.engine_ms:.0f} ms of that in the network, {rest}"


def _pieces(figures: Figures) -> Iterator[str]:
    """Write what was planted and what became of it, one below the other."""
    for piece in figures.pieces:
        sign, colour = ("\u2713", GREEN) if piece.is_right else ("\u2717", RED)
        yield f"  {_inked(sign, colour, figures)} {_bold(f'{piece.name:<15}', figures)} planted  {piece.planted}"
        yield f"  {'':<17} found    {piece.found}"


def _classes(figures: Figures) -> Iterator[str]:
    score = figures.total
    yield _row("defects", ("planted", "found", "confused", "missed", "false"))
    for kind in (*score.classes, score.total):
        yield _row(kind.name, (kind.planted, kind.found, kind.confused, kind.missed, kind.false))
    recall = "-" if score.recall is None else f"{score.recall:.1%}"
    false = "-" if score.false_per_100m is None else f"{score.false_per_100m:.1f}"
    yield f"  recall      {recall} of the planted, {false} false per 100 m"
    if placed := figures.placed:
        half, most = (f"{rows:.0f} rows ({rows * ROW_MM:.1f} mm)" for rows in (placed.half, placed.most))
        yield f"  places      half of the begins are right to {half}, nine in ten to {most}: the network's outline"


def _apart(figures: Figures) -> Iterator[str]:
    """List by name and place all that was planted and is not among the found."""
    total = figures.total.total
    if total.small:
        yield f"  not counted {total.small} planted below the recipe's minimum area"
    if total.unseen:
        yield f"  not counted {total.unseen} planted in strip that was not inspected"
    away = [
        f"    {_fate(outcome):<26} {coil:<8} {_place(outcome.planted, _name(score, outcome))}"
        for coil, score in figures.scores.items()
        for outcome in score.outcomes
        if outcome.verdict in ("missed", "confused", "unseen")
    ]
    false = [
        f"    {'false, nothing planted':<26} {coil:<8} {_place(defect, defect.name)}"
        for coil, score in figures.scores.items()
        for defect in score.false
    ]
    if total.missed + total.confused:
        yield _inked(f"  not found   {total.missed + total.confused} of {total.planted}", RED, figures)
    for lines, words in ((away, "more not found"), (false, "more false ones")):
        yield from lines[:LISTED]
        if len(lines) > LISTED:
            yield f"    and {len(lines) - LISTED} {words}"


def _name(score: Score, outcome: PlantedOutcome) -> str:
    return score.classes[outcome.planted.class_id - 1].name


def _fate(outcome: PlantedOutcome) -> str:
    if outcome.verdict == "unseen":
        return "not seen, strip missed"
    return f"seen as {' and '.join(outcome.seen_as)}" if outcome.seen_as else "missed"


def _place(extent: Planted | Defect, name: str) -> str:
    size = f"{extent.length_mm:.0f} x {extent.width_mm:.0f} mm"
    across = f"across {extent.left_mm:.0f} to {extent.right_mm:.0f} mm"
    return f"{name:<10} at {extent.start_mm / 1000:8.3f} m, {across}, {size}"


def _row(name: str, cells: Sequence[object]) -> str:
    return f"  {name:<10}" + "".join(f"{cell:>11}" for cell in cells)


def _inked(text: str, colour: str, figures: Figures) -> str:
    return f"{colour}{text}{PLAIN}" if figures.colour else text


def _bold(text: str, figures: Figures) -> str:
    return _inked(text, BOLD, figures)
