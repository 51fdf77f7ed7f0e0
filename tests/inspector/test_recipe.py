"""A recipe on disk: taken only when it is exactly what its card says."""

from pathlib import Path

import pytest

from inspector import recipe
from inspector.errors import EXIT_CONFIG, RecipeError
from tests.recipes import HEIGHT, WIDTH, write_recipe

CERTAINTY = "min_area_mm2 = 4.0\ncertainty = {{ {}, log_odds = 1.0, log_area = 0.0, log_length = 0.0 }}"


def refusal(folder: Path) -> str:
    """Load a recipe that must be refused; return the words."""
    with pytest.raises(RecipeError) as caught:
        recipe.load(folder)
    assert caught.value.exit_code == EXIT_CONFIG
    assert len(str(caught.value).splitlines()) == 1
    return str(caught.value)


def change(folder: Path, old: str, new: str) -> str:
    """Change a recipe's card, and return the words it is then refused with."""
    card = folder / "recipe.toml"
    text = card.read_text()
    assert old in text
    card.write_text(text.replace(old, new, 1))
    return refusal(folder)


def test_good(tmp_path: Path) -> None:
    """A recipe comes back as it was written, with the very bytes that were hashed."""
    folder = write_recipe(tmp_path / "tiny")
    card, model = recipe.load(folder)
    assert (str(card), card.height, card.width) == ("tiny@1", HEIGHT, WIDTH)
    assert [kind.name for kind in card.classes] == ["dark", "bright"]
    assert model == (folder / "model.onnx").read_bytes()


def test_altered_model(tmp_path: Path) -> None:
    """A model with one bit turned is refused, and both hashes are named."""
    folder = write_recipe(tmp_path / "tiny")
    promised = recipe.read_card(folder).sha256
    model = bytearray((folder / "model.onnx").read_bytes())
    model[-1] ^= 1
    (folder / "model.onnx").write_bytes(model)
    words = refusal(folder)
    assert words.startswith(f"{folder}/model.onnx: sha256 is ")
    assert f"; expected {promised} as in recipe.toml. The model was altered or half copied" in words


def test_missing_files(tmp_path: Path) -> None:
    """What is missing is named, with what to do."""
    folder = write_recipe(tmp_path / "tiny")
    (folder / "model.onnx").unlink()
    missing = "cannot be read: No such file or directory."
    assert refusal(folder) == f"{folder}/model.onnx: {missing} Export the recipe again."
    (folder / "recipe.toml").unlink()
    assert refusal(folder) == f"{folder}/recipe.toml: {missing} Give a recipe folder."


@pytest.mark.parametrize(
    ("old", "new", "printed"),
    [
        ("height = 64", "", "Object missing required field `height`"),
        ("height = 64", "heigth = 64", "Object contains unknown field `heigth`"),
        ("height = 64", "height = 16", "Expected `int` >= 32 - at `$.height`"),
        ("height = 64", 'height = "64"', "Expected `int`, got `str` - at `$.height`"),
        ("threshold = 0.5", "threshold = 1.0", "Expected `float` < 1.0 - at `$.class[0].threshold`"),
        ("threshold = 0.5", "threshold = nan", "Expected `float` > 0.0 - at `$.class[0].threshold`"),
        ("min_area_mm2 = 4.0", "min_area_mm2 = inf", "- at `$.class[0].min_area_mm2`"),
        ("min_area_mm2 = 4.0", CERTAINTY.format("constant = nan"), "- at `$.class[0].certainty.constant`"),
        ("min_area_mm2 = 4.0", CERTAINTY.format("constant = 1e400"), "- at `$.class[0].certainty.constant`"),
        ("min_area_mm2 = 4.0", CERTAINTY.format("constant = 0.0, longest_mm = inf"), "certainty.longest_mm`"),
        ('precision = "fp32"', 'precision = "int4"', "Invalid enum value 'int4' - at `$.precision`"),
        ('sha256 = "', 'sha256 = "g', "- at `$.sha256`"),
        ('name = "dark"', 'name = "bright"', "named ['bright', 'bright']; expected 1, 2, 3, ... in order and each"),
        ("id = 1", "id = 3", "class ids are [3, 2] named ['dark', 'bright']; expected 1, 2, 3, ... in order"),
        ("height = 64", "height = ", "Invalid value"),
        ("[[class]]", "[[class", "Expected ']]' at the end of an array declaration"),
    ],
)
def test_wrong_card(tmp_path: Path, old: str, new: str, printed: str) -> None:
    """A card with a wrong, unknown or missing key is refused with file, key and what was expected."""
    folder = write_recipe(tmp_path / "tiny")
    words = change(folder, old, new)
    assert words.startswith(f"{folder}/recipe.toml: ")
    assert printed in words


def test_find(tmp_path: Path) -> None:
    """A recipe is found next to the configuration or by its whole path; else the shipped ones are named."""
    folder = write_recipe(tmp_path / "recipes" / "tiny")
    assert recipe.find("recipes/tiny", tmp_path) == folder
    assert recipe.find(str(folder), Path("/elsewhere")) == folder
    with pytest.raises(RecipeError, match=r"nor is a recipe of that name shipped \(.*\). Give the folder"):
        recipe.find("tiny", tmp_path)
