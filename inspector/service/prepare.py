"""A configuration made ready to run: read, checked with all that it refers to, its secrets read.

Law: each file is read once. What was checked is what is loaded, whatever is copied over it meanwhile.

Knows: the configuration's parts. Must not know: sockets, stages, how an engine is loaded.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.access.gate import ServerKeys, read_keys
from inspector.access.token import find_token
from inspector.archive.strip_picture import MOST_ROWS
from inspector.config import geometry
from inspector.engines import cascade, choice
from inspector.engines.tiled import is_mostly_mirrored
from inspector.errors import AccessError, ConfigError
from inspector.infer import depths
from inspector.records.recipe import Recipe
from inspector.service import line, places, rules
from inspector.service.intake import plane_shares
from inspector.service.line import Config

MAPS_BYTES = 2
"""Of each pixel: its label and its confidence."""


class ReadRecipe(msgspec.Struct, frozen=True):
    """A recipe as it was read and checked."""

    folder: Path
    """Where it and a built engine lie."""
    card: Recipe
    model: bytes
    """Its ONNX."""


class Prepared(msgspec.Struct, frozen=True):
    """A configuration and all that an engine is made of; it holds the models, some ten MB each."""

    settings: Config
    full: ReadRecipe
    """The recipe."""
    screen: ReadRecipe | None = None
    """The fast recipe that looks first; None: there is none."""


def prepare(path: Path) -> Prepared:
    """Read and check a configuration with all that it refers to; its screen's folder is in place of that's name.

    Raises: ConfigError, RecipeError; EngineRefused for a processor that runs no network.
    """
    settings = line.load(path)
    full, screen = _source(settings, settings.recipe.path, path.parent), None
    card = full.card
    if settings.recipe.screen:
        screen = _source(settings, settings.recipe.screen, path.parent)
        cascade.permit(card, screen.card)
        section = msgspec.structs.replace(settings.recipe, screen=str(screen.folder))
        settings = msgspec.structs.replace(settings, recipe=section)
    found = (
        *_frame_faults(settings, card),
        *_memory_faults(settings, card),
        *_picture_faults(settings, card),
        *places.faults(settings),
        *rules.faults(settings, card),
    )
    faults = [f"{path.name}: {fault}" for fault in found]
    if not faults:  # a scale is known
        faults += [f"{path.name}: {fault}" for fault in geometry.faults(settings.camera, card)]
    if faults:
        raise ConfigError(faults)
    return Prepared(settings, full, screen)


def _source(settings: Config, name: str, start: Path) -> ReadRecipe:
    folder = recipe.find(name, start)
    card, model = recipe.load(folder)
    choice.check(settings.engine, card, model)
    return ReadRecipe(folder, card, model)


class Secrets(msgspec.Struct, frozen=True):
    """The secrets of a configuration."""

    keys: ServerKeys | None
    """Who it is on encrypted sockets, and who may come in; None: there is none."""
    token: str
    """What a POST must carry; empty: POST is refused."""

    def __repr__(self) -> str:
        return "Secrets()"


def read_secrets(path: Path, settings: Config, credentials: Path | None) -> Secrets:
    """Read the own key and token of the line configured in `path`, from the service manager's `credentials` first.

    Raises: AccessError for what is missing, or open to other users.
    """
    try:
        return Secrets(read_keys(settings.keys, credentials), find_token(settings.http.token_file, credentials))
    except AccessError as error:
        raise AccessError(f"{path.name}: {error}") from error


def remarks(settings: Config, card: Recipe) -> list[str]:
    """Return what to know of a configuration though it is no fault."""
    found = *places.remarks(settings), *rules.remarks(settings, card), *_size_remarks(settings, card)
    return [*found, *_screen_remarks(settings, card)]


def _screen_remarks(settings: Config, card: Recipe) -> Iterator[str]:
    """A screen of which nobody can say whether its losses were measured at these settings."""
    if settings.recipe.screen and card.screen and card.screen.settings_sha256 is None:
        yield (
            f"recipe {card} does not note at which settings it was measured what its screen loses. If they were "
            "changed since, `trainer tune-screen` measures it again."
        )


def _size_remarks(settings: Config, card: Recipe) -> Iterator[str]:
    """Frames so small that the network sees little but their mirror images."""
    shares = plane_shares(settings, card)
    for camera in settings.camera:
        raster = camera.raster(card)
        rows, px = shares[camera.name].frames * raster.seen_rows, raster.seen_px
        if is_mostly_mirrored((rows, px), (card.height, card.width)):
            yield (
                f"camera {camera.name} fills {px} x {rows} of the {card.width} x {card.height} pixels that recipe "
                f"{card} sees, less than a third one way: the rest is its mirror image, which no figure of the recipe "
                "was measured on. Its distance is not counted, so that it is never out_of_specification. Train a "
                "recipe on frames of this size."
            )


def _frame_faults(settings: Config, card: Recipe) -> list[str]:
    """Refuse frames that the intake would refuse, and an unknown scale."""
    faults, most_mb = [], settings.intake.max_frame_mb
    for camera in settings.camera:
        if camera.scale and not card.mm_per_px:
            faults.append(
                f"camera {camera.name} is to be scaled, and recipe {card} does not say its mm_per_px; expected a "
                "number above 0 in its recipe.toml. Write it there, or remove scale."
            )
            continue
        raster = camera.raster(card)
        size = raster.rows * raster.px
        if size > most_mb * 1_000_000:
            faults.append(
                f"intake.max_frame_mb is {most_mb}; expected at least {-(-size // 1_000_000)}: a raw8 frame of camera "
                f"{camera.name} ({raster.px} x {raster.rows}) has {size / 1e6:.2f} MB. Raise it."
            )
    return faults


def _memory_faults(settings: Config, card: Recipe) -> Iterator[str]:
    """Refuse batches that this machine's memory could not hold, as many as there are at once."""
    shares, rasters = plane_shares(settings, card), {camera.name: camera.raster(card) for camera in settings.camera}
    rows = max(shares[name].frames * raster.seen_rows for name, raster in rasters.items())
    px, most = max(raster.seen_px for raster in rasters.values()), settings.batch.max_frames
    at_once = depths(settings.intake.queue_batches)
    taken = most * rows * px * (at_once.frames + MAPS_BYTES * at_once.maps)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if taken > memory:
        yield (
            f"batch.max_frames is {most}: up to {at_once.frames} batches of as many planes of {px} x {rows} px, and "
            f"{at_once.maps} of their maps, take {taken / 1e9:.1f} GB; this machine has {memory / 1e9:.1f} GB. Lower "
            "it, or intake.queue_batches."
        )


def _picture_faults(settings: Config, card: Recipe) -> Iterator[str]:
    """Refuse a strip picture with more rows of a camera than a tile may have."""
    mm_per_px = settings.archive.strip_mm_per_px if settings.archive.path else 0.0
    for camera in settings.camera if mm_per_px else ():
        least_mm = camera.width_mm(card) / MOST_ROWS
        if mm_per_px < least_mm:
            yield (
                f"archive.strip_mm_per_px is {mm_per_px}; expected 0, or at least {math.ceil(least_mm * 1e4) / 1e4}: "
                f"camera {camera.name} sees {camera.width_mm(card):.0f} mm, and the strip picture has up to "
                f"{MOST_ROWS} rows. Raise it."
            )
