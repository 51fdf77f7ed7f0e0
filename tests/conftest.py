"""What holds for all tests."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from tests.patience import times

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MINUTE_S = 60
"""A test that takes longer hangs (pyproject.toml); on a machine with more to do it may take as much longer."""
SLOW = ("slow", "long")
SLOW_S = 600
"""A test marked slow or long may take this long on a busy machine; any other one a minute (pyproject.toml)."""

SHARED = {"run", "recipes"}
"""Fixtures that train a network, once: whichever test comes first waits for it."""

NEEDED_GB = 4
"""All tests together have 2.7 GB of temporary files at the most (LOG.md, 2026-11-28)."""

# no test asserts a time: other work may share the cores
settings.register_profile("steel", deadline=None)
settings.load_profile("steel")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Say that the disk is too full for the whole suite, rather than a thousand errors, each in its own words."""
    folder = tempfile.gettempdir()
    free_gb = shutil.disk_usage(folder).free / 1e9
    if not session.config.option.file_or_dir and free_gb < NEEDED_GB:
        pytest.exit(
            f"{folder}: {free_gb:.1f} GB are free; expected {NEEDED_GB} GB for the whole suite. "
            "Make room, or name another folder in TMPDIR.",
            returncode=pytest.ExitCode.USAGE_ERROR,
        )


def is_slow(item: pytest.Item) -> bool:
    """Whether a busy machine may take ten minutes over it."""
    return any(item.get_closest_marker(name) for name in SLOW)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time before they count as hanging, and begin with their files: workers end together."""
    slow = {item.path for item in items if is_slow(item)}
    items.sort(key=lambda item: item.path not in slow)
    for item in items:
        waits = is_slow(item) or SHARED & set(getattr(item, "fixturenames", ()))
        if waits and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_S))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Give each test longer while the machine is busy with other work."""
    if times() > 1.0 and not item.get_closest_marker("timeout"):
        item.add_marker(pytest.mark.timeout(MINUTE_S * times()))
    return (yield)


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an unpacked bundle, made once for all processes that share the tests; whoever alters one copies it."""
    from tests.bundles import the_box

    base = tmp_path_factory.getbasetemp()
    return the_box(base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A Chromium for all tests of a file; no longer, as Playwright's asyncio loop lets no other run in this thread."""
    from tests.browser import chromium

    with chromium() as made:
        yield made
