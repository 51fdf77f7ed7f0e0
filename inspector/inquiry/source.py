"""Where a command finds a journal, and the rules and cameras that belong to it.

Knows: the two options all these commands share. Must not know: what is asked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.coil.settings import GradingSection
from inspector.config.geometry import Span, spans
from inspector.config.severity import SeveritySection
from inspector.errors import JournalError
from inspector.records.recipe import DefectClass
from inspector.service import line

USUAL = (Path("journal"), Path("demo/journal"))
"""Where a journal is looked for when none is named."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A journal, and what its line's configuration says of coils."""

    journal: Path
    gradings: tuple[GradingSection, ...] = ()
    severities: tuple[SeveritySection, ...] = ()
    by_grade: frozenset[str] = frozenset()
    """Alarms that a coil's grade raises, by name."""
    spans: tuple[Span, ...] = ()
    mirrored: frozenset[str] = frozenset()
    """Cameras whose pixel column 0 is the right end of what they see, by name."""
    kinds: tuple[DefectClass, ...] = ()
    """Classes of the recipe, in its order."""
    archive: Path | None = None
    """Where its pictures are; None where it keeps none, or that is unknown."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the recipe's classes."""
        return tuple(kind.name for kind in self.kinds)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare where the journal is."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--journal", type=Path, metavar="FOLDER", help="the journal's folder (./journal or ./demo/journal)"
    )
    group.add_argument(
        "--config", type=Path, metavar="FILE", help="the line's TOML file: its journal, its rules, its cameras"
    )


def find(args: argparse.Namespace) -> Source:
    """Find the journal that is meant.

    Raises: ConfigError, RecipeError; JournalError when there is none.
    """
    if args.config is not None:
        return configured(args.config)
    usual = [args.journal] if args.journal is not None else [place for place in USUAL if place.is_dir()]
    if not usual:
        raise JournalError(
            f"no journal in {' or '.join(f'./{place}' for place in USUAL)}; expected one. "
            "Name its folder with --journal, or the line's TOML file with --config."
        )
    return Source(journal=usual[0])


def configured(path: Path) -> Source:
    """Read a line's TOML file.

    Raises: ConfigError, RecipeError.
    """
    settings = line.load(path)
    card = recipe.read_card(recipe.find(settings.recipe.path, path.parent))
    return Source(
        journal=Path(settings.journal.path),
        gradings=settings.grading,
        severities=settings.severity,
        by_grade=settings.by_grade,
        spans=spans(settings.camera, card),
        mirrored=frozenset(camera.name for camera in settings.camera if camera.mirror),
        kinds=card.classes,
        archive=Path(settings.archive.path) if settings.archive.path else None,
    )
