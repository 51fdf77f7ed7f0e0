"""The references that the repository ships."""

from pathlib import Path
from typing import get_args

from inspector.records.stages import REASONS, Drop, Rejection
from inspector.service.docs import main, metrics

PAGE = Path(__file__).parents[3] / "inspector" / "README.md"


def test_the_references_are_up_to_date(tmp_path: Path) -> None:
    """Keys, metrics and reasons are described as the program has them; `make docs` writes them again."""
    text = PAGE.read_text(encoding="utf-8")
    copy = tmp_path / "page.md"
    copy.write_text(text, encoding="utf-8")
    main(copy)
    assert copy.read_text(encoding="utf-8") == text


def test_every_reason_is_explained() -> None:
    """For each way of not being inspected the code has a meaning."""
    assert set(REASONS) == {*get_args(Rejection), *get_args(Drop), "lost"}


def test_metrics_are_named_as_they_are_scraped() -> None:
    """With the ending that Prometheus gives them, and their labels; what every process has is left out."""
    rows = metrics().splitlines()
    assert "| `inspector_defects_total` | `camera`, `class` | Defects reported. |" in rows
    assert any(row.startswith("| `inspector_recipe_info` |  |") for row in rows)
    assert any(row.startswith("| `inspector_screen_frames_total` | `outcome` |") for row in rows)
    assert len(rows) > 40 and not [row for row in rows[2:] if not row.startswith("| `inspector_")]
