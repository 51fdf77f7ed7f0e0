from __future__ import annotations

from pathlib import Path

import pytest

from trainer.data.classes import STATED, read_stated
from trainer.data.names import allowed_name
from trainer.data.rows import read_rows, read_text
from trainer.data.severstal import read_severstal
from trainer.data.split import read_split
from trainer.data.unlabelled import Unlabelled
from trainer.errors import DataError

TEXT = "name,part\ntôle,train\n"


def test_rows_come_with_their_places(tmp_path: Path) -> None:
    """UTF-8 with or without its mark; what a short row lacks is empty."""
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.csv").write_text(TEXT + "b\n", encoding=encoding)
        columns, rows = read_rows(tmp_path / "a.csv")
        assert columns == ("name", "part")
        assert list(rows) == [
            (f"{tmp_path}/a.csv: line 2", {"name": "tôle", "part": "train"}),
            (f"{tmp_path}/a.csv: line 3", {"name": "b", "part": ""}),
        ]


@pytest.mark.parametrize("encoding", ["utf-16", "cp1252"])
def test_every_csv_of_another_encoding_is_named(tmp_path: Path, encoding: str) -> None:
    """Masks, manifest and split alike: the file, the line and what to save it as."""
    for name in ("train.csv", "manifest.csv", "split.csv"):
        (tmp_path / name).write_text(TEXT, encoding=encoding)
    (tmp_path / "train_images").mkdir()
    with pytest.raises(DataError, match=r"train\.csv: line \d: is not UTF-8 .* Save it as CSV UTF-8"):
        read_severstal(tmp_path)
    with pytest.raises(DataError, match=r"split\.csv: line \d: is not UTF-8"):
        read_split(tmp_path / "split.csv", Unlabelled([]))
    (tmp_path / "train.csv").write_text("ImageId,ClassId,EncodedPixels\n")
    with pytest.raises(DataError, match=r"manifest\.csv: line \d: is not UTF-8"):
        read_severstal(tmp_path, "manifest.csv:name=b")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("classes.toml", "Save it in UTF-8 from a text editor."),
        ("annotations.json", "Export it again as JSON in UTF-8."),
        ("train.csv", "Save it as CSV UTF-8."),
    ],
)
def test_advice_on_encoding_fits_the_kind_of_file(tmp_path: Path, name: str, advice: str) -> None:
    """Only a CSV is saved as CSV."""
    (tmp_path / name).write_bytes('names = ["Kratzer", "Löcher"]'.encode("cp1252"))
    with pytest.raises(DataError, match=rf"is not UTF-8 .*; expected UTF-8\. {advice}$"):
        read_stated(tmp_path) if name == STATED else read_text(tmp_path / name)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("line 3", "line-3"),
        ("rolled-in scale", "rolled-in-scale"),
        ("Tôle Süd", "Tole-Sud"),
        ("  (fine) ", "fine"),
        ("裂纹", "u88c2u7eb9"),
        ("缺陷A", "u7f3au9677A"),
        ("缺陷 A", "u7f3au9677-A"),
        ("Weißfleck", "Weissfleck"),
        ("Cafe\u0301", "Cafe"),
        ("か", "u304b"),
        ("が", "u304c"),
        ("..", "otherwise"),
        ("a" * 64, "a" * 64),
        ("steel-r34", "steel-r34"),
    ],
)
def test_a_name_is_made_of_what_people_call_things(text: str, name: str) -> None:
    """What may stand in a recipe stays as it is, other scripts are code points; the rest becomes a hyphen."""
    assert allowed_name(text, "otherwise") == name


def test_names_cut_short_stay_different() -> None:
    """What a name has no room for still tells two of them apart."""
    names = {allowed_name("a" * count, "otherwise") for count in (98, 99)}
    assert len(names) == 2 and {len(name) for name in names} == {64}
