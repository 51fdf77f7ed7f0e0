"""Readiness and counts, read from a real web server of the inspector."""

from __future__ import annotations

from prometheus_client import generate_latest

from inspector.harness import scrape
from inspector.harness.scrape import Counts
from inspector.metrics import Metrics
from inspector.service.liveness import Liveness
from inspector.service.web import Web
from inspector.simulator.sheet import CLASSES


def test_counts_are_read_from_the_inspectors_own_metrics() -> None:
    """Every name that is read exists: a renamed metric cannot become a silent zero."""
    metrics, liveness = Metrics(["top", "bottom"], CLASSES), Liveness()
    web = Web("127.0.0.1:0", metrics.registry, liveness, lambda name, operator: True)
    try:
        assert scrape.not_ready(web.port) == "starting"
        liveness.not_ready = ""
        assert scrape.not_ready(web.port) == ""
        assert scrape.counts(web.port) == Counts()
        text = generate_latest(metrics.registry).decode()
        assert [name for name in scrape.NAMES if f"# TYPE {name.removesuffix('_total')}" not in text] == []
    finally:
        web.close()
    assert scrape.not_ready(web.port) == "starting"
