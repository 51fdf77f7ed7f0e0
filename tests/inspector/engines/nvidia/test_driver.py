"""The way to a built engine: what this machine lacks is reported first, in words that say what to do."""

from __future__ import annotations

import pytest

from inspector.engines.nvidia import driver
from inspector.errors import EngineError
from tests.gpu import has_driver


def test_a_missing_driver_is_named() -> None:
    """A library that is not there: what was looked for, and what to install."""
    with pytest.raises(EngineError, match=r"no NVIDIA driver was found: libnone\.so.* Install the driver"):
        driver.gpus("libnone.so")


@pytest.mark.gpu
@pytest.mark.skipif(not has_driver(), reason="no NVIDIA driver")
def test_the_driver_names_its_gpus() -> None:
    """At least one, each with a compute capability of two numbers."""
    for gpu in driver.gpus():
        major, minor = gpu.compute_capability.split(".")
        assert gpu.name and int(major) >= 5 and int(minor) >= 0
