"""The daemon with a built engine on a machine without a GPU: what it refuses, how it ends, what a rebuild says."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from deploy.__main__ import main as deploy
from inspector.engines.nvidia import manifest
from inspector.harness.daemon import DaemonProcess
from tests.e2e.mill import Camera, Mill
from tests.gpu import has_driver, has_tensorrt
from tests.patience import patience_s

pytestmark = [
    pytest.mark.skipif(not has_tensorrt(), reason='TensorRT-RTX is not installed (pip install ".[rtx]")'),
    pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed: the engine would run"),
]


@pytest.fixture
def mill(tmp_path: Path) -> Mill:
    """A line whose recipe has a real engine, not proven, and that wants to run it."""
    mill = Mill(tmp_path)
    assert deploy(["convert", str(tmp_path / "recipe"), "--precision", "fp32", "--batches", "1,4"]) == 0
    mill.write(extra='[engine]\nkind = "tensorrt"\n')
    return mill


def inspector(command: str, mill: Mill, *words: str) -> tuple[int, str]:
    """Run a command to its end; return exit code and what it wrote to stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "inspector", command, str(mill.config), *words],
        capture_output=True,
        text=True,
        check=False,
        timeout=patience_s(),
    )
    return done.returncode, done.stderr


def test_an_engine_without_a_proof_is_refused(mill: Mill) -> None:
    """`check` and `run` exit 78 and say which command proves it; with `--unverified` only the driver is missing."""
    for command in ("check", "run"):
        code, words = inspector(command, mill)
        assert code == 78 and "Traceback" not in words
        assert "verified is false (never measured against its ONNX); expected true. Run `deploy verify" in words
    assert inspector("check", mill, "--unverified")[0] == 0
    code, words = inspector("run", mill, "--unverified")
    assert code == 1 and "no NVIDIA driver was found" in words and "openvino" not in words


def test_a_stale_engine_is_reported_exactly(mill: Mill) -> None:
    """After TensorRT, recipe and batch size changed, each is a line with what was found and expected; exit 78."""
    folder = mill.folder / "recipe"
    made = manifest.read(folder)
    manifest.write(folder, msgspec.structs.replace(made, version="1.6.0", onnx_sha256="0" * 64, verified=True))
    mill.write(extra='[engine]\nkind = "tensorrt"\n[batch]\nmax_frames = 16\n')
    code, words = inspector("run", mill)
    faults = [line for line in words.splitlines() if "engine.toml" in line]
    assert code == 78
    assert [fault.partition("engine.toml: ")[2].split()[0] for fault in faults] == ["onnx_sha256", "version", "batches"]
    assert all("expected" in fault for fault in faults)


def test_a_rebuild_is_reported_on_ready_metrics_and_status(mill: Mill) -> None:
    """With engine.rebuild the engine is built again and that is reported; its proof waits for a driver: exit 1."""
    (mill.folder / "recipe" / "engine.plan").write_bytes(b"damaged")
    mill.write(extra='[engine]\nkind = "tensorrt"\nrebuild = true\n')
    command = [sys.executable, "-m", "inspector", "check", str(mill.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "would be built again at the start: " in done.stdout
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(mill.folder / "notify"))
        systemd.setblocking(False)
        env = {"PATH": "", "PYTHONPATH": ":".join(sys.path), "NOTIFY_SOCKET": str(mill.folder / "notify")}
        seen, rebuilding = (0, ""), 0.0
        with DaemonProcess(mill.config, mill.ports, env=env).launch() as child:
            while child.code is None:
                status, words = mill.get("/ready")
                if "rebuilding" in words:
                    seen = status, words
                    rebuilding = max(rebuilding, mill.metric("inspector_engine_rebuilding"))
                time.sleep(0.02)
            stderr = child.log
        reported = []
        while True:
            try:
                reported.append(systemd.recv(65536).decode())
            except BlockingIOError:
                break
    assert child.code == 1, stderr
    assert seen[0] == 503 and "loading recipe tiny@1; rebuilding the engine: deploy " in seen[1]
    assert rebuilding == 1
    assert any(words.startswith("STATUS=rebuilding the engine: deploy convert") for words in reported)
    assert "EXTEND_TIMEOUT_USEC=60000000" in reported and not any(words.startswith("READY=1") for words in reported)
    assert "engine.plan was altered or truncated" in stderr and "no NVIDIA driver was found" in stderr


def test_a_reload_to_an_engine_that_cannot_run_leaves_the_line(tmp_path: Path) -> None:
    """The CPU goes on; the reason is an event and a metric."""
    from inspector.records.events import Health

    with Mill(tmp_path) as mill, Camera(mill) as camera:
        assert mill.metric("inspector_engine_info", kind="openvino") == 1
        mill.write(extra='[engine]\nkind = "tensorrt"\n')
        mill.daemon.reload()
        failed = mill.received("health.reload_failed")[-1].data
        assert isinstance(failed, Health) and "engine.toml: cannot be read" in failed.message
        assert mill.metric("inspector_last_reload_success") == 0
        camera.send()
        mill.until(1)
        assert mill.stop()[0] == 0
