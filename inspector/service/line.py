"""A line's whole configuration file, composed of the sections of each room.

Each constructor receives its own section; the daemon alone, which wires them, receives the whole.
"""

from __future__ import annotations

import itertools
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec

from inspector import plain_file
from inspector.access.settings import KeysSection
from inspector.alarms.settings import AlarmSection, FloodSection
from inspector.analysis.settings import AnalysisSection
from inspector.archive.settings import ArchiveSection
from inspector.camera_health.settings import CameraHealthSection
from inspector.coil import settings as coil_settings
from inspector.coil.settings import GradingSection
from inspector.config.camera import CameraSection, TravelSection
from inspector.config.reader import Section, faults_of, key
from inspector.config.severity import SeveritySection
from inspector.engines.settings import EngineSection, RecipeSection
from inspector.errors import ConfigError
from inspector.events.settings import EventsSection, JournalSection
from inspector.intake.settings import BatchSection, IntakeSection, renamed
from inspector.records.names import Name
from inspector.service.settings import CommandsSection, HttpSection, own_address
from inspector.sockets import local, open_to_all
from inspector.strip.settings import DefectSection, RepeatSection, RollSection
from inspector.triggers.settings import TriggerSection

S = TypeVar("S", bound=Section)

LONGEST_IPC = 107
"""Bytes of a Unix socket's path (unix(7))."""
MOST_MM_PER_ROW = 1000.0
"""As of `camera.mm_per_row`."""
EVERY_HOST = {"", "*", "0.0.0.0", "[::]"}


class Config(Section, frozen=True, kw_only=True):
    """The whole file."""

    line: Annotated[Name, key("Name of the line; it stands in every event's source.")]
    recipe: RecipeSection
    engine: EngineSection = EngineSection()
    intake: IntakeSection
    batch: BatchSection = BatchSection()
    camera: Annotated[
        tuple[CameraSection, ...],
        key("A [[camera]] section for each camera.", "Write [[camera]] on a line of its own.", min_length=1),
    ]
    travel: TravelSection = TravelSection()
    alarm: Annotated[
        tuple[AlarmSection, ...],
        key("An [[alarm]] section for each alarm.", "Write [[alarm]] on a line of its own."),
    ] = ()
    flood: FloodSection = FloodSection()
    camera_health: CameraHealthSection = CameraHealthSection()
    analysis: AnalysisSection = AnalysisSection()
    defect: Annotated[
        tuple[DefectSection, ...],
        key(
            "A [[defect]] section for each class that is put together in its own way.",
            "Write [[defect]] on a line of its own.",
        ),
    ] = ()
    repeat: RepeatSection = RepeatSection()
    roll: Annotated[
        tuple[RollSection, ...],
        key("A [[roll]] section for each roll that touches the strip.", "Write [[roll]] on a line of its own."),
    ] = ()
    severity: Annotated[
        tuple[SeveritySection, ...],
        key("A [[severity]] section for each rule.", "Write [[severity]] on a line of its own."),
    ] = ()
    grading: Annotated[
        tuple[GradingSection, ...],
        key("A [[grading]] section for each set of rules.", "Write [[grading]] on a line of its own."),
    ] = ()
    trigger: Annotated[
        tuple[TriggerSection, ...],
        key(
            "A [[trigger]] section for each thing that is to be done when a defect comes to a place.",
            "Write [[trigger]] on a line of its own.",
        ),
    ] = ()
    events: EventsSection
    journal: JournalSection
    archive: ArchiveSection = ArchiveSection()
    http: HttpSection = HttpSection()
    commands: CommandsSection = CommandsSection()
    keys: KeysSection = KeysSection()

    @property
    def by_grade(self) -> frozenset[str]:
        """Names of the alarms that a coil's grade raises: no grade counts them, it would ask about itself."""
        return frozenset(alarm.name for alarm in self.alarm if alarm.kind == "grade")


def load(path: Path) -> Config:
    """Read and check a configuration file; relative paths in it are taken from its folder.

    Raises: ConfigError with one line for each fault.
    """
    try:
        tree = tomllib.loads(plain_file.read_text(path))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}. Give a TOML file."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text: {error}. Save it as UTF-8."]) from error
    except (ValueError, RecursionError) as error:  # tomllib lets out more than its own: a number of 5000 digits
        raise ConfigError([f"{path}: is not TOML: {error}. Mend that line."]) from error
    intake = tree.get("intake")
    faults = [*renamed(intake)] if isinstance(intake, dict) else []
    faults = sorted([*faults, *faults_of(tree, Config, "")])
    if not faults:
        config = msgspec.convert(tree, Config)
        faults = list(_contradictions(config))
    if faults:
        raise ConfigError([f"{path.name}: {fault}" for fault in faults])
    cameras = tuple(camera.at(config.travel.speed_m_min) for camera in config.camera)
    return _placed(msgspec.structs.replace(config, camera=cameras), path.parent)


def commands_address(config: Config) -> str:
    """Where a line takes commands: where its file says, or at an address of its own."""
    return config.commands.bind or own_address(config.journal.path)


def _placed(config: Config, folder: Path) -> Config:
    """Take relative paths from the file's folder."""

    def of(section: S, key: str = "path") -> S:
        found = getattr(section, key)
        return msgspec.structs.replace(section, **{key: str(folder / found)}) if found else section

    return msgspec.structs.replace(
        config,
        journal=of(of(config.journal), "mount_point"),
        archive=of(of(config.archive), "mount_point"),
        keys=of(config.keys),
        http=of(config.http, "token_file"),
    )


def _contradictions(config: Config) -> list[str]:
    """What each value allows but the file as a whole does not."""
    faults = []
    for kind, names in (
        ("camera", [camera.name for camera in config.camera]),
        ("alarm", [alarm.name for alarm in config.alarm]),
        ("defect", [kind.name for kind in config.defect]),
        ("roll", [roll.name for roll in config.roll]),
        ("grading", [grading.name for grading in config.grading]),
        ("trigger", [trigger.name for trigger in config.trigger]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            faults.append(f'{kind} name "{name}" is given {names.count(name)} times; expected once. Rename the others.')
    faults += _credit_faults(config)
    engine = config.engine
    if (engine.kind == "stub") != engine.inspects_nothing:
        faults.append(
            f'engine.kind is "{engine.kind}" and engine.inspects_nothing is {str(engine.inspects_nothing).lower()}; '
            'expected kind "stub" and true together (tests and benches), or neither. Remove both to inspect a line.'
        )
    if config.repeat.min_period_mm >= config.repeat.max_period_mm:
        faults.append(
            f"repeat.min_period_mm is {config.repeat.min_period_mm:g}; expected less than repeat.max_period_mm, "
            f"{config.repeat.max_period_mm:g}. Correct one of them."
        )
    faults += _travel_faults(config)
    faults += coil_settings.faults(config.grading)
    faults += _address_faults(config)
    return faults


def _travel_faults(config: Config) -> Iterator[str]:
    """A speed that concerns no camera, and cameras that wait for one."""
    speed_m_min = config.travel.speed_m_min
    timed = [camera for camera in config.camera if camera.rows_per_s]
    if speed_m_min and not timed:
        yield (
            f"travel.speed_m_min is {speed_m_min:g}, and no camera has rows_per_s: it concerns none. Write rows_per_s "
            "for each camera without an encoder, or remove it."
        )
    for camera in timed:
        if not speed_m_min:
            yield (
                f'camera "{camera.name}" has rows_per_s, and travel.speed_m_min is 0; expected the speed that goes '
                "with it. Write [travel] speed_m_min, or remove rows_per_s."
            )
        elif (mm := camera.at(speed_m_min).mm_per_row) > MOST_MM_PER_ROW:
            yield (
                f'camera "{camera.name}": {speed_m_min:g} m/min at {camera.rows_per_s:g} rows a second are {mm:g} mm a '
                f"row; expected at most {MOST_MM_PER_ROW:g}. Correct one of them."
            )


def _credit_faults(config: Config) -> Iterator[str]:
    """Counters that wrap before a frame that is sent again can be distinguished from the next of its number."""
    if config.intake.transport != "credit":
        return
    frames = config.intake.credit_frames
    for camera in config.camera:
        if (span := camera.numbers) < 4 * frames:
            yield (
                f'intake.credit_frames is {frames}, and numbers of camera "{camera.name}" begin again after {span}; '
                f"expected at most {span // 4}. Lower it."
            )


def _address_faults(config: Config) -> Iterator[str]:
    """Addresses of which only one can be bound, or none."""
    binds = [config.intake.bind, config.events.bind, config.events.replay_bind, f"tcp://{config.http.bind}"]
    if config.commands.bind:
        binds.append(config.commands.bind)
    for first, second in itertools.combinations(binds, 2):
        if _collide(first, second):
            also = "" if first == second else f' and "{second}"'
            yield f'address "{first}"{also} is used for two sockets; expected one each. Choose another port.'
    yield from _key_faults(config)
    for bind in binds:
        path = os.fsencode(bind.removeprefix("ipc://"))
        if bind.startswith("ipc://") and len(path) > LONGEST_IPC:
            yield f"{bind} has {len(path)} bytes behind ipc://; expected at most {LONGEST_IPC}. Choose a shorter path."


def _key_faults(config: Config) -> Iterator[str]:
    """Sockets that other machines reach, and no keys to tell who comes."""
    intake, is_keyed = config.intake, bool(config.keys.path)
    if intake.without_keys and open_to_all(intake.bind):
        yield (
            f"intake.without_keys is true, and intake.bind is {intake.bind}, which every network reaches; expected the "
            "address of the cameras' own network. Write tcp://ADDRESS:PORT, or remove without_keys and use keys."
        )
    for name, bind, may in (
        ("intake.bind", intake.bind, "sends frames" if not intake.without_keys else ""),
        ("events.bind", config.events.bind, "sees all events"),
        ("events.replay_bind", config.events.replay_bind, "sees all events"),
        ("commands.bind", config.commands.bind, "commands the line"),
    ):
        if may and bind and not (is_keyed or local(bind)):
            yield (
                f"{name} is {bind}, which other machines reach, and there are no keys: whoever does {may}. Expected "
                "loopback, ipc, or keys. Write tcp://127.0.0.1:PORT, or run `inspector keys new NAME` and write "
                '[keys] path = "keys".'
            )
    if config.keys.loopback and not is_keyed:
        yield 'keys.loopback is true without keys.path; expected a folder of keys. Write path = "keys", or remove it.'
    if config.keys.loopback and is_keyed and not config.commands.bind:
        yield (
            "keys.loopback is true, and commands.bind is left out, where no keys are asked for; expected an address. "
            'Write [commands] bind = "tcp://127.0.0.1:PORT".'
        )


def _collide(left: str, right: str) -> bool:
    """Whether two addresses cannot be bound together: the same, or the same port where one of them takes all hosts."""
    if left.startswith("ipc://") or right.startswith("ipc://"):
        return os.path.normpath(left) == os.path.normpath(right)
    (host, _, port), (another, _, same) = (address.removeprefix("tcp://").rpartition(":") for address in (left, right))
    hosts = {"127.0.0.1" if name == "localhost" else name for name in (host, another)}
    ports = {int(text) if text.isdecimal() else 0 for text in (port, same)}  # 0 and *: any that is free
    return len(ports) == 1 and ports != {0} and (len(hosts) == 1 or bool(hosts & EVERY_HOST))
