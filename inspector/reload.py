"""A configuration made ready to run, at the start and again at each SIGHUP.

Laws: parse strictly, validate fully, load and warm aside, then hand over once; whatever fails leaves the
running line exactly as it was and says why. Must not know: sockets, stages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from inspector import config, engines, recipe
from inspector.config import Config
from inspector.errors import ConfigError, InspectorError
from inspector.infer import Loaded
from inspector.records import Recipe

RELOADABLE = frozenset({"recipe", "engine", "alarm"})
"""Sections that a reload puts into force; a change in any other needs a restart, and is refused."""


def prepare(path: Path) -> tuple[Config, Path]:
    """Read and check a configuration with all that it refers to; return it and the recipe's folder.

    Raises: ConfigError, RecipeError.
    """
    settings = config.load(path)
    folder = recipe.find(settings.recipe.path, path.parent)
    card, _ = recipe.load(folder)
    names = [kind.name for kind in card.classes]
    faults = [
        f'{path.name}: alarm "{alarm.name}" watches class "{name}"; expected one of {", ".join(names)} '
        f"(recipe {card}). Correct its classes."
        for alarm in settings.alarm
        for name in alarm.classes
        if name not in names
    ]
    if faults:
        raise ConfigError(faults)
    return settings, folder


def load(settings: Config, folder: Path) -> Loaded:
    """Load, verify and warm what judges.

    Raises: RecipeError, EngineError.
    """
    card, model = recipe.load(folder)
    return Loaded(card, engines.load(settings.engine, card, model, settings.batch.max_frames))


class Reload:
    """Reloads on a thread of its own, one at a time, while the line runs on."""

    def __init__(
        self,
        path: Path,
        settings: Config,
        running: Recipe,
        done: Callable[[Config, Loaded], None],
        failed: Callable[[InspectorError], None],
    ) -> None:
        """`done` and `failed` are called on the reload's thread."""
        self._path, self._settings, self._running = path, settings, running
        self._done, self._failed = done, failed
        self._thread: threading.Thread | None = None

    def begin(self) -> bool:
        """Start a reload; False while the one before is still at it (ask again)."""
        if self._thread is not None and self._thread.is_alive():
            return False
        self._thread = threading.Thread(target=self._work, name="reload", daemon=True)
        self._thread.start()
        return True

    def _work(self) -> None:
        try:
            settings, folder = prepare(self._path)
            self._refuse(settings, recipe.read_card(folder))
            loaded = load(settings, folder)
        except InspectorError as error:
            self._failed(error)
            return
        except Exception as error:  # the top of this thread: whatever it is, the line runs on and somebody hears of it
            self._failed(InspectorError(f"{self._path.name}: unexpected {error!r}. Report this as a bug."))
            return
        self._settings, self._running = settings, loaded.recipe
        self._done(settings, loaded)

    def _refuse(self, settings: Config, card: Recipe) -> None:
        """Raise ConfigError for what only a restart can change."""
        fixed = [name for name in Config.__struct_fields__ if name not in RELOADABLE]
        changed = [name for name in fixed if getattr(settings, name) != getattr(self._settings, name)]
        faults = [
            f"{self._path.name}: {name} has changed; a reload takes only {', '.join(sorted(RELOADABLE))}. "
            "Restart the service to change it."
            for name in changed
        ]
        old = self._running
        if (card.height, card.width) != (old.height, old.width):
            faults.append(
                f"{self._path.name}: recipe {card} takes frames of {card.width} x {card.height}; "
                f"the cameras send {old.width} x {old.height}. Restart the service to change the frame size."
            )
        if faults:
            raise ConfigError(faults)
