"""The configuration reference that the repository ships."""

from pathlib import Path

from inspector.service.docs import BEGIN, END, main, markdown

PAGE = Path(__file__).parents[3] / "inspector" / "README.md"


def test_the_reference_is_up_to_date() -> None:
    """Every key is described as the program reads it; `make docs` writes it again."""
    assert f"{BEGIN}\n{markdown()}\n{END}" in PAGE.read_text(encoding="utf-8")


def test_only_the_reference_is_written(tmp_path: Path) -> None:
    """What stands around the marker lines stays."""
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", encoding="utf-8")
    main(page)
    assert page.read_text(encoding="utf-8") == f"before\n{BEGIN}\n{markdown()}\n{END}\nafter\n"
