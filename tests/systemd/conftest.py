"""One machine for all tests of the installed service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.machine import Machine, refusal


@pytest.fixture(scope="module")
def machine(box: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """Give a booted machine on which nothing is installed; this thread is in its network."""
    if why := refusal():
        pytest.skip(why)
    with Machine(tmp_path_factory.mktemp("machine"), box) as machine, machine.network():
        yield machine
