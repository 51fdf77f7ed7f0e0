"""What a release has promised to cameras and clients holds as long as the contract's first number does."""

from __future__ import annotations

import tomllib

import pytest

from deploy.bundle import SOURCE
from inspector.errors import InspectorError
from inspector.events import schema
from inspector.records.events import CONTRACT
from tests.inspector.events import released
from tests.inspector.events.released import REQUIRED, Fields

PROMISED = released.read()


def fields_now() -> Fields:
    """The fields of all schemas as the records have them."""
    now: Fields = {}
    for name in released.SCHEMAS:
        now |= released.fields(name, schema.schemas()[f"{name}.schema.json"])
    return now


def parts(contract: str) -> tuple[int, ...]:
    """MAJOR and MINOR of a contract."""
    return tuple(map(int, contract.split(".")))


def test_no_released_field_is_gone_or_of_another_type() -> None:
    """A client of the last release reads every field that it knew, as what it knew."""
    if parts(CONTRACT)[0] > parts(PROMISED.contract)[0]:
        pytest.skip(f"contract {CONTRACT} promises nothing to readers of {PROMISED.contract}")
    now = fields_now()
    kept = {path: now.get(path, "gone").removesuffix(REQUIRED) for path in PROMISED.fields}
    assert kept == {path: kind.removesuffix(REQUIRED) for path, kind in PROMISED.fields.items()}


def test_a_camera_of_the_last_release_sends_all_that_is_required() -> None:
    """A header has no field more that a camera must give, unless its `v` is another."""
    required = {path for path, kind in fields_now().items() if path.startswith("frame.") and kind.endswith(REQUIRED)}
    assert required <= {path for path, kind in PROMISED.fields.items() if kind.endswith(REQUIRED)}


def test_what_is_added_to_events_raises_the_contract() -> None:
    """A client sees from `contract` whether a writer has more than the last release had."""
    added = {path for path in fields_now() if path.startswith("event.")} - PROMISED.fields.keys()
    assert not added or parts(CONTRACT) > parts(PROMISED.contract), sorted(added)


def test_what_is_kept_is_the_last_release() -> None:
    """After a release its fields are kept: python -m tests.inspector.events.released."""
    version = tomllib.loads((SOURCE / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    try:
        newest = released.newest_tag()
    except (InspectorError, IndexError):
        pytest.skip("no tags in this source tree's history")
    if newest == version:
        pytest.skip("the release itself; the commit that raises the version keeps its fields")
    assert released.tagged(newest) == PROMISED
