"""`inspector bench` as a user runs it, on a recipe that takes no time: real engine, real daemon, real sockets."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from inspector.__main__ import main
from inspector.bench import figures, roof
from inspector.bench.measure import KINDS, in_turn
from tests.patience import patience_s
from tests.recipes import write_recipe

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JSON of a bench of a fraction of a second a measurement."""
    folder = tmp_path_factory.mktemp("bench")
    recipe = write_recipe(folder / "recipe")
    words = [str(recipe), "--batches", "1,3", "--seconds", "0.2", "--rounds", "2", "--engines", "openvino"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(roof, "SIDE", 256)
        patch.setattr(roof, "COPY_BYTES", 2**20)
        assert main(["bench", *words, "--json", str(folder / "a.json")]) == 0
    return folder / "a.json"


def test_it_measures_engine_copies_and_daemon_at_each_batch_size(measured: Path) -> None:
    """Four rows a batch size, each with rates; times where there are any, and what the daemon adds only under load."""
    bench = figures.read(measured)
    assert [(row.batch, row.measured) for row in bench.rows] == [
        (batch, measure) for batch in (1, 3) for measure in ("engine", "copies", "daemon", "load")
    ]
    for row in bench.rows:
        assert row.fps > 0
        assert len(row.rates_fps) == 2
        assert (row.p99_ms is None) == (row.measured == "daemon")
        assert (row.added is None) == (row.measured != "load")
        if row.added:
            assert row.p50_ms and row.p99_ms and row.p50_ms <= row.p99_ms
            assert 1 <= row.added.batch_frames <= row.batch
            assert row.p50_ms == pytest.approx(row.added.p50_ms + row.added.engine_p50_ms, abs=0.01)


def test_under_load_the_daemon_gets_four_fifths_of_its_own_rate(measured: Path) -> None:
    """The load is set by what the same daemon took flat out; a camera late by a fifth would not be a camera."""
    rows = {(row.batch, row.measured): row for row in figures.read(measured).rows}
    for batch in (1, 3):
        assert rows[batch, "load"].fps <= 0.85 * rows[batch, "daemon"].fps


def test_the_json_says_where_and_what(measured: Path) -> None:
    """Machine, versions, recipe and a measured roof: what a figure is worth nothing without."""
    bench = figures.read(measured)
    assert bench.machine.cores >= 1 and bench.machine.memory_gb > 0 and "openvino" in bench.machine.versions
    assert bench.recipes[0].recipe == "tiny@1" and len(bench.recipes[0].sha256) == 64
    (roof,) = bench.roofs
    assert roof.arithmetic == "fp32" and roof.gflops and roof.copy_gb_per_s


def test_a_bench_compared_with_itself_is_alike(measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--compare measures nothing and calls nothing faster that is the same."""
    assert main(["bench", "--compare", str(measured), str(measured)]) == 0
    out = capsys.readouterr().out
    assert out.count("  alike\n") == 8 and "1.000" in out and "differ" not in out


def test_an_engine_that_does_not_load_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With no engine left to measure it fails, with the words in which the daemon would refuse."""
    recipe = write_recipe(tmp_path / "recipe")
    (recipe / "model.onnx").write_bytes(b"no network")
    assert main(["bench", str(recipe), "--seconds", "0.1"]) == 78
    assert "sha256 is" in capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_asked_to_end_it_takes_the_daemon_with_it(number: signal.Signals, tmp_path: Path) -> None:
    """SIGTERM, or a closed terminal, in the middle of a measurement ends it with 1, and nothing listens on after it."""
    recipe = write_recipe(tmp_path / "recipe")
    words = [sys.executable, "-m", "inspector", "bench", str(recipe), "--batches", "1", "--seconds", "0.1"]
    more = ["--load-seconds", "600", "--engines", "openvino"]
    heeding = ["env", "--default-signal=HUP"]  # whoever runs the tests under nohup has it ignored
    bench = subprocess.Popen([*heeding, *words, *more], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + patience_s()
    while not (children := Path(f"/proc/{bench.pid}/task/{bench.pid}/children").read_text().split()):
        assert bench.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)
    bench.send_signal(number)
    assert bench.wait(patience_s()) == 1
    assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.mark.parametrize(
    ("words", "printed"),
    [
        (["--batches", "4,2"], "expected ascending ones"),
        (["--engines", "abacus"], f"expected some of {', '.join(KINDS)}"),
        (["--seconds", "0"], "expected seconds above 0"),
    ],
)
def test_a_wrong_option_is_refused(words: list[str], printed: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything runs, with what was expected."""
    with pytest.raises(SystemExit):
        main(["bench", *words])
    assert printed in capsys.readouterr().err


def test_other_commands_do_not_pay_for_the_bench() -> None:
    """A command line loads what it needs: `run` on a GPU no OpenVINO, and `run --help` nothing that takes long."""
    code = (
        "import sys; from inspector.__main__ import parser; parser().parse_args(['run', 'line.toml'])\n"
        "sys.exit(bool({'openvino', 'cv2', 'numpy', 'zmq', 'inspector.bench', 'inspector.demo'} & sys.modules.keys()))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=patience_s()).returncode == 0


def test_none_always_comes_after_the_same_one() -> None:
    """What ran before slows what comes next; over the rounds it falls on each."""
    ran = [name for number in range(4) for name in in_turn(("engine", "copies", "daemon"), number)]
    before = {name: {ran[i - 1] for i in range(1, len(ran)) if ran[i] == name} for name in ran}
    assert all(len(previous) > 1 for previous in before.values())
