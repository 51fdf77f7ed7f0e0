"""Writes the dashboards: `python -m deploy.grafana.dashboards deploy/grafana`, which `make docs` does.

Each panel is a row of a table here. Its expression may name only what the inspector's registry holds, which is looked
up as it is written: no panel shows a metric that does not exist.

Knows: which metrics there are, and what an engineer asks of them. Must not know: a line.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import SortOrder, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    Threshold,
    ThresholdsMode,
    VariableHide,
    VariableRefresh,
)

from inspector.metrics import of_no_line

SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
WIDTH = 24
"""Columns of Grafana's grid."""
HEIGHT = 8
COLLECTED = ("up", "ALERTS")
"""What Prometheus makes itself."""
NAMES = re.compile(r"\b(?:inspector|process)_[a-z_]+|\bup\b|\bALERTS\b")


class Panel(NamedTuple):
    """One panel: what is asked, and how the answer is written."""

    title: str
    description: str
    unit: str
    """Of Grafana's list."""
    queries: Sequence[tuple[str, str]]
    """An expression, and what stands in the legend."""
    columns: int = 12
    is_number: bool = False
    """Whether the value of now is shown, large."""
    bad: str = ""
    """Which of those values are wrong, as `>0` or `<1`: they are red. Others have no colour."""


LINE = 'line=~"$line"'
CAMERA = f'{LINE},camera=~"$camera"'


def rate(metric: str, by: str, more: str = "", over: str = CAMERA) -> str:
    """Write a counter's rate a second, summed by labels."""
    return f"sum by ({by}) (rate({metric}{{{over}{more}}}[$__rate_interval]))"


def within(metric: str) -> str:
    """Write what a counter grew by within the time shown, by line."""
    return f"sum by (line) (increase({metric}{{{LINE}}}[$__range]))"


def quantile(share: float, metric: str, by: str, over: str = CAMERA) -> str:
    """Write a histogram's quantile, by labels."""
    return f"histogram_quantile({share}, sum by ({by}, le) (rate({metric}_bucket{{{over}}}[$__rate_interval])))"


READY = f'sum by (line) (inspector_ready{{{LINE}}} or on (line) 0 * up{{job="inspector",{LINE}}})'
"""0 of a line that cannot be scraped, too: without it nothing is known, and nothing shown."""
FIRING = f'count(ALERTS{{alertstate="firing",alertname=~"Inspector.*",{LINE}}}) or vector(0)'

STRIP = [
    Panel("Ready", "1 when the line is inspected.", "short", [(READY, "{{line}}")], 4, True, "<1"),
    Panel("Metres inspected", "Within the time shown.", "lengthm",
          [(within("inspector_strip_inspected_metres_total"), "{{line}}")], 4, True),
    Panel("Metres missed", "Within the time shown: any is worth a look.", "lengthm",
          [(within("inspector_strip_missed_metres_total"), "{{line}}")], 4, True, ">0"),
    Panel("Metres not surely seen", "Within the time shown, under a fault of camera or recipe.", "lengthm",
          [(within("inspector_strip_doubtful_metres_total"), "{{line}}")], 4, True, ">0"),
    Panel("Alerts", "Of the rules next to this dashboard, that fire now.", "short",
          [(FIRING, "firing")], 4, True, ">0"),
    Panel("Alarms waiting", "Raised by the line's own rules, and not acknowledged.", "short",
          [(f'sum by (line) (inspector_alarms{{{LINE},state=~"unacknowledged|returned|latched_unacknowledged"}})',
            "{{line}}")], 4, True, ">0"),
    Panel("Strip speed", "Strip inspected a second, by camera.", "velocityms",
          [(rate("inspector_strip_inspected_metres_total", "line, camera"), "{{line}} {{camera}}")], 8),
    Panel("Strip missed", "Metres a minute, by camera.", "lengthm",
          [(f"60 * {rate('inspector_strip_missed_metres_total', 'line, camera')}", "{{line}} {{camera}}")], 8),
    Panel("Strip not surely seen", "Metres a minute, by camera: inspected while camera or recipe had a fault.",
          "lengthm",
          [(f"60 * {rate('inspector_strip_doubtful_metres_total', 'line, camera')}", "{{line}} {{camera}}")], 8),
    Panel("Defects", "Reported a minute, by class.", "short",
          [(f"60 * {rate('inspector_defects_total', 'line, class')}", "{{line}} {{class}}")]),
    Panel("Position", "How far the coil under each camera has come.", "lengthm",
          [(f"inspector_strip_position_metres{{{CAMERA}}}", "{{line}} {{camera}}")]),
]  # fmt: skip

FRAMES = [
    Panel("Frames", "Inspected a second, by camera.", "short",
          [(rate("inspector_frames_inspected_total", "line, camera", ',camera!=""'), "{{line}} {{camera}}")]),
    Panel("Frames that were not inspected", "A second, by reason; of all cameras: also messages that name none.",
          "short",
          [(rate("inspector_frames_dropped_total", "line, reason"), "{{line}} dropped: {{reason}}"),
           (rate("inspector_frames_rejected_total", "line, reason"), "{{line}} rejected: {{reason}}"),
           (rate("inspector_frames_missing_total", "line"), "{{line}} missing")]),
    Panel("From capture to event", "Half of all defects, and 99 in 100.", "s",
          [(quantile(0.5, "inspector_capture_to_event_seconds", "line, camera"), "half {{line}} {{camera}}"),
           (quantile(0.99, "inspector_capture_to_event_seconds", "line, camera"), "99 % {{line}} {{camera}}")]),
    Panel("Cameras' faults", "1 while one stands.", "short",
          [(f"inspector_camera_fault{{{CAMERA}}} == 1", "{{line}} {{camera}} {{fault}}"),
           (f"inspector_recipe_fault{{{CAMERA}}} == 1", "{{line}} {{camera}} recipe {{fault}}")]),
    Panel("Journal", "Disk space, and what is free there.", "bytes",
          [(f"inspector_journal_bytes{{{LINE}}}", "{{line}} journal"),
           (f"inspector_journal_limit_bytes{{{LINE}}}", "{{line}} limit"),
           (f"inspector_journal_disk_free_bytes{{{LINE}}}", "{{line}} free")]),
    Panel("Events that wait for the disk", "More than 0: the disk takes nothing.", "short",
          [(f"inspector_journal_waiting_events{{{LINE}}}", "{{line}}")]),
]  # fmt: skip

FLEET = [
    Panel("Lines that are inspected", "Ready, of those that are scraped.", "short",
          [(f"sum({READY})", "ready"), (f'count(up{{job="inspector",{LINE}}})', "lines")], 4, True),
    Panel("Missed in 24 hours", "Metres, all lines.", "lengthm",
          [(f"sum(increase(inspector_strip_missed_metres_total{{{LINE}}}[1d]))", "missed")], 5, True, ">0"),
    Panel("Not surely seen in 24 hours", "Metres, all lines, under a fault of camera or recipe.", "lengthm",
          [(f"sum(increase(inspector_strip_doubtful_metres_total{{{LINE}}}[1d]))", "not surely seen")],
          5, True, ">0"),
    Panel("Share inspected", "Of all strip within the time shown, what was not surely seen with it.", "percentunit",
          [(f"sum(increase(inspector_strip_inspected_metres_total{{{LINE}}}[$__range])) / "
            f"(sum(increase(inspector_strip_inspected_metres_total{{{LINE}}}[$__range])) "
            f"+ sum(increase(inspector_strip_missed_metres_total{{{LINE}}}[$__range])))", "inspected")], 5, True),
    Panel("Alerts", "That fire now.", "short", [(FIRING, "firing")], 5, True, ">0"),
    Panel("Ready", "1 when a line is inspected; 0 too where it cannot be scraped.", "short", [(READY, "{{line}}")]),
    Panel("Defects a hundred metres", "By line.", "short",
          [(f"100 * {rate('inspector_defects_total', 'line', over=LINE)} / "
            f"{rate('inspector_strip_inspected_metres_total', 'line', over=LINE)}", "{{line}}")]),
    Panel("Strip missed", "Metres a minute, by line.", "lengthm",
          [(f"60 * {rate('inspector_strip_missed_metres_total', 'line', over=LINE)}", "{{line}}")], 8),
    Panel("Strip not surely seen", "Metres a minute, by line: inspected while camera or recipe had a fault.",
          "lengthm",
          [(f"60 * {rate('inspector_strip_doubtful_metres_total', 'line', over=LINE)}", "{{line}}")], 8),
    Panel("From capture to event", "99 in 100 defects.", "s",
          [(quantile(0.99, "inspector_capture_to_event_seconds", "line", LINE), "{{line}}")], 8),
    Panel("Starts", "More than a few are worth a look.", "short",
          [(f'changes(process_start_time_seconds{{job="inspector",{LINE}}}[1h])', "{{line}} within 1 h")]),
    Panel("Memory", "Of each inspector.", "bytes",
          [(f'process_resident_memory_bytes{{job="inspector",{LINE}}}', "{{line}}")]),
]  # fmt: skip

ENGINE = [
    Panel("Engine, by frame", "From a frame being received to its maps: half of all, and 99 in 100.", "s",
          [(quantile(0.5, "inspector_received_to_inferred_seconds", "line"), "half {{line}}"),
           (quantile(0.99, "inspector_received_to_inferred_seconds", "line"), "99 % {{line}}")]),
    Panel("Stages, by batch", "99 in 100 batches, by stage.", "s",
          [(quantile(0.99, "inspector_stage_seconds", "line, stage", LINE), "{{line}} {{stage}}")]),
    Panel("Frames in a batch", "Mean: near the most, the engine is loaded.", "short",
          [(f"{rate('inspector_batch_frames_sum', 'line', over=LINE)} / "
            f"{rate('inspector_batch_frames_count', 'line', over=LINE)}", "{{line}}")]),
    Panel("Batches that wait", "Before each stage.", "short",
          [(f"inspector_queue_batches{{{LINE}}}", "{{line}} {{stage}}")]),
    Panel("Memory of the GPU", "In all, used by all programs, and by the inspector; nothing where there is none.",
          "bytes",
          [(f"inspector_gpu_memory_bytes{{{LINE}}}", "{{line}} {{kind}}")]),
    Panel("Given up for want of time", "Frames a second: the engine is slower than the line.", "short",
          [(rate("inspector_frames_dropped_total", "line, reason", ',reason=~"overload|too_old|decoding"'),
            "{{line}} {{reason}}")]),
    Panel("The screen", "Frames held back, passed, and looked at again, a second; nothing without one.",
          "short",
          [(rate("inspector_screen_frames_total", "line, outcome", over=LINE), "{{line}} {{outcome}}")]),
    Panel("What the screen misses",
          "Share of the defective frames, estimated from those that were looked at again; nothing without one.",
          "percentunit", [(f"inspector_screen_missed_ratio{{{LINE}}}", "{{line}}")]),
    Panel("Processor", "Cores that the inspector uses.", "short",
          [(f'rate(process_cpu_seconds_total{{job="inspector",{LINE}}}[$__rate_interval])', "{{line}}")]),
    Panel("Rebuilding", "1 while an engine is being built and verified.", "short",
          [(f"inspector_engine_rebuilding{{{LINE}}}", "{{line}}")]),
]  # fmt: skip

DASHBOARDS: dict[str, tuple[str, list[Panel]]] = {
    "line": ("Inspector: line", STRIP + FRAMES),
    "fleet": ("Inspector: fleet of lines", FLEET),
    "engine": ("Inspector: engine and GPU", ENGINE),
}


def known() -> set[str]:
    """Return every sample's name that an inspector can expose, with those that any process has."""
    suffixes = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "info": ("_info",)}
    families = of_no_line().registry.collect()
    return {family.name + end for family in families for end in suffixes.get(family.type, ("",))} | {*COLLECTED}


def unknown(expression: str, names: set[str]) -> set[str]:
    """Return what an expression names that nothing exposes."""
    return set(NAMES.findall(expression)) - names


def write(name: str) -> str:
    """Write a dashboard as JSON.

    Raises: ValueError when a panel names a metric that does not exist.
    """
    title, panels = DASHBOARDS[name]
    names = known()
    for panel in panels:
        for expression, _ in panel.queries:
            if wrong := unknown(expression, names):
                raise ValueError(f"{name}, {panel.title}: no inspector exposes {', '.join(sorted(wrong))}")
    board = (
        dashboard.Dashboard(title)
        .uid(f"inspector-{name}")
        .description(f"Made by `make docs` from the inspector's metrics: do not edit, copy. {title}.")
        .tags(["inspector"])
        .timezone("browser")
        .time("now-6h", "now")
        .refresh("10s")
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
        .with_variable(_choice("line", "Line", 'label_values(up{job="inspector"}, line)'))
    )
    if name != "fleet":
        board.with_variable(
            _choice("camera", "Camera", 'label_values(inspector_frames_received_total{line=~"$line"}, camera)')
        )
    for panel, place in zip(panels, _places(panels), strict=True):
        board.with_panel(_panel(panel, place))
    return json.dumps(board.build(), cls=JSONEncoder, indent=1, sort_keys=True) + "\n"


def _choice(name: str, label: str, query: str) -> dashboard.QueryVariable:
    """Let one be chosen, several, or all: that is any value, also the empty one, which is not listed."""
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .query(query)
        .datasource(SOURCE)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .hide(VariableHide.DONT_HIDE)
        .include_all(True)
        .all_value(".*")
        .multi(True)
    )


def _places(panels: Iterable[Panel]) -> list[GridPos]:
    """Lay panels in rows from the left, each row as high as its kind."""
    places, left, top, height = list[GridPos](), 0, 0, 0
    for panel in panels:
        if left + panel.columns > WIDTH:
            left, top = 0, top + height
        height = HEIGHT // 2 if panel.is_number else HEIGHT
        places.append(GridPos(h=height, w=panel.columns, x=left, y=top))
        left += panel.columns
    return places


def _panel(panel: Panel, place: GridPos) -> stat.Panel | timeseries.Panel:
    made: stat.Panel | timeseries.Panel
    if panel.is_number:
        made = stat.Panel().thresholds(_thresholds(panel.bad))
    else:
        tooltip = common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        made = timeseries.Panel().tooltip(tooltip).fill_opacity(8).line_width(1)
    made.title(panel.title).description(panel.description).unit(panel.unit).datasource(SOURCE).grid_pos(place)
    for place_in_list, (expression, legend) in enumerate(panel.queries):
        query = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(chr(ord("A") + place_in_list))
        made.with_target(query.instant() if panel.is_number else query)  # of a line that is gone no value of before
    return made


def _thresholds(bad: str) -> dashboard.ThresholdsConfig:
    """Colours of a value: red where it is wrong, else none."""
    steps = [Threshold(value=None, color="text")]
    if bad:
        limit = float(bad[1:])
        low, high = ("text", "red") if bad[0] == ">" else ("red", "text")
        steps = [Threshold(value=None, color=low), Threshold(value=limit + 1e-6 * (bad[0] == ">"), color=high)]
    return dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    for name in DASHBOARDS:
        (folder / f"{name}.json").write_text(write(name), encoding="utf-8")
        print(folder / f"{name}.json")
