"""The section that says what is too much for one frame."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import Section, key
from inspector.records.recipe import Recipe


class AnalysisSection(Section, frozen=True):
    """What is made of the network's maps."""

    max_regions: Annotated[
        int,
        key(
            "A frame with more regions is one `crowded` event instead of as many defects: a dirty lens, no light. "
            "The field's heaviest coils, 200 000 defects on 2 km, have 16 in 160 mm.",
            "400 leaves room for 25 times that.",
            ge=1,
            le=10_000,
        ),
    ] = 400

    def most_regions(self, recipe: Recipe, rows: int, px: int) -> int:
        """Regions that a frame of this size may have: `max_regions` for each of the recipe's frames that it is."""
        return self.max_regions * max(1, -(-rows * px // (recipe.height * recipe.width)))
