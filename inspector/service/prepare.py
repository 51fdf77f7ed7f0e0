"""A configuration made ready to run: read, checked with all that it refers to, loaded, warmed up.

Knows: the configuration's parts. Must not know: sockets, stages, the line that runs meanwhile.
"""

from __future__ import annotations

import logging
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec

from inspector import recipe
from inspector.access.gate import ServerKeys, read_keys
from inspector.access.token import find_token
from inspector.archive.files import refusal, try_out
from inspector.archive.store import LEAST_FREE
from inspector.config import geometry
from inspector.engines import cascade, choice
from inspector.engines.screening import ScreenAccount
from inspector.engines.segmenter import PAUSE
from inspector.engines.tiled import Tiled, tiles
from inspector.errors import AccessError, ConfigError, EngineRefused, Stopped
from inspector.infer import Loaded, depths
from inspector.records.recipe import Recipe
from inspector.service import line, rules
from inspector.service.intake import plane_shares
from inspector.service.line import Config
from inspector.service.rebuild import rebuild
from inspector.sockets import local, open_to_all

log = logging.getLogger("inspector")

MAPS_BYTES = 2
"""Of each pixel: its label and its confidence."""


def prepare(path: Path) -> tuple[Config, Path]:
    """Read and check a configuration with all that it refers to; return it, its screen's folder in place of that's
    name, and the recipe's folder.

    Raises: ConfigError, RecipeError.
    """
    settings = line.load(path)
    folder = recipe.find(settings.recipe.path, path.parent)
    card, model = recipe.load(folder)
    choice.check(settings.engine, card, model)
    if settings.recipe.screen:
        screen = recipe.find(settings.recipe.screen, path.parent)
        screen_card, screen_model = recipe.load(screen)
        choice.check(settings.engine, screen_card, screen_model)
        cascade.permit(card, screen_card)
        section = msgspec.structs.replace(settings.recipe, screen=str(screen))
        settings = msgspec.structs.replace(settings, recipe=section)
    found = (
        *_frame_faults(settings, card),
        *_memory_faults(settings, card),
        *_place_faults(settings),
        *rules.faults(settings, card),
    )
    faults = [f"{path.name}: {fault}" for fault in found]
    if not faults:  # a scale is known
        faults += [f"{path.name}: {fault}" for fault in geometry.faults(settings.camera, card)]
    if faults:
        raise ConfigError(faults)
    return settings, folder


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
    wide = [
        f"{key}: {address} is open to every network that reaches this machine{how}. "
        f"Bind the address of the network that needs it, like {_inside(address)}."
        for key, address, how in (
            *((key, bind, ", to whoever has a key") for key, bind in _binds(settings).items()),
            ("http.bind", settings.http.bind, ", without a password"),
        )
        if open_to_all(address)
    ]
    if settings.intake.without_keys and not local(settings.intake.bind):
        wide.append(
            f"intake.bind: {settings.intake.bind} takes frames without keys: whoever reaches it is a camera. Keep that "
            "network to the cameras."
        )
    return [*wide, *rules.remarks(settings, card), *_disk_remarks(settings)]


def _binds(settings: Config) -> dict[str, str]:
    """The addresses of ZeroMQ sockets, by key."""
    events = settings.events
    binds = {
        "intake.bind": settings.intake.bind,
        "events.bind": events.bind,
        "events.replay_bind": events.replay_bind,
        "commands.bind": settings.commands.bind,
    }
    return {key: bind for key, bind in binds.items() if bind}  # where none is written, only this machine reaches it


def _inside(address: str) -> str:
    """An example of an address that one network reaches, with the port of this one."""
    scheme = "tcp://" if address.startswith("tcp://") else ""
    return f"{scheme}192.168.7.2:{address.rpartition(':')[2]}"


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


def _place_faults(settings: Config) -> Iterator[str]:
    """Refuse paths at which no folder, or no socket, can ever be; what is only not there yet may come."""
    for key, path in (("journal.path", settings.journal.path), ("archive.path", settings.archive.path)):
        if path:
            yield from _folder_faults(key, Path(path))
    for key, bind in _binds(settings).items():
        if bind.startswith("ipc://") and (fault := _socket_fault(bind.removeprefix("ipc://"))):
            yield f"{key} is {bind}, {fault}"

    journal, archive = settings.journal.path, settings.archive.path
    if archive and (os.path.realpath(archive) == os.path.realpath(journal) or _holds(journal, archive)):
        yield f"archive.path is {archive}, in the journal's folder; expected a folder of its own. Choose another."
    elif archive and _holds(archive, journal):
        yield f"journal.path is {journal}, in the archive's folder; expected a folder of its own. Choose another."


def _socket_fault(path: str) -> str:
    """Say what is at a path for a socket that libzmq could not bind, or would remove; empty where nothing is."""
    try:
        mode = Path(path).stat().st_mode
    except OSError:  # it may come yet
        return ""
    if stat.S_ISDIR(mode):
        return "a folder; expected a path for a socket. Add a name to it."
    return "" if stat.S_ISSOCK(mode) else "a file, which the socket would replace; expected another path. Choose one."


def _holds(folder: str, path: str) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents


def _disk_remarks(settings: Config) -> Iterator[str]:
    """Say where a disk can never take what it is to hold."""
    wanted = [("journal.max_mb", settings.journal.path, settings.journal.max_mb * 1e6)]
    if settings.archive.path:
        wanted.append(("archive.max_gb", settings.archive.path, settings.archive.max_gb * 1e9))
    for key, path, most in wanted:
        place = next((place for place in (Path(path), *Path(path).parents) if os.path.isdir(place)), Path("/"))
        try:
            disk = os.statvfs(place)
        except OSError:  # the service's user may see more
            continue
        size = disk.f_blocks * disk.f_frsize
        if most > size and not disk.f_flag & os.ST_RDONLY:
            yield (
                f"{key} allows {most / 1e9:.1f} GB, and the disk of {path} has {size / 1e9:.1f} GB in all: it is full "
                "before. Lower it."
            )


def check_disks(settings: Config) -> list[str]:
    """Write where the line will write, as it does at its start; return where this user may not, as the line's may.

    Not a part of `prepare`: a line that runs is loaded again also while its disk is full.

    Raises: ConfigError where nobody can.
    """
    faults, closed = [], []
    journal, archive = Path(settings.journal.path), settings.archive.path and Path(settings.archive.path)
    for key, folder, least in (("journal.path", journal, 0), ("archive.path", archive, LEAST_FREE)):
        if not folder:
            continue
        try:
            try_out(folder, least)
        except PermissionError:
            closed.append(f"{key} is {folder}, where this user may not write. Check it as the user that the line has.")
        except OSError as error:
            words = f"{key} is {folder}, where nothing can be written: {error.strerror or error}. Give another folder."
            faults.append(refusal(folder, error) if folder is archive else words)
    if faults:
        raise ConfigError(faults)
    return closed


def _folder_faults(key: str, folder: Path) -> Iterator[str]:
    """Refuse a path on whose way there is something that is no folder."""
    for place in (folder, *folder.parents):
        try:
            if not stat.S_ISDIR(place.stat().st_mode):
                yield f"{key} is {folder}, and {place} is no folder; expected a folder. Choose another."
            break
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError:  # the service's user may be another
            break
        except OSError as error:
            yield f"{key} is {folder}: {error.strerror}; expected a folder. Choose another."
            break


def check_engine(settings: Config, folder: Path, *, unverified: bool = False) -> list[str]:
    """Check what of a built engine can be checked without a GPU; return what to know of it though it is no fault.

    Raises: EngineRefused; where an engine that does not fit would be built again, only for want of TensorRT.
    """
    if settings.engine.kind == "stub":
        return ["stub: this line inspects nothing"]
    if settings.engine.kind != "tensorrt":
        return []
    unseen = "driver and GPU were not looked at: `inspector run` does that"
    folders = [folder, *([Path(settings.recipe.screen)] if settings.recipe.screen else [])]
    return [*(fault for path in folders for fault in _engine_faults(settings, path, unverified)), unseen]


def _engine_faults(settings: Config, folder: Path, unverified: bool) -> list[str]:
    """Return why a recipe's built engine does not fit where it would be built again; raise EngineRefused elsewhere."""
    from inspector.engines.nvidia import flavour, loader

    card = recipe.read_card(folder)
    only, most = loader.asked(settings.engine), settings.batch.max_frames
    try:
        loader.check(folder, card, only=only, max_frames=most, verified=not unverified)
    except EngineRefused as error:
        if not settings.engine.rebuild:
            raise
        flavour.find(only=only)
        return [f"does not fit, and would be built again at the start: {line}" for line in str(error).splitlines()]
    return []


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


PLAIN = Options()
Load = Callable[[Config, Path, Options], Loaded]
"""What `load` does."""


def load(settings: Config, folder: Path, options: Options = PLAIN) -> Loaded:
    """Load, verify and warm the engine, and the screen's where there is one.

    A stale engine is built again where the configuration asks for it.

    Raises: RecipeError, EngineError, EngineRefused; Stopped.
    """
    with ExitStack() as on_failure:
        full = _load_one(settings, folder, options)
        on_failure.callback(full.engine.close)
        if settings.recipe.screen:
            screen = _load_one(settings, Path(settings.recipe.screen), options)
            on_failure.callback(screen.engine.close)
            account = ScreenAccount(settings.recipe.screen_audit)
            most = settings.batch.max_frames
            engine = cascade.join(
                screen.recipe, screen.engine, full.recipe, full.engine, account=account, max_frames=most
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


def _load_one(settings: Config, folder: Path, options: Options) -> Loaded:
    card, model = recipe.load(folder)
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
            card,
            model,
            most,
            folder,
            depths=depths(settings.intake.queue_batches),
            unverified=options.unverified,
            gently=options.gently,
            tell=tell,
        )
        largest_s = time.monotonic() - reported_s  # they come last
        return Loaded(card, engine, batch_s=largest_s / (1 + PAUSE) if options.gently else largest_s)

    try:
        try:
            return load_engine()
        except EngineRefused as error:
            if section.kind != "tensorrt" or not section.rebuild:
                raise
            log.warning("the engine does not fit, and is built again: %s", error)
        options.rebuilding(True)
        try:
            rebuild(section, folder, most, options.tell, options.stopped)
        finally:
            options.rebuilding(False)
        return load_engine()
    finally:
        options.tell("")
