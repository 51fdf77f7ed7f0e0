"""Rules and dashboards: what they name exists, what they say fires, and a real Prometheus takes them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

from deploy.grafana.dashboards import DASHBOARDS, NAMES, READY, known, unknown, write
from inspector.camera_health.faults import HIDING
from inspector.harness.ports import Ports
from inspector.recipe_health import OUTPUT_FAULTS
from tests.e2e.mill import Camera, Mill
from tests.patience import patience_s

MONITORING = Path(__file__).parents[2] / "deploy"
RULES = MONITORING / "prometheus/rules.yml"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian package prometheus) is not installed"
)


def promtool(*words: str, folder: Path = RULES.parent) -> tuple[int, str]:
    """Exit code and words of promtool."""
    done = subprocess.run(["promtool", *words], cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def alerts() -> list[str]:
    """Names of all alerts."""
    return re.findall(r"- alert: (\w+)", RULES.read_text(encoding="utf-8"))


@needs_promtool
def test_each_alert_fires_on_what_it_is_for_and_on_nothing_like_it() -> None:
    """By Prometheus' own rule tests: both are there for each alert."""
    tests = (RULES.parent / "rules.test.yml").read_text(encoding="utf-8")
    for alert in alerts():
        assert f"name: {alert} fires\n" in tests and f"name: {alert} does not fire\n" in tests
    assert promtool("check", "rules", "rules.yml")[0] == 0
    assert promtool("check", "config", "prometheus.yml")[0] == 0
    code, words = promtool("test", "rules", "rules.test.yml")
    assert code == 0, words


@needs_promtool
@pytest.mark.parametrize("expression", ["vector(0) > 1", "vector(1)"])
def test_the_rule_tests_can_fail(tmp_path: Path, expression: str) -> None:
    """An alert that never fires, or always, fails its test."""
    rules = RULES.read_text(encoding="utf-8")
    broken = re.sub(r"expr: inspector_ready == 0", f"expr: {expression}", rules)
    assert broken != rules
    (tmp_path / "rules.yml").write_text(broken, encoding="utf-8")
    head, *tests = re.split(
        r"(?=^  - name: )", (RULES.parent / "rules.test.yml").read_text(encoding="utf-8"), flags=re.M
    )
    own = [test for test in tests if test.startswith("  - name: InspectorNotReady ")]
    (tmp_path / "rules.test.yml").write_text(head + "".join(own), encoding="utf-8")
    code, words = promtool("test", "rules", "rules.test.yml", folder=tmp_path)
    assert code == 1 and "InspectorNotReady" in words


def test_each_alert_has_a_runbook_and_names_what_exists() -> None:
    """Its annotation leads to a heading of the page, and its row is in the page's table."""
    rules = RULES.read_text(encoding="utf-8")
    page = (RULES.parent / "README.md").read_text(encoding="utf-8")
    assert len(alerts()) > 10
    for alert in alerts():
        assert f"README.md#{alert.lower()}\n" in rules
        assert f"### {alert}\n" in page and f"| {alert} |" in page
    expressions = "\n".join(line for line in rules.splitlines() if "summary" not in line and "description" not in line)
    assert unknown(re.sub(r"#.*|group.*|- name.*|- alert.*", "", expressions), known()) <= {"inspector"}


def test_runbooks_of_faults_under_which_strip_is_not_surely_seen_say_that_coils_are_held() -> None:
    """Each of the faults is named, with what reports its strip and up to where coils are released."""
    page = (RULES.parent / "README.md").read_text(encoding="utf-8")
    faults = {"InspectorCameraFault": HIDING, "InspectorRecipeFault": OUTPUT_FAULTS, "InspectorScreenBlind": ()}
    for alert, names in faults.items():
        runbook = page.partition(f"### {alert}\n")[2].partition("\n#")[0]
        assert all(f"`{word}`" in runbook for word in (*names, "doubtful", "grading.max_doubtful_m")), alert


@pytest.mark.parametrize("name", DASHBOARDS)
def test_dashboards_are_current_and_of_grafanas_schema(name: str) -> None:
    """What is shipped is what `make docs` writes, and Grafana's own model reads and writes it unchanged."""
    shipped = (MONITORING / f"grafana/{name}.json").read_text(encoding="utf-8")
    assert shipped == write(name), "run `make docs`"
    read = Dashboard.from_json(json.loads(shipped))
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == json.loads(shipped)


def test_all_means_all() -> None:
    """`All` is every camera, and what no camera is known of; a line that is down can be chosen."""
    variables = json.loads(write("line"))["templating"]["list"][1:]
    assert [(of["name"], of["allValue"]) for of in variables] == [("line", ".*"), ("camera", ".*")]
    assert variables[0]["query"] == 'label_values(up{job="inspector"}, line)'
    queries = {panel.title: [query for query, _ in panel.queries] for panel in DASHBOARDS["line"][1]}
    assert all('camera=~"$camera"}' in query for query in queries["Frames that were not inspected"])
    assert 'camera!=""' in queries["Frames"][0]  # it has none to show


@pytest.mark.parametrize("name", ["line", "fleet"])
def test_strip_not_surely_seen_is_shown_next_to_what_was_missed(name: str) -> None:
    """As a sum and over time: it counts as inspected, and its coils are not released."""
    panels = [query for panel in DASHBOARDS[name][1] for query, _ in panel.queries]
    missed = [query for query in panels if "strip_missed" in query and "strip_inspected" not in query]
    after = [panels[panels.index(query) + 1] for query in missed]
    assert len(missed) == 2 and after == [query.replace("missed", "doubtful") for query in missed]


def test_a_metric_that_does_not_exist_is_found() -> None:
    """The check can fail."""
    assert unknown("rate(inspector_frames_recieved_total[5m])", known()) == {"inspector_frames_recieved_total"}
    assert not unknown("rate(inspector_frames_received_total[5m]) + up", known())


def filled_in(expression: str) -> str:
    """A panel's query as Grafana asks it."""
    times = re.sub(r"\$__(rate_interval|range)", "1m", expression)
    return times.replace("$line", ".*").replace("$camera", ".*")


class Prometheus:
    """A real one, with our rules, that scrapes a line each second."""

    def __init__(self, folder: Path, target: int) -> None:
        config = (RULES.parent / "prometheus.yml").read_text(encoding="utf-8")
        config = config.replace("9477", str(target)).replace("5s", "1s")
        (folder / "prometheus.yml").write_text(config, encoding="utf-8")
        shutil.copy(RULES, folder)
        self.port = Ports.free().http
        self.process = subprocess.Popen(
            [
                "prometheus",
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def ask(self, path: str, **query: str) -> Any:
        """Data of an answer of its API."""
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=patience_s()) as answer:
            return json.load(answer)["data"]

    def until(self, query: str, value: float) -> None:
        """Wait until a query has this value."""
        deadline = time.monotonic() + patience_s()
        while time.monotonic() < deadline:
            try:
                if [float(row["value"][1]) for row in self.ask("query", query=query)["result"]] == [value]:
                    return
            except OSError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"{query} is not {value}")

    def until_any(self, query: str, *, is_asked: bool = False) -> None:
        """Wait until a query has an answer; with `is_asked` that it is taken is enough."""
        deadline = time.monotonic() + patience_s()
        while not self.ask("query", query=query)["result"] and not is_asked:
            assert time.monotonic() < deadline, f"{query} has no answer"
            time.sleep(0.1)


@pytest.fixture(name="prometheus")
def _prometheus(tmp_path: Path) -> Iterator[tuple[Mill, Prometheus]]:
    (tmp_path / "prometheus").mkdir()
    with Mill(tmp_path) as mill:
        server = Prometheus(tmp_path / "prometheus", mill.ports.http)
        try:
            yield mill, server
        finally:
            server.process.kill()
            server.process.wait()


@pytest.mark.skipif(shutil.which("prometheus") is None, reason="prometheus (Debian package) is not installed")
def test_a_real_prometheus_scrapes_it(prometheus: tuple[Mill, Prometheus]) -> None:
    """It takes the rules, answers every panel's query, and notices when the inspector is gone."""
    mill, server = prometheus
    with Camera(mill) as camera:
        camera.send()
        server.until('inspector_ready{line="line3"}', 1)
        server.until('inspector_frames_inspected_total{line="line3",camera="top"}', 1)
    groups = server.ask("rules")["groups"]
    assert {rule["name"] for group in groups for rule in group["rules"]} == set(alerts())
    assert all(rule["health"] != "err" for group in groups for rule in group["rules"])
    for panel in (panel for _, panels in DASHBOARDS.values() for panel in panels):
        for expression, _ in panel.queries:
            assert NAMES.search(expression)
            server.until_any(filled_in(expression), is_asked="== 1" in expression or "nothing" in panel.description)
    mill.stop()
    server.until('up{line="line3"}', 0)
    server.until(filled_in(READY), 0)  # no value of before
    server.until('count(ALERTS{alertname="InspectorDown"})', 1)
