"""Our own code for GPUs, run for real on an emulated one: the real pycuda, daemon and converter as processes.

What is emulated are NVIDIA's driver and TensorRT, so this shows that our calls, threads, order and memory are right,
and nothing of theirs. It needs `make emulator` once, and skips with that reason where nobody did.
"""

from __future__ import annotations

import functools
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from deploy import candidate
from deploy.gpu_check import plan, steps
from deploy.gpu_check.plan import Subject
from inspector.engines.nvidia import manifest
from inspector.engines.nvidia.driver import Gpu
from inspector.engines.nvidia.manifest import Flavour, RuntimeVersion
from inspector.errors import InspectorError
from inspector.records.events import CoilReport, Health
from tests import emulator
from tests.e2e.mill import Camera, Mill
from tests.emulator import recipe
from tests.gpu import has_driver
from tests.recipes import DARK, write_recipe

FRAME_US = 15_000
"""What the emulated card takes for a frame where its speed matters: slow, so that a busy machine keeps up with it."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not emulator.is_built(), reason="the emulated GPU is not built (make emulator)"),
    pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed: the tests marked gpu show more"),
]


@pytest.fixture(params=emulator.FLAVOURS)
def flavour(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Flavour:
    """Have the processes that a test starts find this flavour's emulation, and the emulated driver."""
    name: Flavour = request.param
    for variable, value in emulator.environment(name).items():
        monkeypatch.setenv(variable, value)
    if name == "tensorrt":  # one of the two has every piece of work wait, which shows what nobody waits for
        monkeypatch.setenv("EMULATED_GPU_DELAY_US", "500")
    return name


only_rtx = pytest.mark.parametrize("flavour", ["tensorrt_rtx"], indirect=True)


def python(*words: str, seconds: float = 120) -> subprocess.CompletedProcess[str]:
    """Run Python to its end."""
    return subprocess.run(
        [sys.executable, *words], cwd=emulator.ROOT, capture_output=True, text=True, check=False, timeout=seconds
    )


def convert(folder: Path, *words: str) -> None:
    """Build an engine and prove it."""
    for command in (["convert", str(folder), *words], ["verify", str(folder)]):
        done = python("-m", "deploy", *command)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture(scope="module")
def proven(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Flavour], Path]:
    """Gives the recipe with an engine of a flavour, proven: made once, in the environment of who asks first."""

    @functools.cache
    def made(flavour: Flavour) -> Path:
        folder = write_recipe(tmp_path_factory.mktemp(flavour) / "recipe")
        convert(folder, "--precision", "fp32", "--batches", "1,4")
        return folder

    return made


@pytest.fixture
def mill(flavour: Flavour, proven: Callable[[Flavour], Path], tmp_path: Path) -> Mill:
    """A line whose recipe has an engine of the flavour, proven."""
    mill = Mill(tmp_path)
    shutil.copytree(proven(flavour), tmp_path / "recipe", dirs_exist_ok=True)
    mill.write(extra='[engine]\nkind = "tensorrt"\n')
    return mill


LARGE = "(too_large or shipped)"
"""Tests for GPUs whose graphs take half a minute without one."""


@pytest.mark.usefixtures("flavour")
@pytest.mark.parametrize(
    ("flavour", "which"),
    [
        ("tensorrt", f"not {LARGE}"),
        ("tensorrt_rtx", f"not {LARGE}"),
        pytest.param("tensorrt_rtx", LARGE, marks=pytest.mark.long),
    ],
    indirect=["flavour"],
)
def test_the_tests_for_gpus_pass(which: str) -> None:
    """All that `pytest -m gpu` asks of an engine, but speed, and what would take minutes without a GPU."""
    chosen = f"{which} and not two_batches and not steel-r34"
    done = python(
        "-m", "pytest", "-m", "gpu", "-k", chosen, "-p", "no:cacheprovider", "tests/inspector/engines", seconds=580
    )
    assert done.returncode == 0, done.stdout
    assert " passed" in done.stdout and "skipped" not in done.stdout


def test_the_daemon_finds_on_it_what_was_painted(mill: Mill) -> None:
    """Frames and defects go the whole way; metrics name GPU, flavour and memory; five reloads swap the engine."""
    with mill, Camera(mill) as camera:
        assert mill.metric("inspector_engine_info", kind="tensorrt", gpu="emulated GPU (host memory)", verified="true")
        used, total = (mill.metric("inspector_gpu_memory_bytes", kind=kind) for kind in ("used", "total"))
        assert 0 < used < total
        for number in range(20):
            camera.send(*([(10, 30, 20, 40, DARK)] if number % 2 else []))
            if not number % 4:
                swap(mill)
        camera.send(coil="C2")
        data = [event.data for event in mill.received("coil.ended")]
        ended = next(item for item in data if isinstance(item, CoilReport) and item.state == "ended")
        assert (ended.frames, ended.missed_m, ended.defects) == (20, 0, {"dark": 10})
        assert mill.metric("inspector_gpu_memory_bytes", kind="used") == used
        assert mill.stop()[0] == 0


def swap(mill: Mill) -> None:
    """Have the engine reloaded."""
    name = "inspector_last_reload_timestamp_seconds"
    before = mill.metric(name)
    mill.daemon.reload()
    mill.wait_until(lambda: mill.metric(name) > before, "reload")
    assert mill.metric("inspector_last_reload_success") == 1


@pytest.mark.parametrize("flavour", ["tensorrt", pytest.param("tensorrt_rtx", marks=pytest.mark.long)], indirect=True)
def test_a_swap_at_70_percent_load_drops_no_frame(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """The new engine is loaded and warmed up on the card that runs the line; its work waits for the line's."""
    convert(mill.folder / "recipe", "--precision", "fp32", "--batches", "1,2,4,8,16")
    monkeypatch.setenv("EMULATED_PACE_US", f"0,{FRAME_US}")
    mill.write(overload="drop-newest", extra='[engine]\nkind = "tensorrt"\n[batch]\nmax_frames = 16\n')
    with mill, Camera(mill) as camera, ThreadPoolExecutor(1) as threads:
        swaps = threads.submit(swap, mill)
        sent = 0
        while not swaps.done():
            camera.send()
            sent += 1
            time.sleep(1e-6 * FRAME_US / 0.7)
        swaps.result()
        mill.until(sent)
        assert mill.metric("inspector_frames_dropped_total") == 0


@pytest.mark.parametrize("sticky", ["0", "1"])
def test_a_context_that_breaks_under_the_line_ends_it_with_1(
    mill: Mill, monkeypatch: pytest.MonkeyPatch, sticky: str
) -> None:
    """Whether or not the driver pops a lost context: no abort, no traceback, and systemd starts the process again.

    The last batches are launched as recorded graphs by the full TensorRT.
    """
    monkeypatch.setenv("EMULATED_BREAKS_AT", "12")  # warming up takes six
    monkeypatch.setenv("EMULATED_STICKY_POP", sticky)
    with mill, Camera(mill) as camera:
        with pytest.raises(InspectorError, match="exit code 1"):
            while True:
                camera.send()
                mill.daemon.check()
        words = mill.daemon.child.log
    assert "its context is lost" in words and "The process must start again" in words
    assert "Traceback" not in words and "openvino" not in words and "PyCUDA" not in words


ENDS = """
import sys
import time
import numpy as np
from pathlib import Path
from inspector import recipe
from inspector.engines import choice
from inspector.engines.settings import EngineSection
from tests.emulator import nvinfer


class Last:  # the interpreter takes its time to end: whoever asks for its lock meanwhile is stopped there
    def __del__(self, sleep=time.sleep):
        sleep(1)


folder = Path(sys.argv[1])
card, model = recipe.load(folder)
engine = choice.load(EngineSection(kind="tensorrt"), card, model, 1, folder, unverified=True)
_last = Last()  # goes before the engine does
engine.submit(np.zeros((1, card.height, card.width), np.uint8))
while not nvinfer.Context.batches:
    time.sleep(0.001)
time.sleep(0.03)  # OpenVINO, which has given Python's lock back, is at it
"""


@only_rtx
@pytest.mark.usefixtures("flavour")
def test_a_process_may_end_while_its_batch_is_computed(tmp_path: Path) -> None:
    """On a real card nothing of it is Python; of the emulated one's batches the interpreter waits for, or it aborts."""
    folder = write_recipe(tmp_path, size=(2048, 4096))
    done = python("-m", "deploy", "convert", str(folder), "--precision", "fp32", "--batches", "1")
    assert done.returncode == 0, done.stdout + done.stderr
    done = python("-c", ENDS, str(folder))
    assert done.returncode == 0, done.stderr


def test_overload_pins_nothing(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every batch that can exist at once has pinned memory from the start, also where each has suspicious frames."""
    monkeypatch.setenv("EMULATED_GPU_DELAY_US", "20000")
    mill.write(overload="drop-newest", extra='[engine]\nkind = "tensorrt"\n[batch]\nmax_frames = 4\nwait_ms = 1\n')
    with mill, Camera(mill) as camera:
        while mill.metric("inspector_frames_dropped_total") < 100:
            for _ in range(20):
                camera.send((10, 30, 20, 40, DARK))
        code, words = mill.stop()
    assert code == 0 and "ordinary memory" not in words, words


@only_rtx
def test_a_slow_start_of_each_batch_makes_larger_batches(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that takes 20 ms for a batch of any size gets frames together that come 10 ms apart: so it keeps up."""
    monkeypatch.setenv("EMULATED_PACE_US", "20000,0")
    mill.write(extra='[engine]\nkind = "tensorrt"\n[batch]\nmax_frames = 4\nwait_ms = 1\n')
    sent_s = []
    with mill, Camera(mill) as camera:
        for _ in range(200):
            camera.send()
            sent_s.append(time.monotonic())
            time.sleep(0.01)
        mill.until(200)
        near = sum(after - before < 0.02 for before, after in pairwise(sent_s))  # all, unless the machine is busy
        assert mill.metric("inspector_batch_frames_count") < 200 - near / 4


def test_another_model_of_gpu_needs_an_engine_of_its_own(mill: Mill, flavour: Flavour) -> None:
    """The full TensorRT's engine runs on the model that it was built on; TensorRT-RTX's on all of a capability."""
    folder = mill.folder / "recipe"
    made = manifest.read(folder)
    if flavour == "tensorrt_rtx":
        assert made.gpu == ""
        return
    assert made.gpu == "emulated GPU (host memory)"
    manifest.write(folder, msgspec.structs.replace(made, gpu="another"))
    done = python("-m", "deploy", "verify", str(folder))
    assert done.returncode == 78 and 'gpu is "another"; expected "emulated GPU' in done.stderr, done.stderr
    done = python("-m", "deploy", "convert", str(folder), "--precision", "fp32", "--batches", "1,4")
    assert 'gpu is "another"; asked for "emulated GPU (host memory)"' in done.stdout, done.stdout
    assert manifest.read(folder).gpu == made.gpu


@only_rtx
@pytest.mark.usefixtures("flavour")
def test_a_batch_size_that_is_wrong_is_not_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that no frames of the proof would come in, as batch.max_frames may ask for; three frames prove the others."""
    folder = write_recipe(tmp_path)
    words = ["-m", "deploy", "verify", str(folder), "--frames", "3"]
    convert(folder, "--precision", "fp32", "--batches", "1,8")
    assert python(*words).returncode == 0
    monkeypatch.setenv("EMULATED_BLIND_AT", "6")
    done = python(*words)
    assert done.returncode == 1 and "not verified. In batches of 6: " in done.stdout, done.stdout + done.stderr
    assert not manifest.read(folder).verified


LOAD = """
import logging, sys
from pathlib import Path
from inspector import recipe
from inspector.engines import choice
from inspector.engines.settings import EngineSection
from tests.emulator.nvinfer import RuntimeCache
logging.basicConfig(level=logging.WARNING)
folder = Path(sys.argv[1])
card, model = recipe.load(folder)
most = int((sys.argv[2:] or ["4"])[0])
choice.load(EngineSection(kind="tensorrt"), card, model, most, folder).close()
print("compiled", RuntimeCache.compiled)
"""


@only_rtx
def test_what_the_proof_compiled_is_kept(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """A start compiles nothing; altered, or of an unfit driver, the kernels are compiled again, and it is reported."""
    folder = mill.folder / "recipe"
    kept = folder / manifest.KERNELS
    assert manifest.read(folder).kernels_sha256 and kept.is_file()
    done = python("-c", LOAD, str(folder))
    assert done.stdout == "compiled 0\n" and not done.stderr
    for version, compiled in (("13.2", 0), ("14.0", 2), ("13.0", 2)):
        monkeypatch.setenv("EMULATED_CUDA", version)
        done = python("-c", LOAD, str(folder))
        assert done.stdout == f"compiled {compiled}\n"
        assert ("do not fit this GPU, driver or version, and are compiled again" in done.stderr) == bool(compiled)
    monkeypatch.delenv("EMULATED_CUDA")
    kept.write_bytes(kept.read_bytes() + b" ")
    done = python("-c", LOAD, str(folder))
    assert done.stdout == "compiled 2\n" and "engine.cache: altered, and not used" in done.stderr
    convert(folder, "--precision", "fp32", "--batches", "1,8")
    assert python("-c", LOAD, str(folder)).stdout == "compiled 0\n"


@only_rtx
@pytest.mark.usefixtures("flavour")
def test_a_proven_engine_stays_in_force_until_the_new_one_is_proven(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever becomes of the new one: a line that starts meanwhile, or whose new engine fails, has one that runs."""
    folder = write_recipe(tmp_path)
    convert(folder, "--precision", "fp32", "--batches", "1,2")
    first = manifest.read(folder)
    again = ["-m", "deploy", "convert", str(folder), "--precision", "fp32", "--batches", "1,4"]
    verify = ["-m", "deploy", "verify", str(folder), "--frames", "3"]
    done = python(*again)
    assert done.returncode == 0 and f"Until then {folder / manifest.ENGINE} stays in force" in done.stdout, done.stderr
    assert "nothing changed" in python(*again).stdout
    monkeypatch.setenv("EMULATED_BLIND_AT", "3")
    done = python(*verify)
    assert done.returncode == 1 and "the engine before stays in force" in done.stdout, done.stdout + done.stderr
    assert manifest.read(folder) == first and python("-c", LOAD, str(folder), "2").stdout == "compiled 0\n"
    monkeypatch.delenv("EMULATED_BLIND_AT")
    assert python(*verify).returncode == 0
    now = manifest.read(folder)
    assert now.batches == (1, 4) and now.verified and not (folder / candidate.FOLDER).exists()
    assert python("-c", LOAD, str(folder)).stdout == "compiled 0\n"


@only_rtx
def test_a_stale_engine_is_rebuilt_and_the_line_starts(mill: Mill) -> None:
    """With engine.rebuild a damaged engine is built and proven again; its progress is no longer reported then."""
    (mill.folder / "recipe" / manifest.ENGINE).write_bytes(b"damaged")
    mill.write(extra='[engine]\nkind = "tensorrt"\nrebuild = true\n')
    with mill, Camera(mill) as camera:
        assert manifest.read(mill.folder / "recipe").verified
        assert mill.metric("inspector_engine_rebuilding") == 0
        camera.send((10, 30, 20, 40, DARK))
        mill.until(1)
        started = mill.received("health.started")[-1].data
        assert isinstance(started, Health) and "tensorrt_rtx" in started.message
        assert mill.stop()[0] == 0


@pytest.mark.long
@only_rtx
def test_the_check_up_runs_to_its_end(flavour: Flavour, tmp_path: Path) -> None:
    """The steps of `make gpu-check`, but PyTorch's, the tests (run above) and what measures speed."""
    (tmp_path / "work").mkdir()
    subject = Subject(
        gpu=Gpu("emulated GPU (host memory)", "8.9"),
        runtime=RuntimeVersion(flavour, "emulated"),
        no_runtime="",
        recipe=recipe.write(tmp_path / "recipe"),
        work=tmp_path / "work",
    )
    wanted = {"copies by pycuda", *(f"{verb} {kind}" for verb in ("convert", "verify") for kind in plan.PRECISIONS)}
    wanted.add(f"{plan.SWAPS} hot swaps")
    missing = ("copies by pycuda",)  # pycuda is on the processes' path, not on this one's
    chosen = [
        msgspec.structs.replace(step, skip="" if step.name in missing else step.skip)
        for step in plan.steps(subject)
        if step.name in wanted
    ]
    outcomes = steps.run(chosen, emulator.ROOT, tmp_path / "work", 300.0, lambda words: None)
    assert {outcome.name for outcome in outcomes} == wanted
    assert not [outcome for outcome in outcomes if outcome.status != "passed"]
    trace = next(outcome.figures for outcome in outcomes if "swaps" in outcome.name)
    assert len(trace["seconds"]) == plan.SWAPS and trace["device_growth_mib"] == 0
