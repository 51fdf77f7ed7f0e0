"""The JSON Schemas that are shipped for people who write cameras and clients."""

from pathlib import Path
from typing import get_args

import msgspec
import pytest

from inspector.events import schema
from inspector.records.events import Data
from inspector.records.frame import Header


@pytest.mark.parametrize("name", ["frame.schema.json", "event.schema.json", "crop.schema.json"])
def test_shipped_is_current(name: str) -> None:
    """What is shipped is what the records say; if not, run `make docs`."""
    assert (schema.FOLDER / name).read_text(encoding="utf-8") == schema.schemas()[name]


def test_written_is_shipped(tmp_path: Path) -> None:
    """The command writes exactly the files that are shipped."""
    schema.write(tmp_path)
    written, shipped = ({path.name for path in folder.iterdir()} for folder in (tmp_path, schema.FOLDER))
    assert written == shipped


def test_every_header_field_says_what_it_means() -> None:
    """A camera's author finds unit and meaning of each field in the schema."""
    fields = msgspec.json.decode(schema.schemas()["frame.schema.json"])["$defs"]["Header"]["properties"]
    assert sorted(fields) == sorted(Header.__struct_fields__)
    assert all(field["description"] for field in fields.values())


def test_every_kind_of_data_is_in_the_event_schema() -> None:
    """A client's author finds every kind of event, distinguished by `kind`."""
    records = msgspec.json.decode(schema.schemas()["event.schema.json"])["$defs"]
    kinds = records["Event"]["properties"]["data"]["discriminator"]["mapping"]
    assert sorted(kinds) == sorted(kind.__struct_config__.tag for kind in get_args(Data))
    assert all("kind" in records[ref.rpartition("/")[2]]["required"] for ref in kinds.values())
