"""A configuration's engine: checked without a GPU, loaded, verified, warmed up, built again where it does not fit.

Knows: which sections an engine is made of. Must not know: sockets, stages, the line that runs meanwhile.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import msgspec

from inspector.analysis.finds import finds
from inspector.engines import cascade, choice, processor
from inspector.engines.screening import ScreenAccounts
from inspector.engines.segmenter import PAUSE
from inspector.engines.tiled import Tiled, tiles
from inspector.errors import EngineRefused, Stopped
from inspector.infer import Loaded, depths
from inspector.service.intake import plane_shares
from inspector.service.line import Config
from inspector.service.prepare import Prepared, ReadRecipe
from inspector.service.rebuild import rebuild
from inspector.strip.settings import gaps

log = logging.getLogger("inspector")


class Options(msgspec.Struct, frozen=True):
    """How to load the engine, in addition to what the configuration says."""

    unverified: bool = False
    """Run a built engine that was not proven equal to the recipe's ONNX."""
    tell: Callable[[str], None] = lambda words: None
    """Receives what goes on while it takes long, and at the end nothing."""
    rebuilding: Callable[[bool], None] = lambda yes: None
    """Receives that an engine is being rebuilt, and that this is over."""
    stopped: Callable[[], bool] = lambda: False
    """Whether to give up what takes long."""
    gently: bool = False
    """A line runs here meanwhile."""
    accounts: ScreenAccounts | None = None
    """Of the screens that this line has run; None: it has run none."""


USUAL_FRAMES = 16
"""In a batch on a CPU, whose time grows with the frames in it: beyond that `check` has a remark."""
PLAIN = Options()
Load = Callable[[Prepared, Options], Loaded]
"""What `load` does."""


def load(prepared: Prepared, options: Options = PLAIN) -> Loaded:
    """Load, verify and warm the engine, and the screen's where there is one, of nothing but what was checked.

    A stale engine is built again where the configuration asks for it.

    Raises: RecipeError, EngineError, EngineRefused; Stopped.
    """
    settings = prepared.settings
    with ExitStack() as on_failure:
        full = _load_one(settings, prepared.full, options)
        on_failure.callback(full.engine.close)
        if prepared.screen is not None:
            screen = _load_one(settings, prepared.screen, options)
            on_failure.callback(screen.engine.close)
            account = (options.accounts or ScreenAccounts()).of(cascade.pair(full.recipe), settings.recipe.screen_audit)
            most = settings.batch.max_frames
            engine = cascade.join(
                screen.recipe,
                screen.engine,
                full.recipe,
                full.engine,
                account=account,
                max_frames=most,
                finds=partial(finds, recipe=full.recipe, gaps=gaps(settings.defect)),
            )
            batch_s = full.batch_s + screen.batch_s
            full = Loaded(full.recipe, engine, batch_s=batch_s, screen=account, screen_recipe=screen.recipe)
        on_failure.pop_all()
        return _tiled(full, settings)


def _tiled(loaded: Loaded, settings: Config) -> Loaded:
    """Have frames cut into tiles where a camera's are not of the recipe's size."""
    card, most = loaded.recipe, settings.batch.max_frames
    shares = plane_shares(settings, card)
    seen = [(shares[camera.name].frames, camera.raster(card)) for camera in settings.camera]
    sizes = [(frames * raster.seen_rows, raster.seen_px) for frames, raster in seen]
    if all(raster.seen == (card.height, card.width) for _, raster in seen):
        return loaded
    largest = max(rows for rows, _ in sizes), max(px for _, px in sizes)
    planes = max(len(tiles(size, (card.height, card.width))) for size in sizes)
    return msgspec.structs.replace(
        loaded, engine=Tiled(loaded.engine, card, largest, most), batch_s=loaded.batch_s * planes
    )


def _load_one(settings: Config, source: ReadRecipe, options: Options) -> Loaded:
    section, most = settings.engine, settings.batch.max_frames
    reported_s = time.monotonic()

    def tell(words: str) -> None:
        nonlocal reported_s
        if options.stopped():
            raise Stopped("stopped while the engine was loading")
        reported_s = time.monotonic()
        options.tell(words)

    def load_engine() -> Loaded:
        engine = choice.load(
            section,
            source.card,
            source.model,
            most,
            source.folder,
            depths=depths(settings.intake.queue_batches),
            unverified=options.unverified,
            gently=options.gently,
            tell=tell,
        )
        largest_s = time.monotonic() - reported_s  # they come last
        return Loaded(source.card, engine, batch_s=largest_s / (1 + PAUSE) if options.gently else largest_s)

    try:
        try:
            return load_engine()
        except EngineRefused as error:
            if section.kind != "tensorrt" or not section.rebuild:
                raise
            log.warning("the engine does not fit, and is built again: %s", error)
        options.rebuilding(True)
        try:
            rebuild(section, source.folder, most, options.tell, options.stopped)
        finally:
            options.rebuilding(False)
        return load_engine()
    finally:
        options.tell("")


def check(prepared: Prepared, *, unverified: bool = False) -> list[str]:
    """Check what of a built engine can be checked without a GPU; return what to know of it though it is no fault.

    Raises: EngineRefused; where an engine that does not fit would be built again, only for want of TensorRT.
    """
    settings = prepared.settings
    if settings.engine.kind == "stub":
        return ["stub: this line inspects nothing"]
    if settings.engine.kind == "openvino":
        return list(_cpu_remarks(settings.batch.max_frames))
    unseen = "driver and GPU were not looked at: `inspector run` does that"
    sources = [source for source in (prepared.full, prepared.screen) if source is not None]
    return [*(fault for source in sources for fault in _engine_faults(settings, source, unverified)), unseen]


def _cpu_remarks(max_frames: int) -> Iterator[str]:
    if max_frames > USUAL_FRAMES:
        yield (
            f"batch.max_frames is {max_frames}: a CPU takes as many times as long for a batch as it has frames, and no "
            f"frame of it is reported before. {USUAL_FRAMES} or fewer are usual."
        )
    if processor.lacks("avx2"):
        yield (
            "this processor lacks AVX2, which OpenVINO's fast ways ask for: expect a fraction of the frames a second. "
            "Measure it with `inspector bench`."
        )


def _engine_faults(settings: Config, source: ReadRecipe, unverified: bool) -> list[str]:
    """Return why a recipe's built engine does not fit where it would be built again; raise EngineRefused elsewhere."""
    from inspector.engines.nvidia import flavour, loader

    only, most = loader.asked(settings.engine), settings.batch.max_frames
    try:
        loader.check(source.folder, source.card, only=only, max_frames=most, verified=not unverified)
    except EngineRefused as error:
        if not settings.engine.rebuild:
            raise
        flavour.find(only=only)
        return [f"does not fit, and would be built again at the start: {line}" for line in str(error).splitlines()]
    return []
