from pathlib import Path

import pytest

from trainer.faults import UserError
from trainer.files import hold_folder, replace_file


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


def test_a_folder_is_held_by_one_and_let_go_of(tmp_path: Path) -> None:
    """The second is refused in words, leaves nothing behind, and may have it once the first has ended."""
    folder = tmp_path / "run"
    with hold_folder(folder):
        with pytest.raises(UserError, match="another trainer writes into it"), hold_folder(folder):
            pass
        assert not list(folder.iterdir())
    with hold_folder(folder):
        pass
