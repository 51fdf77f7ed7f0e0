"""The way to a built engine: what this machine lacks is reported first, in words that say what to do."""

from __future__ import annotations

import os

import pytest

from inspector.engines.nvidia import driver
from inspector.errors import EngineError
from tests.gpu import has_driver

ORDER = "CUDA_DEVICE_ORDER"


def test_a_missing_driver_is_named() -> None:
    """A library that is not there: what was looked for, and what to install."""
    with pytest.raises(EngineError, match=r"no NVIDIA driver was found: libnone\.so.* Install the driver"):
        driver.gpus("libnone.so")


@pytest.mark.parametrize("stated", [None, "FASTEST_FIRST"])
def test_gpus_are_numbered_as_nvidia_smi_does(monkeypatch: pytest.MonkeyPatch, stated: str | None) -> None:
    """By their slots, before anything asks CUDA; what the environment says stays."""
    monkeypatch.setenv(ORDER, stated or "")
    if stated is None:
        monkeypatch.delenv(ORDER)
    with pytest.raises(EngineError):
        driver.gpus("libnone.so")
    assert os.environ[ORDER] == (stated or "PCI_BUS_ID")


@pytest.mark.gpu
@pytest.mark.skipif(not has_driver(), reason="no NVIDIA driver")
def test_the_driver_names_its_gpus() -> None:
    """At least one, each with a compute capability of two numbers."""
    for gpu in driver.gpus():
        major, minor = gpu.compute_capability.split(".")
        assert gpu.name and int(major) >= 5 and int(minor) >= 0
