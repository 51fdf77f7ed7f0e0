"""A configuration made ready to run, at the start and again at each SIGHUP.

Laws: parse strictly, validate fully, load and warm aside, then hand over once; whatever fails leaves the
running line exactly as it was and says why. Must not know: sockets, stages.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.engines import segmenter
from inspector.errors import ConfigError, EngineRefused, InspectorError, Stopped
from inspector.infer import Loaded, depths
from inspector.records.recipe import Recipe
from inspector.service import line
from inspector.service.line import Config
from inspector.service.rebuild import rebuild

log = logging.getLogger("inspector")

RELOADABLE = frozenset({"recipe", "engine", "alarm"})
"""Sections that a reload puts into force; a change in any other needs a restart, and is refused."""


def prepare(path: Path) -> tuple[Config, Path]:
    """Read and check a configuration with all that it refers to; return it and the recipe's folder.

    Raises: ConfigError, RecipeError.
    """
    settings = line.load(path)
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


def check_engine(settings: Config, folder: Path, *, unverified: bool = False) -> list[str]:
    """Check what of a built engine can be checked without a GPU; return what to know of it though it is no fault.

    Raises: EngineRefused; where an engine that does not fit would be built anew, only for want of TensorRT.
    """
    if settings.engine.kind == "stub":
        return ["stub: this line inspects nothing"]
    if settings.engine.kind != "tensorrt":
        return []
    from inspector.engines.nvidia import flavour, loader

    card = recipe.read_card(folder)
    only, most = loader.asked(settings.engine), settings.batch.max_frames
    unseen = "driver and GPU were not looked at: `inspector run` does that"
    try:
        loader.check(folder, card, only=only, max_frames=most, verified=not unverified)
    except EngineRefused as error:
        if not settings.engine.rebuild:
            raise
        flavour.find(only=only)
        faults = [f"does not fit, and would be built anew at the start: {line}" for line in str(error).splitlines()]
        return [*faults, unseen]
    return [unseen]


class Options(msgspec.Struct, frozen=True):
    """How to load what judges, beside what the configuration says."""

    unverified: bool = False
    """Run a built engine that was not proven equal to the recipe's ONNX."""
    tell: Callable[[str], None] = lambda words: None
    """Hears what goes on while it takes long, and at the end nothing."""
    rebuilding: Callable[[bool], None] = lambda yes: None
    """Hears that an engine is being rebuilt, and that this is over."""
    stopped: Callable[[], bool] = lambda: False
    """Whether to give up what takes long."""


PLAIN = Options()


def load(settings: Config, folder: Path, options: Options = PLAIN, *, gently: bool = False) -> Loaded:
    """Load, verify and warm what judges; a stale engine is built anew where the configuration asks for it.

    `gently`: a line runs here meanwhile.

    Raises: RecipeError, EngineError, EngineRefused; Stopped.
    """
    card, model = recipe.load(folder)
    section, most = settings.engine, settings.batch.max_frames

    def tell(words: str) -> None:
        if options.stopped():
            raise Stopped("stopped while the engine was loading")
        options.tell(words)

    def load_engine() -> Loaded:
        engine = segmenter.load(
            section,
            card,
            model,
            most,
            folder,
            depths=depths(settings.intake.queue_batches),
            unverified=options.unverified,
            gently=gently,
            tell=tell,
        )
        return Loaded(card, engine)

    try:
        try:
            return load_engine()
        except EngineRefused as error:
            if section.kind != "tensorrt" or not section.rebuild:
                raise
            log.warning("the engine does not fit, and is built anew: %s", error)
        options.rebuilding(True)
        try:
            rebuild(section, folder, most, options.tell, options.stopped)
        finally:
            options.rebuilding(False)
        return load_engine()
    finally:
        options.tell("")


class Reload:
    """Reloads on a thread of its own, one at a time, while the line runs on."""

    def __init__(
        self,
        path: Path,
        settings: Config,
        running: Recipe,
        done: Callable[[Config, Loaded], None],
        failed: Callable[[InspectorError], None],
        *,
        options: Options = PLAIN,
    ) -> None:
        """`done` and `failed` are called on the reload's thread."""
        self._path, self._settings, self._running = path, settings, running
        self._done, self._failed, self._options = done, failed, options
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

    def _work(self) -> None:
        try:
            settings, folder = prepare(self._path)
            self._refuse(settings, recipe.read_card(folder))
            loaded = load(settings, folder, self._options, gently=True)
        except Stopped:  # nobody waits for it any more
            return
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
