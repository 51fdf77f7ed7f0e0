"""Two benches side by side: the same measurement in both, the ratio, and whether it is more than noise. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from inspector.bench.figures import Bench, Measurement
from inspector.bench.table import WORDS, aligned, machine
from inspector.errors import InspectorError

MARGIN = 0.05
"""Of the rate: a smaller difference is noise, however little the rounds scatter."""
HEADS = ("engine", "batch", "measured", "A frames/s", "B frames/s", "B / A", "A p99 ms", "B p99 ms", "verdict")
Key = tuple[str, str, int, str]


def compare(a: Bench, b: Bench, names: tuple[str, str], *, any_recipe: bool) -> str:
    """Write B's figures compared with A's; `names` are where they come from.

    Raises: InspectorError when the recipes differ, unless `any_recipe`; when nothing was measured in both.
    """
    models = [{model.sha256: model.recipe for model in bench.recipes} for bench in (a, b)]
    differ = models[0].keys() != models[1].keys()
    listed = [", ".join(f"{name} ({sha[:12]})" for sha, name in sorted(by_sha.items())) for by_sha in models]
    if differ and not any_recipe:
        raise InspectorError(
            f"{names[0]} is of {listed[0]}, {names[1]} of {listed[1]}; expected the same models. "
            "Measure the same recipes, or give --any-recipe to hold different ones side by side."
        )
    rows = list(_rows(a, b, by_model=not differ))
    if not rows:
        raise InspectorError(f"{names[0]} and {names[1]} have no measurement in common. Give the same --batches.")
    lines = [f"A  {names[0]}, {a.date}", f"   {listed[0]}", f"B  {names[1]}, {b.date}", f"   {listed[1]}"]
    if how := _how(a, b):
        lines.append(how)
    if differ:
        lines.append("THE RECIPES DIFFER: a ratio holds what the networks differ in, too")
    if a.machine != b.machine:
        lines += [f"the machines differ: A  {machine(a.machine)}", f"                     B  {machine(b.machine)}"]
    return "\n".join([*lines, "", *aligned([HEADS, *rows])])


def _how(a: Bench, b: Bench) -> str:
    """List in what the two were measured otherwise; empty when in nothing."""
    listed = [
        f"{name} {getattr(a, name):g} in A, {getattr(b, name):g} in B"
        for name in ("threads", "seconds", "rounds")
        if getattr(a, name) != getattr(b, name)
    ]
    return f"MEASURED DIFFERENTLY: {', '.join(listed)} (0 threads: all)" if listed else ""


def _rows(a: Bench, b: Bench, *, by_model: bool) -> Iterator[tuple[str, ...]]:
    before = {_key(row, by_model=by_model): row for row in a.rows}
    for row in b.rows:
        earlier = before.get(_key(row, by_model=by_model))
        if earlier is None:
            continue
        yield (
            row.engine if row.engine == earlier.engine else f"{earlier.engine} -> {row.engine}",
            str(row.batch),
            WORDS[row.measured],
            f"{earlier.fps:.2f}",
            f"{row.fps:.2f}",
            f"{row.fps / earlier.fps:.3f}",
            "-" if earlier.p99_ms is None else f"{earlier.p99_ms:.1f}",
            "-" if row.p99_ms is None else f"{row.p99_ms:.1f}",
            verdict(earlier, row),
        )


def _key(row: Measurement, *, by_model: bool) -> Key:
    return (f"{row.kind}/{row.sha256}" if by_model else row.kind, row.precision, row.batch, row.measured)


def verdict(a: Measurement, b: Measurement) -> str:
    """Say whether B is faster or slower: the rounds must not overlap, and the medians differ by more than 5 %.

    Under load the rate is given, not found: there the p99 is compared, by the margin alone.
    """
    if a.measured == "load":
        assert a.p99_ms is not None and b.p99_ms is not None, "a load is measured by its latencies"
        if abs(b.p99_ms / a.p99_ms - 1) <= MARGIN:
            return "alike"
        return "later" if b.p99_ms > a.p99_ms else "sooner"
    if abs(b.fps / a.fps - 1) <= MARGIN:
        return "alike"
    if min(b.rates_fps) > max(a.rates_fps):
        return "faster"
    if max(b.rates_fps) < min(a.rates_fps):
        return "slower"
    return "within the noise"
