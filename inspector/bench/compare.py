"""Two benches side by side: the same measurement in both, the ratio, and whether it is more than noise. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from inspector.bench.figures import Bench, Measurement
from inspector.bench.table import WORDS, aligned, machine
from inspector.errors import InspectorError

MARGIN = 0.05
"""Of the rate: a smaller difference is noise, however little the rounds scatter."""
HEADS = (
    "recipe",
    "engine",
    "batch",
    "measured",
    "A frames/s",
    "B frames/s",
    "B / A",
    "A p99 ms",
    "B p99 ms",
    "verdict",
)
HOW = ("source", "threads", "seconds", "load_seconds", "rounds", "wait_ms")
"""What moves a figure, and is chosen for each bench."""
Key = tuple[str, str, str, int, str]


def compare(a: Bench, b: Bench, names: tuple[str, str], *, any_recipe: bool) -> str:
    """Write B's figures compared with A's; `names` are where they come from.

    With `any_recipe` a model in both is compared with itself, and the one that A alone has with the one of B alone.

    Raises: InspectorError when the recipes differ, unless `any_recipe`; when more than one of each is in one bench
        alone; when nothing was measured in both.
    """
    models = [{model.sha256: model.recipe for model in bench.recipes} for bench in (a, b)]
    differ = models[0].keys() != models[1].keys()
    listed = [", ".join(f"{name} ({sha[:12]})" for sha, name in sorted(by_sha.items())) for by_sha in models]
    if differ and not any_recipe:
        raise InspectorError(
            f"{names[0]} is of {listed[0]}, {names[1]} of {listed[1]}; expected the same models. "
            "Measure the same recipes, or give --any-recipe to hold different ones side by side."
        )
    pairs = {sha: sha for sha in models[0].keys() & models[1].keys()}
    alone = [[sha for sha in by_sha if sha not in pairs] for by_sha in models]
    if all(alone):
        if max(map(len, alone)) > 1:
            raise InspectorError(
                f"{names[0]} is of {listed[0]}, {names[1]} of {listed[1]}; expected one recipe in each that the other "
                "lacks: nothing says which of them are to be held side by side. Measure one recipe at a time."
            )
        pairs[alone[1][0]] = alone[0][0]
    rows = list(_rows(a, b, pairs))
    if not rows:
        raise InspectorError(f"{names[0]} and {names[1]} have no measurement in common. Give the same --batches.")
    lines = [f"A  {names[0]}, {a.date}", f"   {listed[0]}", f"B  {names[1]}, {b.date}", f"   {listed[1]}"]
    if how := _how(a, b):
        lines.append(how)
    if all(alone):
        lines.append("THE RECIPES DIFFER: a ratio holds what the networks differ in, too")
    if a.machine != b.machine:
        lines += [f"the machines differ: A  {machine(a.machine)}", f"                     B  {machine(b.machine)}"]
    return "\n".join([*lines, "", *aligned([HEADS, *rows])])


def _how(a: Bench, b: Bench) -> str:
    """List in what the two were measured otherwise; empty when in nothing."""
    both = [(name, getattr(a, name), getattr(b, name)) for name in HOW]
    listed = [f"{name} {_plain(x)} in A, {_plain(y)} in B" for name, x, y in both if None not in (x, y) and x != y]
    threads = " (0 threads: all)" if a.threads != b.threads else ""
    return f"MEASURED DIFFERENTLY: {', '.join(listed)}{threads}" if listed else ""


def _plain(value: object) -> str:
    return f"`{value}`" if isinstance(value, str) else f"{value:g}"


def _rows(a: Bench, b: Bench, pairs: Mapping[str, str]) -> Iterator[tuple[str, ...]]:
    """Make a row of each measurement in both; `pairs` has the model of A for one of B, by SHA-256."""
    before = {_key(row, row.sha256): row for row in a.rows}
    recipes = [{model.sha256: model.recipe for model in bench.recipes} for bench in (a, b)]
    for row in b.rows:
        earlier = before.get(_key(row, pairs.get(row.sha256, "")))
        if earlier is None:
            continue
        yield (
            _changed(recipes[0][earlier.sha256], recipes[1][row.sha256]),
            _changed(earlier.engine, row.engine),
            str(row.batch),
            WORDS[row.measured],
            f"{earlier.fps:.2f}",
            f"{row.fps:.2f}",
            f"{row.fps / earlier.fps:.3f}",
            "-" if earlier.p99_ms is None else f"{earlier.p99_ms:.1f}",
            "-" if row.p99_ms is None else f"{row.p99_ms:.1f}",
            verdict(earlier, row),
        )


def _key(row: Measurement, sha256: str) -> Key:
    return sha256, row.kind, row.precision, row.batch, row.measured


def _changed(then: str, now: str) -> str:
    return now if now == then else f"{then} -> {now}"


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
