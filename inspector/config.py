"""The configuration file: its records, and a strict reading that reports every fault at once.

Knows: keys, limits, defaults, and the words for what is wrong. Must not know: what anyone does with a value.
Each constructor receives its own section; nobody receives the whole, but the daemon that wires it.
"""

from __future__ import annotations

import difflib
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

import msgspec
from msgspec import Meta

from inspector.errors import ConfigError
from inspector.records import NAME, Name


def key(meaning: str, hint: str = "", **limits: Any) -> Meta:
    """Describe one key: what it means, what to do when it is wrong, and its limits (as `msgspec.Meta`)."""
    return Meta(description=meaning, extra={"hint": hint}, **limits)


PORT = r"(\d{1,4}|[1-5]\d{4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
SOCKET = rf"^(tcp://(\*|[A-Za-z0-9_.-]+|\[[0-9a-fA-F:]+\]):({PORT}|\*)|ipc://.+)$(?!\n)"
HTTP = rf"^([A-Za-z0-9_.-]*|\[[0-9a-fA-F:]+\]):{PORT}$(?!\n)"
PATTERNS = {
    NAME: "of up to 64 letters, digits and _ . : / -",
    SOCKET: "like tcp://127.0.0.1:5555",
    HTTP: "like 127.0.0.1:9477",
}
"""What people are told instead of a pattern."""
SOCKET_HINT = 'Write "tcp://HOST:PORT" or "ipc:///run/inspector/LINE/NAME".'


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What all sections share: immutable, and no key that is not known."""


class RecipeSection(Section, frozen=True):
    """Which network judges the strip."""

    path: Annotated[str, key("A recipe folder (relative to this file), or the name of a shipped recipe.", min_length=1)]


class EngineSection(Section, frozen=True):
    """What the network runs on."""

    kind: Annotated[
        Literal["openvino", "tensorrt"],
        key(
            "The inference engine: `openvino` runs on any x86-64 or ARM CPU, `tensorrt` runs the engine that "
            "`deploy convert` built beside the recipe, on an NVIDIA GPU."
        ),
    ] = "openvino"
    threads: Annotated[
        int,
        key("Processor threads for `openvino`; 0 takes all.", "Leave it out to use all cores.", ge=0, le=1024),
    ] = 0
    flavour: Annotated[
        Literal["auto", "tensorrt", "tensorrt_rtx"],
        key("Which TensorRT runs a `tensorrt` engine; `auto` takes the one that built it."),
    ] = "auto"
    gpu: Annotated[
        int,
        key("Number of the GPU, in the driver's order.", "0 is the first; `nvidia-smi` lists them.", ge=0, le=63),
    ] = 0
    rebuild: Annotated[
        bool,
        key(
            "Build and verify the `tensorrt` engine anew when it is missing or no longer fits machine and recipe, "
            "before frames are taken; else the inspector says what does not fit and exits 78. It takes a recipe folder "
            "that the service may write to: then nothing but that folder's rights guards the engine file."
        ),
    ] = False


class IntakeSection(Section, frozen=True):
    """Where frames come in, and what happens when they come too fast."""

    bind: Annotated[str, key("PULL socket that cameras PUSH frames to.", SOCKET_HINT, pattern=SOCKET)]
    when_full: Annotated[
        Literal["drop", "wait"],
        key(
            "`drop` sheds frames (counted, and their strip reported as missed) so that lag stays bounded; "
            "`wait` holds the camera back instead: for replaying files, never beside a running line."
        ),
    ] = "drop"
    queue_batches: Annotated[
        int,
        key("Batches that may wait for the engine.", "2 keeps the engine busy with little lag.", ge=1, le=64),
    ] = 2
    receive_frames: Annotated[
        int,
        key(
            "Frames that may wait in the socket for each camera (ZMQ_RCVHWM).",
            "16 is half a second at 30 fps.",
            ge=1,
            le=10_000,
        ),
    ] = 16
    max_frame_mb: Annotated[
        int,
        key(
            "A message part larger than this is refused (ZMQ_MAXMSGSIZE).",
            "A 1600 x 256 raw8 frame has 0.4 MB.",
            ge=1,
            le=1024,
        ),
    ] = 16


class BatchSection(Section, frozen=True):
    """How frames are gathered for the engine."""

    max_frames: Annotated[int, key("Frames in a batch at most.", "4 for a CPU, 8 to 16 for a GPU.", ge=1, le=256)] = 4
    wait_ms: Annotated[
        int,
        key(
            "How long the first frame of a batch may wait for others. While the engine is busy a batch goes "
            "on filling.",
            "Set 10 for a 60 fps line.",
            ge=1,
            le=1000,
        ),
    ] = 10


class CameraSection(Section, frozen=True):
    """One camera of the line; a frame of any other is rejected."""

    name: Annotated[Name, key("As in the frame header.")]
    mm_per_px: Annotated[float, key("Millimetres across the strip per pixel.", gt=0, le=100)]
    mm_per_row: Annotated[
        float, key("Millimetres along the strip per row, unless the frame header says it.", gt=0, le=1000)
    ]
    offset_mm: Annotated[
        float,
        key(
            "Position across of pixel column 0.",
            "0 when one camera sees the whole width.",
            ge=-100_000,
            le=100_000,
        ),
    ] = 0.0
    side: Annotated[Literal["top", "bottom"], key("Side of the strip, unless the frame header says it.")] = "top"


class AlarmSection(Section, frozen=True):
    """One alarm: enough large enough defects of these classes within so many metres."""

    name: Annotated[Name, key("Names the topic `alarm.<name>` and what operators read.")]
    classes: Annotated[
        tuple[Name, ...],
        key("Classes it watches, by the recipe's names.", 'Write classes = ["NAME"].', min_length=1),
    ]
    min_area_mm2: Annotated[float, key("Only defects at least this large.", ge=0, le=1_000_000)] = 0.0
    min_length_mm: Annotated[float, key("Only defects at least this long along the strip.", ge=0, le=1_000_000)] = 0.0
    count: Annotated[int, key("How many such defects it takes.", ge=1, le=100_000)] = 1
    within_m: Annotated[
        float,
        key("... within so many metres of strip.", "10 asks about the last ten metres.", gt=0, le=100_000),
    ] = 10.0
    on_delay_ms: Annotated[
        int, key("The condition must hold this long before the alarm is raised.", ge=0, le=3_600_000)
    ] = 0
    off_delay_ms: Annotated[
        int,
        key(
            "The condition must be gone this long before the alarm returns to normal.",
            "3000 avoids chatter.",
            ge=0,
            le=3_600_000,
        ),
    ] = 3000
    priority: Annotated[Literal["low", "medium", "high"], key("How urgent the operator's response is.")] = "medium"


class EventsSection(Section, frozen=True):
    """Where events go out."""

    bind: Annotated[str, key("PUB socket with all events.", SOCKET_HINT, pattern=SOCKET)]
    replay_bind: Annotated[str, key("ROUTER socket that answers replay requests.", SOCKET_HINT, pattern=SOCKET)]
    send_events: Annotated[
        int,
        key("Events kept for each slow subscriber (ZMQ_SNDHWM); it can replay the rest.", ge=1, le=1_000_000),
    ] = 10_000


class JournalSection(Section, frozen=True):
    """Where events are kept."""

    path: Annotated[
        str, key("Folder of the journal (relative to this file); one inspector, one journal.", min_length=1)
    ]
    max_mb: Annotated[
        int,
        key(
            "The oldest events are deleted beyond this size.",
            "1024 holds about two million events.",
            ge=8,
            le=1_000_000,
        ),
    ] = 1024


class HttpSection(Section, frozen=True):
    """Where Prometheus and people look in."""

    bind: Annotated[
        str,
        key("Address of /metrics, /health and /ready.", 'Write "HOST:PORT".', pattern=HTTP),
    ] = "127.0.0.1:9477"


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
    alarm: Annotated[
        tuple[AlarmSection, ...],
        key("An [[alarm]] section for each alarm.", "Write [[alarm]] on a line of its own."),
    ] = ()
    events: EventsSection
    journal: JournalSection
    http: HttpSection = HttpSection()


def load(path: Path) -> Config:
    """Read and check a configuration file; relative paths in it are taken from its folder.

    Raises: ConfigError with one line for each fault.
    """
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}. Give a TOML file."]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: is not UTF-8 text: {error}. Save it as UTF-8."]) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: {error}. Mend that line."]) from error
    faults = list(_faults(tree, Config, ""))
    if not faults:
        config = msgspec.convert(tree, Config)
        faults = list(_contradictions(config))
    if faults:
        raise ConfigError([f"{path.name}: {fault}" for fault in faults])
    journal = msgspec.structs.replace(config.journal, path=str(path.parent / config.journal.path))
    return msgspec.structs.replace(config, journal=journal)


def expected(annotation: Any) -> str:
    """Say in words what a key's value must be."""
    bare = _bare(annotation)
    if get_origin(bare) is Literal:
        return "one of " + ", ".join(f'"{choice}"' for choice in get_args(bare))
    if _is_section(bare):
        return "a section"
    if get_origin(bare) is tuple:
        item = get_args(bare)[0]
        words = "a list of " + ("sections" if _is_section(item) else expected(item))
    else:
        words = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}[bare]
    for limit in _metas(annotation):
        if limit.pattern:
            words += f" {PATTERNS[limit.pattern]}"
        elif limit.min_length:
            words += ", at least one" if get_origin(bare) is tuple else ", not empty"
        elif limit.ge is not None:
            words += f" {limit.ge}..{limit.le}"
        elif limit.gt is not None:
            words += f" above {limit.gt} and up to {limit.le}"
    return words


def describe(annotation: Any) -> tuple[str, str]:
    """Meaning of a key and what to do when it is wrong; both empty when nothing is written down."""
    for meta in _metas(annotation):
        if meta.description:
            return meta.description, (meta.extra or {}).get("hint", "")
    return "", ""


def _metas(annotation: Any) -> list[Meta]:
    return [meta for meta in getattr(annotation, "__metadata__", ()) if isinstance(meta, Meta)]


def _bare(annotation: Any) -> Any:
    """The type without what is annotated to it."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _is_section(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _faults(value: Any, annotation: Any, where: str) -> list[str]:
    """All that is wrong with `value` as a value of `annotation`, at dotted key `where`."""
    bare = _bare(annotation)
    if _is_section(bare) and isinstance(value, dict):
        return _section_faults(value, bare, where)
    item = get_args(bare)[0] if get_origin(bare) is tuple else None
    if _is_section(item) and isinstance(value, list) and value:
        return [fault for i, part in enumerate(value) for fault in _faults(part, item, f"{where}[{i}]")]
    try:
        msgspec.convert(value, annotation)
    except msgspec.ValidationError:
        advice = f"Write [{where}] on a line of its own." if _is_section(bare) else "Correct the value."
        return [f"{where} is {value!r}; expected {expected(annotation)}. {describe(annotation)[1] or advice}"]
    return []


def _section_faults(section: dict[str, Any], kind: type[Section], where: str) -> list[str]:
    prefix = f"{where}." if where else ""
    fields = {field.name: field for field in msgspec.structs.fields(kind)}
    faults = []
    for name in section.keys() - fields.keys():
        near = difflib.get_close_matches(name, fields, n=1)
        advice = f"Did you mean {prefix}{near[0]}?" if near else "Remove it."
        faults.append(f"{prefix}{name} is not a key; expected one of {', '.join(fields)}. {advice}")
    for name, field in fields.items():
        if name in section:
            faults += _faults(section[name], field.type, f"{prefix}{name}")
        elif field.required:
            meaning = describe(field.type)[0] or (field.type.__doc__ or "").strip()
            faults.append(f"{prefix}{name} is missing; expected {expected(field.type)}. Add it: {meaning}")
    return sorted(faults)


def _contradictions(config: Config) -> list[str]:
    """What each value allows but the file as a whole does not."""
    faults = []
    for kind, names in (
        ("camera", [camera.name for camera in config.camera]),
        ("alarm", [alarm.name for alarm in config.alarm]),
    ):
        for name in sorted({name for name in names if names.count(name) > 1}):
            faults.append(f'{kind} name "{name}" is given {names.count(name)} times; expected once. Rename the others.')
    binds = [config.intake.bind, config.events.bind, config.events.replay_bind]
    for bind in sorted({bind for bind in binds if binds.count(bind) > 1 and not bind.endswith(":*")}):
        faults.append(f'address "{bind}" is used for two sockets; expected one each. Choose another port.')
    return faults
