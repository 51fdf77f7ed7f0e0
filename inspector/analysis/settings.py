"""The section that says what is too much for one frame."""

from __future__ import annotations

from typing import Annotated

from inspector.config.reader import Section, key


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
