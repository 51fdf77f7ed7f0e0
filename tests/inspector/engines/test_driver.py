"""The way to a built engine: what this machine lacks is said first, in words that say what to do."""

from __future__ import annotations

from pathlib import Path

import pytest

from inspector import recipe
from inspector.engines import built, driver
from inspector.errors import EngineError
from tests.gpu import has_driver, has_tensorrt
from tests.manifests import write_engine
from tests.recipes import write_recipe


def test_a_missing_driver_is_named() -> None:
    """A library that is not there: what was looked for, and what to install."""
    with pytest.raises(EngineError, match=r"no NVIDIA driver was found: libnone\.so.* Install the driver"):
        driver.gpus("libnone.so")


@pytest.mark.skipif(has_driver(), reason="an NVIDIA driver is installed")
@pytest.mark.skipif(not has_tensorrt(), reason='TensorRT-RTX is not installed (pip install ".[rtx]")')
def test_without_a_driver_a_built_engine_does_not_load(tmp_path: Path) -> None:
    """The real refusal of this machine, whatever the manifest says."""
    folder = write_recipe(tmp_path)
    card = recipe.read_card(folder)
    write_engine(folder, card)
    with pytest.raises(EngineError, match=r"no NVIDIA driver was found: libcuda\.so\.1"):
        built.open_unverified(folder, card)


@pytest.mark.gpu
@pytest.mark.skipif(not has_driver(), reason="no NVIDIA driver")
def test_the_driver_names_its_gpus() -> None:
    """At least one, each with a compute capability of two numbers."""
    for gpu in driver.gpus():
        major, minor = gpu.compute_capability.split(".")
        assert gpu.name and int(major) >= 5 and int(minor) >= 0
