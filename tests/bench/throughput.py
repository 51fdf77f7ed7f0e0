"""The daemon compared with the engine alone on the shipped recipe, in one run: `inspector bench` at one batch size."""

from __future__ import annotations

from inspector import recipe
from inspector.bench.measure import MeasurementPlan, measure
from inspector.bench.table import table


def main() -> None:
    """Print the table; wanted are 0.97 of the engine for the daemon, and at most 3 ms + the deadline added at p99."""
    plan = MeasurementPlan(batches=(4,), engines=("openvino",), seconds=15.0, load_seconds=15.0)
    print(table(measure([recipe.SHIPPED / "steel-r34"], plan, lambda words: None)))
