"""A line that the station shows: its name, its addresses, its cameras, its files. Read from the line's own TOML file.

Knows: which of a line's settings concern who looks at it. Must not know: browsers.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.access.keys import client_key
from inspector.coil.settings import GradingSection
from inspector.config.geometry import Span, spans
from inspector.config.severity import SeveritySection
from inspector.errors import ConfigError
from inspector.service import line as lines
from inspector.station.settings import LineSection

EVERYWHERE = ("0.0.0.0", "*", "[::]", "")
HERE = "127.0.0.1"


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    name: str
    config: Path
    key: Path | None
    """What it is known by to the line; None where the line asks for no keys."""
    events: str
    """Where its events come from, as an address to connect to."""
    replay: str
    commands: str
    http: str
    """HOST:PORT of its metrics."""
    journal: Path
    archive: Path | None
    """None where it keeps no pictures."""
    has_strip: bool
    """Whether it keeps a picture of all strip."""
    spans: tuple[Span, ...]
    """What each camera sees across."""
    classes: tuple[str, ...]
    """Of the recipe, in its order."""
    gradings: tuple[GradingSection, ...]
    severities: tuple[SeveritySection, ...]
    by_grade: frozenset[str] = frozenset()
    """Alarms that a coil's grade raises, by name."""


def read(config: Path, key: Path | None = None) -> Line:
    """Read a line's file.

    Raises: ConfigError, RecipeError.
    """
    settings = lines.load(config)
    card = recipe.read_card(recipe.find(settings.recipe.path, config.parent))
    return Line(
        name=settings.line,
        config=config,
        key=key,
        events=reached(settings.events.bind),
        replay=reached(settings.events.replay_bind),
        commands=reached(lines.commands_address(settings)),
        http=reached(f"tcp://{settings.http.bind}").removeprefix("tcp://"),
        journal=Path(settings.journal.path),
        archive=Path(settings.archive.path) if settings.archive.path else None,
        has_strip=bool(settings.archive.path and settings.archive.strip_mm_per_px),
        spans=spans(settings.camera, card),
        classes=tuple(kind.name for kind in card.classes),
        gradings=settings.grading,
        severities=settings.severity,
        by_grade=settings.by_grade,
    )


def read_all(sections: Iterable[LineSection]) -> dict[str, Line]:
    """Read lines' files, by their names.

    Raises: ConfigError, RecipeError; AccessError for a key that is none.
    """
    found: dict[str, Line] = {}
    for section in sections:
        config, key = Path(section.config), Path(section.key) if section.key else None
        client_key(key)
        line = read(config, key)
        if line.name in found:
            raise ConfigError(
                [f'{config}: line "{line.name}" is that of {found[line.name].config} too; expected one each.']
            )
        found[line.name] = line
    return found


def reached(bind: str) -> str:
    """The address to connect to of a socket that this machine binds."""
    if bind.startswith("ipc://"):
        return bind
    host, _, port = bind.removeprefix("tcp://").rpartition(":")
    return f"tcp://{HERE if host in EVERYWHERE else host}:{port}"
