"""Small charts as inline SVG: a bar with its bound, and a reliability diagram. Knows shapes, nothing of recipes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trainer.recipe.reliability import Bin

SIDE, LEFT, TOP, FOOT = 200, 34, 8, 26
"""Of a reliability diagram, pixels."""


def bar(value: float | None, bound: float | None) -> str:
    """Draw a share 0..1 as a bar: full up to its lower bound, faint up to the value."""
    if value is None or bound is None:
        return ""
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        '<rect class="track" width="100" height="10"/>'
        f'<rect class="estimate" width="{100 * value:.2f}" height="10"/>'
        f'<rect class="sure" width="{100 * bound:.2f}" height="10"/></svg>'
    )


def reliability(bins: Sequence[Bin], least: float, colour: str) -> str:
    """Draw share right over probability reported; below `least`, the threshold, nothing is known: hatched."""
    width, height = LEFT + SIDE + 8, TOP + SIDE + FOOT
    marks = "".join([*_ground(least), *_shares(bins, colour), *_curve(bins, colour)])
    return f'<svg class="reliability" viewBox="0 0 {width} {height}" role="img">{marks}</svg>'


def _x(value: float) -> float:
    return round(LEFT + SIDE * value, 1)


def _y(value: float) -> float:
    return round(TOP + SIDE * (1 - value), 1)


def _ground(least: float) -> Iterator[str]:
    yield (
        '<defs><pattern id="hatch" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<line x1="0" y1="0" x2="0" y2="6" class="hatch"/></pattern></defs>'
    )
    yield f'<rect class="plot" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>'
    yield f'<rect fill="url(#hatch)" x="{LEFT}" y="{TOP}" width="{_x(least) - LEFT:.1f}" height="{SIDE}"/>'
    for tick in (0.0, 0.25, 0.5, 0.75, 1.0):
        yield f'<line class="grid" x1="{LEFT}" y1="{_y(tick)}" x2="{LEFT + SIDE}" y2="{_y(tick)}"/>'
        if tick not in {0.25, 0.75}:
            yield f'<text x="{LEFT - 5}" y="{_y(tick) + 3.5:.1f}" text-anchor="end">{tick:g}</text>'
            yield f'<text x="{_x(tick)}" y="{TOP + SIDE + 13}" text-anchor="middle">{tick:g}</text>'
    yield f'<line class="ideal" x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}"/>'
    yield f'<text x="{_x(0.5)}" y="{TOP + SIDE + 24}" text-anchor="middle">probability reported</text>'
    yield f'<text transform="translate(9 {_y(0.5)}) rotate(-90)" text-anchor="middle">share right</text>'


def _shares(bins: Sequence[Bin], colour: str) -> Iterator[str]:
    """Draw how many of the pixels lie in each bin, up to a quarter of the height."""
    most = max((cell.pixels for cell in bins), default=1)
    for cell in bins:
        height = max(0.6, SIDE / 4 * cell.pixels / most)
        left, right = _x(cell.low) + 0.5, _x(cell.high) - 0.5
        yield (
            f'<rect fill="{colour}" opacity="0.22" x="{left:.1f}" y="{_y(0) - height:.1f}" '
            f'width="{right - left:.1f}" height="{height:.1f}"/>'
        )


def _curve(bins: Sequence[Bin], colour: str) -> Iterator[str]:
    points = " ".join(f"{_x(cell.confidence)},{_y(cell.right)}" for cell in bins)
    yield f'<polyline fill="none" stroke="{colour}" stroke-width="2" points="{points}"/>'
    for cell in bins:
        words = f"reported {cell.confidence:.2f}, right {cell.right:.2f}, {cell.pixels} px"
        yield (
            f'<circle fill="{colour}" stroke="#fff" cx="{_x(cell.confidence)}" cy="{_y(cell.right)}" r="3.4">'
            f"<title>{words}</title></circle>"
        )
