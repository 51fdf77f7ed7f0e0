"""A recipe on disk: found, read strictly, and proven unaltered before anything runs it.

Knows: the folder's layout (`model.onnx`, `recipe.toml`) and the hash. Must not know: engines, sockets.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import msgspec

from inspector import plain_file
from inspector.errors import RecipeError
from inspector.records.recipe import Recipe

SHIPPED = Path(__file__).parent / "recipes"
MODEL = "model.onnx"
CARD = "recipe.toml"


def find(name: str, start: Path) -> Path:
    """Folder of the recipe `name`: a path relative to `start`, or the name of a shipped recipe.

    Raises: RecipeError when there is neither, or it may not be entered.
    """
    for folder in (start / name, SHIPPED / name):
        try:
            if (folder / CARD).is_file():
                return folder
        except OSError as error:
            raise RecipeError(
                f"{folder}: cannot be entered: {error.strerror}. Let the inspector's user read it "
                "(chmod a+rX), or give another folder."
            ) from error
    shipped = ", ".join(sorted(card.parent.name for card in SHIPPED.glob(f"*/{CARD}"))) or "none"
    raise RecipeError(
        f'recipe "{name}": no {CARD} in {start / name}, nor is a recipe of that name shipped ({shipped}). '
        "Give the folder that `trainer export` wrote."
    )


def load(folder: Path) -> tuple[Recipe, bytes]:
    """Read a recipe and its ONNX model; the model's bytes are exactly those whose hash was checked.

    Raises: RecipeError when a file is missing, a key is wrong, or the model is not the one described.
    """
    recipe = read_card(folder)
    try:
        model = plain_file.read(folder / MODEL)
    except OSError as error:
        raise RecipeError(f"{folder / MODEL}: cannot be read: {error.strerror}. Export the recipe again.") from error
    found = hashlib.sha256(model).hexdigest()
    if found != recipe.sha256:
        raise RecipeError(
            f"{folder / MODEL}: sha256 is {found}; expected {recipe.sha256} as in {CARD}. "
            "The model was altered or half copied: copy the recipe folder again, or export it again."
        )
    return recipe, model


def read_card(folder: Path) -> Recipe:
    """Read `recipe.toml` alone, strictly.

    Raises: RecipeError naming file, key and what was expected.
    """
    path = folder / CARD
    try:
        recipe = msgspec.convert(tomllib.loads(plain_file.read_text(path)), Recipe)
    except OSError as error:
        raise RecipeError(f"{path}: cannot be read: {error.strerror}. Give a recipe folder.") from error
    except (ValueError, RecursionError) as error:  # tomllib's, msgspec's and text's are ValueErrors
        raise RecipeError(f"{path}: {error}. Correct it, or export the recipe again.") from error
    ids = [kind.id for kind in recipe.classes]
    names = [kind.name for kind in recipe.classes]
    if ids != list(range(1, len(ids) + 1)) or len(set(names)) != len(names):
        raise RecipeError(
            f"{path}: class ids are {ids} named {names}; expected 1, 2, 3, ... in order and each name once. "
            "The order is the model's order of outputs."
        )
    return recipe
