"""A new configuration taken while the line runs, at each SIGHUP.

Laws: load and warm in the background, then hand over once; a failure leaves the running line as it was, with a reason.
An engine that would be made of the same again goes on.
Must not know: sockets, stages.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from inspector.config.camera import CameraSection
from inspector.errors import ConfigError, InspectorError, Stopped
from inspector.infer import Loaded
from inspector.records.recipe import Recipe
from inspector.service.engine import PLAIN, Load, Options, load
from inspector.service.intake import plane_shares
from inspector.service.line import Config
from inspector.service.prepare import Prepared, prepare
from inspector.words import counted

RELOADABLE = frozenset({"recipe", "engine", "alarm", "flood", "travel", "trigger"})
"""Sections that a reload puts into force; a change in any other needs a restart, and is refused."""


class Reload:
    """Reloads on a thread of its own, one at a time, while the line runs on."""

    def __init__(
        self,
        path: Path,
        settings: Config,
        running: Loaded,
        done: Callable[[Config, Loaded], None],
        failed: Callable[[InspectorError], None],
        *,
        options: Options = PLAIN,
        load: Load = load,
    ) -> None:
        """`done` and `failed` are called on the reload's thread."""
        self._path, self._settings, self._running = path, settings, running
        self._done, self._failed, self._load = done, failed, load
        self._options = msgspec.structs.replace(options, gently=True)
        self._thread: threading.Thread | None = None

    def begin(self, announce: Callable[[], None] = lambda: None) -> bool:
        """Start a reload; False while the one before is still at it (ask again).

        `announce` is called before it starts, and so before `done` and `failed`.
        """
        if self._thread is not None and self._thread.is_alive():
            return False
        announce()
        self._thread = threading.Thread(target=self._work, name="reload", daemon=True)
        self._thread.start()
        return True

    def close(self, patience_s: float) -> bool:
        """Wait until the reload under way has ended, as it does soon once `options.stopped`; False when it has not."""
        if self._thread is not None:
            self._thread.join(patience_s)
        return self._thread is None or not self._thread.is_alive()

    def _work(self) -> None:
        try:
            prepared = prepare(self._path)
            settings = prepared.settings
            self._refuse(settings, prepared.full.card)
            loaded = self._running
            if not self._goes_on(prepared):
                loaded = self._load(prepared, self._options)
        except Stopped:  # nobody waits for it any more
            return
        except InspectorError as error:
            self._failed(error)
            return
        except Exception as error:  # the top of this thread: whatever it is, the line runs on and somebody learns of it
            self._failed(InspectorError(f"{self._path.name}: unexpected {error!r}. Report this as a bug."))
            return
        self._settings, self._running = settings, loaded
        self._done(settings, loaded)

    def _goes_on(self, prepared: Prepared) -> bool:
        """Whether the engine that runs is what would be loaded: for alarms alone nothing is loaded and warmed up."""
        settings = prepared.settings
        if settings.engine.kind == "tensorrt":  # made of a file of its own, which may have been converted since
            return False
        before, screen_card = self._settings, prepared.screen.card if prepared.screen else None
        new = settings.recipe, settings.engine, prepared.full.card, screen_card
        return new == (before.recipe, before.engine, self._running.recipe, self._running.screen_recipe)

    def _refuse(self, settings: Config, card: Recipe) -> None:
        """Raise ConfigError for what only a restart can change."""
        fixed = [name for name in Config.__struct_fields__ if name not in RELOADABLE]
        new, old = _timeless(settings), _timeless(self._settings)
        changed = [name for name in fixed if getattr(new, name) != getattr(old, name)]
        faults = [
            f"{self._path.name}: {name} has changed; a reload takes only {', '.join(sorted(RELOADABLE))}. "
            "Restart the service to change it."
            for name in changed
        ]
        for camera, before in () if faults else zip(settings.camera, self._settings.camera, strict=True):
            faults += [
                f"{self._path.name}: {fault}" for fault in _size_faults(camera, card, before, self._running.recipe)
            ]
        if card.window != self._running.recipe.window:
            now = _levels(self._running.recipe)
            faults.append(
                f"{self._path.name}: recipe {card} takes {_levels(card)}; frames are read as {now} now. "
                "Restart the service to change it."
            )
        if not faults:
            faults = [f"{self._path.name}: {fault}" for fault in self._plane_faults(settings, card)]
        if faults:
            raise ConfigError(faults)

    def _plane_faults(self, settings: Config, card: Recipe) -> Iterator[str]:
        """Another number of frames that share a plane: intake gathers as many as at its start."""
        shares, before = plane_shares(settings, card), plane_shares(self._settings, self._running.recipe)
        for name, share in shares.items():
            if share.frames != before[name].frames:
                yield (
                    f"recipe {card} has {card.height} rows, for {counted(share.frames, 'frame')} of camera {name}; "
                    f"{counted(before[name].frames, 'frame')} share a plane now. Restart the service to change it."
                )


def _levels(card: Recipe) -> str:
    """Say which levels of deep images a recipe takes for black and white."""
    return f"levels {card.window} of deep images" if card.window else "no deep images"


def _timeless(settings: Config) -> Config:
    """The configuration without what follows from the strip's speed, which a reload may change."""
    cameras = (msgspec.structs.replace(item, mm_per_row=0.0) if item.rows_per_s else item for item in settings.camera)
    return msgspec.structs.replace(settings, camera=tuple(cameras))


def _size_faults(camera: CameraSection, card: Recipe, before: CameraSection, running: Recipe) -> Iterator[str]:
    """Another size of a camera's frames: buffers have the one that they began with."""
    new, old = camera.raster(card), before.raster(running)
    if new.sent != old.sent:
        yield (
            f"recipe {card} takes frames of {new.px} x {new.rows} of camera {camera.name}; it sends {old.px} x "
            f"{old.rows}. Restart the service to change the frame size."
        )
    elif new.seen != old.seen:
        yield (
            f"camera {camera.name} is scaled, and its rows would be {new.seen_rows} in place of {old.seen_rows}. "
            "Restart the service to change the speed, or set scale = false."
        )
