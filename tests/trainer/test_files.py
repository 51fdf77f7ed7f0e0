from pathlib import Path

import pytest

from trainer.files import replace_file


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """Whatever happens while writing, a reader finds the old content or the new, and no litter stays."""
    path = tmp_path / "card"
    with replace_file(path) as temporary:
        temporary.write_text("old")
    with pytest.raises(RuntimeError), replace_file(path) as temporary:
        temporary.write_text("half of the n")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["card"]
