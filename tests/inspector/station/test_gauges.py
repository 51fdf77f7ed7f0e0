"""What two scrapes say of a line: speed, rates, latency."""

from __future__ import annotations

import math

import pytest

from inspector.station.gauges import Meter, quantile_ms, read


def scrape(metre: float, frames: int, seconds: float = 0.0, *, up_to: int = 0) -> str:
    """An answer of /metrics: a coil's metre, frames inspected, `up_to` within 50 ms and as many within 0.1 s."""
    name = "inspector_received_to_inferred_seconds"
    return f"""# TYPE inspector_strip_position_metres gauge
inspector_strip_position_metres{{camera="top"}} {metre}
inspector_strip_position_metres{{camera="bottom"}} {metre - 0.5}
# TYPE inspector_frames_inspected counter
inspector_frames_inspected_total{{camera="top"}} {frames}
inspector_frames_inspected_total{{camera="bottom"}} {frames}
# TYPE {name} histogram
{name}_bucket{{camera="top",le="0.05"}} {up_to}
{name}_bucket{{camera="top",le="0.1"}} {2 * up_to}
{name}_bucket{{camera="top",le="+Inf"}} {2 * up_to}
{name}_count{{camera="top"}} {2 * up_to}
{name}_sum{{camera="top"}} 1
# TYPE inspector_camera_fault gauge
inspector_camera_fault{{camera="top",fault="dark"}} 1
inspector_camera_fault{{camera="top",fault="silent"}} 0
# TYPE inspector_recipe info
inspector_recipe_info{{name="steel",version="2"}} 1
# TYPE inspector_ready gauge
inspector_ready 1
"""


def test_speed_and_rates_are_those_of_the_last_seconds() -> None:
    """Of the fastest camera, and of all cameras together."""
    meter = Meter()
    meter.take(read(scrape(10.0, 100), 0.0))
    now = meter.take(read(scrape(14.0, 140), 2.0))
    assert now.position_m == {"top": 14.0, "bottom": 13.5}
    assert (now.speed_mps, now.frames_per_s) == (2.0, 40.0)
    assert (now.recipe, now.is_ready, now.faults) == ("steel@2", True, {"top": ("dark",)})


@pytest.mark.parametrize("coil_m", [100.0, 4.0])
def test_the_strip_runs_on_where_another_coil_begins(coil_m: float) -> None:
    """The metre begins again, after however short a coil, and the speed is that of what is known of it."""
    meter = Meter()
    meter.take(read(scrape(coil_m - 2, 100), 0.0))
    metres = (coil_m, 1.0, 3.0, 5.0, 7.0, 9.0)
    speeds = [meter.take(read(scrape(metre, 110), second)).speed_mps for second, metre in enumerate(metres, 1)]
    assert speeds == [2.0] * len(metres)


def test_what_nothing_shows_is_not_nought() -> None:
    """Neither the first scrape nor a coil's change says how fast the strip runs; one that stands is at 0."""
    meter = Meter()
    first = meter.take(read(scrape(9.0, 1), 0.0))
    assert (first.speed_mps, first.frames_per_s, first.dropped_per_s) == (None, None, None)
    assert meter.take(read(scrape(1.0, 2), 1.0)).speed_mps is None
    assert meter.take(read(scrape(1.0, 2), 2.0)).speed_mps == 0.0


def test_latency_is_that_of_the_last_half_minute() -> None:
    """What was before does not count, nor what another process counted."""
    meter = Meter()
    meter.take(read(scrape(0, 1, up_to=1000), 0.0))
    now = meter.take(read(scrape(1, 2, up_to=1010), 10.0))
    assert now.latency_ms == pytest.approx(50.0) and now.latency_p99_ms == pytest.approx(99.0)
    assert meter.take(read(scrape(1, 2, up_to=1010), 50.0)).latency_ms is None  # nothing came since
    assert meter.take(read(scrape(0, 1, up_to=2), 60.0)).latency_ms is None  # it started again
    assert meter.take(read(scrape(0, 2, up_to=4), 61.0)).latency_ms == pytest.approx(50.0)


def test_quantiles_are_estimated_as_prometheus_does() -> None:
    """Linear within a bucket; what lies above the last bound is that bound."""
    assert quantile_ms({0.1: 50.0, 0.2: 100.0, math.inf: 100.0}, 0.75) == pytest.approx(150.0)
    assert quantile_ms({0.1: 0.0, math.inf: 10.0}, 0.5) == pytest.approx(100.0)
    assert quantile_ms({}, 0.5) is None and quantile_ms({0.1: 0.0, math.inf: 0.0}, 0.5) is None
