"""The parts of a check-up that run on any machine, for real: hot swaps and PyTorch's figures, on the CPU."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from deploy.gpu_check import swaps
from deploy.gpu_check.swaps import Trace, grew, growth
from tests.bench import torch_speed
from tests.gpu import has_driver
from tests.recipes import write_recipe


def test_a_real_daemon_swaps_its_engine(tmp_path: Path) -> None:
    """Each SIGHUP is a swap that took its time, with the daemon's memory after it; too few in the time have failed."""
    recipe, out = write_recipe(tmp_path / "recipe"), tmp_path / "swaps.json"
    assert swaps.main([str(recipe), "--count", "3", "--engine", "openvino", "--json", str(out)]) == 0
    found = msgspec.json.decode(out.read_bytes(), type=Trace)
    assert len(found.seconds) == 3 and min(found.seconds) > 0
    assert len(found.host_mib) == 4 and min(found.host_mib) > 10 and not found.device_mib
    words = ["--count", "3", "--seconds", "0.001", "--engine", "openvino", "--json", str(out)]
    assert swaps.main([str(recipe), *words]) == 1
    assert len(msgspec.json.decode(out.read_bytes(), type=Trace).seconds) == 1


def test_a_swap_that_fails_is_a_failure(tmp_path: Path) -> None:
    """A daemon that cannot start at all ends the step with words."""
    recipe = write_recipe(tmp_path / "recipe")
    (recipe / "model.onnx").write_bytes(b"no network")
    with pytest.raises(SystemExit, match="inspector run ended with exit code 78"):
        swaps.main([str(recipe), "--count", "1", "--engine", "openvino", "--json", str(tmp_path / "swaps.json")])


def test_a_leak_is_distinguished_from_settling() -> None:
    """What grows in the first swaps and then stands is no leak; what grows with each swap is one."""
    settling, leaking = [100.0, 300.0, 390.0, 400.0, *[400.0] * 47], [100.0 + 45.0 * swap for swap in range(51)]
    assert growth(settling) == 0.0 and growth(leaking) > 1000
    fields = {"host_mib": (), "device_mib": (), "seconds": (1.0,)}
    assert not grew(Trace(**fields, host_growth_mib=growth(settling), device_growth_mib=None))
    assert grew(Trace(**fields, host_growth_mib=0.0, device_growth_mib=growth(leaking)))


@pytest.mark.slow
def test_torch_measures_a_device(tmp_path: Path) -> None:
    """Roofs in fp16 and INT8, and the trainer's network at each batch size."""
    out = tmp_path / "torch.json"
    words = ["--device", "cpu", "--size", "64x64", "--batches", "1,2", "--seconds", "0.05", "--side", "64"]
    assert torch_speed.main([*words, "--json", str(out)]) == 0
    found = msgspec.json.decode(out.read_bytes())
    assert [roof["arithmetic"] for roof in found["roofs"]] == ["fp16", "int8"]
    assert [row["batch"] for row in found["network"]] == [1, 2]
    assert all(row["frames_per_s"] > 0 for row in found["network"])


def test_torchs_network_costs_what_the_shipped_graph_costs() -> None:
    """Two ways of counting, by PyTorch's layers and by the exported graph, agree on 1600 x 256."""
    assert torch_speed.gflop(256, 1600) == pytest.approx(76.9, abs=0.1)


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
def test_without_a_gpu_torch_is_skipped(tmp_path: Path) -> None:
    """With the exit code that a step is skipped by."""
    assert torch_speed.main(["--device", "cuda", "--json", str(tmp_path / "torch.json")]) == torch_speed.CANNOT
