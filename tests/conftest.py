"""What holds for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# no test asserts a time: other work may share the cores
settings.register_profile("steel", deadline=None)
settings.load_profile("steel")


@pytest.fixture(scope="session")
def box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an unpacked bundle, made once; whoever alters it makes it whole again."""
    from tests.bundles import make_box

    return make_box(tmp_path_factory.mktemp("bundle"))
