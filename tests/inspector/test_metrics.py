"""The metrics: the account of frames balances at any scrape, and names and units are those of the field."""

import re
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from inspector.metrics import Metrics
from inspector.records.events import Doubtful, Missed
from inspector.records.stages import Batch, Findings, Frame, Inferred, Loss
from tests.defects import any_crowded, any_defect
from tests.frames import RECIPE, batch, dropped, findings, header, inspected, missing, rejected

CAMERAS = ("top", "bottom")
ENDS = ("inspected", "dropped", "rejected")

ARRIVALS = st.one_of(
    st.builds(lambda camera: Frame(header(0, camera), 0), st.sampled_from(CAMERAS)),
    st.builds(missing, st.integers(1, 9), st.sampled_from(CAMERAS)),
    st.builds(lambda camera: rejected("crc", camera), st.sampled_from(CAMERAS)),
    st.builds(lambda camera: dropped(header(0, camera)), st.sampled_from(CAMERAS)),
    st.builds(lambda reason: Loss("rejected", reason, "", 1), st.sampled_from(["json", "parts"])),
)


def samples(metrics: Metrics) -> Iterator[tuple[str, dict[str, str], float]]:
    """Scrape: name, labels and value of every sample."""
    text = generate_latest(metrics.registry).decode()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield sample.name, sample.labels, sample.value


def account(metrics: Metrics) -> dict[str, Counter[str]]:
    """Scrape the frame metrics alone: name -> camera -> sum over all reasons."""
    found: dict[str, Counter[str]] = {}
    for family in metrics.frames.collect():
        sums = found.setdefault(family.name.removeprefix("inspector_frames_"), Counter())
        for sample in family.samples:
            sums[sample.labels["camera"]] += int(sample.value)
    return found


def assert_balanced(metrics: Metrics) -> dict[str, Counter[str]]:
    """Check the law at one scrape."""
    found = account(metrics)
    for camera, received in found["received"].items():
        ended = sum(found[end][camera] for end in ENDS)
        assert received == ended + found["in_flight"][camera]
        assert found["in_flight"][camera] >= 0
    return found


def findings_of(of: Batch) -> Findings:
    """Make the findings that a batch ends in when nothing else happens to it."""
    return findings(*(inspected(arrival.header) if isinstance(arrival, Frame) else arrival for arrival in of.arrivals))


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.lists(ARRIVALS, max_size=5)), max_size=15))
def test_account(turns: list[tuple[bool, list[Frame | Loss]]]) -> None:
    """At any moment received = inspected + dropped + rejected + in flight for each camera; missing is counted apart."""
    metrics = Metrics(CAMERAS, ["dark"])
    waiting: list[Batch] = []
    entered: Counter[str] = Counter()
    for leaves, arrivals in turns:
        waiting.append(metrics.frames.enter(batch(*arrivals)))
        entered.update(a.header.camera if isinstance(a, Frame) else a.camera for a in arrivals if not never_came(a))
        if leaves:
            metrics.reported(findings_of(waiting.pop(0)), [], 0)
        found = assert_balanced(metrics)
        assert +found["received"] == +entered
        in_flight = sum(not never_came(arrival) for queued in waiting for arrival in queued.arrivals)
        assert sum(found["in_flight"].values()) == in_flight


def never_came(arrival: Frame | Loss) -> bool:
    """Whether it never was on the socket."""
    return isinstance(arrival, Loss) and arrival.end == "missing"


def test_account_between_threads() -> None:
    """A scrape while two threads count sees no frame end before it came, nor one lost between."""
    metrics = Metrics(CAMERAS, ["dark"])
    entering = batch(Frame(header(0), 0), Frame(header(0, "bottom"), 0), rejected("crc"), missing(2))
    under_way, done = threading.Semaphore(0), threading.Event()

    def enter() -> None:
        for _ in range(2000):
            metrics.frames.enter(entering)
            under_way.release()

    def leave() -> None:
        for _ in range(2000):
            under_way.acquire()
            metrics.reported(findings_of(entering), [], 0)
        done.set()

    threads = [threading.Thread(target=work) for work in (enter, leave)]
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        for thread in threads:
            thread.start()
        while not done.is_set():
            assert_balanced(metrics)
    finally:
        sys.setswitchinterval(interval_s)
        for thread in threads:
            thread.join()
    found = assert_balanced(metrics)
    assert found["received"] == Counter(top=4000, bottom=2000)
    assert found["missing"] == Counter(top=4000)
    assert not any(found["in_flight"].values())


DEFECT = any_defect(recipe="test@1", captured_ns=10**18)
CROWDED = any_crowded(camera="bottom", recipe="test@1", captured_ns=10**18)


def used() -> Metrics:
    """Metrics in which every series has a value."""
    metrics = Metrics(CAMERAS, ["dark"])
    some = batch(Frame(header(0), 0), dropped(header(1)), rejected("crc"), missing(3), closed_ns=5_000_000)
    metrics.frames.enter(some)
    metrics.inferred(Inferred(some, RECIPE, None))
    metrics.timed("strip", lambda item: item)(0)
    metrics.watch_queue("infer", lambda: 2)
    lost = Missed(camera="bottom", coil="C", start_mm=0.0, end_mm=2500.0, reasons={})
    dark = Doubtful(camera="top", coil="C", start_mm=500.0, end_mm=2000.0, faults=("dark",))
    events = (DEFECT, lost, dark, CROWDED)
    found = msgspec.structs.replace(
        findings(inspected(header(0, captured_ns=10**18))), events=events, inspected_mm={"top": 10.0}
    )
    found = msgspec.structs.replace(found, reached_mm={("C", "top"): 12_340.0})
    metrics.reported(found, ["normal", "returned", "normal"], 10**18 + 40_000_000)
    metrics.published("defect.dark")
    metrics.recipe.info({"name": "test", "version": "1", "sha256": "0", "engine": "none"})
    metrics.ready.set(1)
    metrics.reloaded(success=False)
    return metrics


@pytest.mark.parametrize(
    ("name", "labels", "value"),
    [
        ("inspector_defects_total", {"camera": "top", "class": "dark"}, 1),
        ("inspector_defects_total", {"camera": "bottom", "class": "dark"}, 0),
        ("inspector_strip_inspected_metres_total", {"camera": "top"}, 0.01),
        ("inspector_strip_missed_metres_total", {"camera": "bottom"}, 2.5),
        ("inspector_strip_doubtful_metres_total", {"camera": "top"}, 1.5),
        ("inspector_strip_doubtful_metres_total", {"camera": "bottom"}, 0),
        ("inspector_strip_position_metres", {"camera": "top"}, 12.34),
        ("inspector_capture_to_event_seconds_sum", {"camera": "top"}, 0.04),
        ("inspector_capture_to_event_seconds_bucket", {"camera": "top", "le": "0.05"}, 1),
        ("inspector_capture_to_event_seconds_bucket", {"camera": "top", "le": "0.02"}, 0),
        ("inspector_camera_last_frame_timestamp_seconds", {"camera": "top"}, 1e9),
        ("inspector_stage_seconds_sum", {"stage": "gather"}, 0.005),
        ("inspector_batch_frames_count", {}, 1),
        ("inspector_queue_batches", {"stage": "infer"}, 2),
        ("inspector_frames_crowded_total", {"camera": "bottom"}, 1),
        ("inspector_frames_crowded_total", {"camera": "top"}, 0),
        ("inspector_received_to_inferred_seconds_count", {"camera": "top"}, 1),
        ("inspector_alarms", {"state": "normal"}, 2),
        ("inspector_alarms", {"state": "returned"}, 1),
        ("inspector_alarms", {"state": "acknowledged"}, 0),
        ("inspector_events_total", {"topic": "defect"}, 1),
        ("inspector_events_total", {"topic": "alarm"}, 0),
        ("inspector_recipe_info", {"name": "test", "version": "1", "sha256": "0", "engine": "none"}, 1),
        ("inspector_ready", {}, 1),
        ("inspector_last_reload_success", {}, 0),
        ("inspector_frames_missing_total", {"camera": "bottom"}, 0),
    ],
)
def test_value(name: str, labels: dict[str, str], value: float) -> None:
    """Each metric has the field's name, its base unit and its labels; what has not happened yet stands at 0."""
    assert [v for n, found, v in samples(used()) if (n, found) == (name, labels)] == [pytest.approx(value)]


def test_partial_defects_are_not_counted() -> None:
    """A long defect that is reported in parts counts once, when it is whole."""
    metrics = Metrics(CAMERAS, ["dark"])
    for is_partial in (True, True, False):
        listed = msgspec.structs.replace(DEFECT, is_partial=is_partial)
        metrics.reported(Findings(closed_ns=0, events=(listed,)), [], 10**18)
    assert sum(v for n, _, v in samples(metrics) if n == "inspector_defects_total") == 1


def test_a_camera_clock_that_runs_ahead() -> None:
    """A latency that seems negative counts as none: a sum that falls would look like a restart to Prometheus."""
    metrics = Metrics(CAMERAS, ["dark"])
    metrics.reported(Findings(closed_ns=0, events=(DEFECT,)), [], 10**18 - 10**9)
    assert [v for n, found, v in samples(metrics) if n.endswith("event_seconds_sum") and found["camera"] == "top"] == [
        0
    ]


def test_a_start_that_takes_long_is_no_fault() -> None:
    """Until the journal is open and the recipe loaded nothing stands that an alert fires on but `ready`."""
    at = {name: value for name, labels, value in samples(Metrics(CAMERAS, ["dark"])) if not labels}
    assert (at["inspector_journal_written"], at["inspector_last_reload_success"], at["inspector_ready"]) == (1, 1, 0)


def test_names_and_units() -> None:
    """Every metric of ours is named after its noun and base unit; no unit is a part or a multiple of one."""
    names = {name for name, _, _ in samples(used()) if not name.startswith(("process_", "python_"))}
    assert all(re.fullmatch(r"inspector_[a-z_]+", name) for name in names)
    assert not [name for name in names if re.search(r"_(ms|ns|us|mm|km|mb|kb|percent)(_|$)", name)]


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed")
def test_promtool() -> None:
    """Prometheus' own linter has nothing to say about what is exposed."""
    exposed = generate_latest(used().registry)
    done = subprocess.run(["promtool", "check", "metrics"], input=exposed, capture_output=True, check=False)
    assert (done.returncode, done.stdout.decode() + done.stderr.decode()) == (0, "")


def test_queues_are_read_when_scraped() -> None:
    """A queue's length is the one at the scrape, not that of some moment before."""
    metrics, waiting = Metrics(CAMERAS, []), [1, 2, 3]
    metrics.watch_queue("analyse", waiting.__len__)
    waiting.pop()
    assert [value for name, _, value in samples(metrics) if name == "inspector_queue_batches"] == [2]


def test_device_memory_is_asked_for_at_each_scrape() -> None:
    """By kind, in bytes; without a device the metric has no samples, and registering it asks nobody."""
    metrics, taken = Metrics(["top"], ["dark"]), dict[str, int]()
    metrics.watch_memory(lambda: taken)
    assert b"inspector_gpu_memory_bytes{" not in generate_latest(metrics.registry)
    taken |= {"total": 8 * 2**30, "process": 2**20}
    text = generate_latest(metrics.registry)
    assert b'inspector_gpu_memory_bytes{kind="process"} 1.048576e+06' in text
    assert b'inspector_gpu_memory_bytes{kind="total"}' in text
