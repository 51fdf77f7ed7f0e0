"""A recipe that stands already where one is to be written: what other commands gave it, and that is lost with it.

Knows the card alone. Must not know how a recipe is made.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from inspector import recipe
from inspector.errors import RecipeError
from inspector.records.recipe import Recipe
from trainer.errors import UserError

STRIP_SCORES = ("coil_", "frame_")
"""How the keys of scores begin that were measured on strip, coils or frames, at the settings and codes of then."""


def standing(folder: Path, *, replace: bool) -> Recipe | None:
    """Return the card that stands in a folder; None where there is none that can be read.

    Raises:
        UserError: other commands gave it what would be lost, and it is not to be replaced all the same.
    """
    card = None
    with suppress(RecipeError):  # what cannot be read is of no use: its own words are to export it again
        card = recipe.read_card(folder)
    if card and not replace and (given := given_since(card)):
        raise UserError(
            f"{folder}: stands there already, {card} with {', '.join(given)}; expected none of that, for it would be "
            "lost. Give another folder (--out), or --replace, with a --version of its own, and run those again."
        )
    return card


def given_since(card: Recipe) -> list[str]:
    """Return in words what a recipe has that neither `export` nor `fit-screen` gives."""
    chosen = any(kind.min_confidence or kind.min_probability for kind in card.classes)
    measured = any(name.startswith(STRIP_SCORES) for name in card.scores)
    given = {
        "settings or figures of tune": chosen or measured,
        "defects' probabilities of tune-certainty": any(kind.certainty for kind in card.classes),
        "distance of specify": card.measures_distance,
        "a screen of tune-screen": card.screen is not None,
    }
    return [words for words, has in given.items() if has]


def replaced(before: Recipe | None, made: Recipe) -> list[str]:
    """Return in words what the recipe before lost, and whether events will name two models alike."""
    if not before:
        return []
    lost = given_since(before)
    words = [f"warning: {before} before it had {', '.join(lost)}; it has none of that"] if lost else []
    if str(before) == str(made) and before.sha256 != made.sha256:
        words.append(f"warning: {made} was another model until now; events name both alike, --version gives another")
    return words
